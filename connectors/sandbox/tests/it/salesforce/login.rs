//! Logging in: the flows, rotation, and what ends a session.

use followup_sandbox::OrgSwitches;
use serde_json::{Value, json};

use super::{Client, HOST, hours, minutes};

fn refresh<'a>(access: &'a followup_sandbox::SalesforceAccess, token: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("grant_type", "refresh_token"),
        ("client_id", &access.client_id),
        ("client_secret", &access.client_secret),
        ("refresh_token", token),
    ]
}

fn text<'a>(body: &'a Value, name: &str) -> &'a str {
    body[name].as_str().unwrap_or_default()
}

#[tokio::test]
async fn a_refresh_rotates_and_carries_no_expiry() {
    let client = Client::new();
    let access = client.access();
    let got = client
        .login("token", &refresh(&access, &access.refresh_token))
        .await;
    assert_eq!(got.status, 200, "{}", got.text);
    assert!(got.body.get("expires_in").is_none());
    assert_ne!(text(&got.body, "refresh_token"), access.refresh_token);
    assert_eq!(text(&got.body, "instance_url"), HOST);
    assert!(got.body["issued_at"].is_string());
    let token = text(&got.body, "access_token");
    let (org, _) = token.split_once('!').expect("the org before the mark");
    assert!(text(&got.body, "id").contains(org));
}

#[tokio::test]
async fn a_dead_refresh_token_ends_the_whole_approval() {
    let mut client = Client::new();
    let access = client.access();
    let first = client
        .login("token", &refresh(&access, &access.refresh_token))
        .await
        .body;
    let again = client
        .login("token", &refresh(&access, &access.refresh_token))
        .await;
    assert_eq!(again.status, 400);
    assert_eq!(
        again.body,
        json!({"error": "invalid_grant", "error_description": "expired access/refresh token"})
    );
    let newest = client
        .login("token", &refresh(&access, text(&first, "refresh_token")))
        .await;
    assert_eq!(text(&newest.body, "error"), "invalid_grant");
    text(&first, "access_token").clone_into(&mut client.token);
    assert_eq!(
        client.query("SELECT Id FROM Lead").await.code(),
        "INVALID_SESSION_ID"
    );
}

#[tokio::test]
async fn without_rotation_the_old_token_stays() {
    let client = Client::with(OrgSwitches {
        rotates_refresh_token: false,
        ..OrgSwitches::default()
    });
    let access = client.access();
    for _ in 0..2 {
        let got = client
            .login("token", &refresh(&access, &access.refresh_token))
            .await;
        assert_eq!(got.status, 200);
        assert!(got.body.get("refresh_token").is_none());
    }
}

/// A code from the consent page, with a challenge if there is one.
async fn code(client: &Client, challenge: Option<&str>) -> String {
    let access = client.access();
    let proof = challenge.map_or_else(String::new, |challenge| {
        format!("&code_challenge={challenge}&code_challenge_method=S256")
    });
    let path = format!(
        "/services/oauth2/authorize?response_type=code&client_id={}&redirect_uri=http%3A%2F%2F127.0.0.1%2Fback{proof}",
        access.client_id
    );
    let got = client.get(&path).await;
    assert_eq!(got.status, 302);
    let back: http::Uri = got.header("location").parse().expect("an address");
    let query = back.query().expect("a query").to_owned();
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "code")
        .map(|(_, code)| code.into_owned())
        .expect("a code")
}

/// Exchanges a code.
async fn exchange(client: &Client, code: &str, verifier: Option<&str>) -> Value {
    let access = client.access();
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("client_id", access.client_id.as_str()),
        ("client_secret", access.client_secret.as_str()),
        ("redirect_uri", "http://127.0.0.1/back"),
        ("code", code),
    ];
    form.extend(verifier.map(|verifier| ("code_verifier", verifier)));
    client.login("token", &form).await.body
}

// The pair of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

#[tokio::test]
async fn a_code_wants_its_verifier() {
    let client = Client::new();
    let missing = exchange(&client, &code(&client, Some(CHALLENGE)).await, None).await;
    assert_eq!(text(&missing, "error"), "invalid_grant");
    let wrong = exchange(
        &client,
        &code(&client, Some(CHALLENGE)).await,
        Some("something-else"),
    )
    .await;
    assert_eq!(text(&wrong, "error"), "invalid_request");
    let fresh = code(&client, Some(CHALLENGE)).await;
    let good = exchange(&client, &fresh, Some(VERIFIER)).await;
    assert!(!text(&good, "refresh_token").is_empty());
    let twice = exchange(&client, &fresh, Some(VERIFIER)).await;
    assert_eq!(text(&twice, "error"), "invalid_grant");
}

#[tokio::test]
async fn the_sixth_approval_revokes_the_oldest() {
    let client = Client::new();
    let access = client.access();
    for _ in 0..4 {
        exchange(&client, &code(&client, None).await, None).await;
    }
    let got = client
        .login("token", &refresh(&access, &access.refresh_token))
        .await;
    assert_eq!(got.status, 200, "five approvals live side by side");
    let kept = text(&got.body, "refresh_token").to_owned();
    exchange(&client, &code(&client, None).await, None).await;
    let got = client.login("token", &refresh(&access, &kept)).await;
    assert_eq!(text(&got.body, "error"), "invalid_grant");
}

#[tokio::test]
async fn an_idle_refresh_token_ends_when_the_app_says_so() {
    for (days, status) in [(Some(30), 400), (None, 200)] {
        let client = Client::with(OrgSwitches {
            refresh_idle_days: days,
            ..OrgSwitches::default()
        });
        let access = client.access();
        client.advance(hours(31 * 24));
        let got = client
            .login("token", &refresh(&access, &access.refresh_token))
            .await;
        assert_eq!(got.status, status);
    }
}

#[tokio::test]
async fn client_credentials_give_no_refresh_token_and_need_my_domain() {
    let client = Client::new();
    let access = client.access();
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", access.client_id.as_str()),
        ("client_secret", access.client_secret.as_str()),
    ];
    let got = client.login("token", &form).await;
    assert_eq!(got.status, 200);
    assert!(got.body.get("refresh_token").is_none());
    client.set(|switches| switches.has_run_as_user = false);
    let got = client.login("token", &form).await;
    assert_eq!(
        text(&got.body, "error_description"),
        "no client credentials user enabled"
    );
    client.set(|switches| switches.app_installed = false);
    assert_eq!(
        text(&client.login("token", &form).await.body, "error"),
        "app_not_found"
    );
}

#[tokio::test]
async fn an_assertion_with_a_foreign_signature_is_refused() {
    let client = Client::new();
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ("assertion", "eyJhbGciOiJSUzI1NiJ9.e30.AAAA"),
    ];
    let got = client.login("token", &form).await;
    assert_eq!((got.status, text(&got.body, "error")), (400, "invalid_grant"));
}

#[tokio::test]
async fn a_session_ends_after_its_timeout_and_slides_only_if_told() {
    for (slides, status) in [(false, 401), (true, 200)] {
        let mut client = Client::with(OrgSwitches {
            session_slides: slides,
            ..OrgSwitches::default()
        });
        let access = client.access();
        let got = client
            .login("token", &refresh(&access, &access.refresh_token))
            .await;
        text(&got.body, "access_token").clone_into(&mut client.token);
        client.advance(minutes(90));
        assert_eq!(client.query("SELECT Id FROM Lead").await.status, 200);
        client.advance(minutes(90));
        let got = client.query("SELECT Id FROM Lead").await;
        assert_eq!(got.status, status);
        if status == 401 {
            assert_eq!(
                got.body,
                json!([{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}])
            );
        }
    }
}

#[tokio::test]
async fn introspection_tells_the_end_of_a_session() {
    let client = Client::new();
    let access = client.access();
    let token = client
        .login("token", &refresh(&access, &access.refresh_token))
        .await
        .body;
    let ask = [
        ("token", text(&token, "access_token")),
        ("client_id", access.client_id.as_str()),
        ("client_secret", access.client_secret.as_str()),
    ];
    let got = client.login("introspect", &ask).await.body;
    assert_eq!(got["active"], json!(true));
    let left = got["exp"].as_i64().expect("exp") - client.now().as_second();
    assert_eq!(left, 120 * 60);
    client
        .login("revoke", &[("token", text(&token, "access_token"))])
        .await;
    assert_eq!(
        client.login("introspect", &ask).await.body,
        json!({"active": false})
    );
}

#[tokio::test]
async fn a_deactivated_user_is_out() {
    let client = Client::new();
    let access = client.access();
    let me = client.get("/services/oauth2/userinfo").await.body;
    let user = text(&me, "user_id").to_owned();
    client
        .patch(&format!("sobjects/User/{user}"), json!({"IsActive": false}))
        .await;
    assert_eq!(
        client.query("SELECT Id FROM Lead").await.code(),
        "INVALID_SESSION_ID"
    );
    let got = client
        .login("token", &refresh(&access, &access.refresh_token))
        .await;
    assert_eq!(text(&got.body, "error"), "inactive_user");
}

#[tokio::test]
async fn versions_need_no_token_and_old_ones_are_gone() {
    let client = Client::new();
    let got = client
        .ask(
            "GET",
            "/services/data/",
            &[("authorization", "")],
            bytes::Bytes::new(),
        )
        .await;
    assert_eq!(got.status, 200);
    assert_eq!(got.header("sforce-limit-info"), "");
    let newest = got.body.as_array().and_then(|list| list.last()).cloned();
    assert_eq!(
        newest,
        Some(json!({"label": "Winter '27", "url": "/services/data/v68.0", "version": "68.0"}))
    );
    let old = client.get("/services/data/v30.0/limits").await;
    assert_eq!((old.status, old.code()), (410, "UNSUPPORTED_API_VERSION"));
    let warned = client.get("/services/data/v40.0/limits").await;
    assert!(warned.header("warning").starts_with("299"));
    assert_eq!(client.get("/services/data/v69.0/limits").await.status, 404);
}
