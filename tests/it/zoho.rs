//! Zoho CRM in process: one rep, a daemon, and mails that no stream delivers. Over sockets: [`served`].

mod bad_input;
pub(crate) mod org;
mod served;

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use followup_core::ConnectionId;
use followup_rules::{calendar::Calendar, policy::Policy};
use followup_sandbox::{
    ClockMode, Sandbox, Switches, Vendor, WorldConfig, ZohoSwitches,
    crm::{Call, CallResult, Crm, Form, FormKind, Mail, NewOwner, TaskState, TaskView},
    team::MARKED_RULES,
};
use followup_store::{SimJournal, SimKv, Store};
use followup_testkit::Wire;
use followup_transport::TokenMemory;
use followup_zoho::{Zoho, ZohoConfig, auth::tokens};
use followupd::{
    clock::Clock,
    config::Mode,
    engine::{CycleReport, Engine, Link, Rhythm},
    planning::{Outbox, Planned, plan_batch},
    shared_store::{SharedStore, StoreThread},
    subject_key,
    sync::Silent,
    team::TeamSettings,
};
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::support::MONDAY_NINE;

const BUYER: &str = "priya@acme.example.com";
const REP: &str = "ines@brightdesk.example.org";

/// One company on Zoho CRM.
struct Company {
    sandbox: Sandbox,
    engine: Engine,
    wire: Wire,
    rep: String,
}

impl Company {
    async fn new(change: impl FnOnce(&mut ZohoSwitches)) -> Self {
        let mut switches = Switches::default();
        change(&mut switches.zoho);
        let sandbox = Sandbox::new(WorldConfig {
            seed: 1,
            people: 0,
            as_of: MONDAY_NINE.parse().unwrap(),
            limits: true,
            clock: ClockMode::Tokio,
            switches,
        });
        let owner = NewOwner {
            email: REP.to_owned(),
            first_name: "Ines".to_owned(),
            last_name: "Moser".to_owned(),
            is_queue: false,
            is_active: true,
        };
        let rep = sandbox.act_in(Vendor::Zoho, |crm, at| crm.add_owner(at, owner));
        let wire = Wire::new(&sandbox, Vendor::Zoho);
        let link = Link::new(Arc::new(connector(&sandbox, &wire)), Mode::Enforce, None);
        let (store, _) = Store::simulated(SimKv::default(), SimJournal::default(), sandbox.now()).unwrap();
        let clock = sandbox.clone();
        let engine = Engine {
            store: SharedStore::new(store, StoreThread::InPlace),
            clock: Clock::InProcess(Arc::new(move || clock.now())),
            policy: Arc::new(Policy::default().limited_to(MARKED_RULES)),
            team: TeamSettings {
                calendar: Calendar::default(),
                owners: BTreeMap::new(),
            },
            links: vec![link],
            stop: CancellationToken::new(),
            waiting: AtomicUsize::new(0),
            keep_deleted: None,
            plan_turn: tokio::sync::Mutex::new(Outbox::default()),
        };
        let company = Self {
            sandbox,
            engine,
            wire,
            rep,
        };
        company.cycle().await;
        company
    }

    async fn cycle(&self) -> CycleReport {
        let link = self.engine.links.first().unwrap();
        self.engine.cycle(link, Rhythm::Single, &Silent).await.unwrap()
    }

    /// Polls every five minutes for so long.
    async fn polls_for(&self, minutes: u64) {
        for _ in 0..minutes / 5 {
            tokio::time::sleep(Duration::from_mins(5)).await;
            let report = self.cycle().await;
            assert!(report.errors.is_empty(), "{report:?}");
        }
    }

    /// Judges what is due, as the cycle of another connection would.
    async fn plans(&self) {
        let now = self.sandbox.now();
        let inputs = self.engine.inputs(now).await.unwrap();
        let plan = move |store: &mut Store| {
            let (mut outbox, mut planned) = (Outbox::default(), Planned::default());
            while plan_batch(store, &inputs, now, &mut outbox, &mut planned)? {}
            Ok(planned.evaluated)
        };
        assert_eq!(self.engine.store.with(plan).await.unwrap(), 1);
    }

    fn acts<T>(&self, act: impl FnOnce(&mut dyn Crm, Timestamp) -> T) -> T {
        self.sandbox.act_in(Vendor::Zoho, act)
    }

    fn reminders(&self) -> Vec<TaskView> {
        let tasks = self.acts(|crm, _| crm.tasks());
        tasks.into_iter().filter(|task| task.key.is_some()).collect()
    }

    fn states(&self) -> Vec<TaskState> {
        self.reminders().iter().map(|task| task.state).collect()
    }

    fn asks(&self) -> String {
        let form = Form {
            email: BUYER.to_owned(),
            first_name: "Priya".to_owned(),
            last_name: "Nair".to_owned(),
            company: "Acme".to_owned(),
            phone: None,
            kind: FormKind::Demo,
            owner: Some(self.rep.clone()),
        };
        self.acts(|crm, at| crm.submit_form(at, form))
    }

    fn mails(&self, from: &str, to: &str) {
        let mail = Mail {
            from: from.to_owned(),
            to: vec![to.to_owned()],
            subject: "Pilot scope and dates".to_owned(),
            thread: None,
            is_auto_reply: false,
            is_bounced: false,
            is_automated: false,
        };
        self.acts(|crm, at| crm.log_mail(at, mail));
    }

    fn calls(&self, person: &str) {
        let call = Call {
            by: Some(self.rep.clone()),
            is_inbound: false,
            result: CallResult::Connected,
            duration: SignedDuration::from_secs(240),
            people: vec![person.to_owned()],
            deals: Vec::new(),
        };
        self.acts(|crm, at| crm.log_call(at, call));
    }
}

fn connector(sandbox: &Sandbox, wire: &Wire) -> Zoho {
    let url = Url::parse("https://accounts.zoho.eu").unwrap();
    let access = sandbox.zoho_access();
    let secret = |text: &str| SecretString::from(text.to_owned());
    let tokens = tokens(
        &url,
        &access.client_id,
        secret(&access.client_secret),
        secret(&access.refresh_token),
        "log in again",
        Arc::new(TokenMemory::default()),
    )
    .unwrap();
    let config = ZohoConfig::new(ConnectionId::new("zoho").unwrap(), url);
    let hash = subject_key::keyed(vec![7; 32]);
    Zoho::new(config, Arc::new(wire.clone()), tokens, hash, 1).unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_inquiry_in_zoho_gets_one_task_which_closes_when_the_call_is_logged() {
    let company = Company::new(|_| {}).await;
    let lead = company.asks();
    company.polls_for(20).await;
    assert_eq!(company.states(), [TaskState::Open]);
    company.calls(&lead);
    company.polls_for(10).await;
    assert_eq!(company.states(), [TaskState::Done]);
    company.polls_for(60).await;
    assert_eq!(company.states(), [TaskState::Done], "what was done stays done");
}

#[tokio::test(start_paused = true)]
async fn a_mail_only_its_lead_tells_of_keeps_a_task_from_being_written_and_closes_one() {
    let company = Company::new(|_| {}).await;
    company.asks();
    company.mails(REP, BUYER);
    company.polls_for(30).await;
    assert_eq!(company.states(), [], "the rep wrote at once");
    assert!(company.wire.count("/Emails") > 0);
    let company = Company::new(|_| {}).await;
    company.asks();
    company.polls_for(20).await;
    assert_eq!(company.states(), [TaskState::Open]);
    company.mails(REP, BUYER);
    company.polls_for(180).await;
    assert_eq!(company.states(), [TaskState::Done]);
}

#[tokio::test(start_paused = true)]
async fn what_waited_for_its_mails_is_judged_by_the_cycle_that_reads_them() {
    let company = Company::new(|_| {}).await;
    company.asks();
    tokio::time::sleep(Duration::from_mins(1)).await;
    company.cycle().await;
    tokio::time::sleep(Duration::from_mins(7)).await;
    company.plans().await;
    assert_eq!(company.states(), [], "its mails are not known up to the deadline");
    tokio::time::sleep(Duration::from_secs(20)).await;
    company.cycle().await;
    assert_eq!(company.states(), [TaskState::Open]);
}

#[tokio::test(start_paused = true)]
async fn a_permission_taken_away_from_the_login_withdraws_no_task() {
    let company = Company::new(|_| {}).await;
    company.asks();
    company.polls_for(15).await;
    assert_eq!(company.states(), [TaskState::Open]);
    let forbid = |modules: &[&str]| {
        let mut switches = company.sandbox.zoho_switches();
        switches.forbidden_modules = modules.iter().map(|module| (*module).to_owned()).collect();
        company.sandbox.set_zoho_switches(switches);
    };
    forbid(&["Leads"]);
    for _ in 0..6 {
        tokio::time::sleep(Duration::from_mins(5)).await;
        let report = company.cycle().await;
        assert!(
            report.errors.iter().any(|error| error.contains("leads")),
            "{report:?}"
        );
    }
    assert_eq!(
        company.states(),
        [TaskState::Open],
        "nothing says that the lead is gone"
    );
    forbid(&[]);
    tokio::time::sleep(Duration::from_mins(61)).await;
    company.polls_for(15).await;
    assert_eq!(company.states(), [TaskState::Open]);
}

#[tokio::test(start_paused = true)]
async fn where_no_mailbox_is_synced_nothing_is_concluded_from_silence() {
    let company = Company::new(|zoho| zoho.mailboxes_synced = false).await;
    company.asks();
    company.polls_for(60).await;
    assert_eq!(company.states(), []);
    let asked = company.wire.count("__emails_sharing_details");
    assert_eq!(asked, 1, "asked once a day");
}
