//! What an owner's list says, entry by entry: as long as the list names a gap, that entry stands for a reminder of its own.
//!
//! A list is judged by its marker block, the same in every CRM: `subject=` and `gaps=` name, in one order, what each entry is
//! about and what is owed. The bodies it had before tell when an entry came and when it was taken off.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::crm::{TaskState, TaskView};

/// How the block begins that names the entries, white space left out.
const OPENING: &str = "[followupdkey=";

/// The entries of a list, the earliest first. One that was taken off and put on again is two.
///
/// `bodies` is what the list said and since when, oldest first. An entry that was taken off counts as done at that instant; one
/// that stands when the list ends shares its end.
pub(super) fn entries(list: &TaskView, bodies: &[(Timestamp, String)]) -> Vec<TaskView> {
    let mut standing: BTreeMap<String, TaskView> = BTreeMap::new();
    let mut ended = Vec::new();
    for (at, body) in bodies {
        let named = named(body);
        let gone: Vec<String> = standing
            .keys()
            .filter(|gap| !named.contains_key(*gap))
            .cloned()
            .collect();
        for entry in gone.iter().filter_map(|gap| standing.remove(gap)) {
            ended.push(TaskView {
                state: TaskState::Done,
                closed_at: Some(*at),
                ..entry
            });
        }
        for (gap, (is_deal, id)) in named {
            standing
                .entry(gap.clone())
                .or_insert_with(|| entry(list, *at, gap, (is_deal, id)));
        }
    }
    ended.extend(standing.into_values());
    ended.sort_by(|a, b| (a.created_at, &a.key).cmp(&(b.created_at, &b.key)));
    ended
}

fn entry(list: &TaskView, at: Timestamp, gap: String, (is_deal, id): (bool, String)) -> TaskView {
    let (people, deals) = if is_deal {
        (Vec::new(), vec![id])
    } else {
        (vec![id], Vec::new())
    };
    let key = list.key.clone().unwrap_or_default();
    TaskView {
        key: Some(format!("{key}/{gap}")),
        people,
        deals,
        body: gap,
        created_at: at,
        ..list.clone()
    }
}

/// The gaps a body names, each with whether its subject is a deal, and the subject's id.
fn named(body: &str) -> BTreeMap<String, (bool, String)> {
    let plain: String = body.chars().filter(|letter| !letter.is_whitespace()).collect();
    let block = plain
        .rsplit_once(OPENING)
        .and_then(|(_, rest)| rest.split_once(']'))
        .map_or("", |(block, _)| block);
    let field = |name: &str| {
        let fields = block.split(';').filter_map(|field| field.split_once('='));
        let values = fields.filter(|(key, _)| *key == name).map(|(_, value)| value);
        values.flat_map(|value| value.split(',')).collect::<Vec<_>>()
    };
    field("gaps")
        .into_iter()
        .zip(field("subject"))
        .map(|(gap, subject)| {
            let id = subject.rsplit('/').next().unwrap_or_default();
            (gap.to_owned(), (subject.starts_with("deal/"), id.to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("2026-03-02T{text}:00Z").parse().unwrap()
    }

    fn list(state: TaskState, closed_at: Option<Timestamp>) -> TaskView {
        TaskView {
            id: "9".to_owned(),
            key: Some("k".repeat(40)),
            owner: Some("ana".to_owned()),
            people: Vec::new(),
            deals: Vec::new(),
            state,
            subject: "Try again".to_owned(),
            body: String::new(),
            created_at: at("09:00"),
            closed_at,
            due_at: None,
            reminder_at: None,
        }
    }

    /// A body as a CRM may hold it: wrapped, with the rep's words above.
    fn body(entries: &[(&str, &str)]) -> String {
        let part = |pick: fn(&(&str, &str)) -> String| entries.iter().map(pick).collect::<Vec<_>>().join(",");
        let subjects = part(|(_, subject)| format!("{subject}/hub/x/{}", subject.len()));
        let gaps = part(|(gap, _)| format!("{gap}/hub/x/1/0/0"));
        format!("<p>Ours</p>[followupd key=k; rule=r;\n subject={subjects}; gaps={gaps}; policy=1]")
    }

    #[test]
    fn an_entry_lives_from_the_first_body_that_names_it_to_the_first_that_does_not() {
        let bodies = [
            (at("09:00"), body(&[("a", "human"), ("b", "deal")])),
            (at("11:00"), body(&[("b", "deal"), ("c", "human")])),
        ];
        let closed = list(TaskState::Deferred, Some(at("15:00")));
        let seen: Vec<_> = entries(&closed, &bodies)
            .into_iter()
            .map(|entry| {
                (
                    entry.body,
                    entry.created_at,
                    entry.closed_at,
                    entry.state,
                    entry.deals.len(),
                )
            })
            .collect();
        let gap = |name: &str| format!("{name}/hub/x/1/0/0");
        assert_eq!(
            seen,
            [
                (gap("a"), at("09:00"), Some(at("11:00")), TaskState::Done, 0),
                (gap("b"), at("09:00"), Some(at("15:00")), TaskState::Deferred, 1),
                (gap("c"), at("11:00"), Some(at("15:00")), TaskState::Deferred, 0),
            ]
        );
    }

    #[test]
    fn an_entry_put_on_again_is_two_and_a_body_without_a_block_names_none() {
        let one = body(&[("a", "human")]);
        let bodies = [
            (at("09:00"), one.clone()),
            (at("10:00"), "the rep's words alone".to_owned()),
            (at("11:00"), one),
        ];
        let seen = entries(&list(TaskState::Open, None), &bodies);
        let spans: Vec<_> = seen
            .iter()
            .map(|entry| (entry.created_at, entry.closed_at))
            .collect();
        assert_eq!(spans, [(at("09:00"), Some(at("10:00"))), (at("11:00"), None)]);
    }
}
