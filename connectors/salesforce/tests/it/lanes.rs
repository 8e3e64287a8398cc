//! Lanes: what is read by which route, what it costs, and that nothing is lost on the way.

use std::collections::BTreeSet;

use followup_core::{Cursor, Lane, PageEnd, PullRequest, Record, Stream, TaskStatus};
use followup_salesforce::Salesforce;
use followup_sandbox::{LateCommits, crm::Form, crm::FormKind};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::support::{Org, read};

fn leads(count: usize) -> Vec<Value> {
    (0..count)
        .map(|number| json!({"LastName": format!("Prova {number}"), "Company": "Acme", "LeadSource": "Web"}))
        .collect()
}

/// Cursors behind a finished first read of every stream.
async fn first_reads(connector: &Salesforce, now: Timestamp) -> Vec<(Stream, Cursor)> {
    let mut cursors = Vec::new();
    for stream in followup_core::Connector::streams(connector) {
        let done = read(connector, *stream, Lane::Backfill, None, now).await;
        cursors.push((*stream, done.cursor.expect("a cursor")));
    }
    cursors
}

/// A cycle as the engine runs it: announced, then each lane to its end. Answers what came and the new cursors.
async fn cycle(
    connector: &Salesforce,
    cursors: &[(Stream, Cursor)],
    lane: Lane,
    now: Timestamp,
) -> (Vec<Record>, Vec<(Stream, Cursor)>) {
    use followup_core::Connector as _;
    let pulls: Vec<PullRequest> = cursors
        .iter()
        .map(|(stream, cursor)| PullRequest {
            stream: *stream,
            lane,
            cursor: Some(cursor.clone()),
            now,
        })
        .collect();
    connector.announce(&pulls);
    let (mut records, mut next) = (Vec::new(), Vec::new());
    for (stream, cursor) in cursors {
        let done = read(connector, *stream, lane, Some(cursor.clone()), now).await;
        records.extend(done.records);
        next.push((*stream, done.cursor.expect("a cursor")));
    }
    (records, next)
}

#[tokio::test(start_paused = true)]
async fn an_idle_cycle_over_all_record_streams_costs_two_calls() {
    let org = Org::empty();
    let connector = org.connector();
    let mut cursors = first_reads(&connector, org.now()).await;
    org.advance(SignedDuration::from_mins(30));
    (_, cursors) = cycle(&connector, &cursors, Lane::Hot, org.now()).await;
    for _ in 0..3 {
        org.advance(SignedDuration::from_mins(5));
        org.wire.drain();
        (_, cursors) = cycle(&connector, &cursors, Lane::Hot, org.now()).await;
        let sent = org.wire.drain();
        assert_eq!(sent, ["POST /services/data/v64.0/composite"; 2], "{sent:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cycle_in_which_settled_lanes_are_due_costs_no_more() {
    use followup_core::Connector as _;
    let org = Org::empty();
    let connector = org.connector();
    let cursors = first_reads(&connector, org.now()).await;
    org.advance(SignedDuration::from_mins(30));
    let now = org.now();
    let lanes = [Lane::Hot, Lane::Settled];
    let pulls: Vec<PullRequest> = cursors
        .iter()
        .flat_map(|(stream, cursor)| {
            lanes.map(|lane| PullRequest {
                stream: *stream,
                lane,
                cursor: Some(cursor.clone()),
                now,
            })
        })
        .collect();
    org.wire.drain();
    connector.announce(&pulls);
    for pull in pulls {
        let page = connector.pull(pull).await.unwrap();
        assert_eq!(page.end, PageEnd::ReadTo(now));
    }
    assert_eq!(org.wire.drain().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_change_is_seen_by_an_announced_cycle_and_by_pulls_that_were_not_announced() {
    let org = Org::empty();
    let connector = org.connector();
    let cursors = first_reads(&connector, org.now()).await;
    org.advance(SignedDuration::from_mins(5));
    let lead = org.create("Lead", leads(1).remove(0)).await;
    let (records, next) = cycle(&connector, &cursors, Lane::Hot, org.now()).await;
    assert!(records.iter().any(|record| record.id().native_id == lead));
    // The same instant, asked again with the new cursors but unannounced: what happened since is not missed.
    let second = org.create("Lead", leads(1).remove(0)).await;
    for (stream, cursor) in next {
        let done = read(&connector, stream, Lane::Hot, Some(cursor), org.now()).await;
        if stream == Stream::Leads {
            assert!(done.ids().contains(&second), "{:?}", done.ids());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn r2_thirty_thousand_rows_with_one_stamp_all_arrive() {
    let org = Org::empty();
    let connector = org.connector();
    let start = read(&connector, Stream::Leads, Lane::Backfill, None, org.now()).await;
    org.advance(SignedDuration::from_mins(5));
    let mut expected = org.create_many("Lead", &leads(30_000)).await;
    expected.sort();
    let stamps = org
        .query("SELECT SystemModstamp FROM Lead ORDER BY SystemModstamp LIMIT 1")
        .await;
    let last = org
        .query("SELECT SystemModstamp FROM Lead ORDER BY SystemModstamp DESC LIMIT 1")
        .await;
    assert_eq!(
        stamps[0]["SystemModstamp"], last[0]["SystemModstamp"],
        "one stamp for all"
    );
    let hot = read(&connector, Stream::Leads, Lane::Hot, start.cursor, org.now()).await;
    assert_eq!(hot.ids(), expected);
    assert!(hot.pages >= 15, "{}", hot.pages);
}

#[tokio::test(start_paused = true)]
async fn the_first_read_of_a_large_table_is_an_export_and_brings_every_row() {
    let org = Org::empty();
    let mut expected = org.create_many("Lead", &leads(30_000)).await;
    expected.sort();
    let connector = org.connector();
    let first = read(&connector, Stream::Leads, Lane::Backfill, None, org.now()).await;
    assert_eq!(first.ids(), expected);
    let sent = org.wire.drain();
    let count = |what: &str| sent.iter().filter(|line| line.contains(what)).count();
    assert_eq!(count("POST /services/data/v64.0/jobs/query"), 1);
    assert_eq!(count("/results"), 3, "ten thousand rows at once");
    assert_eq!(count("DELETE /services/data/v64.0/jobs/query/"), 1);
    assert!(sent.len() < 20, "{}", sent.len());
}

#[tokio::test(start_paused = true)]
async fn an_export_that_a_restart_forgot_is_made_anew_and_nothing_is_lost() {
    let org = Org::empty();
    let mut expected = org.create_many("Lead", &leads(5_000)).await;
    expected.sort();
    let before = org.connector();
    let mut cursor = None;
    for _ in 0..3 {
        use followup_core::Connector as _;
        let pull = PullRequest {
            stream: Stream::Leads,
            lane: Lane::Backfill,
            cursor,
            now: org.now(),
        };
        cursor = Some(before.pull(pull).await.unwrap().cursor);
    }
    let text = &cursor.as_ref().unwrap().0;
    assert!(
        text.contains("export") && !text.contains("750"),
        "no job in a cursor: {text}"
    );
    let after = org.connector();
    let rest = read(&after, Stream::Leads, Lane::Backfill, cursor, org.now()).await;
    assert_eq!(rest.ids(), expected, "all of them come again");
}

#[tokio::test(start_paused = true)]
async fn where_exports_are_refused_the_first_read_goes_by_id() {
    let org = Org::empty();
    let mut expected = org.create_many("Lead", &leads(5_000)).await;
    expected.sort();
    org.faults(&[("POST /services/data/*/jobs/query", "forbid", 0)]);
    let first = read(&org.connector(), Stream::Leads, Lane::Backfill, None, org.now()).await;
    assert_eq!(first.ids(), expected);
}

#[tokio::test(start_paused = true)]
async fn r4_rows_that_become_visible_five_minutes_late_all_arrive() {
    let org = Org::with(|org| {
        org.people = 80;
        org.late_commits = LateCommits {
            percent: 100,
            seconds_max: 300,
        };
    });
    let connector = org.connector();
    let streams = [Stream::Leads, Stream::Emails, Stream::Calls];
    let (mut hot, mut settled, mut by_any) = (Vec::new(), Vec::new(), BTreeSet::new());
    for stream in streams {
        let first = read(&connector, stream, Lane::Backfill, None, org.now()).await;
        by_any.extend(first.ids());
        hot.push((stream, first.cursor.clone().unwrap()));
        settled.push((stream, first.cursor.unwrap()));
    }
    let mut by_hot = by_any.clone();
    let mut news = 0;
    for step in 0..2_000 {
        org.advance(SignedDuration::from_mins(3));
        for (stream, cursor) in &mut hot {
            let pass = read(&connector, *stream, Lane::Hot, Some(cursor.clone()), org.now()).await;
            news += pass.records.len();
            by_hot.extend(pass.ids());
            *cursor = pass.cursor.unwrap();
        }
        if step % 3 == 2 {
            for (stream, cursor) in &mut settled {
                let pass = read(
                    &connector,
                    *stream,
                    Lane::Settled,
                    Some(cursor.clone()),
                    org.now(),
                )
                .await;
                by_any.extend(pass.ids());
                *cursor = pass.cursor.unwrap();
            }
        }
    }
    assert!(news > 50, "the team was at work: {news}");
    // Nothing new and nothing pending any more: what is there now must have come.
    let mut there = BTreeSet::new();
    for stream in streams {
        there.extend(
            read(&org.connector(), stream, Lane::Backfill, None, org.now())
                .await
                .ids(),
        );
    }
    let pending = Lane::Settled;
    for (stream, cursor) in settled {
        by_any.extend(
            read(&connector, stream, pending, Some(cursor), org.now())
                .await
                .ids(),
        );
    }
    let lost_by_hot: Vec<_> = there.difference(&by_hot).collect();
    assert!(!lost_by_hot.is_empty(), "the hot lane alone would have lost some");
    by_any.extend(by_hot.iter().cloned());
    let lost: Vec<_> = there.difference(&by_any).collect();
    assert!(lost.is_empty(), "{lost:?}");
}

#[tokio::test(start_paused = true)]
async fn r3_rows_that_change_while_pages_are_read_are_not_skipped() {
    use followup_core::Connector as _;
    let org = Org::empty();
    let connector = org.connector();
    let first = read(&connector, Stream::Leads, Lane::Backfill, None, org.now()).await;
    org.advance(SignedDuration::from_mins(5));
    let ids = org.create_many("Lead", &leads(6_000)).await;
    let pull = |cursor| PullRequest {
        stream: Stream::Leads,
        lane: Lane::Hot,
        cursor,
        now: org.now(),
    };
    let page = connector.pull(pull(first.cursor)).await.unwrap();
    // A row of the first page changes: it moves behind everything that is still to come.
    let moved = page.records[0].id().native_id.clone();
    org.advance(SignedDuration::from_secs(30));
    org.update("Lead", &moved, json!({"Company": "Moved"})).await;
    let rest = read(&connector, Stream::Leads, Lane::Hot, Some(page.cursor), org.now()).await;
    let mut all: Vec<String> = page
        .records
        .iter()
        .map(|record| record.id().native_id.clone())
        .collect();
    all.extend(rest.ids());
    assert!(ids.iter().all(|id| all.contains(id)));
    assert!(rest.ids().contains(&moved), "its new version came too");
}

#[tokio::test(start_paused = true)]
async fn r5_deletions_and_merges_are_told_and_a_deleted_task_is_a_task() {
    let org = Org::empty();
    let user = org.user().await;
    let contact = org.create("Contact", json!({"LastName": "Prova"})).await;
    let task = org
        .create(
            "Task",
            json!({"Subject": "Call back", "WhoId": contact, "OwnerId": user}),
        )
        .await;
    let connector = org.connector();
    let contacts = read(&connector, Stream::Contacts, Lane::Backfill, None, org.now()).await;
    let tasks = read(&connector, Stream::Tasks, Lane::Backfill, None, org.now()).await;
    assert_eq!(
        (contacts.ids(), tasks.ids()),
        (vec![contact.clone()], vec![task.clone()])
    );
    org.advance(SignedDuration::from_mins(5));
    org.delete("Task", &task).await;
    org.delete("Contact", &contact).await;
    let gone = read(
        &connector,
        Stream::Contacts,
        Lane::Hot,
        contacts.cursor,
        org.now(),
    )
    .await
    .gone;
    assert_eq!(gone.len(), 1);
    assert_eq!(
        (gone[0].id.native_id.as_str(), &gone[0].merged_into),
        (contact.as_str(), &None)
    );
    let tasks = read(&connector, Stream::Tasks, Lane::Hot, tasks.cursor, org.now()).await;
    let Some(Record::Task(found)) = tasks.records.first() else {
        panic!("a deleted task is told as a task: {tasks:?}");
    };
    assert_eq!(found.status, TaskStatus::Deleted);
}

#[tokio::test(start_paused = true)]
async fn a_merge_names_the_survivor() {
    let org = Org::empty();
    let connector = org.connector();
    let first = read(&connector, Stream::Contacts, Lane::Backfill, None, org.now()).await;
    let leads = read(&connector, Stream::Leads, Lane::Backfill, None, org.now()).await;
    org.advance(SignedDuration::from_mins(5));
    let people = [1, 2].map(|number| {
        org.act(|crm, now| {
            crm.submit_form(
                now,
                Form {
                    email: format!("ana{number}@example.com"),
                    first_name: "Ana".to_owned(),
                    last_name: "Prova".to_owned(),
                    company: "Acme".to_owned(),
                    phone: None,
                    kind: FormKind::Other,
                    owner: None,
                },
            )
        })
    });
    org.advance(SignedDuration::from_mins(5));
    let winner = org.act(|crm, now| crm.merge_people(now, &people[0], &people[1]));
    let mut gone = read(&connector, Stream::Leads, Lane::Hot, leads.cursor, org.now())
        .await
        .gone;
    gone.extend(
        read(&connector, Stream::Contacts, Lane::Hot, first.cursor, org.now())
            .await
            .gone,
    );
    assert_eq!(gone.len(), 1, "{gone:?}");
    assert_eq!(gone[0].merged_into.as_ref().unwrap().native_id, winner);
}

#[tokio::test(start_paused = true)]
async fn archived_activities_arrive_like_any_other() {
    let org = Org::empty();
    let user = org.user().await;
    let contact = org.create("Contact", json!({"LastName": "Prova"})).await;
    let call = org
        .create(
            "Task",
            json!({"Subject": "Call", "TaskSubtype": "Call", "Status": "Completed", "WhoId": contact,
                "OwnerId": user, "ActivityDate": "2026-03-02"}),
        )
        .await;
    org.advance(SignedDuration::from_hours(24 * 500));
    let connector = org.connector();
    let calls = read(&connector, Stream::Calls, Lane::Backfill, None, org.now()).await;
    assert_eq!(calls.ids(), [call]);
}

#[tokio::test(start_paused = true)]
async fn a_sweep_shows_what_is_there_and_tells_what_left_the_recycle_bin() {
    let org = Org::empty();
    let mut ids = org.create_many("Lead", &leads(4_500)).await;
    let connector = org.connector();
    let gone = ids.pop().unwrap();
    org.advance(SignedDuration::from_mins(30));
    org.delete("Lead", &gone).await;
    org.advance(SignedDuration::from_mins(30));
    let sweep = read(&connector, Stream::Leads, Lane::Sweep, None, org.now()).await;
    let mut seen: Vec<&str> = sweep.seen.iter().map(|id| id.native_id.as_str()).collect();
    seen.sort_unstable();
    ids.sort();
    assert_eq!(seen, ids);
    assert!(
        sweep.gone.iter().any(|row| row.id.native_id == gone),
        "{:?}",
        sweep.gone
    );
}

#[tokio::test(start_paused = true)]
async fn a_change_of_who_is_on_an_opportunity_brings_the_opportunity() {
    let org = Org::empty();
    let contact = org.create("Contact", json!({"LastName": "Prova"})).await;
    let deal = org
        .create(
            "Opportunity",
            json!({"Name": "Pilot", "StageName": "Prospecting", "CloseDate": "2026-06-30"}),
        )
        .await;
    let connector = org.connector();
    let first = read(&connector, Stream::Deals, Lane::Backfill, None, org.now()).await;
    org.advance(SignedDuration::from_mins(30));
    let rest = read(&connector, Stream::Deals, Lane::Hot, first.cursor, org.now()).await;
    org.advance(SignedDuration::from_mins(5));
    org.create(
        "OpportunityContactRole",
        json!({"OpportunityId": deal, "ContactId": contact}),
    )
    .await;
    let hot = read(&connector, Stream::Deals, Lane::Hot, rest.cursor, org.now()).await;
    let Some(Record::Deal(found)) = hot.records.first() else {
        panic!("the opportunity comes: {hot:?}");
    };
    assert_eq!(found.people[0].record().native_id, contact);
}
