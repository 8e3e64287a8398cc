//! Asking the token endpoint about our own token (RFC 7662): which scopes it has.

use std::sync::Arc;

use bytes::Bytes;
use http::header;
use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use serde_json::Value;
use url::form_urlencoded;

use super::{
    OAuth,
    oauth::{LIMITS, failed},
};
use crate::{
    budget::{Budget, Pool, Priority},
    error::{CallError, Cause},
    guard::Guarded,
    text::tidy,
};

impl OAuth {
    pub(super) async fn introspect(
        &self,
        wire: &Guarded,
        budget: &Arc<Budget>,
        now: Timestamp,
    ) -> Result<Value, CallError> {
        let bearer = self.bearer(None, wire, budget, now).await?;
        budget
            .admit(Pool::Burst, Priority::Token, now)
            .await
            .map_err(|throttle| {
                let message = format!("waiting for the {}", throttle.policy);
                let cause = Cause::Throttled {
                    until: throttle.until,
                    policy: throttle.policy,
                };
                failed(cause, message)
            })?;
        let token = bearer.secret.expose_secret();
        let secret = self.config.client_secret.expose_secret();
        // HubSpot's specification names the field `token`, its guide names it after the hint; both are sent.
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("client_id", &self.config.client_id)
            .append_pair("client_secret", secret)
            .append_pair("token_type_hint", "access_token")
            .append_pair("token", token)
            .append_pair("access_token", token)
            .finish();
        let url = format!(
            "{}/introspect",
            self.config.token_url.as_str().trim_end_matches('/')
        );
        let request = http::Request::post(url)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "application/json")
            .body(Bytes::from(form))
            .map_err(|error| failed(Cause::Refused, format!("the request cannot be built: {error}")))?;
        let answer = wire
            .send(request, LIMITS)
            .await
            .map_err(|error| failed(Cause::Transport, tidy(&error.message, &[token, secret])))?;
        let status = answer.status();
        let json = serde_json::from_slice::<Value>(answer.body()).ok();
        json.filter(|json| status.is_success() && json.get("active").is_some())
            .ok_or_else(|| {
                let message = format!("the token endpoint answered {status} to a question about the token");
                failed(Cause::Decode, message)
            })
    }
}
