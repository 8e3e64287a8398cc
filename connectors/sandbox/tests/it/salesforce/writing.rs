//! Writing one record: what is filled in, what is refused, external ids, locks.

use bytes::Bytes;
use followup_sandbox::{RuleTest, StatusValue, ValidationRule};
use serde_json::{Value, json};

use super::{Client, minutes};

#[tokio::test]
async fn a_task_is_filled_in_and_closes_by_its_status() {
    let client = Client::new();
    let contact = client.contact("rosa@example.com").await;
    let id = client
        .create(
            "Task",
            json!({"subject": "Reply", "whoid": &contact[..15], "Priority": "High"}),
        )
        .await;
    let task = client.fields("Task", &id).await;
    assert_eq!(
        task["WhoId"],
        json!(contact),
        "ids of 15 characters mean the same record"
    );
    assert_eq!(task["Status"], json!("Not Started"));
    assert_eq!(
        (&task["IsHighPriority"], &task["TaskSubtype"]),
        (&json!(true), &json!("Task"))
    );
    assert!(task["AccountId"].as_str().is_some_and(|id| id.starts_with("001")));
    client.advance(minutes(5));
    client
        .patch(&format!("sobjects/Task/{id}"), json!({"Status": "Completed"}))
        .await;
    let closed = client.fields("Task", &id).await;
    assert_eq!(closed["CompletedDateTime"], json!("2026-01-05T08:05:00.000+0000"));
    client.advance(minutes(5));
    client
        .patch(
            &format!("sobjects/Task/{id}"),
            json!({"Status": "Completed", "Subject": "Same"}),
        )
        .await;
    assert_eq!(
        client.fields("Task", &id).await["CompletedDateTime"],
        closed["CompletedDateTime"]
    );
    client
        .patch(&format!("sobjects/Task/{id}"), json!({"Status": "Deferred"}))
        .await;
    let open = client.fields("Task", &id).await;
    assert_eq!(
        (&open["IsClosed"], &open["CompletedDateTime"]),
        (&json!(false), &json!(null))
    );
}

#[tokio::test]
async fn a_reminder_switches_itself_off() {
    for touches in [true, false] {
        let client = Client::new();
        client.set(|switches| switches.reminder_touches_modstamp = touches);
        let fields =
            json!({"Subject": "x", "IsReminderSet": true, "ReminderDateTime": "2026-01-05T09:00:00Z"});
        let id = client.create("Task", fields).await;
        client.advance(minutes(59));
        assert_eq!(client.fields("Task", &id).await["IsReminderSet"], json!(true));
        client.advance(minutes(2));
        let task = client.fields("Task", &id).await;
        assert_eq!(task["IsReminderSet"], json!(false));
        assert_eq!(task["ReminderDateTime"], json!("2026-01-05T09:00:00.000+0000"));
        assert_eq!(task["LastModifiedDate"], json!("2026-01-05T08:00:00.000+0000"));
        let stamp = if touches {
            "2026-01-05T09:00:00.000+0000"
        } else {
            "2026-01-05T08:00:00.000+0000"
        };
        assert_eq!(task["SystemModstamp"], json!(stamp));
    }
}

#[tokio::test]
async fn statuses_are_the_administrators() {
    let client = Client::new();
    client.set(|switches| {
        switches.task_statuses = vec![
            StatusValue {
                name: "Offen".to_owned(),
                is_final: false,
            },
            StatusValue {
                name: "Erledigt".to_owned(),
                is_final: true,
            },
            StatusValue {
                name: "Abgelehnt".to_owned(),
                is_final: true,
            },
        ];
    });
    let got = client
        .query("SELECT ApiName, IsClosed, IsDefault FROM TaskStatus ORDER BY SortOrder")
        .await;
    assert_eq!(
        got.column("ApiName"),
        [json!("Offen"), json!("Erledigt"), json!("Abgelehnt")]
    );
    assert_eq!(got.column("IsDefault"), [json!(true), json!(false), json!(false)]);
    let id = client.create("Task", json!({"Status": "Abgelehnt"})).await;
    assert_eq!(client.fields("Task", &id).await["IsClosed"], json!(true));
    let got = client.post("sobjects/Task", json!({"Status": "Completed"})).await;
    assert_eq!(got.code(), "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST");
    assert_eq!(got.body[0]["fields"], json!(["Status"]));
}

#[tokio::test]
async fn external_ids_create_update_and_find() {
    let client = Client::new();
    let path = "sobjects/Task/FollowupKey__c/fu-9c1e77d2";
    let missing = client.get(path).await;
    assert_eq!((missing.status, missing.code()), (404, "NOT_FOUND"));
    assert_eq!(
        client
            .patch(&format!("{path}?updateOnly=true"), json!({"Subject": "x"}))
            .await
            .status,
        404
    );
    let made = client.patch(path, json!({"Subject": "One"})).await;
    let id = made.body["id"].clone();
    assert_eq!(
        (made.status, &made.body),
        (
            201,
            &json!({"id": id, "success": true, "errors": [], "created": true})
        )
    );
    let changed = client.patch(path, json!({"Subject": "Two"})).await;
    assert_eq!((changed.status, &changed.body["created"]), (200, &json!(false)));
    let old = client
        .patch(
            &format!("/services/data/v45.0/{path}"),
            json!({"Subject": "Three"}),
        )
        .await;
    assert_eq!((old.status, old.text.as_str()), (204, ""));
    assert_eq!(client.get(path).await.body["Id"], id);
    let both = client.patch(path, json!({"FollowupKey__c": "fu-9c1e77d2"})).await;
    assert_eq!(both.code(), "INVALID_FIELD");
    assert_eq!(
        client.patch("sobjects/Task/Subject/x", json!({})).await.status,
        404
    );
    assert_eq!(client.delete(path).await.status, 204);
    assert_eq!(client.get(path).await.status, 404);
    let again = client.patch(path, json!({"Subject": "Four"})).await;
    assert_ne!(again.body["id"], id, "a deleted record's key is free");
}

#[tokio::test]
async fn an_ambiguous_key_answers_300() {
    for as_objects in [false, true] {
        let client = Client::new();
        client.set(|switches| {
            switches.ambiguous_as_objects = as_objects;
            for field in &mut switches.custom_fields {
                field.is_unique = false;
            }
        });
        for _ in 0..2 {
            client.create("Task", json!({"FollowupKey__c": "fu-1"})).await;
        }
        let got = client
            .patch("sobjects/Task/FollowupKey__c/fu-1", json!({"Subject": "x"}))
            .await;
        assert_eq!((got.status, got.body.as_array().map(Vec::len)), (300, Some(2)));
        assert_eq!(got.body[0].is_object(), as_objects);
        assert_eq!(
            client.query("SELECT Id FROM Task WHERE Subject = 'x'").await.body["totalSize"],
            json!(0)
        );
    }
}

#[tokio::test]
async fn a_key_is_unique_across_activities_or_not() {
    for across in [true, false] {
        let client = Client::new();
        client.set(|switches| switches.unique_across_activities = across);
        let first = client.create("Task", json!({"FollowupKey__c": "Fu-1"})).await;
        let got = client
            .post("sobjects/Task", json!({"FollowupKey__c": "fu-1"}))
            .await;
        assert_eq!((got.status, got.code()), (400, "DUPLICATE_VALUE"));
        let message = format!(
            "duplicate value found: FollowupKey__c duplicates value on record with id: {}",
            &first[..15]
        );
        assert_eq!(got.message(), message);
        let event = json!({
            "FollowupKey__c": "fu-1", "StartDateTime": "2026-01-06T09:00:00Z", "DurationInMinutes": 30,
        });
        assert_eq!(client.post("sobjects/Event", event).await.status == 400, across);
    }
}

#[tokio::test]
async fn an_administrators_rules_refuse_in_their_own_words() {
    let client = Client::new();
    client.set(|switches| {
        switches.validation_rules.push(ValidationRule {
            object: "Task".to_owned(),
            field: "Subject".to_owned(),
            refuses: RuleTest::Contains("lunch".to_owned()),
            message: "No lunches".to_owned(),
        });
        switches.required_fields.insert("Task.Type".to_owned());
    });
    let got = client.post("sobjects/Task", json!({"Subject": "x"})).await;
    assert_eq!(
        (got.code(), got.message()),
        ("REQUIRED_FIELD_MISSING", "Required fields are missing: [Type]")
    );
    let got = client
        .post("sobjects/Task", json!({"Subject": "lunch", "Type": "Call"}))
        .await;
    assert_eq!(
        (got.code(), got.message()),
        ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "No lunches")
    );
}

#[tokio::test]
async fn references_must_be_there_and_of_the_right_type() {
    let client = Client::new();
    let lead = client.lead("lead@example.com").await;
    let contact = client.contact("contact@example.com").await;
    let account = client.create("Account", json!({"Name": "Summit Robotics"})).await;
    let gone = client.lead("gone@example.com").await;
    client.delete(&format!("sobjects/Lead/{gone}")).await;
    let converted = client.lead("converted@example.com").await;
    client.control("convert", json!({"lead": converted})).await;
    for (fields, code) in [
        (json!({"WhoId": account}), "FIELD_INTEGRITY_EXCEPTION"),
        (json!({"WhatId": contact}), "FIELD_INTEGRITY_EXCEPTION"),
        (
            json!({"WhoId": lead, "WhatId": account}),
            "FIELD_INTEGRITY_EXCEPTION",
        ),
        (json!({"WhoId": gone}), "ENTITY_IS_DELETED"),
        (json!({"WhoId": converted}), "CANNOT_UPDATE_CONVERTED_LEAD"),
        (
            json!({"WhoId": "0035g00000ZZZZZAAA"}),
            "INVALID_CROSS_REFERENCE_KEY",
        ),
        (json!({"WhoId": "x"}), "MALFORMED_ID"),
        (json!({"IsReminderSet": true}), "FIELD_INTEGRITY_EXCEPTION"),
        (
            json!({"TaskSubtype": "Cadence"}),
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        ),
        (json!({"Subject": "x".repeat(256)}), "STRING_TOO_LONG"),
        (
            json!({"CompletedDateTime": "2026-01-05T09:00:00Z"}),
            "INVALID_FIELD_FOR_INSERT_UPDATE",
        ),
        (json!({"Id": lead}), "INVALID_FIELD"),
    ] {
        let got = client.post("sobjects/Task", fields.clone()).await;
        assert_eq!((got.status, got.code()), (400, code), "{fields}: {}", got.text);
    }
    assert!(
        client
            .post("sobjects/Task", json!({"WhoId": account}))
            .await
            .message()
            .starts_with("Name ID: id value of incorrect type: 001")
    );
    let got = client
        .patch(&format!("sobjects/Lead/{converted}"), json!({"Title": "x"}))
        .await;
    assert_eq!(got.code(), "CANNOT_UPDATE_CONVERTED_LEAD");
    let got = client
        .patch(&format!("sobjects/Lead/{gone}"), json!({"Title": "x"}))
        .await;
    assert_eq!((got.status, got.code()), (404, "ENTITY_IS_DELETED"));
    let garbage = client.ask("POST", "sobjects/Task", &[], Bytes::from("{")).await;
    assert_eq!((garbage.status, garbage.code()), (400, "JSON_PARSER_ERROR"));
}

#[tokio::test]
async fn a_queue_may_own_a_lead_and_an_inactive_user_nothing() {
    let client = Client::new();
    let queue = client
        .create("Group", json!({"Name": "Inbound", "Type": "Queue"}))
        .await;
    let lead = json!({"LastName": "Q", "Company": "Q", "OwnerId": queue});
    let lead = client.create("Lead", lead).await;
    let got = client
        .query(&format!(
            "SELECT Owner.Name, Owner.Type FROM Lead WHERE Id = '{lead}'"
        ))
        .await;
    assert_eq!(got.body["records"][0]["Owner"]["Type"], json!("Group"));
    let user = client.user().await;
    client
        .patch(&format!("sobjects/User/{user}"), json!({"IsActive": false}))
        .await;
    let got = client.post("sobjects/Task", json!({"OwnerId": user})).await;
    assert_eq!(got.code(), "INACTIVE_OWNER_OR_USER");
}

#[tokio::test]
async fn a_write_can_insist_on_an_unmodified_record() {
    let client = Client::new();
    let id = client.create("Task", json!({"Subject": "x"})).await;
    client.advance(minutes(10));
    client
        .patch(&format!("sobjects/Task/{id}"), json!({"Subject": "y"}))
        .await;
    let body = || Bytes::from(json!({"Subject": "z"}).to_string());
    let path = format!("sobjects/Task/{id}");
    let early = [("if-unmodified-since", "Mon, 05 Jan 2026 08:05:00 GMT")];
    assert_eq!(client.ask("PATCH", &path, &early, body()).await.status, 412);
    let late = [("if-unmodified-since", "Mon, 05 Jan 2026 08:10:00 GMT")];
    assert_eq!(client.ask("PATCH", &path, &late, body()).await.status, 204);
}

#[tokio::test]
async fn a_row_in_a_transaction_is_locked_with_its_activities() {
    for status in [400_u16, 409] {
        let client = Client::new();
        client.set(|switches| switches.lock_status = status);
        let lead = client.lead("lock@example.com").await;
        client.control("lock", json!({"id": lead, "for": "2m"})).await;
        let dated = json!({"WhoId": lead, "ActivityDate": "2026-01-06"});
        let got = client.post("sobjects/Task", dated.clone()).await;
        assert_eq!((got.status, got.code()), (status, "UNABLE_TO_LOCK_ROW"));
        assert!(got.message().ends_with(&lead));
        // A task without a due date locks nothing.
        assert_eq!(
            client.post("sobjects/Task", json!({"WhoId": lead})).await.status,
            201
        );
        client.advance(minutes(3));
        assert_eq!(client.post("sobjects/Task", dated).await.status, 201);
    }
}

#[tokio::test]
async fn a_lost_answer_leaves_the_record() {
    let client = Client::new();
    client.fault("POST /services/data", "close_after_commit", 1);
    let body = Bytes::from(json!({"Subject": "x", "FollowupKey__c": "fu-lost"}).to_string());
    let reply = client.reply("POST", "sobjects/Task", &[], body).await;
    assert!(matches!(
        reply,
        followup_sandbox::Reply::Closed { committed: true }
    ));
    assert_eq!(
        client.get("sobjects/Task/FollowupKey__c/fu-lost").await.status,
        200
    );
}

#[tokio::test]
async fn mail_that_was_sent_cannot_be_changed() {
    let client = Client::new();
    let mail = json!({"Subject": "Hello", "FromAddress": "a@example.com", "Incoming": true, "Status": "3"});
    let id = client.create("EmailMessage", mail).await;
    let shown: Value = client.fields("EmailMessage", &id).await;
    let twin = shown["ActivityId"].as_str().expect("a twin");
    let task = client.fields("Task", twin).await;
    assert_eq!(
        (&task["TaskSubtype"], &task["IsClosed"]),
        (&json!("Email"), &json!(true))
    );
    let got = client
        .patch(&format!("sobjects/EmailMessage/{id}"), json!({"Subject": "y"}))
        .await;
    assert_eq!(got.code(), "INSUFFICIENT_ACCESS_OR_READONLY");
    let got = client.post("sobjects/EmailMessage", json!({"Status": "1"})).await;
    assert_eq!(got.code(), "FIELD_INTEGRITY_EXCEPTION");
    let lead = client.lead("a@example.com").await;
    let relation = json!({"EmailMessageId": id, "RelationId": lead, "RelationType": "FromAddress"});
    client.create("EmailMessageRelation", relation).await;
    assert_eq!(client.fields("Task", twin).await["WhoId"], json!(lead));
}
