//! The signed statement of the JWT bearer flow: RS256 over three claims (help page "JWT Bearer Flow", read 2026-11).

use std::{fmt, sync::Arc};

use followup_transport::base64url;
use jiff::{SignedDuration, Timestamp};
use rustls::{
    SignatureScheme,
    crypto::ring::sign::any_supported_type,
    pki_types::{PrivateKeyDer, pem::PemObject as _},
    sign::SigningKey,
};
use secrecy::SecretString;
use serde_json::json;

/// How long a statement is good; the clients of the vendor's own make it three minutes.
const GOOD_FOR: SignedDuration = SignedDuration::from_mins(3);

/// An RSA key that signs statements.
#[derive(Clone)]
pub struct JwtKey(Arc<dyn SigningKey>);

impl fmt::Debug for JwtKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JwtKey")
    }
}

impl JwtKey {
    /// Reads a PEM file's text (PKCS#8 or PKCS#1).
    ///
    /// # Errors
    /// What is expected instead; never the content.
    pub fn from_pem(text: &str) -> Result<Self, String> {
        let wrong = "the file holds no RSA private key in PEM form (-----BEGIN PRIVATE KEY-----)";
        let der = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|_| wrong.to_owned())?;
        let key = any_supported_type(&der).map_err(|_| wrong.to_owned())?;
        if key.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]).is_none() {
            return Err("the private key is not an RSA key; Salesforce accepts RS256 only".to_owned());
        }
        Ok(Self(key))
    }

    pub(super) fn assertion(
        &self,
        client_id: &str,
        username: &str,
        audience: &str,
        now: Timestamp,
    ) -> Result<SecretString, String> {
        let header = base64url::encode(json!({"alg": "RS256"}).to_string().as_bytes());
        let claims = json!({
            "iss": client_id,
            "sub": username,
            "aud": audience,
            "exp": (now + GOOD_FOR).as_second(),
        });
        let statement = format!("{header}.{}", base64url::encode(claims.to_string().as_bytes()));
        let signer = self
            .0
            .choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256])
            .ok_or("the private key cannot sign RS256")?;
        let signature = signer
            .sign(statement.as_bytes())
            .map_err(|_| "the private key cannot sign".to_owned())?;
        Ok(SecretString::from(format!(
            "{statement}.{}",
            base64url::encode(&signature)
        )))
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    /// Made for this test; opens nothing.
    const KEY: &str = include_str!("test_key.pem");

    #[test]
    fn a_statement_has_three_parts_and_the_claims_salesforce_lists() {
        let key = JwtKey::from_pem(KEY).unwrap();
        let now = Timestamp::from_second(1_772_445_600).unwrap();
        let statement = key
            .assertion("app", "ana@example.com", "https://login.salesforce.com", now)
            .unwrap();
        let parts: Vec<&str> = statement.expose_secret().split('.').collect();
        assert_eq!(parts.len(), 3);
        assert_eq!(parts[0], base64url::encode(br#"{"alg":"RS256"}"#));
        let claims = json!({"iss": "app", "sub": "ana@example.com", "aud": "https://login.salesforce.com", "exp": 1_772_445_780});
        assert_eq!(parts[1], base64url::encode(claims.to_string().as_bytes()));
        // 2,048 bits.
        assert_eq!(parts[2].len(), 342);
    }

    #[test]
    fn what_is_no_rsa_key_is_refused_without_being_quoted() {
        for text in [
            "",
            "planted-secret",
            "-----BEGIN PRIVATE KEY-----\nplanted\n-----END PRIVATE KEY-----\n",
        ] {
            let message = JwtKey::from_pem(text).unwrap_err();
            assert!(!message.contains("planted"), "{message}");
        }
        assert_eq!(format!("{:?}", JwtKey::from_pem(KEY).unwrap()), "JwtKey");
    }
}
