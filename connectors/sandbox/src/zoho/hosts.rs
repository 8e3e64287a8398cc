//! The data centres and their host names (fact sheet section 1.1).

/// Data centre, accounts host, API host.
const DATA_CENTERS: [(&str, &str, &str); 9] = [
    ("us", "accounts.zoho.com", "www.zohoapis.com"),
    ("eu", "accounts.zoho.eu", "www.zohoapis.eu"),
    ("in", "accounts.zoho.in", "www.zohoapis.in"),
    ("au", "accounts.zoho.com.au", "www.zohoapis.com.au"),
    ("jp", "accounts.zoho.jp", "www.zohoapis.jp"),
    ("ca", "accounts.zohocloud.ca", "www.zohoapis.ca"),
    ("cn", "accounts.zoho.com.cn", "www.zohoapis.com.cn"),
    ("sa", "accounts.zoho.sa", "www.zohoapis.sa"),
    ("uk", "accounts.zoho.uk", "www.zohoapis.uk"),
];

/// What a host name is to an org.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The accounts or API host of the org's own data centre, or no vendor's name at all.
    Here,
    /// Another data centre's.
    Elsewhere,
    /// A vendor's host that serves no API any more.
    Wrong,
}

/// Scheme, host and port of `base` without scheme and port.
fn host_of(base: &str) -> &str {
    let host = base.split_once("://").map_or(base, |(_, host)| host);
    host.rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|letter| letter.is_ascii_digit()))
        .map_or(host, |(host, _)| host)
}

/// What the host of `base` is to an org in `data_center`.
pub(crate) fn place_of(base: &str, data_center: &str) -> Place {
    let host = host_of(base);
    let api_host = ["sandbox.", "developer."]
        .iter()
        .find_map(|prefix| host.strip_prefix(prefix))
        .map_or_else(|| host.to_owned(), |rest| format!("www.{rest}"));
    let known = DATA_CENTERS
        .iter()
        .find(|(_, accounts, api)| host == *accounts || api_host == *api);
    match known {
        Some((of, ..)) if *of == data_center => Place::Here,
        Some(_) => Place::Elsewhere,
        None if host.starts_with("crm.zoho.") => Place::Wrong,
        None => Place::Here,
    }
}

/// The accounts server of the org's data centre, or the host asked where that is no vendor's.
pub(crate) fn accounts_server(base: &str, data_center: &str) -> String {
    let is_vendors = DATA_CENTERS
        .iter()
        .any(|(_, accounts, _)| *accounts == host_of(base));
    DATA_CENTERS
        .iter()
        .find(|(of, ..)| is_vendors && *of == data_center)
        .map_or_else(
            || base.to_owned(),
            |(_, accounts, _)| format!("https://{accounts}"),
        )
}

/// `api_domain` of a token answer: the data centre's API host, or the host asked where that is no vendor's.
pub(crate) fn api_domain(base: &str, data_center: &str) -> String {
    let host = host_of(base);
    DATA_CENTERS
        .iter()
        .find(|(of, accounts, _)| *of == data_center && *accounts == host)
        .map_or_else(|| base.to_owned(), |(_, _, api)| format!("https://{api}"))
}

/// Accounts server of each data centre; the org's own is `base` where that is no vendor's name.
pub(crate) fn servers(base: &str, data_center: &str) -> Vec<(&'static str, String)> {
    let is_vendor = DATA_CENTERS
        .iter()
        .any(|(_, accounts, _)| *accounts == host_of(base));
    DATA_CENTERS
        .iter()
        .map(|(of, accounts, _)| {
            let server = if *of == data_center && !is_vendor {
                base.to_owned()
            } else {
                format!("https://{accounts}")
            };
            (*of, server)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_answer_names_the_api_host_of_its_data_center() {
        assert_eq!(
            api_domain("https://accounts.zohocloud.ca", "ca"),
            "https://www.zohoapis.ca"
        );
        assert_eq!(api_domain("http://127.0.0.1:9103", "eu"), "http://127.0.0.1:9103");
    }

    #[test]
    fn hosts_of_other_data_centers_are_elsewhere() {
        assert_eq!(place_of("https://www.zohoapis.com", "eu"), Place::Elsewhere);
        assert_eq!(place_of("https://sandbox.zohoapis.eu", "eu"), Place::Here);
        assert_eq!(place_of("https://crm.zoho.eu", "eu"), Place::Wrong);
        assert_eq!(place_of("http://localhost:9103", "eu"), Place::Here);
    }
}
