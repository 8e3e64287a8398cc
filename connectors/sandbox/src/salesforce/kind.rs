//! The object types an org serves.

/// One sObject type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Account,
    Contact,
    EmailMessage,
    EmailMessageRelation,
    Event,
    EventRelation,
    Group,
    Lead,
    LeadStatus,
    Note,
    Opportunity,
    OpportunityContactRole,
    OpportunityFieldHistory,
    OpportunityHistory,
    OpportunityStage,
    Organization,
    RecordType,
    Task,
    TaskPriority,
    TaskRelation,
    TaskStatus,
    User,
    UserPermissionAccess,
    UserRole,
}

impl Kind {
    pub(crate) const ALL: [Self; 24] = [
        Self::Account,
        Self::Contact,
        Self::EmailMessage,
        Self::EmailMessageRelation,
        Self::Event,
        Self::EventRelation,
        Self::Group,
        Self::Lead,
        Self::LeadStatus,
        Self::Note,
        Self::Opportunity,
        Self::OpportunityContactRole,
        Self::OpportunityFieldHistory,
        Self::OpportunityHistory,
        Self::OpportunityStage,
        Self::Organization,
        Self::RecordType,
        Self::Task,
        Self::TaskPriority,
        Self::TaskRelation,
        Self::TaskStatus,
        Self::User,
        Self::UserPermissionAccess,
        Self::UserRole,
    ];

    /// API name, label and key prefix.
    const fn facts(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Account => ("Account", "Account", "001"),
            Self::Contact => ("Contact", "Contact", "003"),
            Self::EmailMessage => ("EmailMessage", "Email Message", "02s"),
            Self::EmailMessageRelation => ("EmailMessageRelation", "Email Message Relation", "0CZ"),
            Self::Event => ("Event", "Event", "00U"),
            Self::EventRelation => ("EventRelation", "Event Relation", "0RE"),
            Self::Group => ("Group", "Group", "00G"),
            Self::Lead => ("Lead", "Lead", "00Q"),
            Self::LeadStatus => ("LeadStatus", "Lead Status Value", "01J"),
            Self::Note => ("Note", "Note", "002"),
            Self::Opportunity => ("Opportunity", "Opportunity", "006"),
            Self::OpportunityContactRole => ("OpportunityContactRole", "Opportunity Contact Role", "00K"),
            Self::OpportunityFieldHistory => ("OpportunityFieldHistory", "Opportunity Field History", "017"),
            Self::OpportunityHistory => ("OpportunityHistory", "Opportunity History", "008"),
            Self::OpportunityStage => ("OpportunityStage", "Opportunity Stage", "01J"),
            Self::Organization => ("Organization", "Organization", "00D"),
            Self::RecordType => ("RecordType", "Record Type", "012"),
            Self::Task => ("Task", "Task", "00T"),
            Self::TaskPriority => ("TaskPriority", "Task Priority Value", "01J"),
            Self::TaskRelation => ("TaskRelation", "Task Relation", "0RT"),
            Self::TaskStatus => ("TaskStatus", "Task Status Value", "01J"),
            Self::User => ("User", "User", "005"),
            // No source names its prefix; this one is ours.
            Self::UserPermissionAccess => ("UserPermissionAccess", "User Permission Access", "0Zy"),
            Self::UserRole => ("UserRole", "Role", "00E"),
        }
    }

    /// API name.
    pub(crate) const fn name(self) -> &'static str {
        self.facts().0
    }

    pub(crate) const fn label(self) -> &'static str {
        self.facts().1
    }

    pub(crate) fn label_plural(self) -> String {
        let label = self.label();
        match label.strip_suffix('y') {
            Some(stem) => format!("{stem}ies"),
            None if label.ends_with('s') => label.to_owned(),
            None => format!("{label}s"),
        }
    }

    /// The first three characters of its records' ids.
    pub(crate) const fn prefix(self) -> &'static str {
        self.facts().2
    }

    /// By API name, in any case.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name().eq_ignore_ascii_case(name))
    }

    /// Values an administrator maintains: read whole, written by nobody through the API.
    pub(crate) const fn is_setup(self) -> bool {
        matches!(
            self,
            Self::LeadStatus
                | Self::OpportunityStage
                | Self::Organization
                | Self::RecordType
                | Self::TaskPriority
                | Self::TaskStatus
                | Self::UserPermissionAccess
                | Self::UserRole
        )
    }

    /// Written by the org itself.
    pub(crate) const fn is_history(self) -> bool {
        matches!(self, Self::OpportunityHistory | Self::OpportunityFieldHistory)
    }

    pub(crate) const fn is_createable(self) -> bool {
        !self.is_setup() && !self.is_history()
    }

    /// Users and groups can be deactivated, not deleted.
    pub(crate) const fn is_deletable(self) -> bool {
        self.is_createable() && !matches!(self, Self::User | Self::Group)
    }

    /// Custom fields of both are defined on Activity, and so is field-level security.
    pub(crate) const fn is_activity(self) -> bool {
        matches!(self, Self::Task | Self::Event)
    }

    /// `/deleted` and `/updated` work on it.
    pub(crate) const fn is_replicateable(self) -> bool {
        !self.is_setup() || matches!(self, Self::TaskStatus)
    }

    /// The Bulk API refuses to read it (fact sheet, section 3.6).
    pub(crate) const fn is_bulk_readable(self) -> bool {
        !matches!(self, Self::TaskStatus | Self::TaskPriority)
    }
}
