//! OAuth 2 refresh: ahead of expiry, one at a time, durable before use.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use oauth2::{
    AsyncHttpClient, AuthType, ClientId, ClientSecret, HttpRequest, HttpResponse, RefreshToken,
    TokenResponse as _, TokenUrl, basic::BasicClient,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use tokio::{sync::Mutex, time::Instant};
use url::Url;

use super::{Bearer, Grant, TokenPair, TokenStore};
use crate::{
    budget::{Budget, Pool, Priority},
    error::{CallError, Cause, Effect},
    guard::Guarded,
    send::{Future, SendError, SendLimits},
    text::tidy,
};

/// A token is renewed this long before its end, or when 80 % of its life is over, whichever comes first.
const AHEAD: SignedDuration = SignedDuration::from_mins(1);
/// Life assumed when an answer names none: the shortest among the vendors.
const LIFE_UNKNOWN: Duration = Duration::from_mins(30);
/// Tries of one refresh before the caller hears of it.
const TRIES_MAX: u32 = 3;
/// Pause between tries.
const PAUSE: Duration = Duration::from_secs(2);
/// Bounds of a token request: small answers, quick servers.
pub(super) const LIMITS: SendLimits = SendLimits {
    total: Duration::from_secs(30),
    body_bytes_max: 64 * 1024,
};

/// What a connection needs to buy access tokens.
#[derive(Clone)]
pub struct OAuthConfig {
    /// Token endpoint.
    pub token_url: Url,
    /// Public name of the app.
    pub client_id: String,
    /// Its secret.
    pub client_secret: SecretString,
    /// The refresh token to begin with; what the store holds wins. Empty until somebody logs in.
    pub refresh_token: SecretString,
    /// The exact step that brings a new consent, shown when the refresh token is refused.
    pub fix: String,
}

impl fmt::Debug for OAuthConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuthConfig")
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

/// The tokens of one connection in use.
pub struct OAuth {
    pub(super) config: OAuthConfig,
    /// How tokens are bought, where the plain refresh is not it.
    grant: Option<Arc<dyn Grant>>,
    store: Arc<dyn TokenStore>,
    // Held across a refresh on purpose: whoever comes meanwhile waits for that refresh instead of starting another.
    live: Mutex<Option<Live>>,
    /// The token endpoint asked to be left alone until then.
    closed_until: std::sync::Mutex<Option<(Timestamp, String)>>,
}

struct Live {
    pair: TokenPair,
    generation: u64,
    renew_at: Instant,
}

/// Why a refresh brought no token.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("{0}")]
    Send(#[from] SendError),
    #[error("{code}: {message}")]
    Denied {
        code: String,
        message: String,
        /// Instead of the configured fix.
        fix: Option<String>,
    },
    #[error("{0}")]
    Broken(String),
    #[error("no budget before {until}: {policy}")]
    Budget { until: Timestamp, policy: String },
}

impl OAuth {
    pub(super) fn new(
        config: OAuthConfig,
        grant: Option<Arc<dyn Grant>>,
        store: Arc<dyn TokenStore>,
    ) -> Self {
        Self {
            config,
            grant,
            store,
            live: Mutex::new(None),
            closed_until: std::sync::Mutex::default(),
        }
    }

    /// The token in use; a newer one if it is near its end, or if it is the refused `stale` one.
    pub(super) async fn bearer(
        &self,
        stale: Option<u64>,
        wire: &Guarded,
        budget: &Arc<Budget>,
        now: Timestamp,
    ) -> Result<Bearer, CallError> {
        let mut live = self.live.lock().await;
        if live.is_none() {
            *live = self.load(now).await?;
        }
        if let Some(known) = live.as_ref()
            && stale != Some(known.generation)
            && Instant::now() < known.renew_at
            && now < renew_date(&known.pair)
        {
            return Ok(known.bearer());
        }
        let generation = live.as_ref().map_or(1, |known| known.generation + 1);
        if let Some(newer) = self.rotated_elsewhere(live.as_ref(), generation, now).await? {
            let bearer = newer.bearer();
            *live = Some(newer);
            return Ok(bearer);
        }
        self.check_spacing(live.as_ref(), now)?;
        let refresh = live.as_ref().map_or_else(
            || self.config.refresh_token.clone(),
            |known| known.pair.refresh.clone(),
        );
        if refresh.expose_secret().is_empty() && self.needs_login() {
            let fix = self.config.fix.clone();
            let message = "nobody has logged in yet".to_owned();
            return Err(failed(Cause::Unauthorized { fix }, message));
        }
        self.store.prepare().await.map_err(|message| {
            failed(
                Cause::Transport,
                format!("no new token is asked for, because it could not be stored: {message}"),
            )
        })?;
        let pair = self.renew(&refresh, wire, budget, now).await?;
        // Durable before use: a crash from here on must not lose a rotated refresh token.
        self.store.store(pair.clone()).await.map_err(|message| {
            failed(
                Cause::Transport,
                format!("the new token cannot be stored: {message}"),
            )
        })?;
        let fresh = Live::new(pair, generation, now);
        let bearer = fresh.bearer();
        *live = Some(fresh);
        Ok(bearer)
    }

    /// Whether a refresh token must be there; what a person brings by logging in is found in the store.
    fn needs_login(&self) -> bool {
        self.grant
            .as_ref()
            .is_none_or(|grant| grant.needs_refresh_token())
    }

    /// Whether a token may be bought now: not within the grant's spacing, and not while the endpoint wants its peace.
    fn check_spacing(&self, known: Option<&Live>, now: Timestamp) -> Result<(), CallError> {
        let spacing = self
            .grant
            .as_ref()
            .map(|grant| grant.spacing())
            .unwrap_or_default();
        let young = known
            .filter(|known| now.duration_since(known.pair.issued_at).abs() < spacing)
            .map(|known| {
                let policy = "a token was bought just before, and the vendor sells only so many".to_owned();
                (known.pair.issued_at + spacing, policy)
            });
        let closed = self.closed().clone().filter(|(until, _)| now < *until);
        match young.or(closed) {
            Some((until, policy)) => Err(failed(
                Cause::Throttled {
                    until,
                    policy: policy.clone(),
                },
                format!("no new access token before {until}: {policy}"),
            )),
            None => Ok(()),
        }
    }

    fn closed(&self) -> std::sync::MutexGuard<'_, Option<(Timestamp, String)>> {
        // An instant stays usable whatever happened to whoever held it.
        self.closed_until
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    async fn load(&self, now: Timestamp) -> Result<Option<Live>, CallError> {
        let stored = self.store.load().await.map_err(|message| {
            let fix = "mend or remove the file; what is configured is taken up again then".to_owned();
            failed(
                Cause::Unauthorized { fix },
                format!("the stored token cannot be read: {message}"),
            )
        })?;
        Ok(stored.map(|pair| Live::new(pair, 1, now)))
    }

    /// What a sibling stored since: using the refresh token it replaced could cost the whole grant.
    async fn rotated_elsewhere(
        &self,
        known: Option<&Live>,
        generation: u64,
        now: Timestamp,
    ) -> Result<Option<Live>, CallError> {
        let Some(known) = known else { return Ok(None) };
        let Some(mut stored) = self.load(now).await? else {
            return Ok(None);
        };
        let is_newer = stored.pair.refresh.expose_secret() != known.pair.refresh.expose_secret();
        stored.generation = generation;
        Ok((is_newer && now < renew_date(&stored.pair)).then_some(stored))
    }

    /// One refresh with its tries. A refused refresh token is looked up again: a sibling may have rotated it.
    async fn renew(
        &self,
        refresh: &SecretString,
        wire: &Guarded,
        budget: &Arc<Budget>,
        now: Timestamp,
    ) -> Result<TokenPair, CallError> {
        let mut refresh = refresh.clone();
        let mut tries = 0;
        let mut has_looked_again = false;
        loop {
            tries += 1;
            let fault = match self.ask(&refresh, wire, budget, now).await {
                Ok(pair) => return Ok(pair),
                Err(fault) => fault,
            };
            match &fault {
                Fault::Denied { .. } if !has_looked_again => {
                    has_looked_again = true;
                    match self.store.load().await {
                        Ok(Some(stored)) if stored.refresh.expose_secret() != refresh.expose_secret() => {
                            refresh = stored.refresh;
                        }
                        _ => return Err(self.explain(&fault, &refresh)),
                    }
                }
                Fault::Budget { until, policy } if self.grant.is_some() => {
                    *self.closed() = Some((*until, policy.clone()));
                    return Err(self.explain(&fault, &refresh));
                }
                Fault::Send(_) | Fault::Broken(_) if tries < TRIES_MAX => {
                    tokio::time::sleep(PAUSE * tries).await;
                }
                _ => return Err(self.explain(&fault, &refresh)),
            }
        }
    }

    fn ask(
        &self,
        refresh: &SecretString,
        wire: &Guarded,
        budget: &Arc<Budget>,
        now: Timestamp,
    ) -> Future<'static, Result<TokenPair, Fault>> {
        let refresh = refresh.clone();
        if let Some(grant) = &self.grant {
            let (grant, url) = (Arc::clone(grant), self.config.token_url.clone());
            let (wire, budget) = (wire.clone(), Arc::clone(budget));
            return Box::pin(
                async move { super::grant::ask(&*grant, url, &refresh, &wire, &budget, now).await },
            );
        }
        let token_url = TokenUrl::from_url(self.config.token_url.clone());
        let client = BasicClient::new(ClientId::new(self.config.client_id.clone()))
            .set_client_secret(ClientSecret::new(
                self.config.client_secret.expose_secret().to_owned(),
            ))
            // HubSpot reads the client from the body, not from HTTP Basic; the other vendors accept it there.
            .set_auth_type(AuthType::RequestBody)
            .set_token_uri(token_url);
        let token = RefreshToken::new(refresh.expose_secret().to_owned());
        let send = Exchange {
            wire: wire.clone(),
            budget: Arc::clone(budget),
            now,
        };
        Box::pin(async move {
            let answer = client
                .exchange_refresh_token(&token)
                .request_async(&send)
                .await
                .map_err(|error| match error {
                    oauth2::RequestTokenError::Request(fault) => fault,
                    _ => Fault::Broken("the token answer cannot be read".to_owned()),
                })?;
            let life = answer.expires_in().unwrap_or(LIFE_UNKNOWN);
            Ok(TokenPair {
                access: SecretString::from(answer.access_token().secret().to_owned()),
                refresh: answer
                    .refresh_token()
                    .map_or(refresh, |token| SecretString::from(token.secret().to_owned())),
                issued_at: now,
                expires_at: now + SignedDuration::try_from(life).unwrap_or(SignedDuration::from_mins(30)),
                base_url: None,
                scopes: None,
            })
        })
    }

    fn explain(&self, fault: &Fault, refresh: &SecretString) -> CallError {
        let secrets = [refresh.expose_secret(), self.config.client_secret.expose_secret()];
        let message = tidy(&fault.to_string(), &secrets);
        let cause = match fault {
            Fault::Denied { fix, .. } => Cause::Unauthorized {
                fix: fix.clone().unwrap_or_else(|| self.config.fix.clone()),
            },
            Fault::Budget { until, policy } => Cause::Throttled {
                until: *until,
                policy: policy.clone(),
            },
            Fault::Send(_) | Fault::Broken(_) => Cause::Transport,
        };
        failed(cause, message)
    }
}

impl Live {
    fn new(pair: TokenPair, generation: u64, now: Timestamp) -> Self {
        let left = Duration::try_from(renew_date(&pair).duration_since(now)).unwrap_or(Duration::ZERO);
        Self {
            pair,
            generation,
            renew_at: Instant::now() + left,
        }
    }

    fn bearer(&self) -> Bearer {
        Bearer {
            secret: self.pair.access.clone(),
            generation: self.generation,
            base_url: self.pair.base_url.clone(),
        }
    }
}

/// When a token is due for renewal.
fn renew_date(pair: &TokenPair) -> Timestamp {
    let life = pair.expires_at.duration_since(pair.issued_at);
    (pair.issued_at + life * 4 / 5).min(pair.expires_at - AHEAD)
}

/// Sends token requests and makes sure that only a token answer reaches the OAuth library, whose own parser knows
/// neither errors inside a 200 nor HTML.
struct Exchange {
    wire: Guarded,
    budget: Arc<Budget>,
    now: Timestamp,
}

impl<'c> AsyncHttpClient<'c> for Exchange {
    type Error = Fault;
    type Future = Future<'c, Result<HttpResponse, Fault>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

impl Exchange {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Fault> {
        self.budget
            .admit(Pool::Burst, Priority::Token, self.now)
            .await
            .map_err(|throttle| Fault::Budget {
                until: throttle.until,
                policy: throttle.policy,
            })?;
        let answer = self.wire.send(request.map(Bytes::from), LIMITS).await?;
        let json: Option<Value> = serde_json::from_slice(answer.body()).ok();
        let text = |key: &str| {
            json.as_ref()
                .and_then(|json| json.get(key))
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        if answer.status().is_success() && text("access_token").is_some() {
            return Ok(answer.map(|body| body.to_vec()));
        }
        // An `error` word is the server's verdict on our credentials, whatever the status; 5xx and 429 are not.
        if let Some(code) = text("error")
            && !answer.status().is_server_error()
            && answer.status().as_u16() != 429
        {
            let message = text("error_description")
                .or_else(|| text("message"))
                .unwrap_or_else(|| "no reason given".to_owned());
            return Err(Fault::Denied {
                code,
                message,
                fix: None,
            });
        }
        Err(Fault::Broken(format!(
            "the token endpoint answered {}",
            answer.status()
        )))
    }
}

pub(super) fn failed(cause: Cause, message: String) -> CallError {
    CallError {
        action: "get an access token".to_owned(),
        cause,
        effect: Effect::None,
        message,
        status: None,
        body: None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex as StdMutex,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;
    use crate::{budget::BudgetLimits, guard::AllowList, send::Transport, token::Refusal};
    use http::Method;

    const PLANTED: &str = "planted-refresh-token";

    /// Answers each request with the next scripted status and body; the last one repeats.
    struct Scripted {
        answers: Vec<(u16, &'static str)>,
        seen: AtomicUsize,
        bodies: StdMutex<Vec<String>>,
    }

    impl Transport for Scripted {
        fn send(
            &self,
            request: http::Request<Bytes>,
            _: SendLimits,
        ) -> Future<'_, Result<http::Response<Bytes>, SendError>> {
            let turn = self
                .seen
                .fetch_add(1, Ordering::SeqCst)
                .min(self.answers.len() - 1);
            self.bodies
                .lock()
                .unwrap()
                .push(String::from_utf8_lossy(request.body()).into_owned());
            let (status, body) = self.answers[turn];
            Box::pin(async move {
                tokio::task::yield_now().await;
                let mut answer = http::Response::new(Bytes::from_static(body.as_bytes()));
                *answer.status_mut() = http::StatusCode::from_u16(status).unwrap();
                Ok(answer)
            })
        }
    }

    #[derive(Default)]
    struct Memory(StdMutex<Option<TokenPair>>);

    impl TokenStore for Memory {
        fn load(&self) -> Future<'_, Result<Option<TokenPair>, String>> {
            let pair = self.0.lock().unwrap().clone();
            Box::pin(async move { Ok(pair) })
        }
        fn store(&self, tokens: TokenPair) -> Future<'_, Result<(), String>> {
            *self.0.lock().unwrap() = Some(tokens);
            Box::pin(async { Ok(()) })
        }
    }

    struct Scene {
        wire: Guarded,
        script: Arc<Scripted>,
        budget: Arc<Budget>,
        store: Arc<Memory>,
        oauth: OAuth,
    }

    fn scene(answers: &[(u16, &'static str)]) -> Scene {
        let script = Arc::new(Scripted {
            answers: answers.to_vec(),
            seen: AtomicUsize::new(0),
            bodies: StdMutex::default(),
        });
        let base = Url::parse("https://api.example.com").unwrap();
        let allowed = AllowList::new().allow(Method::POST, "/oauth/*/token");
        let store = Arc::new(Memory::default());
        Scene {
            wire: Guarded::new(script.clone(), allowed, &[base]).unwrap(),
            script,
            budget: Arc::new(Budget::new(&BudgetLimits {
                burst_max: 1_000,
                burst_window: Duration::from_secs(10),
                burst_share: 50,
                search_max: 5,
                search_per_second: 1,
                search_burst: 4,
                daily_max: 10_000,
                api_share: 10,
                wait_max: Duration::from_mins(1),
            })),
            oauth: OAuth::new(
                OAuthConfig {
                    token_url: Url::parse("https://api.example.com/oauth/2026-09/token").unwrap(),
                    client_id: "client".to_owned(),
                    client_secret: SecretString::from("planted-client-secret".to_owned()),
                    refresh_token: SecretString::from(PLANTED.to_owned()),
                    fix: "run the login again".to_owned(),
                },
                None,
                store.clone(),
            ),
            store,
        }
    }

    fn now() -> Timestamp {
        "2026-03-02T10:00:00Z".parse().unwrap()
    }

    const GOOD: &str = r#"{"access_token":"first-token","refresh_token":"rotated-token","token_type":"bearer",
        "token_use":"access_token","expires_in":1800,"hub_id":4242,"scopes":["oauth"]}"#;

    #[tokio::test(start_paused = true)]
    async fn r11_many_callers_at_expiry_cause_one_refresh_and_the_rotated_token_is_stored() {
        let scene = Arc::new(scene(&[(200, GOOD)]));
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..64 {
            let scene = Arc::clone(&scene);
            tasks.spawn(async move {
                let bearer = scene
                    .oauth
                    .bearer(None, &scene.wire, &scene.budget, now())
                    .await
                    .unwrap();
                bearer.secret.expose_secret().to_owned()
            });
        }
        for token in tasks.join_all().await {
            assert_eq!(token, "first-token");
        }
        assert_eq!(scene.script.seen.load(Ordering::SeqCst), 1);
        let body = scene.script.bodies.lock().unwrap()[0].clone();
        assert!(
            body.contains("grant_type=refresh_token") && body.contains("client_secret="),
            "{body}"
        );
        let stored = scene.store.0.lock().unwrap().clone().unwrap();
        assert_eq!(stored.refresh.expose_secret(), "rotated-token");
        assert!(!format!("{stored:?}").contains("token\""));
    }

    #[tokio::test(start_paused = true)]
    async fn r14_a_token_is_renewed_at_four_fifths_of_its_life_and_not_before() {
        let scene = scene(&[(200, GOOD)]);
        let ask = async |now| {
            scene
                .oauth
                .bearer(None, &scene.wire, &scene.budget, now)
                .await
                .unwrap();
            scene.script.seen.load(Ordering::SeqCst)
        };
        assert_eq!(ask(now()).await, 1);
        assert_eq!(ask(now() + SignedDuration::from_mins(23)).await, 1);
        assert_eq!(ask(now() + SignedDuration::from_mins(24)).await, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_token_is_renewed_once_for_everyone_who_held_it() {
        let scene = scene(&[(200, GOOD)]);
        let first = scene
            .oauth
            .bearer(None, &scene.wire, &scene.budget, now())
            .await
            .unwrap();
        for _ in 0..3 {
            scene
                .oauth
                .bearer(Some(first.generation), &scene.wire, &scene.budget, now())
                .await
                .unwrap();
        }
        assert_eq!(scene.script.seen.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_revoked_consent_names_the_fix_and_no_secret() {
        let scene = scene(&[(
            400,
            r#"{"error":"invalid_grant","status":"BAD_REFRESH_TOKEN","message":"planted-refresh-token is bad"}"#,
        )]);
        let Err(error) = scene.oauth.bearer(None, &scene.wire, &scene.budget, now()).await else {
            panic!("a refused refresh token must not yield a token");
        };
        assert_eq!(
            error.cause,
            Cause::Unauthorized {
                fix: "run the login again".to_owned()
            }
        );
        assert!(!format!("{error:?} {error}").contains("planted"), "{error:?}");
        assert_eq!(scene.script.seen.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn r15_errors_inside_a_200_and_html_are_never_taken_for_tokens() {
        let denied = scene(&[(200, r#"{"error":"invalid_code"}"#)]);
        assert!(
            denied
                .oauth
                .bearer(None, &denied.wire, &denied.budget, now())
                .await
                .is_err()
        );
        let html = scene(&[(200, "<html>"), (503, "busy"), (200, GOOD)]);
        assert!(
            html.oauth
                .bearer(None, &html.wire, &html.budget, now())
                .await
                .is_ok()
        );
        assert_eq!(html.script.seen.load(Ordering::SeqCst), 3);
    }

    /// A vendor that tells where the token is good, and never when it ends.
    struct Elsewhere;

    impl Grant for Elsewhere {
        fn form(
            &self,
            refresh: &SecretString,
            _: Timestamp,
        ) -> Result<Vec<(&'static str, SecretString)>, String> {
            Ok(vec![
                ("grant_type", "own way".to_owned().into()),
                ("t", refresh.clone()),
            ])
        }

        fn spacing(&self) -> SignedDuration {
            SignedDuration::from_mins(1)
        }

        fn read(
            &self,
            status: http::StatusCode,
            body: Option<&Value>,
            refresh: &SecretString,
            now: Timestamp,
        ) -> Result<TokenPair, Refusal> {
            let text = |key: &str| Some(body?.get(key)?.as_str()?.to_owned());
            match (status.as_u16(), text("access")) {
                (200, Some(access)) => Ok(TokenPair {
                    access: access.into(),
                    refresh: text("next").map_or_else(|| refresh.clone(), SecretString::from),
                    issued_at: now,
                    expires_at: now + SignedDuration::from_hours(8_760),
                    base_url: text("host").and_then(|host| Url::parse(&host).ok()),
                    scopes: None,
                }),
                (403, _) => Err(Refusal::Wait {
                    wait: Duration::from_mins(15),
                    policy: "the day's calls".to_owned(),
                }),
                (400, _) => Err(Refusal::Denied {
                    code: "no".to_owned(),
                    message: "planted-refresh-token is bad".to_owned(),
                    fix: Some("approve the app".to_owned()),
                }),
                _ => Err(Refusal::Broken("nothing to read".to_owned())),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_grant_of_the_vendors_own_is_stored_before_use_and_says_where_the_token_is_good() {
        let answer =
            r#"{"access":"first-token","next":"rotated-token","host":"https://acme.my.crm.example"}"#;
        let plain = scene(&[(503, "busy"), (200, answer)]);
        let oauth = OAuth::new(
            plain.oauth.config.clone(),
            Some(Arc::new(Elsewhere)),
            plain.store.clone(),
        );
        let bearer = oauth
            .bearer(None, &plain.wire, &plain.budget, now())
            .await
            .unwrap();
        assert_eq!(bearer.base_url.unwrap().as_str(), "https://acme.my.crm.example/");
        let stored = plain.store.0.lock().unwrap().clone().unwrap();
        assert_eq!(stored.refresh.expose_secret(), "rotated-token");
        assert_eq!(
            *plain.script.bodies.lock().unwrap().last().unwrap(),
            format!("grant_type=own+way&t={PLANTED}")
        );
        // A month later it is still in use: nobody said when it ends.
        let later = now() + SignedDuration::from_hours(720);
        oauth
            .bearer(None, &plain.wire, &plain.budget, later)
            .await
            .unwrap();
        assert_eq!(plain.script.seen.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_grant_that_is_refused_names_its_own_fix_and_a_used_up_allowance_waits() {
        for (status, expected) in [
            (
                400,
                Cause::Unauthorized {
                    fix: "approve the app".to_owned(),
                },
            ),
            (
                403,
                Cause::Throttled {
                    until: now() + SignedDuration::from_mins(15),
                    policy: "the day's calls".to_owned(),
                },
            ),
        ] {
            let plain = scene(&[(status, "{}")]);
            let oauth = OAuth::new(
                plain.oauth.config.clone(),
                Some(Arc::new(Elsewhere)),
                plain.store.clone(),
            );
            let Err(error) = oauth.bearer(None, &plain.wire, &plain.budget, now()).await else {
                panic!("a refusal yields no token");
            };
            assert_eq!(error.cause, expected);
            assert!(!error.message.contains("planted"), "{}", error.message);
            assert_eq!(plain.script.seen.load(Ordering::SeqCst), 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn r15_tokens_are_bought_with_the_vendors_spacing_and_a_closed_counter_is_left_alone() {
        let plain = scene(&[
            (200, r#"{"access":"first"}"#),
            (200, r#"{"access":"second"}"#),
            (403, "{}"),
        ]);
        let ask = async |oauth: &OAuth, stale, at| {
            let bearer = oauth.bearer(stale, &plain.wire, &plain.budget, at).await;
            bearer.map(|bearer| bearer.secret.expose_secret().to_owned())
        };
        let oauth = || {
            OAuth::new(
                plain.oauth.config.clone(),
                Some(Arc::new(Elsewhere)),
                plain.store.clone(),
            )
        };
        assert_eq!(ask(&oauth(), None, now()).await.unwrap(), "first");
        // Twenty restarts, each of which is told that the token is not good: it was bought just before.
        for restart in 1..=20 {
            let at = now() + SignedDuration::from_secs(restart * 2);
            let fresh = oauth();
            assert_eq!(ask(&fresh, None, at).await.unwrap(), "first");
            let error = ask(&fresh, Some(1), at).await.unwrap_err();
            assert!(matches!(error.cause, Cause::Throttled { .. }), "{error:?}");
        }
        assert_eq!(plain.script.seen.load(Ordering::SeqCst), 1);
        let fresh = oauth();
        let later = now() + SignedDuration::from_mins(2);
        ask(&fresh, None, later).await.unwrap();
        assert_eq!(ask(&fresh, Some(1), later).await.unwrap(), "second");
        let much_later = later + SignedDuration::from_mins(2);
        for _ in 0..5 {
            let error = ask(&fresh, Some(2), much_later).await.unwrap_err();
            assert!(matches!(error.cause, Cause::Throttled { .. }), "{error:?}");
        }
        assert_eq!(
            plain.script.seen.load(Ordering::SeqCst),
            3,
            "asked once, then left alone"
        );
    }
}
