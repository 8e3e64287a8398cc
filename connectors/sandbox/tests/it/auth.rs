//! Tokens and scopes.

use bytes::Bytes;
use followup_sandbox::{Reply, Switches};
use http::Request;
use serde_json::{Value, json};

use crate::support::Client;

async fn token(client: &Client, path: &str, form: &str) -> (u16, Value) {
    let request = Request::post(path)
        .body(Bytes::from(form.to_owned()))
        .expect("a request");
    match client.sandbox.hubspot(request).await {
        Reply::Answer(response) => (
            response.status().as_u16(),
            serde_json::from_slice(response.body()).expect("JSON"),
        ),
        Reply::Closed { .. } => panic!("closed"),
    }
}

fn refresh_form(client: &Client, refresh_token: &str) -> String {
    let access = client.sandbox.access();
    format!(
        "grant_type=refresh_token&client_id={}&client_secret={}&refresh_token={refresh_token}",
        access.client_id, access.client_secret
    )
}

#[tokio::test]
async fn a_foreign_token_gets_401_and_a_malformed_one_the_edge() {
    let mut client = Client::new();
    client.token = "pat-eu1-unknown".to_owned();
    let got = client.get("/crm/objects/2026-09/contacts").await;
    assert_eq!(
        (got.status, got.body["category"].as_str()),
        (401, Some("INVALID_AUTHENTICATION"))
    );
    client.token = "\"quoted\"".to_owned();
    let got = client.get("/crm/objects/2026-09/contacts").await;
    assert_eq!((got.status, got.body), (530, Value::Null));
}

#[tokio::test]
async fn an_access_token_lives_half_an_hour_of_simulated_time() {
    let mut client = Client::new();
    let form = refresh_form(&client, &client.sandbox.access().refresh_token);
    for path in [
        "/oauth/v1/token",
        "/oauth/v3/token",
        "/oauth/2026-03/token",
        "/oauth/2026-09/token",
    ] {
        let (status, body) = token(&client, path, &form).await;
        assert_eq!(
            (status, &body["expires_in"], &body["token_type"]),
            (200, &json!(1800), &json!("bearer")),
            "{path}"
        );
        assert!(body["scopes"].is_array() && body.get("scope").is_none());
        client.token = body["access_token"].as_str().expect("a token").to_owned();
    }
    let got = client.get("/crm/objects/2026-09/contacts").await;
    assert_eq!(got.status, 200);
    assert!(got.headers.get("x-hubspot-ratelimit-daily").is_none());
    client.advance(1_800);
    let got = client.get("/crm/objects/2026-09/contacts").await;
    assert_eq!(
        (got.status, got.body["category"].as_str()),
        (401, Some("EXPIRED_AUTHENTICATION"))
    );
    client.token = client.sandbox.access().access_token;
    assert_eq!(client.get("/crm/objects/2026-09/contacts").await.status, 200);
}

#[tokio::test]
async fn refusals_of_the_token_endpoint_name_their_reason() {
    let client = Client::new();
    let good = refresh_form(&client, &client.sandbox.access().refresh_token);
    let wrong_secret = good.replace("client_secret=", "client_secret=x");
    for (form, error, status) in [
        (
            refresh_form(&client, "eu1-revoked"),
            "invalid_grant",
            "BAD_REFRESH_TOKEN",
        ),
        (wrong_secret, "invalid_client", "BAD_CLIENT_SECRET"),
        (
            good.replace("refresh_token&", "password&"),
            "unsupported_grant_type",
            "BAD_GRANT_TYPE",
        ),
        (String::new(), "invalid_client", "BAD_CLIENT_ID"),
    ] {
        let (code, body) = token(&client, "/oauth/2026-09/token", &form).await;
        assert_eq!(
            (code, &body["error"], &body["status"]),
            (400, &json!(error), &json!(status))
        );
    }
    let in_query = format!("/oauth/2026-09/token?{good}");
    assert_eq!(token(&client, &in_query, "").await.0, 400);
}

#[tokio::test]
async fn a_rotated_refresh_token_ends_the_old_one() {
    let client = Client::with(Switches {
        rotates_refresh_token: true,
        ..Switches::default()
    });
    let first = client.sandbox.access().refresh_token;
    let (_, body) = token(&client, "/oauth/2026-09/token", &refresh_form(&client, &first)).await;
    let second = body["refresh_token"].as_str().expect("a token").to_owned();
    assert_ne!(first, second);
    assert_eq!(
        token(&client, "/oauth/2026-09/token", &refresh_form(&client, &first))
            .await
            .0,
        400
    );
    assert_eq!(
        token(&client, "/oauth/2026-09/token", &refresh_form(&client, &second))
            .await
            .0,
        200
    );
}

#[tokio::test]
async fn a_code_is_good_once() {
    let client = Client::new();
    let access = client.sandbox.access();
    let consent = format!(
        "/oauth/authorize?client_id={}&redirect_uri=http%3A%2F%2F127.0.0.1%2Fback&scope=oauth&state=s1",
        access.client_id
    );
    let got = client.get(&consent).await;
    let back = got
        .headers
        .get("location")
        .and_then(|value| value.to_str().ok())
        .expect("a redirect")
        .to_owned();
    let code = back
        .split("code=")
        .nth(1)
        .and_then(|rest| rest.split('&').next())
        .expect("a code")
        .to_owned();
    assert!(got.status == 302 && back.ends_with("state=s1"));
    let form = format!(
        "grant_type=authorization_code&code={code}&redirect_uri=http://127.0.0.1/back&client_id={}&client_secret={}",
        access.client_id, access.client_secret
    );
    assert_eq!(token(&client, "/oauth/2026-09/token", &form).await.0, 200);
    assert_eq!(
        token(&client, "/oauth/2026-09/token", &form).await.1["status"],
        json!("BAD_AUTH_CODE")
    );
}

#[tokio::test]
async fn introspection_reads_the_token_under_any_documented_name() {
    let client = Client::new();
    let access = client.sandbox.access();
    for field in ["token", "refresh_token"] {
        let form = format!(
            "client_id={}&client_secret={}&token_type_hint=refresh_token&{field}={}",
            access.client_id, access.client_secret, access.refresh_token
        );
        let (status, body) = token(&client, "/oauth/2026-09/token/introspect", &form).await;
        assert_eq!(
            (status, &body["active"], &body["token_use"]),
            (200, &json!(true), &json!("refresh_token"))
        );
    }
}

#[tokio::test]
async fn the_legacy_look_ups_show_a_token_until_it_ends() {
    let client = Client::new();
    let refresh = client.sandbox.access().refresh_token;
    let (_, granted) = token(&client, "/oauth/v1/token", &refresh_form(&client, &refresh)).await;
    let access = granted["access_token"].as_str().expect("a token");
    let shown = client.get(&format!("/oauth/v1/access-tokens/{access}")).await;
    assert_eq!((shown.status, &shown.body["token_type"]), (200, &json!("access")));
    assert_eq!(
        (&shown.body["expires_in"], &shown.body["scopes"]),
        (&json!(1800), &granted["scopes"])
    );
    client.advance(1_800);
    assert_eq!(
        client
            .get(&format!("/oauth/v1/access-tokens/{access}"))
            .await
            .status,
        404
    );
    let path = format!("/oauth/v1/refresh-tokens/{refresh}");
    let shown = client.get(&path).await;
    assert_eq!(
        (shown.status, &shown.body["token_type"]),
        (200, &json!("refresh"))
    );
    assert_eq!(
        client.get(&path.replace("/v1/", "/2026-09/")).await.status,
        404,
        "never dated"
    );
    assert_eq!(client.send("DELETE", &path, None).await.status, 204);
    assert_eq!(client.get(&path).await.status, 404);
    let (status, _) = token(&client, "/oauth/v1/token", &refresh_form(&client, &refresh)).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn each_missing_scope_closes_its_own_door() {
    for (scope, closed, open) in [
        (
            "crm.objects.deals.read",
            "/crm/objects/2026-09/deals",
            "/crm/objects/2026-09/contacts",
        ),
        (
            "crm.objects.owners.read",
            "/crm/owners/2026-09",
            "/crm/objects/2026-09/tasks",
        ),
        (
            "sales-email-read",
            "/crm/objects/2026-09/emails",
            "/crm/objects/2026-03/emails",
        ),
        (
            "crm.objects.contacts.read",
            "/crm/objects/2026-09/calls",
            "/crm/v3/objects/emails",
        ),
    ] {
        let client = Client::with(Switches {
            missing_scopes: [scope.to_owned()].into(),
            ..Switches::default()
        });
        let got = client.get(closed).await;
        assert_eq!(
            (got.status, got.body["category"].as_str()),
            (403, Some("MISSING_SCOPES")),
            "{scope}"
        );
        assert!(
            got.body["errors"][0]["context"]["requiredGranularScopes"]
                .to_string()
                .contains(scope)
        );
        assert_eq!(client.get(open).await.status, 200, "{scope}");
    }
    let client = Client::with(Switches {
        missing_scopes: ["crm.objects.contacts.write".to_owned()].into(),
        ..Switches::default()
    });
    let task = json!({"properties": {"hs_timestamp": "1767600000000"}});
    assert_eq!(client.post("/crm/objects/2026-09/tasks", task).await.status, 403);
    assert_eq!(
        client
            .post("/crm/objects/2026-09/tasks/search", json!({}))
            .await
            .status,
        200
    );
}
