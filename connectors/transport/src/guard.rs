//! The last gate before the wire: the connection's own host, and no write but the listed ones.
//!
//! The program promises never to touch anything in a CRM but its own tasks. That promise is kept here, by method and
//! path, for every request of every connector, rather than by each connector's good behaviour.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::Method;
use serde_json::Value;
use url::Url;

use crate::{
    http::is_loopback_host,
    send::{SendError, SendLimits, Transport},
};

/// Says of a JSON body whether it may leave.
pub type BodyCheck = fn(&Value) -> bool;

/// Requests other than GET that may leave. A `*` in a pattern stands for exactly one path segment.
#[derive(Debug, Clone, Default)]
pub struct AllowList {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Rule {
    method: Method,
    pattern: &'static str,
    /// For resources whose path does not say what they touch.
    body: Option<BodyCheck>,
}

impl AllowList {
    /// An empty list: only GET may leave.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a method and path pattern.
    #[must_use]
    pub fn allow(mut self, method: Method, pattern: &'static str) -> Self {
        self.rules.push(Rule {
            method,
            pattern,
            body: None,
        });
        self
    }

    /// Adds a method and path pattern whose JSON body must pass `check`: for resources that can touch anything, and
    /// say only in the body what.
    #[must_use]
    pub fn allow_if(mut self, method: Method, pattern: &'static str, check: BodyCheck) -> Self {
        self.rules.push(Rule {
            method,
            pattern,
            body: Some(check),
        });
        self
    }

    /// Whether a request with this method and path may leave, if its body is of the right kind.
    pub fn permits(&self, method: &Method, path: &str) -> bool {
        method == Method::GET || self.rules_for(method, path).next().is_some()
    }

    /// Whether a whole request may leave.
    pub fn permits_body(&self, method: &Method, path: &str, body: &[u8]) -> bool {
        method == Method::GET
            || self.rules_for(method, path).any(|rule| {
                rule.body
                    .is_none_or(|check| serde_json::from_slice(body).is_ok_and(|json| check(&json)))
            })
    }

    fn rules_for(&self, method: &Method, path: &str) -> impl Iterator<Item = &Rule> {
        self.rules
            .iter()
            .filter(move |rule| rule.method == *method && matches(rule.pattern, path))
    }
}

/// Compares segment by segment. Encoded slashes and dot segments never match a `*`, so a path cannot be smuggled.
fn matches(pattern: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    let fits = pattern.split('/').all(|expected| {
        segments.next().is_some_and(|segment| {
            if expected == "*" {
                !segment.is_empty()
                    && segment != "."
                    && segment != ".."
                    && !segment.to_ascii_lowercase().contains("%2f")
                    && !segment.to_ascii_lowercase().contains("%2e")
            } else {
                expected == segment
            }
        })
    });
    fits && segments.next().is_none()
}

/// A transport that lets only listed requests to known hosts pass.
#[derive(Clone)]
pub struct Guarded {
    transport: Arc<dyn Transport>,
    allowed: AllowList,
    origins: Vec<url::Origin>,
    /// Hosts under these domains may be reached too, over https on its own port.
    trusted_domains: &'static [&'static str],
}

impl fmt::Debug for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded")
            .field("allowed", &self.allowed)
            .finish_non_exhaustive()
    }
}

impl Guarded {
    /// Guards `transport`: only `base_urls` may be reached.
    ///
    /// # Errors
    /// A text that says what is wrong with a URL and what would be right.
    pub fn new(transport: Arc<dyn Transport>, allowed: AllowList, base_urls: &[Url]) -> Result<Self, String> {
        for url in base_urls {
            check_base_url(url)?;
        }
        Ok(Self {
            transport,
            allowed,
            origins: base_urls.iter().map(Url::origin).collect(),
            trusted_domains: &[],
        })
    }

    /// The same, with hosts under these domains of the vendor's: where the vendor tells only after the login which host
    /// to talk to. If a base URL is on this machine (a simulated CRM), so may that host be.
    #[must_use]
    pub const fn trusting(mut self, domains: &'static [&'static str]) -> Self {
        self.trusted_domains = domains;
        self
    }

    fn reaches(&self, url: &Url) -> bool {
        let origin = url.origin();
        if self.origins.contains(&origin) {
            return true;
        }
        if self.trusted_domains.is_empty() {
            return false;
        }
        let Some(host) = url.host_str() else { return false };
        if is_loopback_host(host) {
            return self.origins.iter().any(
                |known| matches!(known, url::Origin::Tuple(_, host, _) if is_loopback_host(&host.to_string())),
            );
        }
        url.scheme() == "https"
            && url.port().is_none()
            && self
                .trusted_domains
                .iter()
                .any(|domain| host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')))
    }

    /// Sends a listed request.
    ///
    /// # Errors
    /// [`SendError`], with [`crate::Reached::NotSent`] when the guard refused.
    pub async fn send(
        &self,
        request: http::Request<Bytes>,
        limits: SendLimits,
    ) -> Result<http::Response<Bytes>, SendError> {
        let path = request.uri().path();
        if !self.allowed.permits_body(request.method(), path, request.body()) {
            return Err(SendError::not_sent(format!(
                "{} {path} is not on the list of allowed writes",
                request.method()
            )));
        }
        let url = Url::parse(&request.uri().to_string())
            .map_err(|error| SendError::not_sent(format!("the request has no usable URL: {error}")))?;
        if !self.reaches(&url) {
            return Err(SendError::not_sent(
                "the request is for a host that is not this connection's",
            ));
        }
        self.transport.send(request, limits).await
    }
}

/// Checks a configured base URL: https, or http on this machine; no user, query or fragment.
///
/// # Errors
/// A text that names the cause and the fix.
pub fn check_base_url(url: &Url) -> Result<(), String> {
    let Some(host) = url.host_str() else {
        return Err(format!(
            "`{}:` names no host; use a URL such as https://api.example.com",
            url.scheme()
        ));
    };
    match url.scheme() {
        "https" => {}
        "http" if is_loopback_host(host) => {}
        "http" => {
            return Err(format!(
                "plain http is spoken with this machine only, not with {host}; use https://{host}"
            ));
        }
        other => return Err(format!("`{other}` is not a scheme for a CRM; use https://{host}")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!(
            "a base URL carries no user or password; use {}://{host} and a token file",
            url.scheme()
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!(
            "a base URL carries no query or fragment; use {}://{host}",
            url.scheme()
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::send::{Future, Reached};

    #[derive(Default)]
    struct Counting(AtomicUsize);

    impl Transport for Counting {
        fn send(
            &self,
            _: http::Request<Bytes>,
            _: SendLimits,
        ) -> Future<'_, Result<http::Response<Bytes>, SendError>> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Box::pin(async { Ok(http::Response::new(Bytes::new())) })
        }
    }

    fn list() -> AllowList {
        AllowList::new()
            .allow(Method::POST, "/crm/objects/*/tasks/batch/create")
            .allow(Method::DELETE, "/crm/objects/*/tasks/*")
    }

    #[tokio::test]
    async fn only_listed_writes_to_the_own_host_reach_the_wire() {
        let wire = Arc::new(Counting::default());
        let base = Url::parse("https://api.example.com").unwrap();
        let guarded = Guarded::new(wire.clone(), list(), &[base]).unwrap();
        let send = async |method: &str, uri: &str| {
            let request = http::Request::builder()
                .method(method)
                .uri(uri)
                .body(Bytes::new())
                .unwrap();
            guarded.send(request, SendLimits::default()).await
        };
        for (method, uri) in [
            (
                "POST",
                "https://api.example.com/crm/objects/v/contacts/batch/create",
            ),
            ("PATCH", "https://api.example.com/crm/objects/v/tasks/9"),
            ("DELETE", "https://api.example.com/crm/objects/v/contacts/9"),
            ("DELETE", "https://api.example.com/crm/objects/v/tasks/9/extra"),
            ("DELETE", "https://api.example.com/crm/objects/v/tasks/"),
            (
                "DELETE",
                "https://api.example.com/crm/objects/v/tasks/..%2Fcontacts",
            ),
            ("PUT", "https://api.example.com/crm/objects/v/tasks/batch/create"),
            ("DELETE", "https://evil.example.net/crm/objects/v/tasks/9"),
            ("GET", "https://evil.example.net/crm/objects/v/tasks/9"),
            ("GET", "http://api.example.com/crm/objects/v/tasks/9"),
            ("GET", "https://api.example.com:8443/crm/objects/v/tasks/9"),
        ] {
            let error = send(method, uri).await.unwrap_err();
            assert_eq!(error.reached, Reached::NotSent, "{method} {uri}");
        }
        assert_eq!(wire.0.load(Ordering::Relaxed), 0);
        for (method, uri) in [
            ("GET", "https://api.example.com/anything?x=1"),
            (
                "POST",
                "https://api.example.com/crm/objects/2026-09/tasks/batch/create",
            ),
            ("DELETE", "https://api.example.com/crm/objects/2026-09/tasks/9"),
        ] {
            send(method, uri).await.unwrap();
        }
        assert_eq!(wire.0.load(Ordering::Relaxed), 3);
    }

    #[tokio::test]
    async fn a_host_the_vendor_names_is_reached_only_under_the_vendors_own_domains() {
        let wire = Arc::new(Counting::default());
        let guarded = |base: &str| {
            Guarded::new(wire.clone(), list(), &[Url::parse(base).unwrap()])
                .unwrap()
                .trusting(&["my.crm.example"])
        };
        let get = async |base: &str, uri: &str| {
            let request = http::Request::get(uri).body(Bytes::new()).unwrap();
            guarded(base).send(request, SendLimits::default()).await.is_ok()
        };
        let login = "https://login.example.com";
        for (base, uri, is_fine) in [
            (login, "https://acme.my.crm.example/x", true),
            (login, "https://acme--dev.sandbox.my.crm.example/x", true),
            (login, "https://my.crm.example/x", false),
            (login, "https://evilmy.crm.example/x", false),
            (login, "https://acme.my.crm.example.evil.example/x", false),
            (login, "http://acme.my.crm.example/x", false),
            (login, "https://acme.my.crm.example:8443/x", false),
            (login, "https://127.0.0.1/x", false),
            (login, "http://127.0.0.1:9/x", false),
            ("http://127.0.0.1:9", "http://127.0.0.1:10/x", true),
            ("http://127.0.0.1:9", "http://10.0.0.1/x", false),
        ] {
            assert_eq!(get(base, uri).await, is_fine, "{base} -> {uri}");
        }
    }

    #[test]
    fn a_resource_that_can_touch_anything_is_judged_by_its_body() {
        let list = AllowList::new().allow_if(Method::POST, "/composite", |body| {
            body.get("method").and_then(Value::as_str) == Some("GET")
        });
        let permits = |body: &str| list.permits_body(&Method::POST, "/composite", body.as_bytes());
        assert!(permits(r#"{"method":"GET"}"#));
        for body in [r#"{"method":"DELETE"}"#, "{}", "", "no json"] {
            assert!(!permits(body), "{body}");
        }
    }

    #[test]
    fn base_urls_are_https_or_loopback_and_nothing_else_rides_on_them() {
        for good in [
            "https://api.example.com",
            "http://127.0.0.1:9101",
            "http://[::1]:1/",
        ] {
            assert_eq!(check_base_url(&Url::parse(good).unwrap()), Ok(()), "{good}");
        }
        for (bad, word) in [
            ("http://api.example.com", "https://api.example.com"),
            ("ftp://api.example.com", "scheme"),
            ("https://user:secret@api.example.com", "token file"),
            ("https://api.example.com/?token=secret", "query"),
            ("unix:/run/crm", "no host"),
        ] {
            let message = check_base_url(&Url::parse(bad).unwrap()).unwrap_err();
            assert!(message.contains(word), "{message}");
            assert!(!message.contains("secret"), "{message}");
        }
    }
}
