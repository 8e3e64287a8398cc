//! HubSpot's object types and the three ways a path may spell them.

/// An object type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Contact,
    Company,
    Deal,
    Lead,
    Call,
    Email,
    Meeting,
    Note,
    Communication,
    Task,
}

impl Kind {
    pub(crate) const ALL: [Self; 10] = [
        Self::Contact,
        Self::Company,
        Self::Deal,
        Self::Lead,
        Self::Call,
        Self::Email,
        Self::Meeting,
        Self::Note,
        Self::Communication,
        Self::Task,
    ];

    /// Plural name, singular name or type id, in any case.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        Self::ALL
            .into_iter()
            .find(|kind| text == kind.plural() || text == kind.singular() || text == kind.type_id())
    }

    pub(crate) const fn plural(self) -> &'static str {
        match self {
            Self::Contact => "contacts",
            Self::Company => "companies",
            Self::Deal => "deals",
            Self::Lead => "leads",
            Self::Call => "calls",
            Self::Email => "emails",
            Self::Meeting => "meetings",
            Self::Note => "notes",
            Self::Communication => "communications",
            Self::Task => "tasks",
        }
    }

    pub(crate) const fn singular(self) -> &'static str {
        match self {
            Self::Contact => "contact",
            Self::Company => "company",
            Self::Deal => "deal",
            Self::Lead => "lead",
            Self::Call => "call",
            Self::Email => "email",
            Self::Meeting => "meeting",
            Self::Note => "note",
            Self::Communication => "communication",
            Self::Task => "task",
        }
    }

    pub(crate) const fn type_id(self) -> &'static str {
        match self {
            Self::Contact => "0-1",
            Self::Company => "0-2",
            Self::Deal => "0-3",
            Self::Lead => "0-136",
            Self::Call => "0-48",
            Self::Email => "0-49",
            Self::Meeting => "0-47",
            Self::Note => "0-46",
            Self::Communication => "0-18",
            Self::Task => "0-27",
        }
    }

    /// Calls, emails, meetings, notes, communications and tasks.
    pub(crate) const fn is_activity(self) -> bool {
        matches!(
            self,
            Self::Call | Self::Email | Self::Meeting | Self::Note | Self::Communication | Self::Task
        )
    }

    /// The property holding the creation instant.
    pub(crate) const fn created_property(self) -> &'static str {
        if self.is_activity() {
            "hs_createdate"
        } else {
            "createdate"
        }
    }

    /// The property holding the modification instant; contacts have their own.
    pub(crate) const fn modified_property(self) -> &'static str {
        if matches!(self, Self::Contact) {
            "lastmodifieddate"
        } else {
            "hs_lastmodifieddate"
        }
    }

    /// What an answer shows when no properties are asked for.
    pub(crate) const fn default_properties(self) -> &'static [&'static str] {
        match self {
            Self::Contact => &[
                "createdate",
                "email",
                "firstname",
                "hs_object_id",
                "lastmodifieddate",
                "lastname",
            ],
            Self::Company => &[
                "createdate",
                "domain",
                "hs_lastmodifieddate",
                "hs_object_id",
                "name",
            ],
            Self::Deal => &[
                "amount",
                "closedate",
                "createdate",
                "dealname",
                "dealstage",
                "hs_lastmodifieddate",
                "hs_object_id",
                "pipeline",
            ],
            Self::Lead => &["createdate", "hs_lastmodifieddate", "hs_object_id"],
            _ => &["hs_createdate", "hs_lastmodifieddate", "hs_object_id"],
        }
    }

    /// Properties without which a create is refused.
    pub(crate) const fn required_properties(self) -> &'static [&'static str] {
        match self {
            Self::Email => &["hs_timestamp", "hs_email_direction"],
            Self::Communication => &[
                "hs_timestamp",
                "hs_communication_channel_type",
                "hs_communication_logged_from",
            ],
            Self::Call | Self::Meeting | Self::Note | Self::Task => &["hs_timestamp"],
            Self::Lead => &["hs_lead_name"],
            Self::Contact | Self::Company | Self::Deal => &[],
        }
    }
}
