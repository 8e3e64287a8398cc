//! What is remembered of the org between calls: the fields the user sees, the setup tables, the users, whether mails are
//! where queries reach them. Read when first needed, and again when the org shows that it changed.

use std::sync::Arc;

use followup_transport::{Call, CallError};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::{
    Salesforce,
    api::Turn,
    map::OwnerDirectory,
    mapping::{Capture, Sight},
    org::{KeyMode, Org, Setup},
    schema::{Table, prefix},
    soql::{self, Select},
    wire::Row,
};

/// How long the fields are believed to be those last seen, if no refusal says otherwise.
const FIELDS_FOR: SignedDuration = SignedDuration::from_hours(24);
/// How long the setup tables are believed. A status that a task shows is known from the task itself.
const SETUP_FOR: SignedDuration = SignedDuration::from_hours(24);
/// How far back captured mails are looked for.
const CAPTURED_WITHIN: SignedDuration = SignedDuration::from_hours(24 * 90);
/// Users asked for at once.
const LOOKING: &str = "read users";

/// What is remembered, part by part.
#[derive(Default)]
pub(crate) struct Remembered {
    org: Option<(Timestamp, Arc<Org>)>,
    setup: Option<(Timestamp, Arc<Setup>)>,
    owners: Option<Arc<OwnerDirectory>>,
    /// The user we are.
    me: Answer,
    /// Why mails cannot be judged.
    mails_are_dark: Answer,
    /// What the user lacks to see everybody's records.
    sight_lacks: Answer,
}

/// An answer of the org that may be "nothing".
#[derive(Debug, Clone, Default)]
enum Answer {
    /// Nobody asked yet.
    #[default]
    Unasked,
    /// What it said.
    Told(Option<String>),
}

/// Everything a call needs to know of the org.
#[derive(Clone)]
pub(crate) struct View {
    pub(crate) org: Arc<Org>,
    pub(crate) setup: Arc<Setup>,
    pub(crate) owners: Arc<OwnerDirectory>,
    pub(crate) key_mode: KeyMode,
    pub(crate) me: Option<String>,
    pub(crate) mails_are_dark: Option<String>,
    /// What the user lacks to see everybody's records.
    pub(crate) sight_lacks: Option<String>,
}

impl Salesforce {
    /// What is known of the org, read as far as it is not.
    pub(crate) async fn view(&self, turn: Turn) -> Result<View, CallError> {
        let org = self.org(turn).await?;
        let setup = self.setup(turn).await?;
        let owners = self.owners(&org, turn).await?;
        let me = self.me(turn).await?;
        let mails_are_dark = self.mails_are_dark(&org, turn).await?;
        let sight_lacks = self.sight_lacks(turn).await?;
        Ok(View {
            key_mode: org.key_mode(self.config.mapping.key_field()),
            org,
            setup,
            owners,
            me,
            mails_are_dark,
            sight_lacks,
        })
    }

    async fn org(&self, turn: Turn) -> Result<Arc<Org>, CallError> {
        if self.api.take_stale() {
            self.forget_org();
        }
        let known = self.remembered().org.clone();
        if let Some((at, org)) = known
            && turn.now.duration_since(at) < FIELDS_FOR
        {
            return Ok(org);
        }
        self.forget_org();
        let org = Arc::new(self.api.describe(turn).await?);
        self.remembered().org = Some((turn.now, Arc::clone(&org)));
        Ok(org)
    }

    /// Looks at the fields again with the next call: one that was visible is not any more, or the other way round.
    pub(crate) fn forget_org(&self) {
        let mut remembered = self.remembered();
        remembered.org = None;
        remembered.mails_are_dark = Answer::Unasked;
        remembered.sight_lacks = Answer::Unasked;
    }

    /// Looks at the fields again with the next call if the last look did not show all that matters. What is taken away
    /// since shows by a refusal; looking costs a call for every table.
    pub(crate) fn forget_what_fell_short(&self) {
        let remembered = self.remembered();
        let key_field = self.config.mapping.key_field();
        let is_whole = remembered
            .org
            .as_ref()
            .is_some_and(|(_, org)| org.shows_all(key_field))
            && !matches!(remembered.mails_are_dark, Answer::Told(Some(_)))
            && !matches!(remembered.sight_lacks, Answer::Told(Some(_)));
        drop(remembered);
        // Rows that vanish from sight bring no refusal: this is asked with every look.
        self.remembered().sight_lacks = Answer::Unasked;
        if !is_whole {
            self.forget_org();
        }
    }

    /// Reads the lists of statuses and priorities again with the next call.
    pub(crate) fn forget_setup(&self) {
        self.remembered().setup = None;
    }

    async fn setup(&self, turn: Turn) -> Result<Arc<Setup>, CallError> {
        let known = self.remembered().setup.clone();
        if let Some((at, setup)) = known
            && turn.now.duration_since(at) < SETUP_FOR
        {
            return Ok(setup);
        }
        let setup = Arc::new(self.api.setup(turn).await?);
        self.remembered().setup = Some((turn.now, Arc::clone(&setup)));
        Ok(setup)
    }

    /// Users by id and address. Kept up to date by the stream of owners.
    async fn owners(&self, org: &Org, turn: Turn) -> Result<Arc<OwnerDirectory>, CallError> {
        let known = self.remembered().owners.clone();
        if let Some(owners) = known {
            return Ok(owners);
        }
        let mut directory = OwnerDirectory::default();
        if org.table(Table::User).is_some() {
            let wanted = ["Id", "Email", "IsActive", "UserType", "TimeZoneSidKey"];
            let shown = wanted.into_iter().filter(|field| org.shows(Table::User, field));
            let rows = self
                .api
                .all_rows(&Select::new("User", shown), LOOKING, turn)
                .await?;
            for row in &rows {
                directory.take_in(&self.config.mapping, row);
            }
        }
        let directory = Arc::new(directory);
        self.remembered().owners = Some(Arc::clone(&directory));
        Ok(directory)
    }

    /// Takes in users that changed.
    pub(crate) fn remember_users(&self, rows: &[&Row]) {
        let mut remembered = self.remembered();
        let Some(known) = &remembered.owners else { return };
        let mut directory = OwnerDirectory::clone(known);
        for row in rows {
            directory.take_in(&self.config.mapping, row);
        }
        remembered.owners = Some(Arc::new(directory));
    }

    /// The user we are. Knowing it tells our own changes from a human's.
    async fn me(&self, turn: Turn) -> Result<Option<String>, CallError> {
        let known = self.remembered().me.clone();
        if let Answer::Told(me) = known {
            return Ok(me);
        }
        let call = Call::get("/services/oauth2/userinfo", turn.priority, "ask who we are");
        let me = match self.api.send::<Value>(call, turn.now).await {
            Ok(answer) => answer
                .body
                .get("user_id")
                .and_then(Value::as_str)
                .filter(|id| id.starts_with(prefix::USER))
                .map(str::to_owned),
            Err(error) if crate::api::is_absent(&error) => None,
            Err(error) => return Err(error),
        };
        self.remembered().me = Answer::Told(me.clone());
        Ok(me)
    }

    /// The same, asked anew: before a row that is not shown is taken for deleted.
    pub(crate) async fn sight_lacks_now(&self, turn: Turn) -> Result<Option<String>, CallError> {
        self.remembered().sight_lacks = Answer::Unasked;
        self.sight_lacks(turn).await
    }

    /// What the user lacks to see everybody's records. Rows it may not see are absent without a word, so that nobody
    /// seems to have answered who was answered long ago. An org that does not tell is believed to show everything.
    async fn sight_lacks(&self, turn: Turn) -> Result<Option<String>, CallError> {
        let known = self.remembered().sight_lacks.clone();
        if let Answer::Told(verdict) = known {
            return Ok(verdict);
        }
        let verdict = match self.config.mapping.sight() {
            Sight::Whole => None,
            Sight::Partial => Some(VIEW_ALL.to_owned()),
            Sight::Auto => {
                let select = Select::new("UserPermissionAccess", [VIEW_ALL_FIELD]);
                match self.api.query(&select, "ask what we may see", turn).await {
                    Ok(answered) => {
                        let rows = answered.page.rows();
                        let is_denied = rows.iter().any(|row| row.flag(VIEW_ALL_FIELD) == Some(false));
                        is_denied.then(|| VIEW_ALL.to_owned())
                    }
                    Err(error) if crate::api::is_absent(&error) => None,
                    Err(error) => return Err(error),
                }
            }
        };
        self.remembered().sight_lacks = Answer::Told(verdict.clone());
        Ok(verdict)
    }

    /// Whether mails are kept where no query reaches them (Einstein Activity Capture without record sync). The org has
    /// activity metrics then, and no captured mail among its messages. Said once per run.
    async fn mails_are_dark(&self, org: &Org, turn: Turn) -> Result<Option<String>, CallError> {
        let known = self.remembered().mails_are_dark.clone();
        if let Answer::Told(verdict) = known {
            return Ok(verdict);
        }
        let verdict = match self.config.mapping.capture() {
            Capture::Synced | Capture::Absent => None,
            Capture::Unsynced => Some(DARK.to_owned()),
            Capture::Auto => self.find_out_capture(org, turn).await?,
        };
        self.remembered().mails_are_dark = Answer::Told(verdict.clone());
        Ok(verdict)
    }

    async fn find_out_capture(&self, org: &Org, turn: Turn) -> Result<Option<String>, CallError> {
        let objects = self.api.objects(turn).await?;
        if !objects.contains("ActivityMetric") {
            return Ok(None);
        }
        if !org.shows(Table::EmailMessage, "Source") {
            return Ok(Some(format!(
                "{DARK} (EmailMessage.Source, which would tell, is hidden)"
            )));
        }
        let since = soql::instant(soql::second_floor(turn.now - CAPTURED_WITHIN));
        let select = Select::new("EmailMessage", ["Id", "Source"])
            .and(format!("CreatedDate >= {since}"))
            .and("Source != null")
            .by("CreatedDate DESC");
        let page = match self.api.query(&select, "look for captured mails", turn).await {
            Ok(answered) => answered.page,
            // Whether `Source` can be filtered is not documented: then nothing is known, and nothing is concluded.
            Err(error) if crate::api::is_absent(&error) => return Ok(Some(DARK.to_owned())),
            Err(error) => return Err(error),
        };
        let has_captured = page.rows().iter().any(|row| {
            row.text("Source")
                .is_some_and(|source| self.config.mapping.is_captured(source))
        });
        Ok((!has_captured).then(|| DARK.to_owned()))
    }
}

/// What is missing where rows of others are not there.
const VIEW_ALL: &str = "View All Data";
/// Where the org tells so, of the user who asks (object `UserPermissionAccess`: effective permissions).
const VIEW_ALL_FIELD: &str = "PermissionsViewAllData";
/// What is missing where captured mails are no records.
const DARK: &str =
    "Sync Email as Salesforce Activity (Einstein Activity Capture keeps mails where no query reaches them)";
