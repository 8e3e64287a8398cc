//! A CRM in memory that keeps just enough to play the script on, and a book of every act.

#![expect(clippy::unwrap_used, reason = "a test helper fails loudly")]

use followup_sandbox::crm::{
    Call, Crm, DealStep, Feature, Form, Mail, MeetingEnd, NewDeal, NewMeeting, NewOwner, NewPerson, NewTask,
    PersonChange, TaskAct, TaskState, TaskView,
};
use jiff::Timestamp;

/// The CRM and its book.
#[derive(Default)]
pub(crate) struct FakeCrm {
    /// Every act in words, in the order it came.
    pub(crate) book: Vec<String>,
    /// The instants of the acts.
    pub(crate) instants: Vec<Timestamp>,
    /// Every task.
    pub(crate) tasks: Vec<TaskView>,
    people: Vec<(String, String)>,
    next_id: u32,
    /// What it cannot show.
    pub(crate) hides: Vec<Feature>,
}

impl FakeCrm {
    fn note(&mut self, at: Timestamp, words: &str) {
        self.book.push(format!("{at} {words}"));
        self.instants.push(at);
    }

    fn id(&mut self) -> String {
        self.next_id += 1;
        self.next_id.to_string()
    }

    /// Adds a task, a human's or a tool's.
    pub(crate) fn push_task(&mut self, at: Timestamp, key: Option<String>, task: NewTask) -> String {
        let id = self.id();
        self.tasks.push(TaskView {
            id: id.clone(),
            key,
            owner: Some(task.owner),
            people: task.people,
            deals: task.deals,
            state: TaskState::Open,
            subject: task.subject,
            body: String::new(),
            created_at: at,
            closed_at: None,
            due_at: Some(task.due_at),
            reminder_at: None,
        });
        id
    }

    /// Brings a task into a closed state.
    pub(crate) fn close_task(&mut self, at: Timestamp, id: &str, state: TaskState) {
        let task = self.tasks.iter_mut().find(|task| task.id == id).unwrap();
        task.state = state;
        task.closed_at = Some(at);
    }

    /// The reminder with this key.
    pub(crate) fn by_key(&self, key: &str) -> Option<&TaskView> {
        self.tasks.iter().find(|task| task.key.as_deref() == Some(key))
    }
}

impl Crm for FakeCrm {
    fn shows(&self, feature: Feature) -> bool {
        !self.hides.contains(&feature)
    }

    fn convert_person(&mut self, at: Timestamp, person: &str) -> String {
        self.note(at, &format!("convert {person}"));
        person.to_owned()
    }

    fn add_owner(&mut self, at: Timestamp, owner: NewOwner) -> String {
        self.note(at, &format!("{owner:?}"));
        self.id()
    }

    fn submit_form(&mut self, at: Timestamp, form: Form) -> String {
        self.note(at, &format!("{form:?}"));
        if let Some(id) = self.person_by_email(&form.email) {
            return id;
        }
        let id = self.id();
        self.people.push((form.email, id.clone()));
        id
    }

    fn add_person(&mut self, at: Timestamp, person: NewPerson) -> String {
        self.note(at, &format!("{person:?}"));
        let id = self.id();
        let email = person.email.unwrap();
        assert!(self.person_by_email(&email).is_none(), "{email} is entered twice");
        self.people.push((email, id.clone()));
        id
    }

    fn change_person(&mut self, at: Timestamp, person: &str, change: PersonChange) {
        self.note(at, &format!("{person} {change:?}"));
    }

    fn merge_people(&mut self, at: Timestamp, winner: &str, loser: &str) -> String {
        self.note(at, &format!("merge {winner} {loser}"));
        let survivor = self.id();
        for (_, id) in self
            .people
            .iter_mut()
            .filter(|(_, id)| id == winner || id == loser)
        {
            id.clone_from(&survivor);
        }
        survivor
    }

    fn delete_person(&mut self, at: Timestamp, person: &str) {
        self.note(at, &format!("delete {person}"));
    }

    fn person_by_email(&self, email: &str) -> Option<String> {
        self.people
            .iter()
            .find(|(known, _)| known == email)
            .map(|(_, id)| id.clone())
    }

    fn log_mail(&mut self, at: Timestamp, mail: Mail) -> String {
        self.note(at, &format!("{mail:?}"));
        let ends = mail.to.iter().chain(std::iter::once(&mail.from));
        assert!(
            ends.into_iter().any(|end| self.person_by_email(end).is_some()),
            "{mail:?} is to nobody known"
        );
        self.id()
    }

    fn log_call(&mut self, at: Timestamp, call: Call) -> String {
        self.note(at, &format!("{call:?}"));
        self.id()
    }

    fn log_note(&mut self, at: Timestamp, by: &str, person: &str) -> String {
        self.note(at, &format!("note {by} {person}"));
        self.id()
    }

    fn book_meeting(&mut self, at: Timestamp, meeting: NewMeeting) -> String {
        self.note(at, &format!("{meeting:?}"));
        self.id()
    }

    fn end_meeting(&mut self, at: Timestamp, meeting: &str, end: MeetingEnd) {
        self.note(at, &format!("{meeting} {end:?}"));
    }

    fn add_deal(&mut self, at: Timestamp, deal: NewDeal) -> String {
        self.note(at, &format!("{deal:?}"));
        self.id()
    }

    fn move_deal(&mut self, at: Timestamp, deal: &str, step: DealStep) {
        self.note(at, &format!("{deal} {step:?}"));
    }

    fn give_deal(&mut self, at: Timestamp, deal: &str, owner: &str) {
        self.note(at, &format!("{deal} to {owner}"));
    }

    fn add_task(&mut self, at: Timestamp, task: NewTask) -> String {
        self.note(at, &format!("{task:?}"));
        self.push_task(at, None, task)
    }

    fn act_on_task(&mut self, at: Timestamp, task: &str, act: TaskAct) {
        self.note(at, &format!("{task} {act:?}"));
        let state = match act {
            TaskAct::Complete => TaskState::Done,
            TaskAct::Defer => TaskState::Deferred,
            TaskAct::Delete => TaskState::Deleted,
            TaskAct::MoveTo(_) | TaskAct::Reassign(_) | TaskAct::Rename(_) => TaskState::Open,
        };
        if state != TaskState::Open {
            self.close_task(at, task, state);
        }
        let view = self.tasks.iter_mut().find(|view| view.id == task).unwrap();
        match act {
            TaskAct::MoveTo(due_at) => view.due_at = Some(due_at),
            TaskAct::Reassign(owner) => view.owner = Some(owner),
            TaskAct::Rename(subject) => view.subject = subject,
            _ => {}
        }
    }

    fn tasks(&self) -> Vec<TaskView> {
        self.tasks.clone()
    }
}
