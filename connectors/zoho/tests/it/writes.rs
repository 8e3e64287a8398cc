//! Writing tasks: what leaves, and what is made of each answer.

use followup_core::{
    Baseline, Closing, Connector as _, CreateOutcome, DealId, DraftLinks, LinkChange, OwnerId, PersonId,
    RecordKind, Task, TaskChange, TaskDraft, TaskKey, TaskStatus, WriteOutcome,
};
use followup_zoho::{Mapping, Zoho};
use jiff::SignedDuration;
use serde_json::json;

use crate::support::{Org, config, record};

fn draft(org: &Org, key: &str, owner: &str, person: PersonId) -> TaskDraft {
    TaskDraft {
        key: TaskKey(key.to_owned()),
        owner: OwnerId(record(RecordKind::Owner, owner)),
        links: DraftLinks {
            people: vec![person],
            deals: Vec::new(),
        },
        subject: "Reply to Ana Prova".to_owned(),
        body: "Ana asked for pricing.".to_owned(),
        marker: format!("[followupd key={key} rule=first-touch]"),
        due_at: org.now() + SignedDuration::from_hours(2),
        reminder_at: Some(org.now() + SignedDuration::from_hours(1)),
        is_urgent: true,
    }
}

async fn org() -> (Org, String, PersonId) {
    let org = Org::with(|org| {
        org.token_minutes = u16::MAX;
        org.workflow_prefix = Some("AUTO".to_owned());
    })
    .await;
    let owner = org.user().await;
    let lead = org.lead(&owner).await;
    (org, owner, PersonId(record(RecordKind::Lead, &lead)))
}

async fn created(org: &Org, connector: &Zoho, draft: TaskDraft) -> Task {
    let outcomes = connector.create_tasks(&[draft], org.now()).await;
    match <[CreateOutcome; 1]>::try_from(outcomes) {
        Ok([CreateOutcome::Done(task)]) => *task,
        other => unreachable!("a plain draft is created: {other:?}"),
    }
}

fn change(task: &Task) -> TaskChange {
    TaskChange {
        id: task.id.clone(),
        key: task.key.clone().expect("ours"),
        baseline: Baseline::of(task),
        subject: None,
        body: None,
        marker: String::new(),
        links: LinkChange::default(),
        append: None,
        closing: None,
        created_at: task.created_at,
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_stands_at_its_lead_sets_nothing_off_and_rings_at_an_instant() {
    let (org, owner, lead) = org().await;
    let connector = org.connector();
    let task = created(&org, &connector, draft(&org, "k1", &owner, lead.clone())).await;
    assert_eq!(task.people, std::slice::from_ref(&lead));
    let row = org.one("Tasks", &task.id.record().native_id).await;
    assert_eq!(row["Subject"], json!("Reply to Ana Prova"), "no workflow ran");
    assert_eq!(row["What_Id"]["id"], json!(lead.record().native_id));
    assert_eq!(row["$se_module"], json!("Leads"));
    assert_eq!(row["Followupd_Key"], json!("k1"));
    assert_eq!(row["Priority"], json!("High"));
    let fields = task.fields.expect("ours");
    assert_eq!(
        fields.reminder_at,
        Some(org.now() + SignedDuration::from_hours(1))
    );
}

#[tokio::test(start_paused = true)]
async fn automation_runs_where_the_mapping_asks_for_it() {
    let (org, owner, lead) = org().await;
    let text = include_str!("../../../../config/connectors/zoho.toml");
    let mut config = config();
    config.mapping =
        Mapping::from_toml(&text.replace("trigger = []", "trigger = [\"workflow\"]")).expect("a mapping");
    let connector = org.connector_with(config);
    let task = created(&org, &connector, draft(&org, "k1", &owner, lead)).await;
    assert!(task.fields.expect("ours").subject.starts_with("AUTO"));
}

#[tokio::test(start_paused = true)]
async fn r20_each_record_of_a_batch_has_its_own_outcome_under_every_status() {
    for (some, all) in [(207, 400), (202, 202)] {
        let (org, owner, lead) = org().await;
        org.change(|org| {
            org.some_refused_status = some;
            org.all_refused_status = all;
        });
        let connector = org.connector();
        let gone = PersonId(record(RecordKind::Lead, "7000000000009999999"));
        let drafts = [
            draft(&org, "k1", &owner, lead.clone()),
            draft(&org, "k2", &owner, gone.clone()),
            draft(&org, "k3", &owner, lead.clone()),
        ];
        let outcomes = connector.create_tasks(&drafts, org.now()).await;
        assert!(
            matches!(
                outcomes.as_slice(),
                [
                    CreateOutcome::Done(_),
                    CreateOutcome::Rejected { .. },
                    CreateOutcome::Done(_)
                ]
            ),
            "{some}: {outcomes:?}"
        );
        let outcomes = connector
            .create_tasks(&[draft(&org, "k4", &owner, gone)], org.now())
            .await;
        assert!(
            matches!(outcomes.as_slice(), [CreateOutcome::Rejected { .. }]),
            "{all}: {outcomes:?}"
        );
        // The unique key is taken.
        let outcomes = connector
            .create_tasks(&[draft(&org, "k1", &owner, lead)], org.now())
            .await;
        let [CreateOutcome::AlreadyThere(Some(task))] = outcomes.as_slice() else {
            panic!("{outcomes:?}");
        };
        assert_eq!(task.key.as_ref().map(TaskKey::as_str), Some("k1"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_never_larger_than_ten() {
    let (org, owner, lead) = org().await;
    let connector = org.connector();
    let drafts: Vec<TaskDraft> = (0..23)
        .map(|number| draft(&org, &format!("k{number}"), &owner, lead.clone()))
        .collect();
    let outcomes = connector.create_tasks(&drafts, org.now()).await;
    assert!(
        outcomes
            .iter()
            .all(|outcome| matches!(outcome, CreateOutcome::Done(_)))
    );
    let posts = org.wire.drain();
    let posts = posts.iter().filter(|line| line.as_str() == "POST /crm/v8/Tasks");
    assert_eq!(posts.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn r23_a_task_for_an_inactive_owner_is_refused_with_that_reason() {
    let (org, _, lead) = org().await;
    let (status, answer) = org.send("GET", "/users?type=DeactiveUsers", None).await;
    assert_eq!(status, 200, "the team has somebody who left: {answer}");
    let left = crate::support::text(&answer["users"][0], "id");
    let connector = org.connector();
    let outcomes = connector
        .create_tasks(&[draft(&org, "k1", &left, lead)], org.now())
        .await;
    let [CreateOutcome::Rejected { reason }] = outcomes.as_slice() else {
        panic!("{outcomes:?}");
    };
    assert!(reason.contains("owner"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_passes_is_no_refusal_of_the_task() {
    let (org, owner, person) = org().await;
    let connector = org.connector();
    org.faults(&[("POST /crm/v8/Tasks", "error:LIMIT_EXCEEDED", 1)]);
    let drafts = [draft(&org, "k1", &owner, person)];
    let outcomes = connector.create_tasks(&drafts, org.now()).await;
    assert!(
        matches!(outcomes[..], [CreateOutcome::NotSent { .. }]),
        "{outcomes:?}"
    );
    created(&org, &connector, drafts[0].clone()).await;
}

#[tokio::test(start_paused = true)]
async fn an_edit_between_read_and_write_is_judged_anew_in_both_shapes_of_the_refusal() {
    for in_data in [false, true] {
        let (org, owner, lead) = org().await;
        org.change(|org| org.conflict_in_data = in_data);
        let connector = org.connector();
        let task = created(&org, &connector, draft(&org, "k1", &owner, lead)).await;
        org.advance(SignedDuration::from_mins(5));
        let id = task.id.record().native_id.clone();
        org.update("Tasks", &id, json!({"Status": "In Progress"})).await;
        let complete = TaskChange {
            closing: Some(Closing::Complete),
            ..change(&task)
        };
        let outcomes = connector.amend_tasks(&[complete], org.now()).await;
        assert!(
            matches!(outcomes.as_slice(), [WriteOutcome::HumanEdited(_)]),
            "a status somebody set is theirs: {outcomes:?}"
        );
        assert_eq!(org.one("Tasks", &id).await["Status"], json!("In Progress"));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_longer_needed_is_put_off_with_its_reason_and_deleted_where_the_org_says_so() {
    let (org, owner, lead) = org().await;
    let connector = org.connector();
    let task = created(&org, &connector, draft(&org, "k1", &owner, lead.clone())).await;
    let withdraw = |task: &Task| TaskChange {
        closing: Some(Closing::Withdraw),
        append: Some("No longer needed: the deal was won.".to_owned()),
        ..change(task)
    };
    let outcomes = connector.amend_tasks(&[withdraw(&task)], org.now()).await;
    let [WriteOutcome::Done(Some(put_off))] = outcomes.as_slice() else {
        panic!("{outcomes:?}");
    };
    assert_eq!(put_off.status, TaskStatus::Deferred);
    let text = &put_off.fields.as_ref().expect("ours").body;
    assert!(text.contains("No longer needed"), "{text}");
    let shipped = include_str!("../../../../config/connectors/zoho.toml");
    let mut config = config();
    let strict = shipped.replace("withdraw_by_deleting = false", "withdraw_by_deleting = true");
    config.mapping = Mapping::from_toml(&strict).expect("a mapping");
    let connector = org.connector_with(config);
    let task = created(&org, &connector, draft(&org, "k2", &owner, lead)).await;
    let outcomes = connector.amend_tasks(&[withdraw(&task)], org.now()).await;
    assert!(
        matches!(outcomes.as_slice(), [WriteOutcome::Done(None)]),
        "{outcomes:?}"
    );
    let outcomes = connector.amend_tasks(&[withdraw(&task)], org.now()).await;
    assert!(
        matches!(outcomes.as_slice(), [WriteOutcome::Gone]),
        "{outcomes:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_converted_leads_task_moves_to_the_contact_and_the_deal() {
    let (org, owner, lead) = org().await;
    let contact = PersonId(record(RecordKind::Contact, &org.contact(&owner).await));
    let deal = org
        .create(
            "Deals",
            json!({"Deal_Name": "Acme", "Stage": "Qualification", "Owner": {"id": owner}}),
        )
        .await;
    let deal = DealId(record(RecordKind::Deal, &deal));
    let connector = org.connector();
    let task = created(&org, &connector, draft(&org, "k1", &owner, lead.clone())).await;
    let moved = TaskChange {
        links: LinkChange {
            add: DraftLinks {
                people: vec![contact.clone()],
                deals: vec![deal.clone()],
            },
            remove: DraftLinks {
                people: vec![lead],
                deals: Vec::new(),
            },
        },
        ..change(&task)
    };
    for _ in 0..2 {
        let outcomes = connector
            .amend_tasks(std::slice::from_ref(&moved), org.now())
            .await;
        let [WriteOutcome::Done(Some(task))] = outcomes.as_slice() else {
            panic!("{outcomes:?}");
        };
        assert_eq!(task.people, std::slice::from_ref(&contact));
        assert_eq!(task.deals, std::slice::from_ref(&deal));
    }
}

/// Far more than lists show.
fn long(mut draft: TaskDraft) -> TaskDraft {
    draft.body = "Ana asked for pricing, twice, and again. ".repeat(30);
    draft
}

#[tokio::test(start_paused = true)]
async fn texts_longer_than_lists_show_are_not_taken_for_a_humans_edit() {
    for is_cut in [false, true] {
        let (org, owner, lead) = org().await;
        org.change(|org| org.rich_descriptions = is_cut);
        let connector = org.connector();
        let task = created(&org, &connector, long(draft(&org, "k1", &owner, lead))).await;
        let fields = task.fields.clone().expect("ours");
        assert!(fields.body.ends_with("rule=first-touch]"), "{}", fields.body);
        let rename = TaskChange {
            subject: Some("Reply to Ana Prova, twice".to_owned()),
            append: Some("One more line.".to_owned()),
            ..change(&task)
        };
        let outcomes = connector.amend_tasks(&[rename], org.now()).await;
        let [WriteOutcome::Done(Some(task))] = outcomes.as_slice() else {
            panic!("{outcomes:?}");
        };
        let body = &task.fields.as_ref().expect("ours").body;
        assert!(body.ends_with("One more line."), "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_text_stays_whole_when_the_rep_took_the_key_out_of_the_subject() {
    let (org, owner, lead) = org().await;
    org.change(|org| {
        org.rich_descriptions = true;
        org.custom_fields.clear();
    });
    let connector = org.connector();
    let task = created(&org, &connector, long(draft(&org, "k1", &owner, lead))).await;
    let id = task.id.record().native_id.clone();
    org.update("Tasks", &id, json!({"Subject": "Ring Ana on Tuesday"}))
        .await;
    let let_go = TaskChange {
        append: Some("No longer needed.".to_owned()),
        closing: Some(Closing::LetGo),
        ..change(&task)
    };
    let outcomes = connector.amend_tasks(&[let_go], org.now()).await;
    assert!(matches!(outcomes[..], [WriteOutcome::Done(_)]), "{outcomes:?}");
    let body = crate::support::text(&org.one("Tasks", &id).await, "Description");
    assert!(
        body.contains("key=k1") && body.ends_with("No longer needed."),
        "{body}"
    );
}
