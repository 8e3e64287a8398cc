//! Behaviour no source settles, with both settings; the rest of the switches have theirs beside what they change.

use serde_json::json;

use super::{Client, hours};

#[tokio::test]
async fn a_locator_dies_with_either_status() {
    for status in [400, 404] {
        let client = Client::new();
        client.set(|switches| switches.locator_status = status);
        let got = client.get("query/0r8xx0000000000AAA-2000").await;
        assert_eq!((got.status, got.code()), (status, "INVALID_QUERY_LOCATOR"));
    }
}

#[tokio::test]
async fn a_window_is_refused_with_either_status() {
    for status in [400, 500] {
        let client = Client::new();
        client.set(|switches| switches.replication_status = status);
        let path = "sobjects/Lead/updated?start=2026-01-05T08:00:00Z&end=2026-01-05T07:00:00Z";
        assert_eq!(client.get(path).await.status, status);
    }
}

#[tokio::test]
async fn record_times_may_carry_milliseconds() {
    for (milliseconds, stamp) in [
        (false, "2026-01-05T08:00:00.000+0000"),
        (true, "2026-01-05T08:00:00.250+0000"),
    ] {
        let client = Client::new();
        client.set(|switches| switches.milliseconds = milliseconds);
        client.advance(jiff::SignedDuration::from_millis(250));
        let lead = client.lead("ms@example.com").await;
        assert_eq!(client.fields("Lead", &lead).await["SystemModstamp"], json!(stamp));
    }
}

#[tokio::test]
async fn ids_may_order_without_regard_to_case() {
    for (fold, expected) in [(false, "bytes"), (true, "folded")] {
        let client = Client::new();
        client.set(|switches| switches.ids_fold_case = fold);
        for at in 0..80 {
            client.create("Account", json!({"Name": format!("{at}")})).await;
        }
        let ids: Vec<String> = client
            .query("SELECT Id FROM Account ORDER BY Id")
            .await
            .column("Id")
            .iter()
            .filter_map(|id| id.as_str().map(str::to_owned))
            .collect();
        let mut by_bytes = ids.clone();
        by_bytes.sort();
        assert_eq!(ids == by_bytes, expected == "bytes");
    }
}

#[tokio::test]
async fn csv_instants_end_in_z_or_in_an_offset() {
    for (zulu, end) in [(true, ".000Z\""), (false, ".000+0000\"")] {
        let client = Client::new();
        client.set(|switches| {
            switches.bulk_zulu = zulu;
            switches.bulk_looks = 0;
        });
        client.lead("csv@example.com").await;
        let body = json!({"operation": "query", "query": "SELECT CreatedDate FROM Lead"});
        let job = client.post("jobs/query", body).await.body["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        client.get(&format!("jobs/query/{job}")).await;
        let got = client.get(&format!("jobs/query/{job}/results")).await;
        assert!(got.text.trim_end().ends_with(end), "{}", got.text);
    }
}

#[tokio::test]
async fn a_reminder_may_do_without_a_time() {
    for (needs, status) in [(true, 400), (false, 201)] {
        let client = Client::new();
        client.set(|switches| switches.reminder_needs_time = needs);
        assert_eq!(
            client
                .post("sobjects/Task", json!({"IsReminderSet": true}))
                .await
                .status,
            status
        );
        let event = json!({
            "StartDateTime": "2026-01-06T09:00:00Z", "EndDateTime": "2026-01-06T10:00:00Z", "IsReminderSet": true,
        });
        assert_eq!(
            client.post("sobjects/Event", event).await.status,
            400,
            "an event always needs one"
        );
    }
}

#[tokio::test]
async fn a_future_event_may_move_the_last_activity() {
    for (moves, expected) in [(true, json!("2026-02-01")), (false, json!(null))] {
        let client = Client::new();
        client.set(|switches| switches.future_moves_last_activity = moves);
        let lead = client.lead("future@example.com").await;
        let stamp = client.fields("Lead", &lead).await["SystemModstamp"].clone();
        client.advance(hours(1));
        let event = json!({"StartDateTime": "2026-02-01T09:00:00Z", "DurationInMinutes": 30, "WhoId": lead});
        client.create("Event", event).await;
        let shown = client.fields("Lead", &lead).await;
        assert_eq!(shown["LastActivityDate"], expected);
        assert_eq!(shown["SystemModstamp"], stamp, "it moves without a stamp");
    }
}

#[tokio::test]
async fn a_missing_key_is_told_by_an_array_or_by_an_object() {
    for as_object in [false, true] {
        let client = Client::new();
        client.set(|switches| switches.key_not_found_as_object = as_object);
        let got = client.get("sobjects/Task/FollowupKey__c/fu-none").await;
        assert_eq!((got.status, got.body.is_object()), (404, as_object));
        let error = if as_object { &got.body } else { &got.body[0] };
        assert_eq!(error["errorCode"], json!("NOT_FOUND"));
        assert_eq!(error["message"], json!("The requested resource does not exist"));
    }
}
