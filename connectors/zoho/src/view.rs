//! What is remembered of the org between calls: the fields the user sees, stages and edition, the users, what ids name,
//! whether queries work, whether received mail is visible. Read when first needed, and again when the org shows that it
//! changed; kept for a day, since each look costs credits.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use followup_core::Stream;
use followup_transport::{CallError, SKEW_MAX};
use jiff::{SignedDuration, Timestamp};

use crate::{
    Zoho,
    api::{Turn, is_absent, stuck},
    map::OwnerDirectory,
    org::{KeyMode, Org, Setup, stages_of},
    schema::Module,
    wire::Row,
};

/// How long what was seen of the org is believed, if no refusal says otherwise.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(24);
/// How long what is closed to the login is left alone: each question costs a credit.
const CLOSED_FOR: SignedDuration = SignedDuration::from_hours(1);
/// A new answer is asked for this often.
const DOUBTED_EVERY: SignedDuration = SignedDuration::from_mins(10);
/// Pages of users after which a server that never ends is given up.
const USER_PAGES_MAX: u32 = 500;
/// Ids remembered; beyond that, all are learned anew.
const IDS_MAX: usize = 200_000;

/// What is remembered, part by part.
#[derive(Default)]
pub(crate) struct Remembered {
    org: Option<KnownOrg>,
    setup: Option<(Timestamp, Arc<Setup>)>,
    owners: Option<Arc<OwnerDirectory>>,
    /// The user we are.
    me: Me,
    /// Module by id of what activities are linked to.
    pub(crate) whats: BTreeMap<String, Option<Module>>,
    /// Whole texts of our own tasks: change, beginning as lists show it, text.
    pub(crate) bodies: BTreeMap<String, (Timestamp, String, String)>,
    /// Where a list goes on, by stream, lane and the cursor it belongs to.
    pub(crate) tokens: BTreeMap<(Stream, &'static str), crate::pull::Walked>,
    /// Up to when the hot lane of this run has read a stream without a break, and from when on.
    pub(crate) passes: BTreeMap<Stream, (Timestamp, Timestamp)>,
    /// Keys beside the fields that lists were refused for.
    pub(crate) refused_extras: BTreeSet<Module>,
    /// Why queries are not used.
    pub(crate) no_queries: Option<String>,
    /// Why received mails cannot be judged, and when that was found out.
    pub(crate) mails_are_dark: Option<(Timestamp, Option<String>)>,
    /// Modules that refused to be read although the metadata show them: what is missing, and since when.
    pub(crate) closed: BTreeMap<Module, (Timestamp, String)>,
}

/// The fields as they were seen.
#[derive(Clone)]
struct KnownOrg {
    org: Arc<Org>,
    looked_at: Timestamp,
    /// When what is closed was last asked for.
    asked_at: Timestamp,
}

/// Who we are, as far as the org says.
#[derive(Debug, Clone, Default)]
enum Me {
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
}

impl Zoho {
    /// What is known of the org, read as far as it is not.
    pub(crate) async fn view(&self, turn: Turn) -> Result<View, CallError> {
        // One look at a time: those who come meanwhile find what it brought.
        let _looking = self.looking.lock().await;
        let org = self.org(turn).await?;
        let setup = self.setup(turn).await?;
        let owners = self.owners(turn).await?;
        let me = self.me(turn).await?;
        Ok(View {
            key_mode: org.key_mode(&self.config.mapping.key_field),
            org,
            setup,
            owners,
            me,
        })
    }

    async fn org(&self, turn: Turn) -> Result<Arc<Org>, CallError> {
        let known = self.remembered().org.clone();
        if let Some(known) = known.filter(|known| turn.now.duration_since(known.looked_at) < KEPT_FOR) {
            return self.reopened(known, turn).await;
        }
        let mut modules = BTreeMap::new();
        for module in Module::ALL {
            modules.insert(*module, self.api.fields(*module, turn).await?);
        }
        let org = Arc::new(Org::new(modules));
        let mut remembered = self.remembered();
        remembered.org = Some(KnownOrg {
            org: Arc::clone(&org),
            looked_at: turn.now,
            asked_at: turn.now,
        });
        remembered.closed.clear();
        remembered.refused_extras.clear();
        remembered.no_queries = None;
        Ok(org)
    }

    /// Asks again, now and then, for modules that were closed: a permission may have come back.
    async fn reopened(&self, known: KnownOrg, turn: Turn) -> Result<Arc<Org>, CallError> {
        let closed = known.org.closed_modules();
        if closed.is_empty() || turn.now.duration_since(known.asked_at) < CLOSED_FOR {
            return Ok(known.org);
        }
        let mut org = Org::clone(&known.org);
        for module in closed {
            org.take_in(module, self.api.fields(module, turn).await?);
        }
        let org = Arc::new(org);
        self.remembered().org = Some(KnownOrg {
            org: Arc::clone(&org),
            asked_at: turn.now,
            ..known
        });
        Ok(org)
    }

    /// Looks at the fields again with the next call: one that was visible is not any more, or the other way round.
    pub(crate) fn forget_org(&self) {
        self.remembered().org = None;
    }

    /// Reads the setup again with the next call where our clock and Zoho's seem hours apart: its answer tells Zoho's time anew,
    /// which a machine that slept reckons wrong. Where they are apart for good, that is done every ten minutes.
    pub(crate) fn doubt_setup(&self, now: Timestamp) {
        let told_at = self.api.client.server_now();
        let is_apart = told_at.is_some_and(|told_at| told_at.duration_since(now).abs() > SKEW_MAX);
        let mut remembered = self.remembered();
        let is_fresh = |at: Timestamp| now.duration_since(at).abs() < DOUBTED_EVERY;
        if is_apart && remembered.setup.as_ref().is_some_and(|(at, _)| !is_fresh(*at)) {
            remembered.setup = None;
        }
    }

    async fn setup(&self, turn: Turn) -> Result<Arc<Setup>, CallError> {
        let known = self.remembered().setup.clone();
        if let Some((at, setup)) = known
            && turn.now.duration_since(at) < KEPT_FOR
        {
            return Ok(setup);
        }
        let row = match self.api.org(turn).await {
            Ok(row) => row,
            Err(error) if is_absent(&error) => None,
            Err(error) => return Err(error),
        };
        let mut setup = row.as_ref().map(Setup::of_org).unwrap_or_default();
        // An org that does not tell is believed to have what the smallest edition has.
        let credits = setup.edition.map(|edition| edition.credits(setup.seats));
        self.api.client.budget().adopt(None, credits);
        if let Some(edition) = setup.edition {
            self.api.adopt_edition(edition, self.config.burst_share);
        }
        if let Some(pipelines) = self.api.pipelines(turn).await? {
            setup.stages = stages_of(&pipelines.pipeline);
        }
        self.api.learn_costs(turn).await?;
        let setup = Arc::new(setup);
        self.remembered().setup = Some((turn.now, Arc::clone(&setup)));
        Ok(setup)
    }

    /// Users by id and address. Kept up to date by the stream of owners.
    async fn owners(&self, turn: Turn) -> Result<Arc<OwnerDirectory>, CallError> {
        let known = self.remembered().owners.clone();
        if let Some(owners) = known {
            return Ok(owners);
        }
        let mut directory = OwnerDirectory::default();
        match self.all_users(None, turn).await {
            Ok((rows, _)) => rows
                .iter()
                .for_each(|row| directory.take_in(&self.config.mapping, row)),
            Err(error) if is_absent(&error) => {}
            Err(error) => return Err(error),
        }
        let directory = Arc::new(directory);
        self.remembered().owners = Some(Arc::clone(&directory));
        Ok(directory)
    }

    /// All users that changed since, and when the org said so.
    pub(crate) async fn all_users(
        &self,
        since: Option<Timestamp>,
        turn: Turn,
    ) -> Result<(Vec<Row>, Timestamp), CallError> {
        let mut rows = Vec::new();
        let mut read_at = turn.now;
        for page in 1..=USER_PAGES_MAX {
            let answered = self.api.users("AllUsers", since, page, turn).await?;
            read_at = read_at.min(answered.at);
            let Some(wire) = answered.page else {
                return Ok((rows, read_at));
            };
            rows.extend(wire.users.iter().map(Row::of_json));
            if !wire.info.is_some_and(|info| info.has_more) {
                return Ok((rows, read_at));
            }
        }
        Err(stuck("read users"))
    }

    /// Takes in users that changed.
    pub(crate) fn remember_users(&self, rows: &[Row]) {
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
        if let Me::Told(me) = known {
            return Ok(me);
        }
        let me = match self.api.users("CurrentUser", None, 1, turn).await {
            Ok(answered) => answered
                .page
                .and_then(|page| Row::of_json(page.users.first()?).id().map(str::to_owned).ok()),
            Err(error) if is_absent(&error) => None,
            Err(error) => return Err(error),
        };
        self.remembered().me = Me::Told(me.clone());
        Ok(me)
    }

    /// What keeps a module from being read; `None` = nothing that is known.
    pub(crate) fn closed(&self, module: Module, view: &View, now: Timestamp) -> Option<String> {
        view.org.closed(module).or_else(|| {
            let remembered = self.remembered();
            let (since, missing) = remembered.closed.get(&module)?;
            (now.duration_since(*since) < CLOSED_FOR).then(|| missing.clone())
        })
    }

    /// Why queries are not used; `None` = they are.
    pub(crate) fn no_queries(&self) -> Option<String> {
        self.remembered().no_queries.clone()
    }

    /// Which modules these ids are of, learned where that is not known. Accounts and other modules are of no interest.
    pub(crate) async fn learn_whats(
        &self,
        rows: &[Row],
        turn: Turn,
    ) -> Result<BTreeMap<String, Module>, CallError> {
        let mut unknown: BTreeSet<String> = BTreeSet::new();
        let mut known: BTreeMap<String, Module> = BTreeMap::new();
        {
            let mut remembered = self.remembered();
            if remembered.whats.len() > IDS_MAX {
                remembered.whats.clear();
            }
            for row in rows
                .iter()
                .filter(|row| row.text(crate::schema::SE_MODULE).is_none())
            {
                let Some(id) = row.text("What_Id.id") else {
                    continue;
                };
                match remembered.whats.get(id) {
                    Some(Some(module)) => {
                        known.insert(id.to_owned(), *module);
                    }
                    Some(None) => {}
                    None => {
                        unknown.insert(id.to_owned());
                    }
                }
            }
        }
        for module in [Module::Leads, Module::Deals] {
            if unknown.is_empty() {
                break;
            }
            let asked: Vec<String> = unknown.iter().cloned().collect();
            for row in self.api.by_ids(module, "id,Modified_Time", &asked, turn).await? {
                let Ok(id) = row.id() else { continue };
                unknown.remove(id);
                known.insert(id.to_owned(), module);
                self.remembered().whats.insert(id.to_owned(), Some(module));
            }
        }
        let mut remembered = self.remembered();
        for id in unknown {
            remembered.whats.insert(id, None);
        }
        Ok(known)
    }
}
