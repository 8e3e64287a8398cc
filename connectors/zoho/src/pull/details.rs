//! What belongs to rows and is not in them: what activities are linked to, the history of stages, whole texts of our own
//! tasks. Only changed rows are asked about.

use std::collections::BTreeMap;

use followup_transport::{CallError, Cause};

use super::Fault;
use crate::{
    Zoho,
    api::{Place, Turn, is_absent},
    map::Details,
    schema::Module,
    view::View,
    wire::Row,
};

/// Deals named in one query (COQL limitations: 50 values of `in`).
const DEALS_MAX: usize = 50;
/// Rows of such a query: one credit.
const HISTORY_ROWS: u32 = 200;
/// Deals whose history is read one by one on one page, where queries do not work.
const SINGLE_MAX: usize = 20;
/// Lists show no more than so many characters of a long text; what is shorter is whole.
const SHOWN_MAX: usize = 490;

/// Which tasks are ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Those that show our key.
    Marked,
    /// All of them: they were asked for by number. A key may be hidden: cut off with the text, or edited out of the subject.
    Ours,
}

impl Zoho {
    pub(crate) async fn details(
        &self,
        module: Module,
        rows: &[Row],
        view: &View,
        turn: Turn,
    ) -> Result<Details, Fault> {
        let mut details = Details::default();
        match module {
            Module::Deals => {
                details.history = self.histories(rows, view, turn).await?;
            }
            Module::Tasks | Module::Calls | Module::Events => {
                details.whats = self.learn_whats(rows, turn).await?;
            }
            _ => {}
        }
        if module == Module::Tasks {
            details.bodies = self.bodies(rows, Whose::Marked, view, turn).await?;
        }
        Ok(details)
    }

    /// Whole texts of our own tasks, where a list may have cut them.
    pub(crate) async fn bodies(
        &self,
        rows: &[Row],
        which: Whose,
        view: &View,
        turn: Turn,
    ) -> Result<BTreeMap<String, String>, CallError> {
        let none = Details::default();
        let context = self.context(view, &none, turn.now);
        let mut bodies = BTreeMap::new();
        let is_ours = |row: &&Row| which == Whose::Ours || context.key(row).is_some();
        for row in rows.iter().filter(is_ours) {
            let (Ok(id), Some(shown)) = (row.id(), row.text("Description")) else {
                continue;
            };
            if shown.chars().count() < SHOWN_MAX {
                continue;
            }
            let changed_at = row.instant("Modified_Time").ok().flatten();
            let known = self.remembered().bodies.get(id).cloned();
            if let Some((at, beginning, whole)) = known
                && Some(at) == changed_at
                && beginning == shown
            {
                bodies.insert(id.to_owned(), whole);
                continue;
            }
            let Some(whole) = self.api.one(Module::Tasks, id, turn).await? else {
                continue;
            };
            let whole = whole.text("Description").unwrap_or_default().to_owned();
            if let Some(at) = changed_at {
                let known = (at, shown.to_owned(), whole.clone());
                self.remembered().bodies.insert(id.to_owned(), known);
            }
            bodies.insert(id.to_owned(), whole);
        }
        Ok(bodies)
    }

    /// Entries of the stage history, fifty deals a query; one by one, and open ones only, where that does not work.
    async fn histories(
        &self,
        rows: &[Row],
        view: &View,
        turn: Turn,
    ) -> Result<BTreeMap<String, Vec<Row>>, CallError> {
        let ids: Vec<String> = rows
            .iter()
            .filter_map(|row| row.id().ok().map(str::to_owned))
            .collect();
        let mut found: BTreeMap<String, Vec<Row>> = BTreeMap::new();
        if ids.is_empty() || self.closed(Module::DealHistory, view, turn.now).is_some() {
            return Ok(found);
        }
        if self.no_queries().is_none() {
            match self.queried_histories(&ids, view, turn, &mut found).await {
                Ok(()) => return Ok(found),
                Err(error) if matches!(error.cause, Cause::Refused) || is_absent(&error) => found.clear(),
                Err(error) => return Err(error),
            }
        }
        let open = rows
            .iter()
            .filter(|row| row.text("Stage").is_some_and(|stage| self.is_open(stage, view)));
        for row in open.take(SINGLE_MAX) {
            let Ok(id) = row.id() else { continue };
            match self.single_history(id, view, turn).await {
                Ok(entries) => {
                    found.insert(id.to_owned(), entries);
                }
                Err(error) if is_absent(&error) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    fn is_open(&self, stage: &str, view: &View) -> bool {
        match view.setup.stages.get(stage) {
            Some(known) => *known == followup_core::DealState::Open,
            None => self.config.mapping.closing(stage).is_none(),
        }
    }

    fn history_fields(&self, view: &View) -> Vec<String> {
        view.org
            .select(Module::DealHistory, &self.config.mapping.key_field)
    }

    async fn queried_histories(
        &self,
        ids: &[String],
        view: &View,
        turn: Turn,
        found: &mut BTreeMap<String, Vec<Row>>,
    ) -> Result<(), CallError> {
        let fields = self.history_fields(view).join(", ");
        for chunk in ids.chunks(DEALS_MAX) {
            let named: Vec<String> = chunk.iter().map(|id| format!("'{id}'")).collect();
            let of_deals = format!("Potential_Name in ({})", named.join(", "));
            let mut after: Option<String> = None;
            loop {
                let condition = match &after {
                    None => of_deals.clone(),
                    Some(id) => format!("({of_deals} and id > '{id}')"),
                };
                let select = format!("select {fields} from DealHistory where {condition} order by id asc");
                let action = Module::DealHistory.action();
                let answered = self.api.query(&select, HISTORY_ROWS, action, turn).await?;
                let Some(page) = answered.page else { break };
                let rows = page.rows();
                let last = rows.last().and_then(|row| row.id().ok()).map(str::to_owned);
                let is_stuck = last.is_none() || last == after;
                for row in rows {
                    if let Some(deal) = row.text("Potential_Name.id").map(str::to_owned) {
                        found.entry(deal).or_default().push(row);
                    }
                }
                if !page.info.has_more {
                    break;
                }
                if is_stuck {
                    return Err(crate::api::stuck(action));
                }
                after = last;
            }
        }
        Ok(())
    }

    async fn single_history(&self, id: &str, view: &View, turn: Turn) -> Result<Vec<Row>, CallError> {
        let fields: Vec<String> = self
            .history_fields(view)
            .into_iter()
            .filter(|name| name != "Potential_Name")
            .collect();
        let fields = fields.join(",");
        let of = (Module::Deals, id);
        let page = self
            .api
            .related(of, "Stage_History", &fields, &Place::Page(1), turn)
            .await?;
        Ok(page.iter().flat_map(crate::wire::PageWire::rows).collect())
    }
}
