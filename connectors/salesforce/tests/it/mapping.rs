//! Rows to records: what a lead, a deal, a call, a mail, a meeting and a task of the org come to.

use followup_core::{
    ActivityKind, CallOutcome, DealState, Direction, Lane, OwnerKind, Record, RecordKind, Source, StageKind,
    Stream, TaskOrigin, TaskStatus,
};
use followup_sandbox::crm::Mail;
use jiff::SignedDuration;
use serde_json::json;

use crate::support::{Org, Read, read};

async fn all(org: &Org, stream: Stream) -> Read {
    read(&org.connector(), stream, Lane::Backfill, None, org.now()).await
}

#[tokio::test(start_paused = true)]
async fn users_and_queues_are_owners() {
    let org = Org::empty();
    let user = org.user().await;
    let owners = all(&org, Stream::Owners).await;
    let found = owners.records.iter().find_map(|record| match record {
        Record::Owner(owner) if owner.id.record().native_id == user => Some(owner),
        _ => None,
    });
    let owner = found.expect("the user");
    assert_eq!((owner.kind, owner.is_active), (OwnerKind::User, true));
    assert!(owner.email.is_some() && owner.time_zone.is_some());
    let queues = org.query("SELECT Id FROM Group WHERE Type = 'Queue'").await;
    let mapped = owners
        .records
        .iter()
        .filter(|record| matches!(record, Record::Owner(owner) if owner.kind == OwnerKind::Queue));
    assert_eq!(mapped.count(), queues.len());
}

#[tokio::test(start_paused = true)]
async fn a_lead_is_an_inquiry_and_a_converted_one_names_its_contact() {
    let org = Org::empty();
    let fields = json!({"LastName": "Prova", "FirstName": "Ana", "Company": "Acme", "Email": "Ana@Example.com",
        "Phone": "+1 415 555 0100", "LeadSource": "Phone Inquiry", "Status": "Closed - Not Converted"});
    let lead = org.create("Lead", fields).await;
    let leads = all(&org, Stream::Leads).await;
    let Some(Record::Person(person)) = leads.records.first() else {
        panic!("a lead is a person: {leads:?}");
    };
    assert_eq!(person.id.record().native_id, lead);
    assert_eq!(person.id.record().kind, RecordKind::Lead);
    assert!(person.is_lead && person.is_inbound);
    assert_eq!(person.emails, ["ana@example.com"]);
    assert_eq!(person.name, "Ana Prova");
    assert_eq!(person.source, Source::ContactUs);
    assert_eq!(person.status.as_deref(), Some("unqualified"));
    assert_eq!(person.inquiry_at, Some(person.created_at));
    assert_eq!(person.converted, None);
}

#[tokio::test(start_paused = true)]
async fn an_opportunity_brings_its_stages_people_and_amount() {
    let org = Org::empty();
    let contact = org.create("Contact", json!({"LastName": "Prova"})).await;
    let fields =
        json!({"Name": "Pilot", "StageName": "Prospecting", "CloseDate": "2026-06-30", "Amount": 1234.5});
    let id = org.create("Opportunity", fields).await;
    org.create(
        "OpportunityContactRole",
        json!({"OpportunityId": id, "ContactId": contact, "IsPrimary": true}),
    )
    .await;
    org.advance(SignedDuration::from_hours(24));
    org.update("Opportunity", &id, json!({"StageName": "Proposal/Price Quote"}))
        .await;
    let moved_at = org.now();
    org.advance(SignedDuration::from_hours(24));
    org.update("Opportunity", &id, json!({"Amount": 2000})).await;
    let deals = all(&org, Stream::Deals).await;
    let Some(Record::Deal(deal)) = deals.records.first() else {
        panic!("an opportunity is a deal: {deals:?}");
    };
    assert_eq!(
        (deal.stage.as_str(), deal.stage_kind),
        ("Proposal/Price Quote", StageKind::Proposal)
    );
    assert_eq!(deal.state, DealState::Open);
    assert_eq!(deal.amount_minor, Some(200_000));
    assert_eq!(deal.people[0].record().native_id, contact);
    let stages: Vec<&str> = deal
        .stage_history
        .iter()
        .map(|entry| entry.stage.as_str())
        .collect();
    assert_eq!(stages, ["Prospecting", "Proposal/Price Quote"]);
    assert_eq!(deal.stage_entered_at, moved_at);
    org.update("Opportunity", &id, json!({"StageName": "Closed Won"}))
        .await;
    let deals = all(&org, Stream::Deals).await;
    assert!(matches!(deals.records.first(), Some(Record::Deal(deal)) if deal.state == DealState::Won));
}

#[tokio::test(start_paused = true)]
async fn a_logged_call_is_a_call_and_an_open_one_a_task() {
    let org = Org::empty();
    let user = org.user().await;
    let contact = org.create("Contact", json!({"LastName": "Prova"})).await;
    let logged = org
        .create(
            "Task",
            json!({"Subject": "Call", "TaskSubtype": "Call", "Status": "Completed", "WhoId": contact,
                "OwnerId": user, "CallDurationInSeconds": 95, "CallDisposition": "Left message"}),
        )
        .await;
    let open = org
        .create(
            "Task",
            json!({"Subject": "Call Ana", "TaskSubtype": "Call", "WhoId": contact, "OwnerId": user,
            "ActivityDate": "2026-03-04"}),
        )
        .await;
    let calls = all(&org, Stream::Calls).await;
    let [Record::Activity(call)] = calls.records.as_slice() else {
        panic!("one call: {calls:?}");
    };
    assert_eq!(call.id.record().native_id, logged);
    assert_eq!((call.kind, call.direction), (ActivityKind::Call, Direction::Out));
    assert_eq!(call.outcome, Some(CallOutcome::Voicemail));
    assert_eq!(call.duration, Some(SignedDuration::from_secs(95)));
    assert_eq!(call.by.as_ref().unwrap().record().native_id, user);
    assert_eq!(call.people[0].record().native_id, contact);
    let tasks = all(&org, Stream::Tasks).await;
    let [Record::Task(task)] = tasks.records.as_slice() else {
        panic!("what was logged from the start never was anything to do: {tasks:?}");
    };
    assert_eq!(task.id.record().native_id, open);
    assert_eq!((task.status, task.origin), (TaskStatus::Open, TaskOrigin::Human));
    assert_eq!(task.fields, None, "texts of others are not kept");
    // Done, it is both: a task that is over, and a call.
    org.advance(SignedDuration::from_hours(1));
    org.update("Task", &open, json!({"Status": "Completed"})).await;
    assert_eq!(all(&org, Stream::Calls).await.ids().len(), 2);
    let tasks = all(&org, Stream::Tasks).await;
    assert!(matches!(tasks.records.as_slice(), [Record::Task(task)] if task.status == TaskStatus::Done));
}

/// A mail in each direction between a user and a known contact.
async fn with_mails(org: &Org) -> (String, String) {
    let rows = org
        .query(
            "SELECT Id, Email FROM User WHERE IsActive = true AND UserType = 'Standard' ORDER BY Id LIMIT 1",
        )
        .await;
    let text = |name: &str| {
        let value = rows.first().and_then(|row| row.get(name)?.as_str());
        value.expect("a user with an address").to_owned()
    };
    let (user, address) = (text("Id"), text("Email"));
    let contact = org
        .create(
            "Contact",
            json!({"LastName": "Prova", "Email": "ana@example.com", "OwnerId": user}),
        )
        .await;
    for (from, to) in [("ana@example.com", &*address), (&*address, "ana@example.com")] {
        org.advance(SignedDuration::from_hours(1));
        org.act(|crm, now| {
            crm.log_mail(
                now,
                Mail {
                    from: from.to_owned(),
                    to: vec![to.to_owned()],
                    subject: "Re: Pilot scope".to_owned(),
                    thread: Some("thread-1".to_owned()),
                    is_auto_reply: false,
                    is_bounced: false,
                    is_automated: false,
                },
            )
        });
    }
    (user, contact)
}

#[tokio::test(start_paused = true)]
async fn a_message_and_its_twin_task_are_one_mail() {
    let org = Org::empty();
    let (user, contact) = with_mails(&org).await;
    let twins = org.query("SELECT Id FROM Task WHERE TaskSubtype = 'Email'").await;
    assert!(!twins.is_empty(), "the org keeps twins");
    let mails = all(&org, Stream::Emails).await;
    let mails: Vec<_> = mails
        .records
        .iter()
        .map(|record| match record {
            Record::Activity(activity) => activity,
            other => panic!("mails are activities: {other:?}"),
        })
        .collect();
    assert_eq!(mails.len(), 2);
    for mail in &mails {
        assert!(mail.id.record().native_id.starts_with("02s"));
        assert_eq!(mail.people[0].record().native_id, contact);
        assert_eq!(mail.by.as_ref().unwrap().record().native_id, user);
        assert!(!mail.is_machine && mail.is_to_owner);
        assert_eq!(mail.subject_hash.as_deref(), Some("hash of 11 letters"));
    }
    let mut directions: Vec<Direction> = mails.iter().map(|mail| mail.direction).collect();
    directions.sort_by_key(|direction| *direction == Direction::Out);
    assert_eq!(directions, [Direction::In, Direction::Out]);
    let tasks = all(&org, Stream::Tasks).await;
    assert!(tasks.records.is_empty(), "a twin is no task: {tasks:?}");
}

#[tokio::test(start_paused = true)]
async fn a_mail_that_is_only_a_task_is_a_mail() {
    let org = Org::with(|org| org.mail_capture = followup_sandbox::MailCapture::TaskOnly);
    with_mails(&org).await;
    let mails = all(&org, Stream::Emails).await;
    assert!(!mails.records.is_empty());
    for record in &mails.records {
        let Record::Activity(mail) = record else {
            panic!("{record:?}");
        };
        assert!(mail.id.record().native_id.starts_with("00T"));
        assert_eq!(mail.kind, ActivityKind::Email);
    }
}

#[tokio::test(start_paused = true)]
async fn a_twin_that_came_before_its_message_is_taken_back() {
    let org = Org::empty();
    let connector = org.connector();
    let first = read(&connector, Stream::Emails, Lane::Backfill, None, org.now()).await;
    with_mails(&org).await;
    let hot = read(&connector, Stream::Emails, Lane::Hot, first.cursor, org.now()).await;
    let twins = org.query("SELECT Id FROM Task WHERE TaskSubtype = 'Email'").await;
    for twin in twins {
        let id = twin["Id"].as_str().unwrap();
        assert!(
            hot.gone
                .iter()
                .any(|gone| gone.id.native_id == id && gone.id.kind == RecordKind::Email)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_is_one_meeting_however_many_colleagues_are_invited() {
    let org = Org::empty();
    let user = org.user().await;
    let contact = org.create("Contact", json!({"LastName": "Prova"})).await;
    let event = org
        .create(
            "Event",
            json!({"Subject": "Demo", "StartDateTime": "2026-03-05T10:00:00Z", "EndDateTime": "2026-03-05T11:00:00Z",
                "WhoId": contact, "OwnerId": user}),
        )
        .await;
    org.create(
        "Event",
        json!({"Subject": "Canceled: Demo", "StartDateTime": "2026-03-06T10:00:00Z",
            "EndDateTime": "2026-03-06T11:00:00Z", "WhoId": contact, "OwnerId": user}),
    )
    .await;
    let meetings = all(&org, Stream::Meetings).await;
    let results: Vec<_> = meetings
        .records
        .iter()
        .map(|record| match record {
            Record::Activity(activity) => {
                let meeting = activity.meeting.as_ref().expect("a meeting");
                assert_eq!(activity.people[0].record().native_id, contact);
                (activity.id.record().native_id == event, meeting.result)
            }
            other => panic!("events are activities: {other:?}"),
        })
        .collect();
    assert_eq!(results.len(), 2);
    assert!(results.contains(&(true, followup_core::MeetingResult::Unknown)));
    assert!(results.contains(&(false, followup_core::MeetingResult::Cancelled)));
    assert_eq!(meetings.quarantined, 0);
}
