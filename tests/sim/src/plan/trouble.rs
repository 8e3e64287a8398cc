//! What goes wrong with requests, by vendor.

use jiff::SignedDuration;

use super::{Brand, Trouble};
use crate::crm::Class;

/// Every fault a portal can show, by class. What ends a login for good is left to rotation and crashes.
pub(super) fn trouble(brand: Brand, rng: &mut fastrand::Rng) -> Trouble {
    let classes = [
        Class::Poll,
        Class::Poll,
        Class::Poll,
        Class::Look,
        Class::Create,
        Class::Create,
        Class::Create,
        Class::Amend,
        Class::Token,
        Class::Any,
    ];
    let class = rng.choice(classes).unwrap_or(Class::Any);
    let kind = match brand {
        Brand::Hubspot => hubspot(class, rng),
        Brand::Salesforce => salesforce(class, rng),
        Brand::Zoho => zoho(class, rng),
    };
    // What is rarely asked for waits longer to be struck, and strikes seldom.
    let is_rare = !matches!(class, Class::Poll | Class::Any);
    let lasts = SignedDuration::from_secs(match rng.u32(0..6) {
        0 => rng.i64(3_600..10_800),
        _ if is_rare => rng.i64(1_800..7_200),
        1 | 2 => rng.i64(600..3_600),
        _ => rng.i64(30..600),
    });
    let is_steady = rng.u32(0..if is_rare { 8 } else { 3 }) == 0;
    Trouble {
        class,
        salt: rng.u64(..),
        kind,
        times: if is_steady { 0 } else { rng.u32(1..6) },
        lasts,
    }
}

/// What any server does.
fn common(rng: &mut fastrand::Rng) -> Vec<String> {
    let cut = format!("truncate:{}", rng.u32(0..900));
    let slow = format!("delay:{}s", rng.u32(1..200));
    let mut kinds = vec![cut.clone(), cut, slow];
    let fixed = [
        "close_before",
        "close_after_commit",
        "status:500",
        "status:502",
        "status:503",
        "status:504",
        "status:408",
        "html:502",
        "html:520",
        "html:524",
        "status_after_commit:502",
        "status_after_commit:504",
    ];
    kinds.extend(fixed.map(str::to_owned));
    kinds
}

/// The server carries a creation out after the client gave up.
fn late(rng: &mut fastrand::Rng) -> String {
    format!("late:{}", rng.u32(31..590))
}

fn hubspot(class: Class, rng: &mut fastrand::Rng) -> String {
    let late = late(rng);
    let mut kinds = common(rng);
    kinds.extend(["status:423", "throttle:burst"].map(str::to_owned));
    match class {
        Class::Poll => kinds.extend(
            [
                "ok_with_error",
                "throttle:search",
                "throttle:daily",
                "expire_page_token",
                "forbid",
                "revoke_token",
            ]
            .map(str::to_owned),
        ),
        Class::Look => kinds.extend(["ok_with_error", "forbid"].map(str::to_owned)),
        Class::Create => {
            let more = [
                late.as_str(),
                late.as_str(),
                "close_after_commit",
                "ok_with_error",
                "close_after_commit",
            ];
            kinds.extend(more.map(str::to_owned));
        }
        Class::Amend => kinds.extend(["ok_with_error", "close_after_commit"].map(str::to_owned)),
        Class::Token => {}
        Class::Any => kinds.extend(["throttle:daily", "revoke_token"].map(str::to_owned)),
    }
    rng.choice(kinds).unwrap_or_default()
}

fn salesforce(class: Class, rng: &mut fastrand::Rng) -> String {
    let late = late(rng);
    let mut kinds = common(rng);
    let everywhere = [
        "status:406",
        "status:420",
        "throttle:burst",
        "throttle:search",
        "error:SERVER_UNAVAILABLE",
        "error:INVALID_SESSION_ID",
    ];
    if class != Class::Token {
        kinds.extend(everywhere.map(str::to_owned));
    }
    let more: &[&str] = match class {
        Class::Poll => &[
            "throttle:daily",
            "revoke_token",
            "expire_page_token",
            "error:QUERY_TIMEOUT",
            "error:OPERATION_TOO_LARGE",
            "error:INVALID_QUERY_LOCATOR",
            "ok_with_error",
            "html:414",
            "hide:Task.FollowupKey__c",
            "hide:Task.Type",
            "hide:Lead.Company",
        ],
        Class::Look => &["ok_with_error", "error:QUERY_TIMEOUT", "lock"],
        Class::Create => &[
            late.as_str(),
            late.as_str(),
            "close_after_commit",
            "close_after_commit",
            "ok_with_error",
            "ok_with_error",
            "error:UNABLE_TO_LOCK_ROW",
            "error:STORAGE_LIMIT_EXCEEDED",
            "lock",
            "lock",
        ],
        Class::Amend => &["error:UNABLE_TO_LOCK_ROW", "close_after_commit", "lock"],
        Class::Token => &[],
        Class::Any => &["throttle:daily", "revoke_token"],
    };
    kinds.extend(more.iter().map(|kind| (*kind).to_owned()));
    rng.choice(kinds).unwrap_or_default()
}

fn zoho(class: Class, rng: &mut fastrand::Rng) -> String {
    let late = late(rng);
    let mut kinds = common(rng);
    let everywhere = [
        "throttle:burst",
        "throttle:burst",
        "ok_with_error",
        "error:INTERNAL_ERROR",
        "error:INVALID_TOKEN",
        "error:AUTHENTICATION_FAILURE",
        "error:INVALID_OAUTHTOKEN",
    ];
    if class != Class::Token {
        kinds.extend(everywhere.map(str::to_owned));
    }
    let more: &[&str] = match class {
        Class::Poll => &[
            "revoke_token",
            "expire_page_token",
            "forbid",
            "error:CANNOT_PROCESS",
            "error:CANNOT_PROCESS",
            "error:NO_PERMISSION",
            "hide:Tasks.Followupd_Key",
            "hide:Leads.Mobile",
            "hide:Deals.Amount",
        ],
        Class::Look => &["error:RECORD_LOCKED"],
        Class::Create => &[
            late.as_str(),
            late.as_str(),
            "close_after_commit",
            "close_after_commit",
            "error:RECORD_LOCKED",
            "error:RECORD_IN_BLUEPRINT",
            "error:NOT_APPROVED",
            "error:LIMIT_EXCEEDED",
        ],
        Class::Amend => &[
            "error:RECORD_LOCKED",
            "error:NOT_APPROVED",
            "error:ALREADY_MODIFIED",
            "close_after_commit",
        ],
        // The throttle of the endpoint, errors inside 200, and a consent that ends.
        Class::Token => &["throttle:burst", "throttle:burst", "revoke_token"],
        Class::Any => &["revoke_token", "error:TOO_MANY_REQUESTS"],
    };
    kinds.extend(more.iter().map(|kind| (*kind).to_owned()));
    rng.choice(kinds).unwrap_or_default()
}
