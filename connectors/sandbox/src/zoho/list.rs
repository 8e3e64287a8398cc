//! `GET /crm/v8/{Module}`, one record, and the paging that related lists share.
//!
//! Sources: fact sheet sections 3.1 and 3.6.

use std::cmp::Ordering;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    answer::{Answer, Outcome, Refusal},
    call::Call,
    module::Module,
    pages::{PageToken, PageTokens},
    show::{Column, View},
    tenant::Tenant,
};
use crate::salesforce::Cell;

/// Most records of one page.
const PER_PAGE_MAX: usize = 200;
/// Most records without a page token.
pub(crate) const DISCRETE_MAX: usize = 2_000;
/// Most records with page tokens.
const TOKENS_MAX: usize = 100_000;
/// Most names in `fields`.
const FIELDS_MAX: usize = 50;

/// Which part of a list a request asks for.
#[derive(Debug)]
pub(crate) struct Window {
    pub(crate) per_page: usize,
    page: usize,
    after: Option<(Cell, String)>,
    count_before: usize,
    binding: String,
    has_token: bool,
}

impl Tenant {
    /// `GET /{Module}`.
    pub(crate) fn list(&mut self, call: &Call, module: Module) -> Outcome {
        if module == Module::Notes && !self.own_is_admin(call) {
            return Err(Refusal::new(
                403,
                "NOT_SUPPORTED",
                "This API is supported only for admin users",
            ));
        }
        let columns = self.asked_columns(call, module)?;
        if call.query("cvid").is_some() {
            return Err(Refusal::param("cvid"));
        }
        let sort_by = sort_field(call)?;
        let converted = match call.query("converted") {
            None | Some("false") => Some(false),
            Some("true") => Some(true),
            Some("both") => None,
            Some(_) => return Err(Refusal::param("converted")),
        };
        let since = call.instant_header("if-modified-since")?;
        let window = self.window(call)?;
        let ids = call.list("ids");
        let is_new = |cells: &crate::salesforce::Cells| {
            since.is_none_or(|since| self.is_modified_since(cells.at("Modified_Time"), since))
        };
        let keys: Vec<(Cell, String)> = self
            .store
            .table(module)
            .values()
            .filter(|row| row.is_live() && is_new(&row.cells))
            .filter(|row| {
                module != Module::Leads
                    || converted.is_none_or(|wanted| row.cells.flag("Converted__s") == wanted)
            })
            .filter(|row| ids.is_empty() || ids.contains(&row.id))
            .map(|row| (row.cells.get(sort_by).clone(), row.id.clone()))
            .collect();
        self.page(call, keys, &window, since.is_some(), |tenant, id| {
            let row = tenant.store.row(module, id)?;
            Some(tenant.shown_row(row, &row.cells, &columns, View::List))
        })
    }

    fn own_is_admin(&self, call: &Call) -> bool {
        self.users.get(&call.user).is_some_and(|user| user.is_admin)
    }

    /// Whether a change at `at` is one since `since`.
    pub(crate) fn is_modified_since(&self, at: Option<Timestamp>, since: Timestamp) -> bool {
        let since = crate::salesforce::to_seconds(since);
        at.is_some_and(|at| at > since || self.switches.modified_since_is_inclusive && at == since)
    }

    /// The columns `fields` asks for; it is mandatory.
    pub(crate) fn asked_columns(&self, call: &Call, module: Module) -> Result<Vec<Column>, Refusal> {
        let names = call.list("fields");
        if names.is_empty() {
            return Err(Refusal::bad(
                "REQUIRED_PARAM_MISSING",
                "One of the expected parameter is missing",
            )
            .with("param_name", json!("fields")));
        }
        if names.len() > FIELDS_MAX {
            return Err(
                Refusal::bad("LIMIT_EXCEEDED", "the maximum number of fields is exceeded")
                    .with("param_name", json!("fields"))
                    .with("limit", json!(FIELDS_MAX)),
            );
        }
        if self.switches.id_alone_is_refused && names.iter().all(|name| name == "id") {
            return Err(Refusal::param("fields"));
        }
        self.columns(module, &names)
            .map_err(|name| Refusal::param("fields").with("field", json!(name)))
    }

    /// The page a request asks for, by number or by token.
    pub(crate) fn window(&self, call: &Call) -> Result<Window, Refusal> {
        let per_page = call.count("per_page", PER_PAGE_MAX)?;
        if per_page > PER_PAGE_MAX {
            return Err(Refusal::param("per_page").with("maximum", json!(PER_PAGE_MAX)));
        }
        let page = call.count("page", 1)?;
        let binding = self.binding(call);
        let Some(text) = call.query("page_token") else {
            if page * per_page > DISCRETE_MAX {
                return Err(discrete_limit());
            }
            return Ok(Window {
                per_page,
                page,
                after: None,
                count_before: (page - 1) * per_page,
                binding,
                has_token: false,
            });
        };
        if call.query("page").is_some() {
            return Err(Refusal::bad(
                "AMBIGUITY_DURING_PROCESSING",
                "page and page_token cannot be given together",
            )
            .with("ambiguity_due_to", json!(["page", "page_token"])));
        }
        let token = self
            .pages
            .get(text)
            .filter(|token| token.user == call.user)
            .ok_or_else(|| Refusal::param("page_token"))?;
        if token.expires_at <= call.now {
            return Err(expired());
        }
        if token.binding != binding {
            return Err(Refusal::bad(
                "TOKEN_BOUND_DATA_MISMATCH",
                "the parameters differ from those the page_token was given for",
            )
            .with("param_name", json!("page_token")));
        }
        if token.count_before >= TOKENS_MAX {
            return Err(Refusal::bad(
                "PAGINATION_LIMIT_EXCEEDED",
                "You can only get the first 100000 records using page_token param",
            )
            .with("limit", json!(TOKENS_MAX)));
        }
        Ok(Window {
            per_page,
            page: token.page,
            after: Some(token.after.clone()),
            count_before: token.count_before,
            binding,
            has_token: true,
        })
    }

    /// What a page token is bound to: path and parameters, and by a switch `If-Modified-Since`.
    fn binding(&self, call: &Call) -> String {
        let mut said: Vec<String> = call
            .query
            .iter()
            .filter(|(name, _)| !matches!(name.as_str(), "page" | "page_token"))
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        said.sort_unstable();
        let mut binding = format!("{}?{}", call.rest.join("/"), said.join("&"));
        if self.switches.tokens_bind_modified_since {
            binding.push_str(call.header("if-modified-since").unwrap_or_default());
        }
        binding
    }

    /// One page of the records behind `keys` (sort value, id), in the order the request asks for.
    pub(crate) fn page(
        &mut self,
        call: &Call,
        mut keys: Vec<(Cell, String)>,
        window: &Window,
        is_conditional: bool,
        show: impl Fn(&Self, &str) -> Option<Value>,
    ) -> Outcome {
        let is_descending = match call.query("sort_order") {
            None | Some("desc") => true,
            Some("asc") => false,
            Some(_) => return Err(Refusal::param("sort_order")),
        };
        if keys.is_empty() {
            let is_first = window.after.is_none() && window.page == 1;
            return Ok(Answer::empty(if is_conditional && is_first { 304 } else { 204 }));
        }
        let order = |a: &(Cell, String), b: &(Cell, String)| {
            let order = a.0.order(&b.0).then_with(|| a.1.cmp(&b.1));
            if is_descending { order.reverse() } else { order }
        };
        keys.sort_by(order);
        let start = match &window.after {
            Some(after) => keys.partition_point(|key| order(key, after) != Ordering::Greater),
            None => window.count_before,
        };
        let rest = keys.get(start..).unwrap_or_default();
        let here = rest.get(..window.per_page.min(rest.len())).unwrap_or_default();
        let Some(last) = here.last() else {
            return Ok(Answer::empty(204));
        };
        let data: Vec<Value> = here.iter().filter_map(|(_, id)| show(self, id)).collect();
        let has_more = rest.len() > here.len();
        let expires_at = PageTokens::expiry(call.now);
        let next = has_more.then(|| PageToken {
            user: call.user.clone(),
            binding: window.binding.clone(),
            after: last.clone(),
            page: window.page + 1,
            count_before: window.count_before + here.len(),
            expires_at,
        });
        let next = next.map(|token| self.pages.issue(&mut self.rng, token));
        let previous = call.query("page_token").filter(|_| window.has_token);
        Ok(Answer::ok(json!({
            "data": data,
            "info": {
                "call": false, "per_page": window.per_page, "next_page_token": next, "count": here.len(),
                "sort_by": call.query("sort_by").unwrap_or("id"), "page": window.page,
                "previous_page_token": previous,
                "page_token_expiry": has_more.then(|| self.shown(expires_at)),
                "sort_order": if is_descending { "desc" } else { "asc" },
                "email": false, "more_records": has_more,
            },
        })))
    }

    /// `GET /{Module}/{id}`, by id or by external id.
    pub(crate) fn single(&self, call: &Call, module: Module, given: &str) -> Outcome {
        let id = self.addressed(call, module, given)?;
        let row = id.and_then(|id| self.store.live(module, &id));
        let Some(row) = row else {
            return self.missing();
        };
        if let Some(since) = call.instant_header("if-modified-since")?
            && !self.is_modified_since(row.cells.at("Modified_Time"), since)
        {
            return Ok(Answer::empty(304));
        }
        let names = call.list("fields");
        let columns = if names.is_empty() {
            self.all_columns(module)
        } else {
            self.columns(module, &names)
                .map_err(|name| Refusal::param("fields").with("field", json!(name)))?
        };
        let shown = self.shown_row(row, &row.cells, &columns, View::Single);
        Ok(Answer::ok(json!({"data": [shown]})))
    }

    /// `GET /{Module}/{id}/actions/fetch_full_data`: the long texts that lists cut.
    pub(crate) fn full_data(&self, call: &Call, module: Module, id: &str) -> Outcome {
        self.single(call, module, id)
    }

    /// `GET /{Module}/actions/count`.
    pub(crate) fn record_count(&self, module: Module) -> Answer {
        let rows = self.store.table(module).values();
        let count = rows
            .filter(|row| row.is_live() && !row.cells.flag("Converted__s"))
            .count();
        Answer::ok(json!({ "count": count }))
    }

    /// What a record that is not there answers.
    pub(crate) fn missing(&self) -> Outcome {
        if self.switches.missing_record_is_empty {
            Ok(Answer::empty(204))
        } else {
            Err(Refusal::no_such_id(1))
        }
    }

    /// The record an address means; with `X-EXTERNAL: Module.Field` the value of that field.
    pub(crate) fn addressed(
        &self,
        call: &Call,
        module: Module,
        given: &str,
    ) -> Result<Option<String>, Refusal> {
        let Some(external) = call.header("x-external") else {
            return Ok(Some(given.to_owned()).filter(|id| self.store.live(module, id).is_some()));
        };
        let name = external
            .split_once('.')
            .filter(|(of, _)| of.eq_ignore_ascii_case(module.name()))
            .map(|(_, name)| name);
        let field = name
            .and_then(|name| self.field(module, name))
            .filter(|field| field.is_external)
            .ok_or_else(|| {
                Refusal::bad("INVALID_DATA", "the external field given seems to be invalid")
                    .with("header_name", json!("X-EXTERNAL"))
            })?;
        let found = self.store.holders(module, &field.name, given);
        Ok(found.first().map(|row| row.id.clone()))
    }
}

/// `sort_by`, one of three.
pub(crate) fn sort_field(call: &Call) -> Result<&str, Refusal> {
    match call.query("sort_by") {
        None => Ok("id"),
        Some(name @ ("id" | "Created_Time" | "Modified_Time")) => Ok(name),
        Some(_) => Err(Refusal::param("sort_by")),
    }
}

/// Page 11 without a token.
pub(crate) fn discrete_limit() -> Refusal {
    Refusal::bad(
        "DISCRETE_PAGINATION_LIMIT_EXCEEDED",
        "You can only get the first 2000 records without using page_token param",
    )
    .with("limit", json!(DISCRETE_MAX))
}

/// A page token a day old.
pub(crate) fn expired() -> Refusal {
    Refusal::bad("EXPIRED_VALUE", "the page_token given is expired").with("param_name", json!("page_token"))
}
