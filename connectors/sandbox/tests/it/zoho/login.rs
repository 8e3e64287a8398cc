//! Tokens: what makes one, how many there may be, and what their end looks like.

use followup_sandbox::ZohoSwitches;
use serde_json::json;

use super::{ACCOUNTS, Client, minutes};

#[tokio::test]
async fn a_refresh_answers_seconds_and_no_refresh_token() {
    let client = Client::new().await;
    let got = client.login(&client.grant()).await;
    assert_eq!((got.status, &got.body["expires_in"]), (200, &json!(3_600)));
    assert_eq!(got.body["api_domain"], json!("https://www.zohoapis.eu"));
    assert_eq!(got.body["token_type"], json!("Bearer"));
    assert!(got.body.get("refresh_token").is_none(), "{}", got.text);
}

#[tokio::test]
async fn a_form_may_come_in_parts() {
    let client = Client::new().await;
    let body: String = client
        .grant()
        .iter()
        .map(|(name, value)| {
            format!("--xyz\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        })
        .chain(["--xyz--\r\n".to_owned()])
        .collect();
    let headers = [
        ("authorization", ""),
        ("content-type", "multipart/form-data; boundary=xyz"),
    ];
    let url = format!("{ACCOUNTS}/oauth/v2/token");
    let got = client.ask("POST", &url, &headers, bytes::Bytes::from(body)).await;
    assert!(got.body["access_token"].is_string(), "{}", got.text);
}

#[tokio::test]
async fn errors_of_the_token_endpoint_come_with_200() {
    let client = Client::new().await;
    for (name, value, error) in [
        ("refresh_token", "1000.dead", "invalid_code"),
        ("client_id", "1000.OTHER", "invalid_client"),
        ("client_secret", "wrong", "invalid_client_secret"),
    ] {
        let mut form = client.grant();
        for field in &mut form {
            if field.0 == name {
                field.1 = value.to_owned();
            }
        }
        let got = client.login(&form).await;
        assert_eq!((got.status, &got.body["error"]), (200, &json!(error)));
    }
}

#[tokio::test]
async fn the_eleventh_token_in_ten_minutes_is_denied() {
    for status in [400, 200] {
        let client = Client::with(ZohoSwitches {
            token_throttle_status: status,
            ..ZohoSwitches::default()
        })
        .await;
        for _ in 1..10 {
            assert!(client.login(&client.grant()).await.body["access_token"].is_string());
        }
        let got = client.login(&client.grant()).await;
        assert_eq!(
            (got.status, &got.body["error"]),
            (status, &json!("Access Denied"))
        );
        assert!(got.body.get("access_token").is_none());
        client.advance(minutes(10));
        assert!(client.login(&client.grant()).await.body["access_token"].is_string());
    }
}

#[tokio::test]
async fn the_sixteenth_living_token_ends_the_oldest() {
    let client = Client::new().await;
    for batch in [9, 5] {
        for _ in 0..batch {
            client.login(&client.grant()).await;
        }
        client.advance(minutes(10));
    }
    assert_eq!(client.get("org").await.status, 200, "fifteen live");
    client.login(&client.grant()).await;
    let got = client.get("org").await;
    assert_eq!((got.status, got.code()), (401, "INVALID_OAUTHTOKEN"));
}

#[tokio::test]
async fn a_token_ends_after_an_hour() {
    let mut client = Client::new().await;
    let got = client.get("org").await;
    assert_eq!(got.header("x-accesstoken-reset"), "2026-01-05T10:00:00+01:00");
    client.advance(minutes(59));
    assert_eq!(client.get("org").await.status, 200);
    client.advance(minutes(1));
    let got = client.get("org").await;
    assert_eq!((got.status, got.code()), (401, "INVALID_TOKEN"));
    client.refresh().await;
    assert_eq!(client.get("org").await.status, 200);
}

#[tokio::test]
async fn the_header_has_a_word_of_its_own() {
    let client = Client::new().await;
    let bearer = format!("Bearer {}", client.token);
    let headers = [("authorization", bearer.as_str())];
    let ask = || client.ask("GET", "org", &headers, bytes::Bytes::new());
    assert_eq!(ask().await.code(), "AUTHENTICATION_FAILURE");
    client.set(|switches| switches.accepts_bearer = true);
    assert_eq!(ask().await.status, 200);
}

#[tokio::test]
async fn a_missing_scope_is_not_a_dead_token() {
    let client = Client::new().await;
    client.set(|switches| {
        switches.missing_scopes.insert("ZohoCRM.coql.READ".to_owned());
    });
    let got = client.query("select id from Leads where id is not null").await;
    assert_eq!((got.status, got.code()), (401, "OAUTH_SCOPE_MISMATCH"));
    assert_eq!(client.get("org").await.status, 200);
}

#[tokio::test]
async fn another_data_center_does_not_know_the_token() {
    let client = Client::new().await;
    let got = client.get("https://www.zohoapis.com/crm/v8/org").await;
    assert_eq!((got.status, got.code()), (401, "INVALID_TOKEN"));
    let got = client.get("https://crm.zoho.eu/crm/v8/org").await;
    assert_eq!((got.status, got.code()), (400, "INVALID_HOST"));
    let got = client
        .login_at("https://accounts.zoho.com", &client.grant())
        .await;
    assert_eq!(got.body["error"], json!("invalid_code"));
}

#[tokio::test]
async fn consent_comes_back_with_code_and_accounts_server() {
    let client = Client::new().await;
    let access = client.access();
    let url = format!(
        "{ACCOUNTS}/oauth/v2/auth?response_type=code&client_id={}&scope=ZohoCRM.org.READ&access_type=offline\
         &redirect_uri=https%3A%2F%2Fapp.example.com%2Fback",
        access.client_id
    );
    let got = client.get(&url).await;
    assert_eq!(got.status, 302);
    let back: url::Url = got.header("location").parse().expect("an address");
    let value = |name: &str| {
        let pair = back.query_pairs().find(|(key, _)| key == name);
        pair.map(|(_, value)| value.into_owned()).unwrap_or_default()
    };
    assert_eq!(value("location"), "eu");
    assert_eq!(value("accounts-server"), ACCOUNTS);
    let form = [
        ("grant_type", "authorization_code".to_owned()),
        ("client_id", access.client_id.clone()),
        ("client_secret", access.client_secret.clone()),
        ("redirect_uri", "https://app.example.com/back".to_owned()),
        ("code", value("code")),
    ];
    let got = client.login(&form).await;
    assert!(got.body["refresh_token"].is_string(), "{}", got.text);
    assert_eq!(got.body["scope"], json!("ZohoCRM.org.READ"));
    let again = client.login(&form).await;
    assert_eq!(again.body["error"], json!("invalid_code"), "a code is good once");
}

#[tokio::test]
async fn the_twenty_first_consent_ends_the_first_silently() {
    let client = Client::with(ZohoSwitches {
        refresh_tokens_max: 2,
        ..ZohoSwitches::default()
    })
    .await;
    let access = client.access();
    for _ in 0..2 {
        let url = format!(
            "{ACCOUNTS}/oauth/v2/auth?client_id={}&scope=ZohoCRM.org.READ&redirect_uri=https%3A%2F%2Fapp.example.com",
            access.client_id
        );
        let got = client.get(&url).await;
        let back: url::Url = got.header("location").parse().expect("an address");
        let code = back
            .query_pairs()
            .find(|(key, _)| key == "code")
            .expect("a code")
            .1;
        let got = client
            .login(&[
                ("grant_type", "authorization_code".to_owned()),
                ("client_id", access.client_id.clone()),
                ("client_secret", access.client_secret.clone()),
                ("redirect_uri", "https://app.example.com".to_owned()),
                ("code", code.into_owned()),
            ])
            .await;
        assert!(got.body["access_token"].is_string(), "{}", got.text);
        assert!(
            got.body.get("refresh_token").is_none(),
            "no offline access was asked for"
        );
    }
    assert_eq!(
        client.login(&client.grant()).await.body["error"],
        json!("invalid_code")
    );
    assert_eq!(
        client.get("org").await.status,
        401,
        "its access tokens went along"
    );
}
