//! The modules this org serves as records.

/// A module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Module {
    Leads,
    Contacts,
    Accounts,
    Deals,
    Tasks,
    Events,
    Calls,
    Notes,
    /// "Stage History": written by the org itself.
    DealHistory,
}

impl Module {
    pub(crate) const ALL: [Self; 9] = [
        Self::Leads,
        Self::Contacts,
        Self::Accounts,
        Self::Deals,
        Self::Tasks,
        Self::Events,
        Self::Calls,
        Self::Notes,
        Self::DealHistory,
    ];

    /// API name, label of one record, label of several.
    const fn facts(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Leads => ("Leads", "Lead", "Leads"),
            Self::Contacts => ("Contacts", "Contact", "Contacts"),
            Self::Accounts => ("Accounts", "Account", "Accounts"),
            Self::Deals => ("Deals", "Deal", "Deals"),
            Self::Tasks => ("Tasks", "Task", "Tasks"),
            Self::Events => ("Events", "Meeting", "Meetings"),
            Self::Calls => ("Calls", "Call", "Calls"),
            Self::Notes => ("Notes", "Note", "Notes"),
            Self::DealHistory => ("DealHistory", "Stage History", "Stage History"),
        }
    }

    /// API name.
    pub(crate) const fn name(self) -> &'static str {
        self.facts().0
    }

    pub(crate) const fn label(self) -> &'static str {
        self.facts().1
    }

    pub(crate) const fn label_plural(self) -> &'static str {
        self.facts().2
    }

    /// By API name, whose case counts in COQL and not in paths.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|module| module.name().eq_ignore_ascii_case(name))
    }

    /// Tasks, meetings and calls.
    pub(crate) const fn is_activity(self) -> bool {
        matches!(self, Self::Tasks | Self::Events | Self::Calls)
    }

    /// Records that have activities, notes and mails of their own.
    pub(crate) const fn is_parent(self) -> bool {
        matches!(self, Self::Leads | Self::Contacts | Self::Accounts | Self::Deals)
    }

    /// `upsert` is offered (fact sheet section 5.4).
    pub(crate) const fn takes_upsert(self) -> bool {
        self.is_parent()
    }

    /// The field whose text stands for a record in look-ups.
    pub(crate) const fn name_field(self) -> &'static str {
        match self {
            Self::Leads | Self::Contacts => "Full_Name",
            Self::Accounts => "Account_Name",
            Self::Deals => "Deal_Name",
            Self::Tasks | Self::Calls => "Subject",
            Self::Events => "Event_Title",
            Self::Notes => "Note_Title",
            Self::DealHistory => "Stage",
        }
    }

    /// The word of this module in scopes.
    pub(crate) fn scope(self) -> String {
        match self {
            Self::DealHistory => "deals".to_owned(),
            other => other.name().to_lowercase(),
        }
    }
}
