//! The Leads object (`0-136`, Sales Hub Professional and up), folded into contacts.
//!
//! A lead record is not a person: it lends its stage and its age to the contact it belongs to. Contacts are therefore
//! always delivered with what their leads say, and the stream of leads delivers the contacts whose leads changed. A
//! portal without the object, or a token that may not read it, simply has no such facts.

use std::collections::{BTreeMap, BTreeSet};

use followup_core::{ConnectorError, Stream};
use followup_transport::{CallError, Cause};
use jiff::SignedDuration;

use super::Batch;
use crate::{
    Hubspot,
    api::Turn,
    map::{LeadFacts, Leads},
    schema,
    wire::Object,
};

/// How long leads that cannot be read are left alone.
const ASK_AGAIN: SignedDuration = SignedDuration::from_hours(1);

impl Hubspot {
    /// Whether leads are worth asking for.
    pub(super) fn are_leads_open(&self, turn: Turn) -> bool {
        let closed = self.remembered().leads_closed_at;
        closed.is_none_or(|at| turn.now.duration_since(at) >= ASK_AGAIN)
    }

    /// What the leads of these contacts say.
    pub(super) async fn leads_of(&self, contacts: &[String], turn: Turn) -> Result<Leads, ConnectorError> {
        if contacts.is_empty() || !self.are_leads_open(turn) {
            return Ok(Leads::default());
        }
        let read = async {
            let links = self.api.linked("contacts", "leads", contacts, turn).await?;
            let ids: BTreeSet<String> = links.values().flatten().cloned().collect();
            let ids: Vec<String> = ids.into_iter().collect();
            let leads = match schema::of(Stream::Leads) {
                Some(schema) if !ids.is_empty() => self.api.read(schema, &ids, false, turn).await?,
                _ => Vec::new(),
            };
            Ok::<_, CallError>((links, leads))
        };
        let (links, raw) = match read.await {
            Ok(read) => read,
            Err(error) => {
                self.close_leads(error, turn)?;
                return Ok(Leads::default());
            }
        };
        // A lead that cannot be understood tells nothing about its contact.
        let facts: BTreeMap<String, LeadFacts> = raw
            .iter()
            .filter_map(|value| Object::read(value).ok())
            .filter_map(|lead| Some((lead.id.clone(), LeadFacts::of(&lead)?)))
            .collect();
        let newest = |ids: &Vec<String>| {
            ids.iter()
                .filter_map(|id| facts.get(id))
                .max_by_key(|lead| lead.created_at)
                .cloned()
        };
        Ok(Leads {
            by_contact: links
                .iter()
                .filter_map(|(contact, ids)| Some((contact.clone(), newest(ids)?)))
                .collect(),
        })
    }

    /// The contacts that changed leads belong to.
    pub(super) async fn contacts_of_leads(
        &self,
        leads: &[String],
        turn: Turn,
    ) -> Result<Batch, ConnectorError> {
        let Some(contacts) = schema::of(Stream::Contacts) else {
            return Ok(Batch::default());
        };
        let links = self.api.linked("leads", "contacts", leads, turn).await?;
        let ids: BTreeSet<String> = links.into_values().flatten().collect();
        let ids: Vec<String> = ids.into_iter().collect();
        if ids.is_empty() {
            return Ok(Batch::default());
        }
        let raw = self.api.read(contacts, &ids, false, turn).await?;
        self.batch(Stream::Contacts, contacts, &raw, turn).await
    }

    /// Remembers that leads cannot be read; any other trouble is passed on.
    pub(super) fn close_leads(&self, error: CallError, turn: Turn) -> Result<(), ConnectorError> {
        if !matches!(
            error.cause,
            Cause::Forbidden { .. } | Cause::NotFound | Cause::Refused
        ) {
            return Err(error.into());
        }
        tracing::debug!(reason = %error, "the portal shows no leads");
        self.remembered().leads_closed_at = Some(turn.now);
        Ok(())
    }
}
