//! Mails, record by record.

use followup_core::{ActivityKind, Connector as _, Direction, Record, RecordKind, RecordRef, RelatedRequest};
use followup_sandbox::crm::Mail;
use jiff::{SignedDuration, Timestamp};

use crate::support::{Org, record};

async fn mailed(org: &Org, count: usize) -> (String, String) {
    let (user, address) = org.users().await.remove(0);
    let lead = org.lead(&user).await;
    for number in 0..count {
        org.advance(SignedDuration::from_mins(1));
        let (from, to) = if number % 2 == 0 {
            ("leer@example.com".to_owned(), address.clone())
        } else {
            (address.clone(), "leer@example.com".to_owned())
        };
        org.act(|crm, now| {
            crm.log_mail(
                now,
                Mail {
                    from,
                    to: vec![to],
                    subject: format!("Re: Offer {}", number / 2),
                    thread: None,
                    is_auto_reply: false,
                    is_bounced: false,
                    is_automated: false,
                },
            );
        });
    }
    (user, lead)
}

fn request(org: &Org, record: RecordRef, since: Option<Timestamp>) -> RelatedRequest {
    RelatedRequest {
        kind: ActivityKind::Email,
        record,
        since,
        now: org.now(),
    }
}

#[tokio::test(start_paused = true)]
async fn all_mails_of_a_lead_arrive_with_their_direction_in_both_readings() {
    for (newest_first, from_crm) in [(true, false), (false, true)] {
        let org = Org::with(|org| {
            org.token_minutes = u16::MAX;
            org.mail_newest_first = newest_first;
            org.sent_means_from_crm = from_crm;
        })
        .await;
        let (user, lead) = mailed(&org, 25).await;
        let connector = org.connector();
        let lead = record(RecordKind::Lead, &lead);
        let all = connector
            .pull_related(request(&org, lead.clone(), None))
            .await
            .expect("mails");
        assert_eq!(all.records.len(), 25);
        assert_eq!(all.read_to, org.now());
        let mut directions = Vec::new();
        for mail in &all.records {
            let Record::Activity(mail) = mail else {
                panic!("a mail")
            };
            assert_eq!(
                mail.people.first().map(followup_core::PersonId::record),
                Some(&lead)
            );
            assert_eq!(
                mail.by.as_ref().map(|by| by.record().native_id.as_str()),
                Some(user.as_str())
            );
            assert!(!mail.is_machine && mail.subject_hash.is_some());
            directions.push((mail.at, mail.direction));
        }
        directions.sort_by_key(|(at, _)| *at);
        for (place, (_, direction)) in directions.iter().enumerate() {
            let expected = if place % 2 == 0 {
                Direction::In
            } else {
                Direction::Out
            };
            assert_eq!(*direction, expected, "{place}");
        }
        let again = connector
            .pull_related(request(&org, lead, Some(org.now())))
            .await
            .expect("mails");
        let calls = org.wire.count("/Emails");
        assert_eq!(
            calls,
            if newest_first { 4 } else { 6 },
            "the list is left early only if sorted"
        );
        assert!(again.records.len() >= 5);
    }
}

#[tokio::test(start_paused = true)]
async fn silence_proves_nothing_where_no_mailbox_is_synced() {
    let org = Org::with(|org| {
        org.token_minutes = u16::MAX;
        org.mailboxes_synced = false;
    })
    .await;
    let (_, lead) = mailed(&org, 1).await;
    let connector = org.connector();
    let lead = record(RecordKind::Lead, &lead);
    let error = connector
        .pull_related(request(&org, lead.clone(), None))
        .await
        .expect_err("dark");
    assert_eq!(error.code(), "forbidden");
    org.wire.drain();
    let error = connector
        .pull_related(request(&org, lead, None))
        .await
        .expect_err("dark");
    assert_eq!(error.code(), "forbidden");
    assert!(org.wire.drain().is_empty(), "asked once a day");
    let probe = connector.probe(org.now()).await.expect("a look around");
    assert!(
        probe
            .problems
            .iter()
            .any(|problem| problem.code == "mail_invisible")
    );
}

#[tokio::test(start_paused = true)]
async fn a_record_without_mails_was_read_all_the_same() {
    let org = Org::with(|org| org.token_minutes = u16::MAX).await;
    let (_, lead) = mailed(&org, 0).await;
    let connector = org.connector();
    let none = connector
        .pull_related(request(&org, record(RecordKind::Lead, &lead), None))
        .await
        .expect("mails");
    assert!(none.records.is_empty());
    assert_eq!(none.read_to, org.now());
}
