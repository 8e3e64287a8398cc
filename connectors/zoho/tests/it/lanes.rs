//! Reading: every row arrives, whatever the route, and nothing is read twice for nothing.

use followup_core::{Connector as _, DealState, Lane, Record, RecordKind, Reread, Stream, TaskStatus};
use followup_testkit::read;
use followup_zoho::Zoho;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::{Org, record};

fn contacts(count: usize) -> Vec<Value> {
    (0..count)
        .map(|number| json!({"Last_Name": format!("Person {number}"), "Email": format!("p{number}@example.com")}))
        .collect()
}

fn leads(count: usize) -> Vec<Value> {
    (0..count)
        .map(|number| json!({"Last_Name": format!("Person {number}"), "Company": "Acme"}))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn r10_more_than_2000_rows_of_one_second_all_arrive_by_queries_and_by_lists() {
    for by_queries in [true, false] {
        let org = Org::with(|org| {
            org.token_minutes = u16::MAX;
            if !by_queries {
                org.missing_scopes.insert("ZohoCRM.coql.READ".to_owned());
            }
        })
        .await;
        let ids = org.create_many("Contacts", &contacts(2_450)).await;
        let connector = org.connector();
        let all = read(&connector, Stream::Contacts, Lane::Backfill, None, org.now()).await;
        assert_eq!(all.ids().len(), ids.len(), "by queries: {by_queries}");
        let queries = org.wire.count("/coql");
        assert_eq!(queries > 0, by_queries || queries == 1);
        let swept = read(&connector, Stream::Contacts, Lane::Sweep, None, org.now()).await;
        assert_eq!(swept.seen.len(), ids.len());
    }
}

#[tokio::test(start_paused = true)]
async fn r9_a_walk_goes_on_after_a_restart_and_after_its_token_died() {
    let org = Org::with(|org| org.token_minutes = u16::MAX).await;
    let mut ids = Vec::new();
    for chunk in leads(900).chunks(100) {
        ids.extend(org.create_many("Leads", chunk).await);
        org.advance(SignedDuration::from_secs(1));
    }
    let mut cursor = None;
    let mut found = std::collections::BTreeSet::new();
    // A process that dies behind every page.
    for _ in 0..40 {
        let connector = org.connector();
        let request = followup_core::PullRequest {
            stream: Stream::Leads,
            lane: Lane::Backfill,
            cursor: cursor.clone(),
            now: org.now(),
        };
        let page = connector.pull(request).await.expect("a page");
        found.extend(page.records.iter().map(|record| record.id().native_id.clone()));
        cursor = Some(page.cursor);
        if page.end != followup_core::PageEnd::More {
            break;
        }
    }
    assert_eq!(found.len(), ids.len());
    // One process, whose token dies between two pages.
    let connector = org.connector();
    let request = |cursor| followup_core::PullRequest {
        stream: Stream::Leads,
        lane: Lane::Backfill,
        cursor,
        now: org.now(),
    };
    let first = connector.pull(request(None)).await.expect("a page");
    org.advance(SignedDuration::from_hours(25));
    let rest = read(
        &connector,
        Stream::Leads,
        Lane::Backfill,
        Some(first.cursor),
        org.now(),
    )
    .await;
    let mut all: std::collections::BTreeSet<String> = rest.ids().into_iter().collect();
    all.extend(first.records.iter().map(|record| record.id().native_id.clone()));
    assert_eq!(all.len(), ids.len());
}

#[tokio::test(start_paused = true)]
async fn r3_what_changes_during_a_pass_is_read_by_the_next_one() {
    let org = Org::with(|org| org.token_minutes = u16::MAX).await;
    let owner = org.user().await;
    let connector = org.connector();
    let before = read(&connector, Stream::Leads, Lane::Backfill, None, org.now()).await;
    org.advance(SignedDuration::from_mins(10));
    let lead = org.lead(&owner).await;
    let hot = read(&connector, Stream::Leads, Lane::Hot, before.cursor, org.now()).await;
    assert_eq!(hot.ids(), std::slice::from_ref(&lead));
    org.update("Leads", &lead, json!({"Lead_Status": "Lost Lead"}))
        .await;
    let next = read(&connector, Stream::Leads, Lane::Hot, hot.cursor, org.now()).await;
    let Some(Record::Person(person)) = next.records.first() else {
        panic!("the lead again");
    };
    assert_eq!(person.status.as_deref(), Some("unqualified"));
    assert!(person.is_lead && person.is_inbound && person.inquiry_at == Some(person.created_at));
}

#[tokio::test(start_paused = true)]
async fn nothing_new_is_an_empty_page_and_the_settled_lane_costs_nothing_behind_the_hot_one() {
    let org = Org::with(|org| org.token_minutes = u16::MAX).await;
    let connector = org.connector();
    let start = read(&connector, Stream::Calls, Lane::Backfill, None, org.now()).await;
    let mut hot = start.cursor.clone();
    let mut settled = start.cursor;
    org.wire.drain();
    for _ in 0..3 {
        org.advance(SignedDuration::from_mins(1));
        let pass = read(&connector, Stream::Calls, Lane::Hot, hot, org.now()).await;
        assert!(pass.records.is_empty());
        hot = pass.cursor;
    }
    assert_eq!(org.wire.count("/Calls"), 3);
    let pass = read(&connector, Stream::Calls, Lane::Settled, settled, org.now()).await;
    assert_eq!(pass.until, Some(org.now()));
    settled = pass.cursor;
    assert!(settled.is_some());
    assert_eq!(org.wire.count("/Calls"), 0, "the hot lane read far enough back");
}

#[tokio::test(start_paused = true)]
async fn r5_deletions_are_told_once_and_converted_leads_are_none() {
    let org = Org::with(|org| org.token_minutes = u16::MAX).await;
    let owner = org.user().await;
    let (gone, converted) = (org.lead(&owner).await, org.lead(&owner).await);
    let connector = org.connector();
    let start = read(&connector, Stream::Leads, Lane::Backfill, None, org.now()).await;
    org.delete("Leads", &gone).await;
    let (status, answer) = org
        .send(
            "POST",
            &format!("/Leads/{converted}/actions/convert"),
            Some(json!({"data": [{}]})),
        )
        .await;
    assert_eq!(status, 200, "{answer}");
    org.advance(SignedDuration::from_mins(30));
    let settled = read(&connector, Stream::Leads, Lane::Settled, start.cursor, org.now()).await;
    let told: Vec<&str> = settled
        .gone
        .iter()
        .map(|gone| gone.id.native_id.as_str())
        .collect();
    assert_eq!(told, [gone.as_str()]);
    let Some(Record::Person(person)) = settled
        .records
        .iter()
        .find(|record| record.id().native_id == converted)
    else {
        panic!("a converted lead stays visible");
    };
    assert!(
        person
            .converted
            .as_ref()
            .is_some_and(|made| made.contact.is_some())
    );
    let again = read(
        &connector,
        Stream::Leads,
        Lane::Settled,
        settled.cursor,
        org.now(),
    )
    .await;
    assert!(again.gone.is_empty());
}

#[tokio::test(start_paused = true)]
async fn deals_have_their_stages_in_both_readings_of_the_history() {
    for on_entry in [true, false] {
        for by_queries in [true, false] {
            let org = Org::with(|org| {
                org.token_minutes = u16::MAX;
                org.stage_history_on_entry = on_entry;
                if !by_queries {
                    org.missing_scopes.insert("ZohoCRM.coql.READ".to_owned());
                }
            })
            .await;
            let owner = org.user().await;
            let deal = org
                .create(
                    "Deals",
                    json!({"Deal_Name": "Acme", "Stage": "Qualification", "Amount": 1234.5, "Owner": {"id": owner}}),
                )
                .await;
            let begun = org.now();
            org.advance(SignedDuration::from_hours(24));
            org.update("Deals", &deal, json!({"Stage": "Proposal/Price Quote"}))
                .await;
            let moved = org.now();
            org.advance(SignedDuration::from_hours(24));
            let connector = org.connector();
            let all = read(&connector, Stream::Deals, Lane::Backfill, None, org.now()).await;
            let [Record::Deal(deal)] = all.records.as_slice() else {
                panic!("one deal: {all:?}");
            };
            let entries: Vec<_> = deal
                .stage_history
                .iter()
                .map(|entry| (entry.stage.as_str(), entry.entered_at))
                .collect();
            assert_eq!(
                entries,
                [("Qualification", begun), ("Proposal/Price Quote", moved)],
                "on entry: {on_entry}, by queries: {by_queries}"
            );
            assert_eq!(deal.state, DealState::Open);
            assert_eq!(deal.amount_minor, Some(123_450));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_activity_is_about_is_known_with_and_without_the_module_in_lists() {
    for in_lists in [true, false] {
        let org = Org::with(|org| {
            org.token_minutes = u16::MAX;
            org.se_module_in_lists = in_lists;
        })
        .await;
        let owner = org.user().await;
        let lead = org.lead(&owner).await;
        org.create(
            "Tasks",
            json!({"Subject": "Ring", "What_Id": {"id": lead}, "$se_module": "Leads", "Owner": {"id": owner}}),
        )
        .await;
        let connector = org.connector();
        let all = read(&connector, Stream::Tasks, Lane::Backfill, None, org.now()).await;
        let [Record::Task(task)] = all.records.as_slice() else {
            panic!("one task: {all:?}");
        };
        assert_eq!(
            task.people.first().map(|person| person.record().clone()),
            Some(record(RecordKind::Lead, &lead)),
            "in lists: {in_lists}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_still_to_be_made_is_a_to_do_until_it_was_made() {
    let org = Org::with(|org| org.token_minutes = u16::MAX).await;
    let owner = org.user().await;
    let contact = org.contact(&owner).await;
    let at = org.now() + SignedDuration::from_hours(24);
    let call = org
        .create(
            "Calls",
            json!({"Subject": "Ring Ana", "Call_Type": "Outbound", "Call_Start_Time": at.to_string(),
                "Outgoing_Call_Status": "Scheduled", "Who_Id": {"id": contact}, "Owner": {"id": owner}}),
        )
        .await;
    let connector = org.connector();
    let all = read(&connector, Stream::Calls, Lane::Backfill, None, org.now()).await;
    let [Record::Task(task)] = all.records.as_slice() else {
        panic!("one to-do: {all:?}");
    };
    assert_eq!((task.status, task.due_at), (TaskStatus::Open, Some(at)));
    let todo = task.id.record().clone();
    let back = connector
        .read(std::slice::from_ref(&todo), org.now())
        .await
        .expect("read");
    assert_eq!(back.records.len(), 1);
    let swept = read(&connector, Stream::Tasks, Lane::Sweep, None, org.now()).await;
    assert!(swept.seen.contains(&todo), "a sweep of tasks sees it");
    org.advance(SignedDuration::from_hours(25));
    org.update(
        "Calls",
        &call,
        json!({"Outgoing_Call_Status": "Completed", "Call_Duration": "12:30", "Call_Result": "Interested"}),
    )
    .await;
    let hot = read(&connector, Stream::Calls, Lane::Hot, all.cursor, org.now()).await;
    let [Record::Activity(made)] = hot.records.as_slice() else {
        panic!("one call: {hot:?}");
    };
    assert_eq!(made.outcome, Some(followup_core::CallOutcome::Connected));
    assert!(hot.gone.iter().any(|gone| gone.id == todo));
    let back = connector.read(&[todo], org.now()).await.expect("read");
    assert_eq!(back, Reread::default(), "the to-do is no more");
}

#[tokio::test(start_paused = true)]
async fn r24_a_module_the_login_may_not_read_closes_its_stream_alone() {
    let org = Org::with(|org| {
        org.token_minutes = u16::MAX;
        org.is_admin = false;
        org.forbidden_modules.insert("Deals".to_owned());
    })
    .await;
    let connector: Zoho = org.connector();
    let pull = |stream| followup_core::PullRequest {
        stream,
        lane: Lane::Backfill,
        cursor: None,
        now: org.now(),
    };
    for stream in [Stream::Deals, Stream::Notes] {
        let error = connector.pull(pull(stream)).await.expect_err("closed");
        assert_eq!(error.code(), "forbidden", "{stream}");
        org.wire.drain();
        let error = connector.pull(pull(stream)).await.expect_err("closed");
        assert_eq!(error.code(), "forbidden", "{stream}");
        assert!(
            org.wire.drain().is_empty(),
            "{stream}: not asked again for an hour"
        );
    }
    connector.pull(pull(Stream::Contacts)).await.expect("open");
    let asked = [
        record(RecordKind::Deal, "5725767000000000001"),
        record(RecordKind::Contact, "5725767000000000002"),
    ];
    let reread = connector.read(&asked, org.now()).await.expect("read");
    assert_eq!(reread.unread, asked[..1], "nothing is known of the deal");
    assert_eq!(
        reread.missing(&asked),
        [&asked[1]],
        "and the contact is not there"
    );
    org.change(|org| org.forbidden_modules.clear());
    org.advance(SignedDuration::from_mins(61));
    let again = followup_core::PullRequest {
        now: org.now(),
        ..pull(Stream::Deals)
    };
    connector.pull(again).await.expect("the permission came back");
}
