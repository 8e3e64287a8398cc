//! SOQL, the part connectors use: parsed to a tree, then run over the org's records.
//!
//! `SELECT` fields, parent paths, child subqueries, aggregates and `FIELDS(…)`; `WHERE` with `AND`, `OR`, `NOT`,
//! comparisons, `LIKE`, `IN` with lists or a subquery, date literals; `GROUP BY`, `ORDER BY`, `LIMIT`, `OFFSET`. Errors
//! say what the vendor says, place included. Sources: fact sheet sections 2, 3.1 and 3.3.

mod conditions;
mod lex;
mod parse;
mod place;
mod resolve;
mod run;
mod show;
mod tree;

pub(crate) use parse::parse;
pub(crate) use run::{Found, Reader, Selected};
use tree::Item;
