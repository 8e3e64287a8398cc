//! What people do in a CRM, in no vendor's words.
//!
//! The scripted team and the control path act through [`Crm`]; each vendor's portal implements it so that the act
//! leaves the records *that vendor* would show. Ids are the vendor's native ids, instants are simulated time.

use jiff::{SignedDuration, Timestamp, civil::Date};
use serde::Deserialize;

/// A user or queue to begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOwner {
    /// Address; joins owners across CRMs.
    pub email: String,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// A queue instead of a user.
    pub is_queue: bool,
    /// Deactivated users stay visible as archived owners.
    pub is_active: bool,
}

/// Which form was filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormKind {
    /// Demo request.
    Demo,
    /// Pricing request.
    Pricing,
    /// Contact form.
    ContactUs,
    /// Download.
    ContentDownload,
    /// Anything else.
    Other,
}

/// A form submission by a new or known person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// Address: identifies a known person.
    pub email: String,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// Company name.
    pub company: String,
    /// Phone, if the form asks for it.
    pub phone: Option<String>,
    /// Which form.
    pub kind: FormKind,
    /// Owner assigned by the CRM's own routing, for new people.
    pub owner: Option<String>,
}

/// How a person record comes to be, other than by a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PersonOrigin {
    /// Typed in by a user.
    Manual,
    /// A file import.
    Import,
    /// An integration.
    Api,
}

/// A person record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPerson {
    /// Address.
    pub email: Option<String>,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// Company name.
    pub company: String,
    /// Phone.
    pub phone: Option<String>,
    /// Owner id.
    pub owner: Option<String>,
    /// Already a customer.
    pub is_customer: bool,
    /// How it came to be.
    pub origin: PersonOrigin,
}

/// A mail as mailbox sync logs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Sender: an owner's address makes it outbound.
    pub from: String,
    /// Recipients.
    pub to: Vec<String>,
    /// Subject line.
    pub subject: String,
    /// Conversation id, if the vendor's sync knows one.
    pub thread: Option<String>,
    /// The vendor's own out-of-office or automatic flag.
    pub is_auto_reply: bool,
    /// Could not be delivered.
    pub is_bounced: bool,
    /// Sent by the system, not by a user (an acknowledgement, a campaign).
    pub is_automated: bool,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallResult {
    /// People spoke.
    Connected,
    /// Voicemail left.
    Voicemail,
    /// Nobody answered.
    NoAnswer,
    /// Busy.
    Busy,
    /// An inbound call nobody took.
    Missed,
}

/// A logged call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The user who made or took it; `None` for a missed call.
    pub by: Option<String>,
    /// Called us.
    pub is_inbound: bool,
    /// How it ended.
    pub result: CallResult,
    /// How long.
    pub duration: SignedDuration,
    /// People.
    pub people: Vec<String>,
    /// Deals.
    pub deals: Vec<String>,
}

/// A booked meeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMeeting {
    /// The user who holds it.
    pub by: String,
    /// Start.
    pub starts_at: Timestamp,
    /// End.
    pub ends_at: Timestamp,
    /// People.
    pub people: Vec<String>,
    /// Deals.
    pub deals: Vec<String>,
}

/// How a meeting ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MeetingEnd {
    /// It took place.
    Held,
    /// Nobody came.
    NoShow,
    /// Called off.
    Cancelled,
    /// Moved.
    Moved,
}

/// A deal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDeal {
    /// Name.
    pub name: String,
    /// Owner id.
    pub owner: String,
    /// People.
    pub people: Vec<String>,
    /// Amount in whole currency units.
    pub amount: Option<u32>,
    /// Expected close date.
    pub close_on: Option<Date>,
}

/// Where a deal goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DealStep {
    /// The next open stage.
    Next,
    /// The proposal stage.
    Proposal,
    /// Closed won.
    Won,
    /// Closed lost.
    Lost,
}

/// A task a human writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTask {
    /// Owner id.
    pub owner: String,
    /// Due.
    pub due_at: Timestamp,
    /// Subject line.
    pub subject: String,
    /// People.
    pub people: Vec<String>,
    /// Deals.
    pub deals: Vec<String>,
}

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskState {
    /// To be done.
    Open,
    /// Completed.
    Done,
    /// Put off or withdrawn.
    Deferred,
    /// Archived or deleted.
    Deleted,
}

/// A task as the portal holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskView {
    /// Native id.
    pub id: String,
    /// The follow-up key it carries: a unique property, or the marker block in its body.
    pub key: Option<String>,
    /// Owner id.
    pub owner: Option<String>,
    /// People.
    pub people: Vec<String>,
    /// Deals.
    pub deals: Vec<String>,
    /// Where it stands.
    pub state: TaskState,
    /// Subject line.
    pub subject: String,
    /// Body as stored.
    pub body: String,
    /// Created.
    pub created_at: Timestamp,
    /// Reached its present closed state.
    pub closed_at: Option<Timestamp>,
    /// Due.
    pub due_at: Option<Timestamp>,
    /// Reminder.
    pub reminder_at: Option<Timestamp>,
}

/// How long the key of a list is.
const LIST_KEY_DIGITS: usize = 40;

impl TaskView {
    /// Whether it is an owner's list, not a reminder of one subject: its key is longer.
    pub fn is_list(&self) -> bool {
        self.key.as_ref().is_some_and(|key| key.len() == LIST_KEY_DIGITS)
    }
}

/// What a person working in the CRM does to a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskAct {
    /// Completes it.
    Complete,
    /// Puts it off for good.
    Defer,
    /// Deletes it.
    Delete,
    /// Moves the due date.
    MoveTo(Timestamp),
    /// Gives it to another owner.
    Reassign(String),
    /// Rewrites the subject line.
    Rename(String),
}

/// A change to a person record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PersonChange {
    /// New owner.
    Owner(Option<String>),
    /// Marked as junk or unqualified.
    Disqualified,
    /// Does not want mail or calls.
    OptedOut,
    /// Became a customer.
    Customer,
    /// New last name (a correction that means nothing).
    LastName(String),
}

/// What not every CRM can show. A situation that hangs on it is not played where it cannot be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Feature {
    /// A flag that says of an automatic reply that its sender is away.
    AbsenceFlag,
    /// How a meeting ended.
    MeetingResult,
    /// Leads that become contacts.
    Conversion,
    /// People who belong to nobody.
    Ownerless,
    /// People who belong to a queue instead of a user.
    Queues,
    /// Which conversation a mail belongs to.
    Threads,
    /// Mails by themselves, not record by record.
    MailStream,
    /// Which record another one was merged into.
    MergeTrace,
}

/// Acts of people and systems in one CRM. Acts on ids that do not exist do nothing.
pub trait Crm {
    /// Whether this CRM can show it; unless it says otherwise, everything but conversions.
    fn shows(&self, feature: Feature) -> bool {
        feature != Feature::Conversion
    }
    /// Adds a user or queue; answers its id.
    fn add_owner(&mut self, at: Timestamp, owner: NewOwner) -> String;
    /// A form submission; answers the person's id.
    fn submit_form(&mut self, at: Timestamp, form: Form) -> String;
    /// A person record; answers its id.
    fn add_person(&mut self, at: Timestamp, person: NewPerson) -> String;
    /// Changes a person record.
    fn change_person(&mut self, at: Timestamp, person: &str, change: PersonChange);
    /// Merges `loser` into `winner`; answers the id that survives (it may be new).
    fn merge_people(&mut self, at: Timestamp, winner: &str, loser: &str) -> String;
    /// A lead becomes a contact; answers the contact's id, or the given one where nothing is ever converted.
    fn convert_person(&mut self, _at: Timestamp, person: &str) -> String {
        person.to_owned()
    }
    /// Deletes a person record.
    fn delete_person(&mut self, at: Timestamp, person: &str);
    /// A person's id by address.
    fn person_by_email(&self, email: &str) -> Option<String>;
    /// A mail; answers its id. It is linked to the people (and their open deals) the addresses belong to.
    fn log_mail(&mut self, at: Timestamp, mail: Mail) -> String;
    /// A call; answers its id.
    fn log_call(&mut self, at: Timestamp, call: Call) -> String;
    /// A note on a person; answers its id.
    fn log_note(&mut self, at: Timestamp, by: &str, person: &str) -> String;
    /// A meeting; answers its id.
    fn book_meeting(&mut self, at: Timestamp, meeting: NewMeeting) -> String;
    /// Records how a meeting ended.
    fn end_meeting(&mut self, at: Timestamp, meeting: &str, end: MeetingEnd);
    /// A deal; answers its id.
    fn add_deal(&mut self, at: Timestamp, deal: NewDeal) -> String;
    /// Moves a deal.
    fn move_deal(&mut self, at: Timestamp, deal: &str, step: DealStep);
    /// Gives a deal to another owner.
    fn give_deal(&mut self, at: Timestamp, deal: &str, owner: &str);
    /// A human's task; answers its id.
    fn add_task(&mut self, at: Timestamp, task: NewTask) -> String;
    /// Does something to a task.
    fn act_on_task(&mut self, at: Timestamp, task: &str, act: TaskAct);
    /// Every task, deleted ones included, in the order of creation.
    fn tasks(&self) -> Vec<TaskView>;
    /// Every body a task had and since when, oldest first; unless it says otherwise, none was ever changed.
    fn bodies(&self, task: &TaskView) -> Vec<(Timestamp, String)> {
        vec![(task.created_at, task.body.clone())]
    }
}

/// Marks a follow-up key in a task's text, where no unique field holds it.
const MARKER: &str = "[followupd key=";

/// The word behind the marker in a text.
pub(crate) fn marker_key(body: &str) -> Option<String> {
    let (_, rest) = body.split_once(MARKER)?;
    let key: String = rest
        .trim_start()
        .chars()
        .take_while(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_'))
        .collect();
    (!key.is_empty()).then_some(key)
}
