//! Users and the org itself.
//!
//! Sources: fact sheet section 4.10.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    answer::{Answer, Outcome, Refusal},
    call::Call,
    switches::ZohoEdition,
    tenant::{Tenant, User},
};

const PER_PAGE_MAX: usize = 200;

impl Tenant {
    /// `GET /users`.
    pub(crate) fn users_list(&self, call: &Call) -> Outcome {
        let is_asked: fn(&User, &str) -> bool = match call.query("type") {
            None | Some("AllUsers") => |_, _| true,
            Some("ActiveUsers" | "ActiveConfirmedUsers") => |user, _| user.is_active,
            Some("DeactiveUsers") => |user, _| !user.is_active,
            Some("AdminUsers" | "ActiveConfirmedAdmins") => |user, _| user.is_admin,
            Some("CurrentUser") => |user, own| user.id == own,
            Some("DeletedUsers" | "ConfirmedUsers" | "NotConfirmedUsers") => |_, _| false,
            Some(_) => return Err(Refusal::param("type")),
        };
        let per_page = call.count("per_page", PER_PAGE_MAX)?.min(PER_PAGE_MAX);
        let page = call.count("page", 1)?;
        let since = call.instant_header("if-modified-since")?;
        let ids = call.list("ids");
        let found: Vec<&User> = self
            .users
            .values()
            .filter(|user| is_asked(user, &call.user))
            .filter(|user| ids.is_empty() || ids.contains(&user.id))
            .filter(|user| since.is_none_or(|since| self.is_modified_since(Some(user.modified_at), since)))
            .collect();
        let start = (page - 1) * per_page;
        let here: Vec<Value> = found
            .iter()
            .skip(start)
            .take(per_page)
            .map(|user| self.shown_user(user, call.now))
            .collect();
        if here.is_empty() {
            let is_unchanged = since.is_some() && page == 1;
            return Ok(Answer::empty(if is_unchanged { 304 } else { 204 }));
        }
        let has_more = found.len() > start + here.len();
        Ok(Answer::ok(json!({
            "users": here,
            "info": {"per_page": per_page, "count": here.len(), "page": page, "more_records": has_more},
        })))
    }

    /// `GET /users/{id}`.
    pub(crate) fn one_user(&self, call: &Call, id: &str) -> Outcome {
        let user = self.users.get(id).ok_or_else(|| Refusal::no_such_id(1))?;
        Ok(Answer::ok(json!({"users": [self.shown_user(user, call.now)]})))
    }

    /// A user with the mixed case of the vendor's keys.
    fn shown_user(&self, user: &User, now: Timestamp) -> Value {
        let is_own = user.id == self.own_user;
        let zone = if is_own {
            &self.switches.user_zone
        } else {
            &self.switches.team_zone
        };
        let offset =
            jiff::tz::TimeZone::get(zone).map_or(0, |zone| i64::from(zone.to_offset(now).seconds()) * 1_000);
        let profile = if user.is_admin {
            "Administrator"
        } else {
            "Standard"
        };
        let own = json!({
            "id": user.id, "first_name": user.first_name, "last_name": user.last_name,
            "full_name": user.full_name(), "email": user.email,
            "status": if user.is_active { "active" } else { "inactive" },
            "zuid": user.id, "Isonline": is_own,
            "role": {"name": "CEO", "id": self.meta_id("role")},
            "profile": {"name": profile, "id": self.meta_id("profile")},
            "time_zone": zone, "offset": offset,
            "created_time": self.shown(user.created_at), "Modified_Time": self.shown(user.modified_at),
            "created_by": self.user_json(&self.own_user), "Modified_By": self.user_json(&self.own_user),
        });
        complete(include_str!("meta/user.json"), own)
    }

    /// `GET /org`.
    pub(crate) fn org(&self) -> Answer {
        let (paid_type, is_paid) = match self.switches.edition {
            ZohoEdition::Free => ("free", false),
            ZohoEdition::Standard => ("standard", true),
            ZohoEdition::Professional => ("professional", true),
            ZohoEdition::Enterprise => ("enterprise", true),
            ZohoEdition::Ultimate => ("ultimate", true),
        };
        let own = json!({
            "id": self.id, "zgid": self.id, "ezgid": self.id, "primary_zuid": self.own_user,
            "domain_name": format!("org{}", self.id), "time_zone": self.switches.team_zone,
            "created_time": self.shown(self.founded_at),
            "license_details": {
                "paid_expiry": Value::Null, "users_license_purchased": self.switches.seats,
                "trial_type": Value::Null, "trial_expiry": Value::Null, "paid": is_paid,
                "paid_type": paid_type, "trial_action": Value::Null,
            },
        });
        let org = complete(include_str!("meta/org.json"), own);
        Answer::ok(json!({ "org": [org] }))
    }
}

/// What is the same for all, from a checked-in file, under what is not.
pub(crate) fn complete(common: &str, own: Value) -> Value {
    let mut all: Value = serde_json::from_str(common).unwrap_or_default();
    if let (Some(all), Value::Object(own)) = (all.as_object_mut(), own) {
        all.extend(own);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_common_part_is_an_object() {
        for common in [
            include_str!("meta/user.json"),
            include_str!("meta/org.json"),
            include_str!("meta/module.json"),
            include_str!("meta/field.json"),
        ] {
            let all = complete(common, json!({"id": "1"}));
            assert!(all.as_object().is_some_and(|all| all.len() > 10), "{common}");
        }
    }
}
