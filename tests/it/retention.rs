//! What is left of people whom the CRM deleted is forgotten by itself, once that is configured.

use serde_json::json;

use crate::support::Scene;

#[test]
fn whom_the_crm_deleted_is_forgotten_after_the_configured_time() {
    let scene = Scene::begun();
    let config = scene.config("").replacen(
        "data_dir",
        "retention = { deleted_people = \"90d\" }\ndata_dir",
        1,
    );
    scene.write("followupd.toml", &config);
    assert_eq!(scene.answer(&["check-config"]).status, 0);
    let (owner, _) = scene.owner(0);
    let priya = scene.form("priya@acme.example.com", "demo", &owner);
    scene.advance("6m");
    assert_eq!(scene.run_once().cycle()["tasks_created"], json!(1));
    scene.delete(&format!("/crm/objects/2026-09/contacts/{priya}"));
    scene.advance("25h");
    scene.run_once();
    let record = format!("hub:contact:{priya}");
    assert_eq!(
        scene.answer(&["export", &record]).status,
        0,
        "what was decided is still there"
    );
    scene.advance("2100h");
    scene.run_once();
    assert_eq!(
        scene.answer(&["status", "--json"]).json["forgotten"],
        json!(0),
        "88 days"
    );
    scene.advance("60h");
    scene.run_once();
    let status = scene.answer(&["status", "--json"]);
    assert_eq!(status.json["forgotten"], json!(1), "{status:?}");
    assert_eq!(scene.answer(&["export", &record]).status, 1);
    assert!(scene.answer(&["status"]).stdout.contains("forgotten"));
}

#[test]
fn a_time_in_which_a_crm_can_give_records_back_is_refused_with_the_reason() {
    let scene = Scene::new();
    for (keep, code) in [
        ("\"89d\"", "bad_value"),
        ("90", "missing_unit"),
        ("\"3bd\"", "missing_unit"),
    ] {
        let config = format!("retention = {{ deleted_people = {keep} }}\n{}", scene.config(""));
        scene.write("followupd.toml", &config);
        let checked = scene.answer(&["check-config", "--json"]);
        assert_eq!(checked.status, 2, "{keep}: {checked:?}");
        assert_eq!(
            checked.json["problems"][0]["code"],
            json!(code),
            "{keep}: {checked:?}"
        );
    }
    scene.write(
        "followupd.toml",
        &format!("retention = {{ deleted_people = \"89d\" }}\n{}", scene.config("")),
    );
    let told = scene.answer(&["check-config"]).stdout;
    assert!(
        told.contains("put it back") && told.contains("retention.deleted_people"),
        "{told}"
    );
}
