//! A window of changes through search, past its cap of 10,000 results and past any number of equal timestamps.
//!
//! Each page is a query of its own that starts at the last instant seen, so no offset grows with the window. Only the
//! ids come from the index; the records are read by id, as they are now. The way through:
//!
//! 1. *Range*: changed in `[at, until]`, oldest first, 200. A page that is not full ends the window. Else `at` becomes
//!    the last instant on the page (whose records are read again: the page may have cut that millisecond in half).
//! 2. *Run*: when a full page holds one instant only, `EQ at` and `hs_object_id GT id`, by id, until a page is not
//!    full; then on with the next millisecond.
//!
//! The position strictly advances, or the stream is parked with an error: a server that ignores a filter must not
//! make us read for ever. Hits whose record has moved out of the window (the index found them by an older value) are
//! left to the window they are in now; if they fill a page, they are passed over by offset, never past the cap.

use followup_core::{ConnectorError, Lane, Page, PageEnd, Stream};
use jiff::Timestamp;
use serde_json::json;

use super::{Batch, hit};
use crate::{
    Hubspot,
    api::{Direction, Query, Turn},
    cursor::{self, Position, Step},
    schema::Schema,
};

/// Records per search page (search guide).
const PAGE: usize = 200;
/// Results beyond this are never asked for; HubSpot refuses past 10,000.
const RESULTS_MAX: u32 = 9_800;

/// A window and the place in it. Bounds are milliseconds, both inclusive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) from: i64,
    pub(crate) until: i64,
    pub(crate) step: Step,
    /// When the settled lane last read links again.
    pub(crate) relinked_at: Option<Timestamp>,
}

/// A search hit.
struct Hit {
    number: u64,
    id: String,
    at: i64,
}

impl Hubspot {
    pub(super) async fn window_page(
        &self,
        (stream, lane): (Stream, Lane),
        schema: &Schema,
        window: Window,
        turn: Turn,
    ) -> Result<Page, ConnectorError> {
        let query = query(&window, schema);
        let found = match self.api.search(schema, query, turn).await {
            Ok(found) => found,
            Err(error) if stream == Stream::Leads => {
                self.close_leads(error, turn)?;
                crate::wire::Page::default()
            }
            Err(error) => return Err(error.into()),
        };
        // A short page that names a next one is not the end.
        let is_full = found.results.len() >= PAGE || found.next().is_some();
        let hits: Vec<Hit> = found
            .results
            .iter()
            .filter_map(|value| hit(schema, value))
            .map(|(number, id, at)| Hit { number, id, at })
            .collect();
        let next = advance(&window, &hits, is_full).map_err(|message| ConnectorError::Cursor {
            stream: stream.to_string(),
            message: message.to_owned(),
        })?;
        let mut ids: Vec<String> = hits
            .iter()
            .filter(|hit| is_inside(&window, hit))
            .map(|hit| hit.id.clone())
            .collect();
        ids.dedup();
        let mut batch = if ids.is_empty() {
            Batch::default()
        } else if stream == Stream::Leads {
            self.contacts_of_leads(&ids, turn).await?
        } else {
            let records = self.api.read(schema, &ids, false, turn).await?;
            self.batch(stream, schema, &records, turn).await?
        };
        self.leave_out_old(&mut batch);
        let (position, end) = if let Some(step) = next {
            let position = Position::Window {
                from: window.from,
                until: window.until,
                step,
                relinked_at: window.relinked_at,
            };
            (position, PageEnd::More)
        } else {
            let read_to = Timestamp::from_millisecond(window.until).unwrap_or(turn.now);
            self.after_window((stream, lane), schema, (read_to, window.relinked_at), turn)
                .await?
        };
        Ok(batch.page(cursor::write(&position), end, None))
    }
}

fn query(window: &Window, schema: &Schema) -> Query {
    let (filters, sort, skip) = match &window.step {
        Step::Range { at, skip } => (
            json!([{"propertyName": schema.modified, "operator": "BETWEEN",
                "value": at.to_string(), "highValue": window.until.to_string()}]),
            schema.modified,
            *skip,
        ),
        Step::Run { at, id } => (
            json!([
                {"propertyName": schema.modified, "operator": "EQ", "value": at.to_string()},
                {"propertyName": "hs_object_id", "operator": "GT", "value": id.to_string()},
            ]),
            "hs_object_id",
            0,
        ),
    };
    Query {
        filters,
        sort,
        direction: Direction::Ascending,
        limit: PAGE,
        skip,
    }
}

fn is_inside(window: &Window, hit: &Hit) -> bool {
    match window.step {
        Step::Range { at, .. } => (at..=window.until).contains(&hit.at),
        Step::Run { at, .. } => hit.at == at,
    }
}

/// The step after a page; `None` = the window is read.
fn advance(window: &Window, hits: &[Hit], is_full: bool) -> Result<Option<Step>, &'static str> {
    match window.step {
        Step::Range { at, skip } => {
            if !is_full {
                return Ok(None);
            }
            let inside = || hits.iter().filter(|hit| is_inside(window, hit));
            let last = inside().map(|hit| hit.at).max();
            match last {
                Some(last) if last > at => Ok(Some(Step::Range { at: last, skip: 0 })),
                // One instant fills the page: go through it by id.
                Some(_) if inside().count() == hits.len() => Ok(Some(Step::Run { at, id: 0 })),
                _ => {
                    let skip = skip + u32::try_from(PAGE).unwrap_or(u32::MAX);
                    if skip >= RESULTS_MAX {
                        return Err("the search index returns nothing but records outside the window");
                    }
                    Ok(Some(Step::Range { at, skip }))
                }
            }
        }
        Step::Run { at, id } => {
            if hits.iter().any(|hit| hit.number <= id) {
                return Err("the search does not honour the id filter, so it cannot advance");
            }
            match hits.iter().map(|hit| hit.number).max() {
                Some(last) if is_full => Ok(Some(Step::Run { at, id: last })),
                _ if at < window.until => Ok(Some(Step::Range { at: at + 1, skip: 0 })),
                _ => Ok(None),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(range: std::ops::Range<u64>, at: i64) -> Vec<Hit> {
        range
            .map(|number| Hit {
                number,
                id: number.to_string(),
                at,
            })
            .collect()
    }

    fn window(step: Step) -> Window {
        Window {
            from: 100,
            until: 900,
            step,
            relinked_at: None,
        }
    }

    #[test]
    fn a_page_that_is_not_full_ends_the_window() {
        let range = window(Step::Range { at: 100, skip: 0 });
        assert_eq!(advance(&range, &hits(0..3, 150), false), Ok(None));
    }

    #[test]
    fn a_full_page_of_one_instant_goes_on_by_id_and_then_to_the_next_millisecond() {
        let range = window(Step::Range { at: 150, skip: 0 });
        assert_eq!(
            advance(&range, &hits(0..200, 150), true),
            Ok(Some(Step::Run { at: 150, id: 0 }))
        );
        let run = window(Step::Run { at: 150, id: 0 });
        assert_eq!(
            advance(&run, &hits(1..201, 150), true),
            Ok(Some(Step::Run { at: 150, id: 200 }))
        );
        assert_eq!(
            advance(&run, &hits(1..3, 150), false),
            Ok(Some(Step::Range { at: 151, skip: 0 }))
        );
    }

    #[test]
    fn r2_a_server_that_ignores_the_id_filter_is_noticed() {
        let run = window(Step::Run { at: 150, id: 50 });
        assert!(advance(&run, &hits(1..201, 150), true).is_err());
    }

    #[test]
    fn stale_hits_are_passed_over_but_never_past_the_cap() {
        let mut step = Step::Range { at: 150, skip: 0 };
        for _ in 0..100 {
            match advance(&window(step), &hits(0..200, 5_000), true) {
                Ok(Some(next @ Step::Range { at: 150, skip })) => {
                    assert!(skip + 200 <= 10_000);
                    step = next;
                }
                Ok(other) => panic!("the position must stay at 150, got {other:?}"),
                Err(_) => return,
            }
        }
        panic!("passing over must end");
    }
}
