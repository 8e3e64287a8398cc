//! Bearer tokens and scopes.

use std::collections::{BTreeMap, BTreeSet};

use http::{HeaderMap, Method, header};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{
    answer::{Answer, ApiError},
    call::Call,
    kind::Kind,
};
use crate::{consent::ConsentPage, switches::Switches};

/// Life of an OAuth access token.
pub(crate) const TOKEN_LIFE: SignedDuration = SignedDuration::from_secs(1_800);
/// Life of an authorization code.
const CODE_LIFE: SignedDuration = SignedDuration::from_mins(10);

/// Scopes of the app the sandbox hands out.
const SCOPES: &[&str] = &[
    "oauth",
    "crm.objects.contacts.read",
    "crm.objects.contacts.write",
    "crm.objects.companies.read",
    "crm.objects.companies.write",
    "crm.objects.deals.read",
    "crm.objects.deals.write",
    "crm.objects.leads.read",
    "crm.objects.leads.write",
    "crm.objects.owners.read",
    "crm.schemas.contacts.read",
    "crm.schemas.contacts.write",
    "crm.schemas.deals.read",
    "sales-email-read",
];

/// Which kind of credential a request came with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bearer {
    /// A static token: daily allowance, never expires.
    Static,
    /// An OAuth access token: no daily allowance.
    OAuth,
}

/// An authorization code waiting to be exchanged.
#[derive(Debug, Clone)]
pub(crate) struct Code {
    pub(crate) redirect_uri: String,
    pub(crate) challenge: Option<String>,
    expires_at: Timestamp,
}

/// Credentials of the account and what became of them.
#[derive(Debug, Clone)]
pub(crate) struct Auth {
    pub(crate) static_token: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    pub(crate) first_refresh_token: String,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) hub_id: u64,
    access: BTreeMap<String, Timestamp>,
    refresh: BTreeSet<String>,
    codes: BTreeMap<String, Code>,
    pub(crate) page: ConsentPage,
    is_static_revoked: bool,
}

impl Auth {
    pub(crate) fn new(rng: &mut fastrand::Rng, switches: &Switches) -> Self {
        let uuid = |rng: &mut fastrand::Rng| {
            format!(
                "{:08x}-{:04x}-4{:03x}-9{:03x}-{:012x}",
                rng.u32(..),
                rng.u16(..),
                rng.u16(..0x1000),
                rng.u16(..0x1000),
                rng.u64(..1 << 48)
            )
        };
        let mut scopes: BTreeSet<String> = SCOPES.iter().map(|scope| (*scope).to_owned()).collect();
        scopes.extend(switches.extra_scopes.iter().cloned());
        scopes.retain(|scope| !switches.missing_scopes.contains(scope));
        let first_refresh_token = format!("eu1-{}", uuid(rng));
        Self {
            static_token: format!("pat-eu1-{}", uuid(rng)),
            client_id: uuid(rng),
            client_secret: uuid(rng),
            refresh: BTreeSet::from([first_refresh_token.clone()]),
            first_refresh_token,
            scopes,
            hub_id: u64::from(rng.u32(20_000_000..150_000_000)),
            access: BTreeMap::new(),
            codes: BTreeMap::new(),
            page: ConsentPage::default(),
            is_static_revoked: false,
        }
    }

    /// Hands out a new access token.
    pub(crate) fn issue_access(&mut self, rng: &mut fastrand::Rng, now: Timestamp) -> String {
        self.access.retain(|_, until| *until > now - TOKEN_LIFE);
        // Longer than a careless client expects.
        let tail: String = std::iter::repeat_with(|| rng.alphanumeric()).take(230).collect();
        let token = format!("C{tail}");
        self.access.insert(token.clone(), now + TOKEN_LIFE);
        token
    }

    pub(crate) fn issue_refresh(&mut self, rng: &mut fastrand::Rng) -> String {
        let tail: String = std::iter::repeat_with(|| rng.lowercase()).take(32).collect();
        let token = format!("eu1-{tail}");
        self.refresh.insert(token.clone());
        token
    }

    pub(crate) fn issue_code(
        &mut self,
        rng: &mut fastrand::Rng,
        redirect_uri: &str,
        challenge: Option<String>,
        now: Timestamp,
    ) -> String {
        let code: String = std::iter::repeat_with(|| rng.alphanumeric()).take(36).collect();
        self.codes.insert(
            code.clone(),
            Code {
                redirect_uri: redirect_uri.to_owned(),
                challenge,
                expires_at: now + CODE_LIFE,
            },
        );
        code
    }

    /// Uses up an authorization code.
    pub(crate) fn take_code(&mut self, code: &str, now: Timestamp) -> Option<Code> {
        self.codes.remove(code).filter(|code| code.expires_at > now)
    }

    pub(crate) fn is_refresh(&self, token: &str) -> bool {
        self.refresh.contains(token)
    }

    /// Remaining life of an access token.
    pub(crate) fn access_left(&self, token: &str, now: Timestamp) -> Option<SignedDuration> {
        self.access
            .get(token)
            .map(|until| until.duration_since(now))
            .filter(SignedDuration::is_positive)
    }

    /// Ends a token for good.
    pub(crate) fn revoke(&mut self, token: &str) {
        if token == self.static_token {
            self.is_static_revoked = true;
        }
        self.access.remove(token);
        self.refresh.remove(token);
    }

    /// Ends every refresh token (the app was uninstalled).
    pub(crate) fn revoke_refresh_tokens(&mut self) {
        self.refresh.clear();
    }

    /// Whose token a request carries.
    pub(crate) fn check(
        &self,
        headers: &HeaderMap,
        now: Timestamp,
        switches: &Switches,
    ) -> Result<Bearer, Refusal> {
        let unknown = || {
            Refusal::Api(ApiError::new(
                401,
                "INVALID_AUTHENTICATION",
                "Authentication credentials not found. This API supports OAuth 2.0 authentication",
            ))
        };
        let Some(value) = headers.get(header::AUTHORIZATION) else {
            return Err(unknown());
        };
        let Some(token) = bearer(value.to_str().unwrap_or("\u{0}")) else {
            return Err(unknown());
        };
        let is_well_formed = token
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || "-._~+/=".contains(letter));
        if !is_well_formed {
            return Err(Refusal::Edge);
        }
        if token == self.static_token && !self.is_static_revoked {
            return Ok(Bearer::Static);
        }
        match self.access.get(token) {
            Some(until) if *until > now => Ok(Bearer::OAuth),
            Some(_) if switches.expired_category => Err(Refusal::Api(ApiError::new(
                401,
                "EXPIRED_AUTHENTICATION",
                "The OAuth token used to make this call expired",
            ))),
            _ => Err(unknown()),
        }
    }
}

/// The token of an `Authorization` header; a header that is no text counts as malformed.
pub(crate) fn bearer(value: &str) -> Option<&str> {
    if value == "\u{0}" {
        return Some("\u{0}");
    }
    let (scheme, token) = value.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty()).then(|| token.trim())
}

/// Why a request is not let in.
#[derive(Debug)]
pub(crate) enum Refusal {
    Api(ApiError),
    /// The edge refuses a malformed token with a page.
    Edge,
}

impl Refusal {
    pub(crate) fn into_answer(self, correlation_id: &str) -> Answer {
        match self {
            Self::Api(error) => error.into_answer(correlation_id),
            Self::Edge => Answer::html(530),
        }
    }
}

/// What a request needs.
enum Need {
    Nothing,
    Any(Vec<String>),
    All(Vec<String>),
}

/// The scope of a record type; activities go by contacts.
fn scope(kind: Kind, action: &str) -> String {
    let of = match kind {
        Kind::Company => "companies",
        Kind::Deal => "deals",
        Kind::Lead => "leads",
        _ => "contacts",
    };
    format!("crm.objects.{of}.{action}")
}

fn is_read(call: &Call<'_>) -> bool {
    let last = call.rest.last().map(String::as_str);
    call.method == Method::GET || matches!(last, Some("read" | "search"))
}

fn need(call: &Call<'_>) -> Need {
    let kind = |at: usize| call.rest.get(at).and_then(|name| Kind::parse(name));
    let action = if is_read(call) { "read" } else { "write" };
    match call.resource.as_str() {
        "objects" => {
            let Some(from) = kind(0) else { return Need::Nothing };
            if call.rest.get(2).is_some_and(|part| part == "associations") {
                let to = kind(3).or_else(|| kind(4)).unwrap_or(from);
                return Need::Any(vec![scope(from, action), scope(to, action)]);
            }
            if from == Kind::Email && action == "read" {
                let both = vec![scope(from, action), "sales-email-read".to_owned()];
                return if call.family.is_september() {
                    Need::All(both)
                } else {
                    Need::Any(both)
                };
            }
            let mut any = vec![scope(from, action)];
            if from.is_activity() && action == "read" && from != Kind::Communication {
                any.push(format!("crm.objects.{}.read", from.plural()));
            }
            Need::Any(any)
        }
        "associations" => match (kind(0), kind(1)) {
            (Some(from), Some(to)) => Need::Any(vec![scope(from, action), scope(to, action)]),
            _ => Need::Nothing,
        },
        "owners" => Need::Any(vec!["crm.objects.owners.read".to_owned()]),
        "properties" if action == "write" => Need::Any(
            ["contacts", "companies", "deals", "custom"]
                .map(|of| format!("crm.schemas.{of}.write"))
                .to_vec(),
        ),
        "properties" | "pipelines" => Need::Any(
            ["contacts", "companies", "deals", "leads"]
                .iter()
                .flat_map(|of| [format!("crm.objects.{of}.read"), format!("crm.schemas.{of}.read")])
                .collect(),
        ),
        _ => Need::Nothing,
    }
}

/// Refuses a request whose token lacks the scopes it needs.
pub(crate) fn check_scopes(auth: &Auth, call: &Call<'_>) -> Result<(), ApiError> {
    let (required, is_met) = match need(call) {
        Need::Nothing => return Ok(()),
        Need::Any(scopes) => {
            let is_met = scopes.iter().any(|scope| auth.scopes.contains(scope));
            (scopes, is_met)
        }
        Need::All(scopes) => {
            let is_met = scopes.iter().all(|scope| auth.scopes.contains(scope));
            (
                scopes
                    .into_iter()
                    .filter(|scope| !auth.scopes.contains(scope))
                    .collect(),
                is_met,
            )
        }
    };
    if is_met {
        Ok(())
    } else {
        Err(missing_scopes(&required))
    }
}

/// 403: any one of `required` would do.
pub(crate) fn missing_scopes(required: &[String]) -> ApiError {
    const MESSAGE: &str = "One or more of the following scopes are required.";
    let mut error = ApiError::new(
        403,
        "MISSING_SCOPES",
        "This app hasn't been granted all required scopes to make this call. Read more about required scopes here: \
         https://developers.hubspot.com/scopes.",
    );
    error
        .errors
        .push(json!({"message": MESSAGE, "context": {"requiredGranularScopes": required}}));
    error
}

/// The scopes a `forbid` fault claims are missing.
pub(crate) fn forbidden(call: &Call<'_>) -> ApiError {
    match need(call) {
        Need::Any(scopes) | Need::All(scopes) => missing_scopes(&scopes),
        Need::Nothing => missing_scopes(&[]),
    }
}
