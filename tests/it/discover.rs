//! A draft of a mapping speaks of every word of the org, is a valid configuration, and changes nothing by itself.

use serde_json::{Value, json};

use crate::{
    crms::Crms,
    support::{Answer, Scene},
};

const NAMES: [&str; 3] = ["hubspot", "salesforce", "zoho"];

fn discover(crms: &Crms, name: &str) -> Answer {
    let file = crms.path(&format!("{name}.draft.toml"));
    std::fs::remove_file(&file).ok();
    crms.answer(&["discover", name, "--json", "--out", file.to_str().unwrap()])
}

fn words(answer: &Answer, name: &str) -> Vec<(String, Value)> {
    let lists = answer.json["lists"].as_array().unwrap();
    let list = lists.iter().find(|known| known["name"] == name);
    assert!(list.is_some(), "no {name} in {answer:?}");
    let words = list.unwrap()["words"].as_array().unwrap();
    let told = |word: &Value| (word["word"].as_str().unwrap().to_owned(), word["means"].clone());
    words.iter().map(told).collect()
}

fn means(answer: &Answer, list: &str, word: &str) -> Value {
    let words = words(answer, list);
    let found = words.iter().find(|(known, _)| known == word);
    assert!(found.is_some(), "no {word} in {list}: {words:?}");
    found.unwrap().1.clone()
}

/// Names the draft of each connection as its mapping.
fn install(crms: &Crms) {
    let path = crms.path("followupd.toml");
    let mut config = std::fs::read_to_string(&path).unwrap();
    for name in NAMES {
        let head = format!("provider = \"{name}\"\n");
        let with = format!("{head}mapping_file = \"{name}.toml\"\n");
        config = config.replace(&head, &with);
    }
    std::fs::write(path, config).unwrap();
}

#[test]
fn a_draft_in_force_leaves_no_word_out_and_drafts_the_same_again() {
    let crms = Crms::new();
    crms.log_in();
    for name in NAMES {
        let first = discover(&crms, name);
        assert_eq!(
            (first.status, &first.json["schema"]),
            (1, &json!("discover/1")),
            "{name}: {first:?}"
        );
        assert!(first.json["unmapped"].as_u64().unwrap() > 0, "{name}");
        std::fs::copy(
            crms.path(&format!("{name}.draft.toml")),
            crms.path(&format!("{name}.toml")),
        )
        .unwrap();
    }
    install(&crms);
    let checked = crms.answer(&["check-config"]);
    assert_eq!(checked.status, 0, "{checked:?}");
    for name in NAMES {
        let again = discover(&crms, name);
        assert_eq!(
            (again.status, &again.json["unmapped"]),
            (0, &json!(0)),
            "{name}: {again:?}"
        );
        let draft = std::fs::read_to_string(crms.path(&format!("{name}.draft.toml"))).unwrap();
        assert_eq!(
            draft,
            std::fs::read_to_string(crms.path(&format!("{name}.toml"))).unwrap(),
            "{name}"
        );
    }
}

#[test]
fn what_each_crm_has_is_told_with_what_the_mapping_makes_of_it() {
    let crms = Crms::new();
    crms.log_in();
    let hubspot = discover(&crms, "hubspot");
    let connected = "f240bbac-87c9-4f6e-bf70-924b57d47db7";
    assert_eq!(
        means(&hubspot, "calls.dispositions", connected),
        json!("connected")
    );
    assert_eq!(
        means(&hubspot, "deals.stages", "contractsent"),
        json!("a proposal is out")
    );
    assert_eq!(means(&hubspot, "deals.stages", "qualifiedtobuy"), Value::Null);
    assert_eq!(means(&hubspot, "leads.stages", "lead"), json!("a lead"));
    assert_eq!(means(&hubspot, "status", "UNQUALIFIED"), json!("unqualified"));
    assert_eq!(means(&hubspot, "status", "CONNECTED"), Value::Null);
    assert!(
        !words(&hubspot, "deals.stages")
            .iter()
            .any(|(word, _)| word == "closedwon")
    );

    let salesforce = discover(&crms, "salesforce");
    assert_eq!(means(&salesforce, "sources", "Web"), json!("other"));
    assert_eq!(means(&salesforce, "tasks.statuses", "Completed"), json!("done"));
    assert_eq!(means(&salesforce, "tasks.types", "Call"), json!("a logged call"));
    assert!(!words(&salesforce, "deals.stages").is_empty());

    let zoho = discover(&crms, "zoho");
    assert_eq!(means(&zoho, "tasks.statuses", "Completed"), json!("done"));
    assert_eq!(means(&zoho, "calls.results", "Interested"), json!("connected"));
    assert_eq!(means(&zoho, "leads.status", "Junk Lead"), json!("unqualified"));
    assert!(!words(&zoho, "deals.stages").is_empty());
}

#[test]
fn custom_fields_and_words_the_org_does_not_have_are_named() {
    let scene = Scene::new();
    let field = json!({"name": "favourite_tea", "label": "Favourite tea", "type": "string", "fieldType": "text",
        "groupName": "contactinformation"});
    scene.post("/crm/properties/2026-09/contacts", &field);
    let shipped =
        std::fs::read_to_string(crate::tidy::root().join("config/connectors/hubspot.toml")).unwrap();
    let odd = shipped.replace("UNQUALIFIED = ", "GIVEN_UP = \"unqualified\"\nUNQUALIFIED = ");
    scene.write("mapping.toml", &odd);
    scene.write("followupd.toml", &scene.config("mapping_file = \"mapping.toml\""));
    let answer = scene.answer(&["discover", "hub", "--json"]);
    assert_eq!(answer.status, 1, "{answer:?}");
    let fields = answer.json["fields"].to_string();
    assert!(fields.contains("favourite_tea"), "{fields}");
    let lists = answer.json["lists"].to_string();
    assert!(lists.contains("status: given_up"), "{lists}");
    let draft = answer.json["draft"].as_str().unwrap();
    assert!(
        draft.contains("GIVEN_UP = \"unqualified\""),
        "what was there stays: {draft}"
    );
    // Without --out the draft is what a pipe gets, and people read the rest.
    let plain = scene.answer(&["discover", "hub"]);
    assert_eq!(plain.stdout, draft);
    assert!(
        plain.stderr.contains("not in the CRM: status: given_up"),
        "{}",
        plain.stderr
    );
    let nobody = scene.answer(&["discover", "hubb"]);
    assert!(
        nobody.status == 2 && nobody.stderr.contains("did you mean `hub`"),
        "{nobody:?}"
    );
}

#[test]
fn what_the_login_may_not_look_at_is_said_and_the_rest_is_drafted() {
    let scene = Scene::begun();
    scene.faults(&json!([
        {"match": "GET /crm/properties/2026-09/deals*", "kind": "forbid", "times": 0},
        {"match": "GET /calling/v1/dispositions*", "kind": "status:404", "times": 0},
    ]));
    let answer = scene.answer(&["discover", "hub", "--json"]);
    assert_eq!(answer.status, 1, "{answer:?}");
    let unread = answer.json["unread"].as_array().unwrap();
    let what: Vec<&str> = unread.iter().map(|part| part["what"].as_str().unwrap()).collect();
    assert_eq!(what, ["properties of deals", "call outcomes"], "{unread:?}");
    assert!(
        answer.json["draft"]
            .as_str()
            .unwrap()
            .contains("could not be looked at: properties of deals")
    );
    assert!(!words(&answer, "status").is_empty());
    scene.faults(&json!([{"match": "GET /crm/properties/*", "kind": "revoke_token", "times": 0}]));
    let refused = scene.answer(&["discover", "hub"]);
    assert!(
        refused.status == 3 && refused.stderr.contains("Fix:"),
        "{refused:?}"
    );
}
