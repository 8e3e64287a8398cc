//! HubSpot and Salesforce side by side: people known to both, one list for each rep.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use followup_core::{ConnectionId, Connector};
use followup_hubspot::{Hubspot, HubspotConfig};
use followup_rules::{calendar::Calendar, policy::Policy};
use followup_salesforce::{Salesforce, SalesforceConfig};
use followup_sandbox::{
    ClockMode, Fault, LateCommits, OrgSwitches, Reply, Sandbox, Switches,
    Vendor::{self, Hubspot as H, Salesforce as S},
    WorldConfig,
    crm::{
        Call, CallResult, Crm, Form, FormKind, Mail, NewOwner, NewPerson, PersonOrigin, TaskAct,
        TaskState::{self, Done, Open},
        TaskView,
    },
    team::MARKED_RULES,
};
use followup_store::{SimJournal, SimKv, Store};
use followup_testkit::SandboxTransport;
use followup_transport::{Future, SendError, SendLimits, TokenSource, Transport};
use followupd::{
    clock::Clock,
    config::Mode,
    engine::{CycleReport, Engine, Link, Rhythm},
    planning::Outbox,
    shared_store::{SharedStore, StoreThread},
    subject_key,
    sync::Silent,
    team::TeamSettings,
};
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::support::MONDAY_NINE;

const BUYER: &str = "priya@acme.example.com";
const REP: &str = "ines@brightdesk.example.org";

/// The org without sockets.
struct ToOrg(Sandbox);

impl Transport for ToOrg {
    fn send(
        &self,
        request: http::Request<bytes::Bytes>,
        _: SendLimits,
    ) -> Future<'_, Result<http::Response<bytes::Bytes>, SendError>> {
        Box::pin(async move {
            match self.0.salesforce(request).await {
                Reply::Answer(answer) => Ok(answer),
                Reply::Closed { .. } => Err(SendError::maybe_sent("the connection closed")),
            }
        })
    }
}

/// One company with both CRMs, a rep who works in both, and a daemon.
struct Company {
    sandbox: Sandbox,
    engine: Engine,
    /// The rep's logins.
    rep: BTreeMap<Vendor, String>,
}

impl Company {
    async fn new(hubspot: Mode, salesforce: Mode) -> Self {
        let sandbox = Sandbox::new(WorldConfig {
            seed: 1,
            people: 0,
            as_of: MONDAY_NINE.parse().unwrap(),
            limits: true,
            clock: ClockMode::Tokio,
            switches: Switches {
                salesforce: OrgSwitches {
                    late_commits: LateCommits {
                        percent: 0,
                        seconds_max: 0,
                    },
                    ..OrgSwitches::default()
                },
                ..Switches::default()
            },
        });
        let rep = [Vendor::Hubspot, Vendor::Salesforce].map(|vendor| {
            let owner = NewOwner {
                email: REP.to_owned(),
                first_name: "Ines".to_owned(),
                last_name: "Moser".to_owned(),
                is_queue: false,
                is_active: true,
            };
            (vendor, sandbox.act_in(vendor, |crm, at| crm.add_owner(at, owner)))
        });
        let links = vec![
            Link::new(to_hubspot(&sandbox), hubspot, None),
            Link::new(to_salesforce(&sandbox), salesforce, None),
        ];
        let company = Self {
            engine: daemon(&sandbox, links),
            sandbox,
            rep: BTreeMap::from(rep),
        };
        company.cycle().await;
        company
    }

    /// Both are read, then both write; twice, since one may have planned what the other writes.
    async fn cycle(&self) -> Vec<CycleReport> {
        let mut reports = Vec::new();
        for _ in 0..2 {
            let mut looked = Vec::new();
            for link in &self.engine.links {
                looked.push(self.engine.look(link, Rhythm::Single, &Silent).await.unwrap());
            }
            for (link, looked) in self.engine.links.iter().zip(looked) {
                reports.push(self.engine.act(link, looked, &Silent).await.unwrap());
            }
        }
        reports
    }

    /// Polls every five minutes for so long.
    async fn polls_for(&self, minutes: u64) {
        for _ in 0..minutes / 5 {
            tokio::time::sleep(Duration::from_mins(5)).await;
            self.cycle().await;
        }
    }

    fn acts<T>(&self, vendor: Vendor, act: impl FnOnce(&mut dyn Crm, Timestamp, &str) -> T) -> T {
        let rep = &self.rep[&vendor];
        self.sandbox.act_in(vendor, |crm, at| act(crm, at, rep))
    }

    fn reminders(&self, vendor: Vendor) -> Vec<TaskView> {
        let tasks = self.acts(vendor, |crm, _, _| crm.tasks());
        tasks.into_iter().filter(|task| task.key.is_some()).collect()
    }

    /// The states of all reminders: in HubSpot, in Salesforce.
    fn states(&self) -> [Vec<TaskState>; 2] {
        [Vendor::Hubspot, Vendor::Salesforce]
            .map(|vendor| self.reminders(vendor).iter().map(|task| task.state).collect())
    }

    /// Enters the buyer; nobody asked for anything.
    fn enters(&self, vendor: Vendor) -> String {
        self.acts(vendor, |crm, at, rep| {
            let person = NewPerson {
                email: Some(BUYER.to_owned()),
                first_name: "Priya".to_owned(),
                last_name: "Nair".to_owned(),
                company: "Acme".to_owned(),
                phone: None,
                owner: Some(rep.to_owned()),
                is_customer: false,
                origin: PersonOrigin::Import,
            };
            crm.add_person(at, person)
        })
    }

    fn asks(&self, vendor: Vendor) -> String {
        self.acts(vendor, |crm, at, rep| {
            let form = Form {
                email: BUYER.to_owned(),
                first_name: "Priya".to_owned(),
                last_name: "Nair".to_owned(),
                company: "Acme".to_owned(),
                phone: None,
                kind: FormKind::Demo,
                owner: Some(rep.to_owned()),
            };
            crm.submit_form(at, form)
        })
    }

    fn calls(&self, vendor: Vendor, person: &str) {
        self.acts(vendor, |crm, at, rep| {
            let call = Call {
                by: Some(rep.to_owned()),
                is_inbound: false,
                result: CallResult::Connected,
                duration: SignedDuration::from_secs(240),
                people: vec![person.to_owned()],
                deals: Vec::new(),
            };
            crm.log_call(at, call);
        });
    }

    fn buyer_writes(&self, vendor: Vendor) {
        self.acts(vendor, |crm, at, _| {
            let mail = Mail {
                from: BUYER.to_owned(),
                to: vec![REP.to_owned()],
                subject: "Pilot scope and dates".to_owned(),
                thread: Some("pilot".to_owned()),
                is_auto_reply: false,
                is_bounced: false,
                is_automated: false,
            };
            crm.log_mail(at, mail);
        });
    }
}

fn daemon(sandbox: &Sandbox, links: Vec<Link>) -> Engine {
    let (store, _) = Store::simulated(SimKv::default(), SimJournal::default(), sandbox.now()).unwrap();
    let clock = sandbox.clone();
    Engine {
        store: SharedStore::new(store, StoreThread::InPlace),
        clock: Clock::InProcess(Arc::new(move || clock.now())),
        policy: Arc::new(Policy::default().limited_to(MARKED_RULES)),
        team: TeamSettings {
            calendar: Calendar::default(),
            owners: BTreeMap::new(),
        },
        links,
        stop: CancellationToken::new(),
        waiting: AtomicUsize::new(0),
        keep_deleted: None,
        plan_turn: tokio::sync::Mutex::new(Outbox::default()),
    }
}

fn to_hubspot(sandbox: &Sandbox) -> Arc<dyn Connector> {
    let url = Url::parse("https://api.hubapi.com").unwrap();
    let config = HubspotConfig::new(ConnectionId::new("hubspot").unwrap(), url);
    let tokens = TokenSource::fixed(&sandbox.access().access_token);
    let transport = Arc::new(SandboxTransport(sandbox.clone()));
    Arc::new(Hubspot::new(config, transport, tokens, subject_key::keyed(vec![7; 32]), 1).unwrap())
}

fn to_salesforce(sandbox: &Sandbox) -> Arc<dyn Connector> {
    let url = Url::parse("https://acme.my.salesforce.com").unwrap();
    let mut config = SalesforceConfig::new(ConnectionId::new("salesforce").unwrap(), url.clone());
    config.instance_url = Some(url);
    let tokens = TokenSource::fixed(&sandbox.salesforce_access().access_token);
    let transport = Arc::new(ToOrg(sandbox.clone()));
    Arc::new(Salesforce::new(config, transport, tokens, subject_key::keyed(vec![7; 32]), 1).unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_call_logged_in_one_crm_closes_what_the_other_raised() {
    for (asked, called) in [(H, S), (S, H)] {
        let company = Company::new(Mode::Enforce, Mode::Enforce).await;
        company.asks(asked);
        company.polls_for(20).await;
        let there = company.enters(called);
        company.polls_for(20).await;
        let states = company.states();
        assert_eq!(states.concat(), [Open], "one reminder across both: {states:?}");
        company.calls(called, &there);
        company.polls_for(20).await;
        assert_eq!(company.states().concat(), [Done]);
        assert_eq!(
            company.reminders(asked).len(),
            1,
            "in the CRM that knew the person first"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_reaches_both_and_is_ticked_off_in_one_comes_back_in_neither() {
    for (first, second) in [(H, S), (S, H)] {
        let company = Company::new(Mode::Enforce, Mode::Enforce).await;
        company.asks(first);
        tokio::time::sleep(Duration::from_secs(20)).await;
        company.asks(second);
        company.polls_for(30).await;
        let reminders = company.reminders(first);
        let [reminder] = reminders.as_slice() else {
            panic!("{:?}", company.states());
        };
        company.acts(first, |crm, at, _| {
            crm.act_on_task(at, &reminder.id, TaskAct::Complete);
        });
        company.polls_for(120).await;
        assert_eq!(company.states().concat(), [Done]);
        company.asks(second);
        company.polls_for(30).await;
        let states = company.states().concat();
        let open = states.iter().filter(|state| **state == Open).count();
        assert_eq!(
            (states.len(), open),
            (2, 1),
            "a request of its own: {first:?} then {second:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_lead_converted_while_its_reminder_is_open_keeps_it() {
    let company = Company::new(Mode::Enforce, Mode::Enforce).await;
    let lead = company.enters(S);
    tokio::time::sleep(Duration::from_mins(2)).await;
    let contact = company.enters(H);
    company.polls_for(10).await;
    company.buyer_writes(H);
    // A working day and what late mail is waited for.
    company.polls_for(25 * 60).await;
    assert_eq!(company.states(), [vec![], vec![Open]]);
    company.acts(S, |crm, at, _| crm.convert_person(at, &lead));
    company.polls_for(60).await;
    assert_eq!(
        company.states(),
        [vec![], vec![Open]],
        "the contact is shown by the other CRM now"
    );
    company.calls(H, &contact);
    company.polls_for(20).await;
    assert_eq!(company.states(), [vec![], vec![Done]]);
}

#[tokio::test(start_paused = true)]
async fn where_one_crm_is_only_watched_the_reminder_stays_in_the_other() {
    for (watched, written, modes) in [
        (H, S, (Mode::Observe, Mode::Enforce)),
        (S, H, (Mode::Enforce, Mode::Observe)),
    ] {
        let company = Company::new(modes.0, modes.1).await;
        company.asks(watched);
        tokio::time::sleep(Duration::from_mins(1)).await;
        company.enters(written);
        company.polls_for(60).await;
        let states: Vec<_> = company.reminders(written).iter().map(|task| task.state).collect();
        assert_eq!(states, [Open], "its person is shown by the CRM that is watched");
        assert!(company.reminders(watched).is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn trouble_with_one_crm_holds_up_nobody_in_the_other() {
    let company = Company::new(Mode::Enforce, Mode::Enforce).await;
    let dead = Fault::new("* /services*", "status:503", 0).unwrap();
    company.sandbox.set_faults(vec![dead]);
    company.asks(H);
    company.polls_for(30).await;
    assert_eq!(company.states(), [vec![Open], vec![]]);
    let reports = company.cycle().await;
    assert!(
        reports
            .iter()
            .any(|report| report.connection == "salesforce" && !report.errors.is_empty())
    );
    assert!(
        reports
            .iter()
            .all(|report| report.connection != "hubspot" || report.errors.is_empty())
    );
    company.sandbox.set_faults(Vec::new());
}
