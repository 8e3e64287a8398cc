//! Which scope a request needs, and whether the profile may see a module.
//!
//! Sources: fact sheet sections 1.5 and 1.6.

use serde_json::json;

use super::{answer::Refusal, call::Call, module::Module, tenant::Tenant};

/// 401: a scope is missing; no refresh heals it.
pub(crate) fn mismatch() -> Refusal {
    Refusal::new(401, "OAUTH_SCOPE_MISMATCH", "Unauthorized")
}

/// Whether `granted` covers `needed`: itself, or `ALL` in its place.
fn covers(granted: &str, needed: &str) -> bool {
    if granted.eq_ignore_ascii_case(needed) {
        return true;
    }
    let stem = |scope: &str| scope.rsplit_once('.').map(|(stem, _)| stem.to_lowercase());
    let is_all = granted.to_lowercase().ends_with(".all");
    // `modules.ALL` covers every module, `settings.ALL` every setting.
    let short = granted.to_lowercase();
    let short = short.trim_end_matches(".all");
    let is_mail = needed.to_lowercase().starts_with("zohocrm.modules.emails.");
    let is_every_module = short == "zohocrm.modules";
    if is_mail && is_every_module {
        return false;
    }
    is_all && (stem(granted) == stem(needed) || needed.to_lowercase().starts_with(&format!("{short}.")))
}

impl Call {
    /// Refuses unless one of `needed` is granted.
    pub(crate) fn needs(&self, needed: &[&str]) -> Result<(), Refusal> {
        let is_granted = needed
            .iter()
            .any(|needed| self.scopes.iter().any(|granted| covers(granted, needed)));
        if is_granted { Ok(()) } else { Err(mismatch()) }
    }
}

impl Tenant {
    /// Refuses what scope or profile keep from the client. `operation` is `READ`, `CREATE`, `UPDATE` or `DELETE`.
    pub(crate) fn check_module(&self, call: &Call, module: Module, operation: &str) -> Result<(), Refusal> {
        let scope = format!("ZohoCRM.modules.{}.{operation}", module.scope());
        let every = format!("ZohoCRM.modules.{operation}");
        call.needs(&[&scope, &every])?;
        if self.switches.forbidden_modules.contains(module.name()) {
            let right = if operation == "READ" { "View" } else { "Edit" };
            let permission = format!("Crm_Implied_{right}_{}", module.name());
            return Err(Refusal::new(403, "NO_PERMISSION", "permission denied")
                .with("permissions", json!([permission])));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn all_covers_what_is_below_it_and_nothing_else() {
        assert!(covers("ZohoCRM.modules.ALL", "ZohoCRM.modules.tasks.CREATE"));
        assert!(covers("ZohoCRM.modules.tasks.ALL", "ZohoCRM.modules.tasks.READ"));
        assert!(covers("ZohoCRM.modules.Tasks.READ", "ZohoCRM.modules.tasks.READ"));
        assert!(covers("ZohoCRM.settings.ALL", "ZohoCRM.settings.fields.READ"));
        assert!(!covers("ZohoCRM.modules.ALL", "ZohoCRM.coql.READ"));
        assert!(!covers("ZohoCRM.modules.ALL", "ZohoCRM.modules.emails.READ"));
        assert!(covers(
            "ZohoCRM.modules.emails.ALL",
            "ZohoCRM.modules.emails.READ"
        ));
        assert!(!covers(
            "ZohoCRM.modules.tasks.READ",
            "ZohoCRM.modules.tasks.CREATE"
        ));
        assert!(!covers("ZohoCRM.modules.leads.ALL", "ZohoCRM.modules.tasks.READ"));
    }
}
