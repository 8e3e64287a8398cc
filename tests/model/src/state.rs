//! One state of the model: what is durable, what a process holds in memory, and what the CRM holds.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hasher},
};

use followup_core::{Task, TaskDraft, TaskId, TaskKey, WriteOutcome};
use followup_store::{Ledger, ledger::TaskRow};
use followupd::planning::Amendment;
use jiff::Timestamp;

use crate::crm::Crm;

/// Everything at one moment.
#[derive(Debug, Clone)]
pub struct State {
    /// The journal, folded: every append is durable before it takes effect.
    pub ledger: Ledger,
    /// The cache as the process sees it.
    pub cache: Cache,
    /// The cache as the last sync left it: a crash may fall back to it.
    pub synced: Cache,
    /// The running process.
    pub process: Option<Process>,
    /// The CRM.
    pub crm: Crm,
    /// Creations on their way that nobody waits for any more, each with the step of the clock at which it was sent.
    pub wire: Vec<(u8, TaskDraft)>,
    /// Step of the clock.
    pub tick: u8,
    /// What may still go wrong.
    pub left: Budget,
    /// What happened, as far as a claim depends on it.
    pub history: History,
}

/// How often something may still happen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Budget {
    /// Steps of the clock.
    pub ticks: u8,
    /// Deaths of the process.
    pub crashes: u8,
    /// Requests that fail, or whose answer is lost.
    pub faults: u8,
    /// Acts of humans.
    pub humans: u8,
    /// Losses of the state directory, or of the cache alone.
    pub losses: u8,
}

/// What happened.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// The whole state directory was lost.
    pub is_lost: bool,
    /// It was lost while tasks of ours were in the CRM, and no admin confirmed since.
    pub is_unconfirmed: bool,
    /// The CRM refused a creation.
    pub is_refused: bool,
    /// What must never happen and did, noticed in a transition.
    pub wrong: Option<&'static str>,
}

/// What was read of the CRM, and who is to be judged.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts about one small world"
)]
#[derive(Debug, Clone, Default)]
pub struct Cache {
    /// The tasks stream was read whole.
    pub has_tasks: bool,
    /// The person is known.
    pub has_person: bool,
    /// Tasks as they were last read.
    pub tasks: BTreeMap<TaskId, Task>,
    /// The versions that were delivered: the cursor.
    pub delivered: BTreeMap<TaskId, u8>,
    /// The call was seen.
    pub is_called: bool,
    /// The mail was seen.
    pub has_mail: bool,
    /// The subject is to be judged.
    pub is_dirty: bool,
    /// When to look again.
    pub due_at: Option<Timestamp>,
}

/// Where a process stands in its cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pc {
    /// Between cycles.
    Idle,
    /// Reading the tasks stream.
    ReadTasks,
    /// Committing what was read of it.
    CommitTasks,
    /// Reading everything else.
    ReadRest,
    /// Fixing the cutover.
    Establish,
    /// Noting under which policy it works.
    Inputs,
    /// Noting which rows nobody waits for.
    Orphans,
    /// Looking up what is unknown.
    Look,
    /// Judging and deciding.
    Plan,
    /// Writing down that creations are sent.
    Create,
    /// Waiting for their answers.
    Await,
    /// Looking up what is unknown since.
    LookAgain,
    /// Sending again what is not there.
    CreateAgain,
    /// Waiting for those answers.
    AwaitAgain,
    /// Sending closes.
    Close,
    /// Writing down what became of them.
    NoteClosed,
    /// Sending text changes.
    Amend,
    /// Writing down what became of them.
    NoteAmended,
}

/// What a process holds in memory.
#[derive(Debug, Clone)]
pub struct Process {
    /// Where it stands.
    pub pc: Pc,
    /// The step of the clock at which its cycle began.
    pub began: u8,
    /// The tasks stream could not be read in this cycle.
    pub is_unsure: bool,
    /// The tasks that were read, and their versions.
    pub page: Vec<(Task, u8)>,
    /// Texts to create tasks with.
    pub drafts: BTreeMap<TaskKey, TaskDraft>,
    /// Text changes to send.
    pub amendments: BTreeMap<TaskKey, Amendment>,
    /// The step of the clock at which it was written down that they are sent.
    pub sent: u8,
    /// Creations that are on their way.
    pub sending: Vec<TaskDraft>,
    /// Answers to closes.
    pub closes: Vec<(TaskRow, WriteOutcome)>,
    /// Answers to text changes.
    pub amended: Vec<(Amendment, WriteOutcome)>,
}

impl Process {
    /// A process that has just started.
    pub const fn new() -> Self {
        Self {
            pc: Pc::Idle,
            began: 0,
            is_unsure: false,
            page: Vec::new(),
            drafts: BTreeMap::new(),
            amendments: BTreeMap::new(),
            sent: 0,
            sending: Vec::new(),
            closes: Vec::new(),
            amended: Vec::new(),
        }
    }
}

impl Default for Process {
    fn default() -> Self {
        Self::new()
    }
}

impl State {
    /// A digest of everything.
    pub fn fingerprint(&self) -> u128 {
        let bytes = self.bytes();
        let half = |salt: u8| {
            let mut hasher = DefaultHasher::new();
            hasher.write_u8(salt);
            hasher.write(&bytes);
            u128::from(hasher.finish())
        };
        (half(1) << 64) | half(2)
    }

    fn bytes(&self) -> Vec<u8> {
        let mut out = Out(Vec::with_capacity(4096));
        let ledger = &self.ledger;
        ledger.tasks().for_each(|row| out.put(row));
        ledger
            .tasks()
            .for_each(|row| out.put(&ledger.given_up_at(&row.key)));
        out.mark();
        ledger.gaps().for_each(|gap| out.put(&gap));
        out.mark();
        out.put(&(ledger.frozen(), ledger.policy_version()));
        out.put(&ledger.cutover(&crate::facts::hub()));
        out.cache(&self.cache);
        out.cache(&self.synced);
        out.put(&self.process.is_some());
        if let Some(process) = &self.process {
            out.put(&(process.pc as u8, process.began, process.sent, process.is_unsure));
            out.put(&(&process.page, &process.drafts, &process.sending, &process.closes));
            for amendment in process.amendments.values() {
                out.put(&(&amendment.change, &amendment.then));
            }
            out.mark();
            for (amendment, outcome) in &process.amended {
                out.put(&(&amendment.change, &amendment.then, outcome));
            }
            out.mark();
        }
        out.put(&(&self.crm.tasks, &self.crm.versions));
        for (id, human) in &self.crm.humans {
            out.put(&(id, &human.subject, &human.status));
        }
        out.mark();
        out.put(&(self.crm.is_called, self.crm.has_mail, &self.wire, self.tick));
        let Budget {
            ticks,
            crashes,
            faults,
            humans,
            losses,
        } = self.left;
        out.put(&(ticks, crashes, faults, humans, losses));
        let History {
            is_lost,
            is_unconfirmed,
            is_refused,
            wrong,
        } = &self.history;
        out.put(&(is_lost, is_unconfirmed, is_refused, wrong));
        out.0
    }
}

struct Out(Vec<u8>);

impl Out {
    fn put<T: serde::Serialize + ?Sized>(&mut self, value: &T) {
        let bytes = std::mem::take(&mut self.0);
        self.0 = postcard::to_extend(value, bytes).expect("every part of a state can be written down");
    }

    fn mark(&mut self) {
        self.0.extend([0xFF, 0xFE]);
    }

    fn cache(&mut self, cache: &Cache) {
        self.put(&(cache.has_tasks, cache.has_person, &cache.tasks, &cache.delivered));
        self.put(&(cache.is_called, cache.has_mail, cache.is_dirty, cache.due_at));
    }
}
