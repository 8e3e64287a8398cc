//! `POST /Leads/{id}/actions/convert`.
//!
//! Sources: the vendor's description of the method (v8).

use serde_json::{Map, Value, json};

use super::{
    answer::{Answer, Outcome, Refusal},
    call::Call,
    check::{Sent, id_of},
    module::Module,
    tenant::{Changes, Tenant},
};
use crate::salesforce::Cell;

impl Tenant {
    /// Converts one lead: into the account and contact given or into new ones, with a deal where one is described.
    pub(crate) fn convert_call(&mut self, call: &Call, lead: &str) -> Outcome {
        self.check_module(call, Module::Leads, "CREATE")?;
        let row = self
            .store
            .live(Module::Leads, lead)
            .ok_or_else(|| Refusal::no_such_id(1))?;
        if row.cells.flag("Converted__s") {
            let refusal = Refusal::bad("ID_ALREADY_CONVERTED", "id already converted")
                .with("resource_path_index", json!(1));
            return Err(refusal);
        }
        let owner = row.cells.text("Owner").unwrap_or_default().to_owned();
        let body = call.object()?;
        let asked = first_of(&body)?;
        let given = |name: &str, module: Module| -> Result<Option<String>, Refusal> {
            let Some(id) = asked.get(name).and_then(|value| value.get("id")) else {
                return Ok(None);
            };
            let id = id_of(id).filter(|id| self.store.live(module, id).is_some());
            id.map(Some)
                .ok_or_else(|| Refusal::invalid(name, &format!("$.data[0].{name}.id")))
        };
        let account = given("Accounts", Module::Accounts)?;
        let contact = given("Contacts", Module::Contacts)?;
        let deal = asked.get("Deals").and_then(Value::as_object).cloned();
        let deal_changes = deal
            .as_ref()
            .map(|object| self.deal_changes(call, object))
            .transpose()?;
        let into = contact.map(|contact| (account.clone().unwrap_or_default(), contact));
        let (mut made_account, contact) = self.convert(call.now, lead, &call.user, into);
        if let Some(account) = account.filter(|account| *account != made_account) {
            let change = vec![("Account_Name".to_owned(), Cell::text(account.clone()))];
            self.commit(Module::Contacts, Some(&contact), change, &call.user, call.now);
            self.store.amend(
                Module::Leads,
                lead,
                "Converted_Account",
                Cell::text(account.clone()),
            );
            self.delete(Module::Accounts, &made_account, &call.user, call.now);
            made_account = account;
        }
        let mut details = json!({
            "Contacts": {"name": self.name_of(&contact), "id": contact},
            "Accounts": {"name": self.name_of(&made_account), "id": made_account},
            "Deals": Value::Null,
        });
        if let Some(mut changes) = deal_changes {
            changes.push(("Contact_Name".to_owned(), Cell::text(contact)));
            changes.push(("Account_Name".to_owned(), Cell::text(made_account)));
            changes.push(("Owner".to_owned(), Cell::text(owner)));
            let deal = self.deal_of_lead(call, lead, changes);
            if let Some(object) = details.as_object_mut() {
                object.insert("Deals".to_owned(), deal);
            }
        }
        Ok(Answer::ok(json!({"data": [{
            "code": "SUCCESS", "details": details, "message": "The record has been converted successfully",
            "status": "success",
        }]})))
    }

    /// The deal a conversion makes, as its answer names it.
    fn deal_of_lead(&mut self, call: &Call, lead: &str, changes: Changes) -> Value {
        let id = self.commit(Module::Deals, None, changes, &call.user, call.now);
        self.store
            .amend(Module::Leads, lead, "Converted_Deal", Cell::text(id.clone()));
        self.mails.carry_over(lead, &id);
        json!({"name": self.name_of(&id), "id": id})
    }

    fn deal_changes(&self, call: &Call, object: &Map<String, Value>) -> Result<Changes, Refusal> {
        self.check(&Sent {
            module: Module::Deals,
            object,
            index: 0,
            id: None,
            now: call.now,
        })
    }
}

/// The one conversion a body asks for.
fn first_of(body: &Map<String, Value>) -> Result<Map<String, Value>, Refusal> {
    body.get("data")
        .and_then(Value::as_array)
        .and_then(|data| data.first())
        .and_then(Value::as_object)
        .cloned()
        .ok_or_else(|| {
            Refusal::bad("MANDATORY_NOT_FOUND", "required field not found")
                .with("api_name", json!("data"))
                .with("json_path", json!("$.data"))
        })
}
