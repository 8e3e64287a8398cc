//! Signed assertions of the JWT bearer flow: RS256, checked against the one key the app has registered.
//!
//! The key pair is the sandbox's own and opens nothing else; clients get the private half (`jwt_key_file`).

use sha2::{Digest, Sha256};

/// The private half, PKCS #8 in PEM, for clients.
pub(crate) const PRIVATE_KEY: &str = include_str!("jwt_key.pem");

/// The public half's modulus; its exponent is 65,537.
const MODULUS: &str = "\
95E8F7A26F05DFF5BDA21CEBFB7AE32109929F0346F5D0360D972147CC865F7B34C5BA175A97F85397C5B9EDF42E62C3481E\
45B10A8E343EEFA920A90DD37D4519D022DA8139CEDF432E7107AEB08320792CF0331376520BCC48449E0548A5E638965E7F\
FE1D00AF56740402F8D1B596099C770AD675FF6C563A97B65661B735442E3CBF1FF47D41D316D7CCB1A167FC2181A4D4D72B\
EE60A9BC7CD504D72E984956BB16391B1A2739C96848080A33E695791A2DDF481779E12260C0FA907B2F1F1656D76D722E29\
28B465654158E5D279344152293D134D820DBF7049AF67E98B768A9B1A8E761FCC5EA0C95DDA7894957F98739F205F45A126\
CAE6EB4B62CD\
";
/// What stands before a SHA-256 digest inside a signature (RFC 8017, section 9.2).
const DIGEST_INFO: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
    0x04, 0x20,
];
/// Bytes of the modulus, and of a signature.
const LENGTH: usize = 256;
const LIMBS: usize = LENGTH / 4;

/// A number of the modulus's size, least significant limb first.
type Number = [u32; LIMBS];

/// The claims of an assertion whose signature holds; `None` for anything else.
pub(crate) fn claims(assertion: &str) -> Option<serde_json::Value> {
    let (signed, signature) = assertion.rsplit_once('.')?;
    let (header, payload) = signed.split_once('.')?;
    let header: serde_json::Value = serde_json::from_slice(&decode(header)?).ok()?;
    let is_rs256 = header.get("alg").and_then(serde_json::Value::as_str) == Some("RS256");
    if !is_rs256 || !is_signature(signed.as_bytes(), &decode(signature)?) {
        return None;
    }
    serde_json::from_slice(&decode(payload)?).ok()
}

/// The S256 challenge of a PKCE verifier.
pub(crate) fn challenge(verifier: &str) -> String {
    encode(&Sha256::digest(verifier.as_bytes()))
}

fn is_signature(message: &[u8], signature: &[u8]) -> bool {
    let (Some(modulus), Some(signature)) = (from_hex(MODULUS), from_bytes(signature)) else {
        return false;
    };
    // The public exponent is 2^16 + 1.
    let mut power = signature;
    for _ in 0..16 {
        power = multiply(&power, &power, &modulus);
    }
    let opened = to_bytes(&multiply(&power, &signature, &modulus));
    let mut expected = vec![0x00, 0x01];
    expected.resize(LENGTH - DIGEST_INFO.len() - 32 - 1, 0xff);
    expected.push(0x00);
    expected.extend(DIGEST_INFO);
    expected.extend(Sha256::digest(message));
    opened == expected
}

fn from_hex(text: &str) -> Option<Number> {
    let bytes: Option<Vec<u8>> = (0..text.len() / 2)
        .map(|at| u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok())
        .collect();
    from_bytes(&bytes?)
}

fn from_bytes(bytes: &[u8]) -> Option<Number> {
    if bytes.len() != LENGTH {
        return None;
    }
    let mut number = [0; LIMBS];
    for (limb, chunk) in number.iter_mut().zip(bytes.rchunks(4)) {
        *limb = u32::from_be_bytes(chunk.try_into().ok()?);
    }
    Some(number)
}

fn to_bytes(number: &Number) -> Vec<u8> {
    number.iter().rev().flat_map(|limb| limb.to_be_bytes()).collect()
}

/// `a * b` modulo `modulus`, by doubling and adding; both below the modulus.
fn multiply(a: &Number, b: &Number, modulus: &Number) -> Number {
    let mut product = [0; LIMBS];
    for limb in b.iter().rev() {
        for bit in (0..32).rev() {
            product = add(&product, &product, modulus);
            if limb >> bit & 1 == 1 {
                product = add(&product, a, modulus);
            }
        }
    }
    product
}

/// `a + b` modulo `modulus`; both below the modulus.
fn add(a: &Number, b: &Number, modulus: &Number) -> Number {
    let mut sum = [0; LIMBS];
    let mut carry = 0_u64;
    for (limb, (a, b)) in sum.iter_mut().zip(a.iter().zip(b)) {
        let total = u64::from(*a) + u64::from(*b) + carry;
        *limb = low(total);
        carry = total >> 32;
    }
    if carry == 1 || sum.iter().rev().ge(modulus.iter().rev()) {
        let mut borrow = 0_u64;
        for (limb, taken) in sum.iter_mut().zip(modulus) {
            let total = (1 << 32) + u64::from(*limb) - u64::from(*taken) - borrow;
            *limb = low(total);
            borrow = 1 - (total >> 32);
        }
    }
    sum
}

#[expect(clippy::cast_possible_truncation, reason = "the low half is what is wanted")]
const fn low(total: u64) -> u32 {
    total as u32
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Base64 for URLs, without padding.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk
            .iter()
            .enumerate()
            .fold(0_u32, |word, (at, byte)| word | u32::from(*byte) << (16 - 8 * at));
        for at in 0..=chunk.len() {
            let digit = usize::try_from(word >> (18 - 6 * at) & 63).unwrap_or(0);
            text.push(char::from(ALPHABET.get(digit).copied().unwrap_or(b'A')));
        }
    }
    text
}

/// Base64 in either alphabet, padded or not.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text
        .trim_end_matches('=')
        .bytes()
        .map(|letter| {
            let letter = match letter {
                b'+' => b'-',
                b'/' => b'_',
                other => other,
            };
            let at = ALPHABET.iter().position(|known| *known == letter)?;
            u32::try_from(at).ok()
        })
        .collect();
    let mut bytes = Vec::new();
    for chunk in digits?.chunks(4) {
        let word = chunk
            .iter()
            .enumerate()
            .fold(0_u32, |word, (at, digit)| word | digit << (18 - 6 * at));
        let [_, first, second, third] = word.to_be_bytes();
        bytes.extend(
            [first, second, third]
                .into_iter()
                .take(chunk.len().saturating_sub(1)),
        );
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Signed with the private half by another implementation.
    const ASSERTION: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.\
RzXcM_PBY_bSKLkvkza_DnXGxSBFcXA34LsXt-YGS6KlSyU3IzQ5Y1RNJ9g_QibGmeIUpx9C4G45fV0M0NjUhQcOzrGXxE1F2XgA\
hEWcnl4nEHsaaU2M4Y5Dv8OrU5QUfZGdQvfoXZxf0VDnexDINbwkKqPIKDk3inFFG8zcmAOlM51VLlnNbuGxbsjuNx1icj1B-NSZ\
HCl9mdwt6hct30TsRrM2RkWU2IYuR0_dNQKFoHnugaRMrWr8ghNsop1hoqnKhepOoyW1xFCU7m22PEskfo8-CWtxfVdaxsoccHyZ\
g_HikvOf4A5xZ6_WyOI0IkQkBjJfcg-MBcSvJVieHA\
";

    #[test]
    fn a_signature_by_the_key_holds_and_no_other_does() {
        assert_eq!(claims(ASSERTION), Some(serde_json::json!({"iss": "x"})));
        let (signed, signature) = ASSERTION.rsplit_once('.').expect("three parts");
        let other_signature = format!("{signed}.A{}", &signature[1..]);
        assert_eq!(claims(&other_signature), None);
        let other_claims = ASSERTION.replacen("eyJpc3MiOiJ4In0", "eyJpc3MiOiJ5In0", 1);
        assert_ne!(other_claims, ASSERTION);
        assert_eq!(claims(&other_claims), None);
        assert_eq!(claims("a.b"), None);
    }

    #[test]
    fn base64_goes_there_and_back() {
        for text in ["", "a", "ab", "abc", "abcd"] {
            assert_eq!(decode(&encode(text.as_bytes())), Some(text.as_bytes().to_vec()));
        }
        // The example of RFC 7636, appendix B.
        assert_eq!(
            challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }
}
