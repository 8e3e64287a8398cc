//! Owners' lists: which are there, which subjects they bring into a judgement, what is written and closed. Pure but for
//! reading the store.
//!
//! A list is one task of an owner for many subjects, so it is decided about once all of them were judged together: every
//! subject that an open list names joins the judgement of each of them ([`listed_with`]). What a list costs follows its
//! own length, which is bounded, never the size of the org. What it names is listed from the moment it is true, but a new
//! list is written in its owner's hours, because it rings.

use std::collections::{BTreeMap, BTreeSet};

use followup_core::{
    Baseline, ConnectionId, DraftLinks, LinkChange, OwnerId, RecordRef, TaskChange, TaskDraft, TaskKey,
    TaskStatus,
};
use followup_rules::{
    Bundle, BundleOf, Context, KnownBundles, TaskText, Topic, bundle_key, bundle_verdict, bundles, is_bundle,
    list_of,
    model::{Evaluation, Facts, Gap, Outcome, OwnTask, RuleId, Subject, TaskVerdict},
    policy::Span,
    render_bundle,
};
use followup_store::ledger::{Entry, Ledger, RowState, TaskRow};
use jiff::SignedDuration;

use super::{
    PlanInputs,
    decide::{Amendment, DUE_AHEAD, Decision, close, fold_in, is_refused_for_a_day, known_to},
    place::{links, place},
    subject_of,
};

/// A closed list is looked up by its key for this long: longer than any period has.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(15 * 24);

/// A list that has been open for this long takes nothing in any more.
const JOINED_FOR: Span = Span::BusinessDays(20);

/// Everything that is judged together: evaluations and the facts each was made of, by the same place.
#[derive(Debug, Default)]
pub struct Judged {
    /// What was judged.
    pub evaluations: Vec<Evaluation>,
    /// Of what.
    pub facts: Vec<Facts>,
}

/// The lists of the ledger: what is open, by whose it was when it was written, and what is closed.
pub fn known(ledger: &Ledger, context: &Context<'_>) -> KnownBundles {
    let mut known = KnownBundles::default();
    for row in ledger.lists().filter(|row| is_bundle(&row.key)) {
        let is_recent = context.now.duration_since(row.planned_at) < REMEMBERED;
        let list = list_of_row(ledger, row, context);
        if let Some((topic, _)) = list.as_ref().filter(|_| row.is_live()) {
            known.topics.insert(row.key.clone(), *topic);
        }
        match list.filter(|_| row.is_live() && row.closing.is_none()) {
            Some(list) if !is_old(row, &row.owner, context) => {
                known.open.insert(list, row.key.clone());
            }
            None if is_recent && !row.is_refused() => {
                known.closed.insert(row.key.clone());
            }
            Some(_) | None => {}
        }
        if row.is_live() {
            let gaps = row.gaps.iter().filter_map(|id| ledger.gap(id));
            let held = gaps
                .filter(|gap| gap.end.is_none())
                .filter_map(super::facts::gap_key);
            known.held.extend(held.map(|gap| (gap, row.key.clone())));
        }
    }
    known
}

/// Whose list a row is, and of what. A list of a return is known by its key, which is made of the day it was planned.
fn list_of_row(ledger: &Ledger, row: &TaskRow, context: &Context<'_>) -> Option<BundleOf> {
    let gap = row.gaps.iter().find_map(|id| ledger.gap(id))?;
    let rule = RuleId::parse(&gap.rule)?;
    let owner = (!rule.is_for_admin()).then(|| context.calendars.person_of(&row.owner).clone());
    let begun_on = context.calendars.of(owner.as_ref()).date_on(row.planned_at);
    let is_return = row.key == bundle_key(Topic::Return, owner.as_ref(), begun_on);
    let topic = if is_return {
        Topic::Return
    } else {
        Topic::Rule(rule)
    };
    Some((topic, owner))
}

fn is_old(row: &TaskRow, owner: &OwnerId, context: &Context<'_>) -> bool {
    let created_at = row.created_at.unwrap_or(row.planned_at);
    context.now >= context.calendars.of(Some(owner)).add(created_at, JOINED_FOR)
}

/// The subjects of open lists that hold, or may take in, a gap of what was judged, and that were not judged yet.
pub fn listed_with(
    ledger: &Ledger,
    judged: &Judged,
    known: &KnownBundles,
    context: &Context<'_>,
) -> BTreeSet<RecordRef> {
    let mut keys: BTreeSet<&TaskKey> = BTreeSet::new();
    for (evaluation, facts) in judged.evaluations.iter().zip(&judged.facts) {
        let own = facts.own_tasks.iter().map(|task| &task.key);
        keys.extend(own.filter(|key| is_bundle(key) && evaluation.tasks.contains_key(*key)));
        let open = evaluation
            .gaps
            .iter()
            .filter(|gap| matches!(gap.outcome, Outcome::Task | Outcome::Bundled));
        keys.extend(open.filter_map(|gap| known.open.get(&list_of(gap, context))));
    }
    let rows = keys.into_iter().filter_map(|key| ledger.task(key));
    rows.filter(|row| row.closed.is_none())
        .flat_map(|row| ledger.subjects_of(row))
        .collect()
}

/// What the CRM shows of the lists that were judged: one that the rep ended takes nothing in, one that has another owner
/// is theirs.
pub fn as_seen(mut known: KnownBundles, judged: &Judged, context: &Context<'_>) -> KnownBundles {
    let mut seen: BTreeMap<&TaskKey, &OwnTask> = BTreeMap::new();
    for task in judged.facts.iter().flat_map(|facts| &facts.own_tasks) {
        if is_bundle(&task.key) && task.closed_by_us.is_none() {
            seen.insert(&task.key, task);
        }
    }
    let listed: Vec<(BundleOf, TaskKey)> = known
        .open
        .iter()
        .map(|(list, key)| (list.clone(), key.clone()))
        .collect();
    for (list, key) in listed {
        let Some(task) = seen.get(&key) else { continue };
        let owner = task
            .owner
            .as_ref()
            .map(|owner| context.calendars.person_of(owner).clone());
        if task.status != TaskStatus::Open {
            known.open.remove(&list);
            known.closed.insert(key);
        } else if list.1.is_some() && owner != list.1 {
            known.open.remove(&list);
            // Their own list goes before one that was handed to them.
            known.open.entry((list.0, owner)).or_insert(key);
        }
    }
    known
        .held
        .retain(|_, key| seen.get(key).is_none_or(|task| task.status == TaskStatus::Open));
    known
}

/// What was decided about lists.
#[derive(Debug, Default)]
pub struct ListDecision {
    /// For the journal, in order, behind what was decided about subjects.
    pub entries: Vec<Entry>,
    /// Lists to create.
    pub drafts: Vec<TaskDraft>,
    /// Lists whose text changes.
    pub amendments: Vec<Amendment>,
    /// Subjects to look at again soon: their list waits for something no record tells.
    pub waits: BTreeSet<RecordRef>,
}

/// Decides about the lists of what was judged.
pub fn decide_lists(
    ledger: &Ledger,
    judged: &Judged,
    known: &KnownBundles,
    context: &Context<'_>,
    inputs: &PlanInputs,
) -> ListDecision {
    let mut decided = ListDecision::default();
    let at_rest = close_lists(ledger, judged, context, inputs, &mut decided);
    let facts: Vec<&Facts> = judged.facts.iter().collect();
    for bundle in bundles(&judged.evaluations, known, context) {
        if at_rest.contains(&bundle.key) {
            continue;
        }
        let desk = Desk {
            ledger,
            facts: &facts,
            context,
            inputs,
        };
        desk.write(bundle, &mut decided);
    }
    decided
}

/// Closes lists whose last gap is gone; answers those of which nothing is written now: closed ones, and those that the
/// rep put off.
fn close_lists(
    ledger: &Ledger,
    judged: &Judged,
    context: &Context<'_>,
    inputs: &PlanInputs,
    decided: &mut ListDecision,
) -> BTreeSet<TaskKey> {
    let mut verdicts: BTreeMap<&TaskKey, (&OwnTask, Vec<&TaskVerdict>)> = BTreeMap::new();
    for (evaluation, facts) in judged.evaluations.iter().zip(&judged.facts) {
        for (key, verdict) in evaluation.tasks.iter().filter(|(key, _)| is_bundle(key)) {
            if let Some(task) = facts.own_tasks.iter().find(|task| task.key == *key) {
                verdicts.entry(key).or_insert((task, Vec::new())).1.push(verdict);
            }
        }
    }
    let mut at_rest = BTreeSet::new();
    for (key, (task, parts)) in verdicts {
        let Some(row) = ledger.task(key).filter(|row| row.closed.is_none()) else {
            continue;
        };
        let verdict = bundle_verdict(parts);
        if verdict != TaskVerdict::Keep {
            at_rest.insert(key.clone());
        }
        let mut decision = Decision::default();
        let is_writable = inputs.writable.contains(&row.connection);
        close(row, task, &verdict, is_writable, context.now, &mut decision);
        decided.entries.append(&mut decision.entries);
    }
    at_rest
}

/// What a list is written with.
struct Desk<'d> {
    ledger: &'d Ledger,
    facts: &'d [&'d Facts],
    context: &'d Context<'d>,
    inputs: &'d PlanInputs,
}

/// Where a list goes, and what it is linked to there.
struct ListPlace {
    owner: OwnerId,
    links: DraftLinks,
}

impl Desk<'_> {
    fn write(&self, mut bundle: Bundle<'_>, decided: &mut ListDecision) {
        let row = self.ledger.task(&bundle.key);
        if row.is_some_and(|row| row.closed.is_some() || row.closing.is_some()) {
            return;
        }
        let shown: &[String] = row.map_or(&[], |row| &row.shown);
        bundle.parts.retain(|(place, gap)| {
            // What is held back is not named anew.
            let is_shown = shown.contains(&gap.id().0);
            let can_list = |facts: &&Facts| self.can_list(gap, facts, decided);
            is_shown || (gap.outcome == Outcome::Bundled && self.facts.get(*place).is_some_and(can_list))
        });
        match row {
            _ if bundle.parts.is_empty() => {}
            None => self.create(&bundle, decided),
            Some(row) if row.is_refused() => {
                if is_refused_for_a_day(row, self.context.now) {
                    self.create(&bundle, decided);
                } else {
                    wait(&bundle, decided);
                }
            }
            Some(row) if !self.inputs.writable.contains(&row.connection) => {}
            // Not sent yet, and all of it held back now: it waits.
            Some(row) if row.state == RowState::Planned && !bundle.has_anything_now() => {}
            Some(row) if row.state == RowState::Planned => {
                if let Some(place) = self.place_of(&bundle, &BTreeSet::from([row.connection.clone()])) {
                    decided.entries.extend(self.told(row, &bundle));
                    decided.drafts.push(self.draft(&bundle, place));
                }
            }
            Some(row) => self.amend(row, &bundle, decided),
        }
    }

    /// Whether a gap may be named in a task at all, in any CRM.
    fn can_list(&self, gap: &Gap, facts: &Facts, decided: &mut ListDecision) -> bool {
        let is_known = known_to(gap, facts).all(|connection| !self.inputs.unsure.contains(connection));
        if !is_known {
            decided.waits.insert(gap.subject.record().clone());
        }
        let can_go = if gap.key.rule.is_for_admin() {
            self.inputs.writable.contains(&gap.subject.record().connection)
        } else {
            place(gap, facts, self.context.calendars, &self.inputs.writable).is_some()
        };
        is_known && can_go
    }

    /// The CRM of the first part that can be placed; linked to what that CRM knows of all of them.
    fn place_of(&self, bundle: &Bundle<'_>, writable: &BTreeSet<ConnectionId>) -> Option<ListPlace> {
        let mut found: Option<ListPlace> = None;
        for (number, gap) in &bundle.parts {
            let facts = self.facts.get(*number)?;
            let (owner, links) = if bundle.owner.is_none() {
                let connection = &gap.subject.record().connection;
                let is_there = |admin: &&OwnerId| writable.contains(&admin.record().connection);
                let at_home = |admin: &&OwnerId| admin.record().connection == *connection;
                let admins = || self.inputs.admins.iter().filter(is_there);
                let Some(admin) = admins().find(at_home).or_else(|| admins().next()) else {
                    continue;
                };
                (admin.clone(), links(gap, facts))
            } else {
                let Some(place) = place(gap, facts, self.context.calendars, writable) else {
                    continue;
                };
                (place.owner, place.links)
            };
            let place = found.get_or_insert_with(|| ListPlace {
                owner,
                links: DraftLinks::default(),
            });
            add_links(&mut place.links, links, &place.owner.record().connection);
        }
        found
    }

    fn create(&self, bundle: &Bundle<'_>, decided: &mut ListDecision) {
        let Some(place) = self.place_of(bundle, &self.inputs.writable) else {
            return;
        };
        let connection = place.owner.record().connection.clone();
        if self.inputs.unsure.contains(&connection) {
            wait(bundle, decided);
            return;
        }
        if self.inputs.ask_first.contains(&connection) && !self.ledger.is_approved(&bundle.key) {
            return; // proposed
        }
        if self.is_at_night(bundle) {
            return; // its reminder would ring; what it names is judged again at the opening
        }
        let draft = self.draft(bundle, place);
        let gaps = gap_ids(bundle);
        decided.entries.push(Entry::Intended {
            row: Box::new(TaskRow {
                key: draft.key.clone(),
                connection,
                owner: draft.owner.clone(),
                subject: draft.owner.record().clone(),
                shown: gaps.clone(),
                gaps,
                run: self.inputs.run.clone(),
                state: RowState::Planned,
                planned_at: self.context.now,
                created_at: None,
                due_at: draft.due_at,
                baseline: Baseline::default(),
                closing: None,
                closed: None,
            }),
        });
        decided.drafts.push(draft);
    }

    /// Whether it is outside the hours of all for whom the gaps were judged: the calendars by which they are judged again.
    fn is_at_night(&self, bundle: &Bundle<'_>) -> bool {
        let now = self.context.now;
        bundle.parts.iter().all(|(_, gap)| {
            let owner = gap.owner.as_ref().filter(|_| bundle.owner.is_some());
            self.context.calendars.of(owner).next_opening(now) > now
        })
    }

    fn draft(&self, bundle: &Bundle<'_>, place: ListPlace) -> TaskDraft {
        let TaskText {
            subject,
            body,
            marker,
        } = render_bundle(bundle, self.facts, self.context);
        let due_at = bundle.due_at.max(self.context.now + DUE_AHEAD);
        TaskDraft {
            key: bundle.key.clone(),
            owner: place.owner,
            links: place.links,
            subject,
            body,
            marker,
            due_at,
            reminder_at: Some(self.context.now.min(due_at - SignedDuration::from_mins(1))),
            is_urgent: bundle.is_urgent(),
        }
    }

    /// A different set of gaps means a different text; another order of the same gaps does not.
    fn amend(&self, row: &TaskRow, bundle: &Bundle<'_>, decided: &mut ListDecision) {
        let (Some(id), Some(then)) = (row.remote(), self.told(row, bundle)) else {
            return;
        };
        // Looked at again soon: a change that gets lost on its way is sent again.
        wait(bundle, decided);
        let TaskText {
            subject,
            body,
            marker,
        } = render_bundle(bundle, self.facts, self.context);
        decided.amendments.push(Amendment {
            then,
            change: TaskChange {
                id: id.clone(),
                key: row.key.clone(),
                baseline: row.baseline.clone(),
                subject: Some(subject),
                body: Some(body),
                marker,
                links: self.relinked(row, bundle),
                append: None,
                closing: None,
                created_at: row.created_at.unwrap_or(row.planned_at),
            },
        });
    }

    /// What is listed now is linked, what is listed no more is taken off.
    fn relinked(&self, row: &TaskRow, bundle: &Bundle<'_>) -> LinkChange {
        let there = BTreeSet::from([row.connection.clone()]);
        let add = self
            .place_of(bundle, &there)
            .map(|place| place.links)
            .unwrap_or_default();
        let mut remove = DraftLinks::default();
        let gone = self.ledger.shown_subjects_of(row);
        for subject in gone
            .into_iter()
            .filter(|subject| subject.connection == row.connection)
        {
            match subject_of(&subject) {
                Subject::Human(person) if !add.people.contains(&person) => remove.people.push(person),
                Subject::Deal(deal) if !add.deals.contains(&deal) => remove.deals.push(deal),
                Subject::Human(_) | Subject::Deal(_) => {}
            }
        }
        LinkChange { add, remove }
    }

    /// What the ledger says once the CRM shows a list's present gaps; `None` if it shows just those.
    fn told(&self, row: &TaskRow, bundle: &Bundle<'_>) -> Option<Entry> {
        let shown = gap_ids(bundle);
        let is_same = shown.len() == row.shown.len() && shown.iter().all(|gap| row.shown.contains(gap));
        if is_same {
            return None;
        }
        Some(fold_in(row, shown, self.context.now))
    }
}

/// Everything a list names is looked at again soon.
fn wait(bundle: &Bundle<'_>, decided: &mut ListDecision) {
    let subjects = bundle.parts.iter().map(|(_, gap)| gap.subject.record().clone());
    decided.waits.extend(subjects);
}

fn gap_ids(bundle: &Bundle<'_>) -> Vec<String> {
    bundle.parts.iter().map(|(_, gap)| gap.id().0).collect()
}

/// Adds the subject's own record: a deal's people are not linked to the list that names it.
fn add_links(all: &mut DraftLinks, links: DraftLinks, connection: &ConnectionId) {
    if links.deals.is_empty() {
        add(&mut all.people, links.people, |person| {
            person.record().connection == *connection
        });
    } else {
        add(&mut all.deals, links.deals, |deal| {
            deal.record().connection == *connection
        });
    }
}

fn add<T: PartialEq>(all: &mut Vec<T>, more: Vec<T>, is_there: impl Fn(&T) -> bool) {
    for one in more.into_iter().filter(is_there) {
        if !all.contains(&one) {
            all.push(one);
        }
    }
}
