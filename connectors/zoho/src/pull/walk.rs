//! A list walked from its oldest change to its newest, page by page.

use followup_core::{Batch, Lane, Page, PageEnd, Quarantined};
use followup_transport::{CallError, Cause};
use jiff::{SignedDuration, Timestamp};

use super::{Fault, Reading, is_too_old, presence};
use crate::{
    Zoho,
    api::{self, Listing, Place, code_of, stuck},
    cursor::{self, Position},
    map::CALL_TASK,
    schema::Module,
    wire::{PageWire, Row},
};

/// Pages that can be asked for by number (v8 "Get Records").
const PAGES_MAX: u32 = 10;

/// Where a walk that is under way goes on, for as long as this process lives.
#[derive(Debug, Clone)]
pub(crate) struct Walked {
    /// The position it belongs to.
    at: Position,
    /// The list it is a walk of, with the place of its next page.
    listing: Listing,
    /// Pages read of it.
    pages: u32,
}

impl Zoho {
    /// One page of a walk. At its end the next module follows.
    pub(super) async fn walk_page(&self, reading: Reading<'_>, position: Position) -> Result<Page, Fault> {
        let Position::Walk {
            from,
            until,
            part,
            after,
            deleted_to,
        } = position.clone()
        else {
            return Err(Fault::Call(stuck("read a list")));
        };
        let Some(module) = reading.modules.get(part).copied() else {
            return self.finish(reading, Batch::default(), until, deleted_to).await;
        };
        let walked = self.resume(reading, &position, module);
        let is_resumed = walked.pages > 0;
        let answered = match self.list(&walked.listing, module, reading).await {
            Ok(answered) => answered,
            // The token died: the same place is found by its stamp.
            Err(error) if is_resumed && is_refused(&error) => {
                self.forget_walk(reading);
                // Unless so many rows share it that no walk gets past it.
                if code_of(&error) == "PAGINATION_LIMIT_EXCEEDED" && stands_still(&walked, after.as_ref()) {
                    return Err(stuck(module.action()).into());
                }
                return self.page_of(Batch::default(), reading, &position);
            }
            Err(error) => return Err(error.into()),
        };
        let until = until.min(answered.at);
        let Some(page) = answered.page else {
            if is_resumed {
                // More was promised. What is behind the last row is asked for anew.
                self.forget_walk(reading);
                return Err(api::broken(module.action(), "a page that was promised is empty").into());
            }
            return self
                .after_module(reading, Batch::default(), (from, until), part, deleted_to)
                .await;
        };
        let rows = page.rows();
        let place = check(&rows, after.as_ref(), is_resumed, module)?;
        let batch = self.batch(reading, module, &rows).await?;
        if !page.info.has_more {
            return self
                .after_module(reading, batch, (from, until), part, deleted_to)
                .await;
        }
        let Some(place) = place else {
            return Err(stuck(module.action()).into());
        };
        let next = Position::Walk {
            from,
            until,
            part,
            after: Some(place),
            deleted_to,
        };
        self.remember_walk(reading, &walked, &next, &page)?;
        self.page_of(batch, reading, &next)
    }

    /// One list, without the keys an org refuses.
    async fn list(
        &self,
        listing: &Listing,
        module: Module,
        reading: Reading<'_>,
    ) -> Result<api::Answered<PageWire>, CallError> {
        match self.api.list(listing, reading.turn).await {
            Err(error)
                if matches!(error.cause, Cause::Refused)
                    && listing.place == Place::Page(1)
                    && listing.fields.contains('$') =>
            {
                let without = Listing {
                    fields: self.fields_of(module, reading, false),
                    ..listing.clone()
                };
                let answered = self.api.list(&without, reading.turn).await?;
                self.remembered().refused_extras.insert(module);
                Ok(answered)
            }
            other => other,
        }
    }

    /// What is asked for of a module.
    fn fields_of(&self, module: Module, reading: Reading<'_>, with_extras: bool) -> String {
        let mut fields = reading.view.org.select(module, &self.config.mapping.key_field);
        if with_extras {
            fields.extend(module.extras().iter().map(|name| (*name).to_owned()));
        }
        fields.join(",")
    }

    /// The list that goes on at this position: by token or number where this process walked it, else anew from the last
    /// change seen.
    fn resume(&self, reading: Reading<'_>, position: &Position, module: Module) -> Walked {
        let key = (reading.stream, reading.lane.as_str());
        let known = self.remembered().tokens.get(&key).cloned();
        if let Some(walked) = known.filter(|walked| walked.at == *position) {
            return walked;
        }
        let with_extras = !self.remembered().refused_extras.contains(&module);
        let since = match position {
            Position::Walk {
                after: Some((at, _)), ..
            } => Some(*at),
            Position::Walk { from, .. } => *from,
            _ => None,
        };
        Walked {
            at: position.clone(),
            listing: Listing {
                module,
                fields: self.fields_of(module, reading, with_extras),
                since,
                place: Place::Page(1),
            },
            pages: 0,
        }
    }

    fn remember_walk(
        &self,
        reading: Reading<'_>,
        walked: &Walked,
        next: &Position,
        page: &PageWire,
    ) -> Result<(), CallError> {
        let pages = walked.pages + 1;
        let key = (reading.stream, reading.lane.as_str());
        let place = match (&page.info.next_page_token, &walked.listing.place) {
            (Some(token), _) => Place::Token(token.clone()),
            (None, Place::Page(number)) if *number < PAGES_MAX => Place::Page(number + 1),
            // No way on but by the stamp.
            (None, _) => {
                self.remembered().tokens.remove(&key);
                let after = match next {
                    Position::Walk { after, .. } => after.as_ref(),
                    _ => None,
                };
                if stands_still(walked, after) {
                    return Err(stuck(walked.listing.module.action()));
                }
                return Ok(());
            }
        };
        let fields = if self.remembered().refused_extras.contains(&walked.listing.module) {
            self.fields_of(walked.listing.module, reading, false)
        } else {
            walked.listing.fields.clone()
        };
        let walked = Walked {
            at: next.clone(),
            listing: Listing {
                fields,
                place,
                ..walked.listing
            },
            pages,
        };
        self.remembered().tokens.insert(key, walked);
        Ok(())
    }

    fn forget_walk(&self, reading: Reading<'_>) {
        let key = (reading.stream, reading.lane.as_str());
        self.remembered().tokens.remove(&key);
    }

    /// The page that ends a module: the next one follows, or the end of the pass.
    pub(super) async fn after_module(
        &self,
        reading: Reading<'_>,
        batch: Batch,
        (from, until): (Option<Timestamp>, Timestamp),
        part: usize,
        deleted_to: Timestamp,
    ) -> Result<Page, Fault> {
        self.forget_walk(reading);
        if part + 1 < reading.modules.len() {
            let next = Position::Walk {
                from,
                until,
                part: part + 1,
                after: None,
                deleted_to,
            };
            return self.page_of(batch, reading, &next);
        }
        if let (Lane::Hot, Some(from)) = (reading.lane, from) {
            self.note_pass(reading.stream, from, until);
        }
        self.finish(reading, batch, until, deleted_to).await
    }

    /// A page in the middle.
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "the shape of its neighbours, which may fail"
    )]
    pub(super) fn page_of(&self, batch: Batch, reading: Reading<'_>, next: &Position) -> Result<Page, Fault> {
        let seen = presence(reading.lane, &batch);
        let mut page = batch.page(cursor::write(next), PageEnd::More, None);
        page.seen = seen;
        Ok(page)
    }

    /// Maps rows of a module for a stream, with what belongs to them.
    pub(super) async fn batch(
        &self,
        reading: Reading<'_>,
        module: Module,
        rows: &[Row],
    ) -> Result<Batch, Fault> {
        let details = self.details(module, rows, reading.view, reading.turn).await?;
        let context = self.context(reading.view, &details, reading.turn.now);
        let mut batch = Batch::default();
        for row in rows {
            let Ok(id) = row.id() else { continue };
            match context.map(reading.stream, module, row) {
                Ok(Some(_)) if is_too_old(reading, row, self.config.backfill_since) => {}
                Ok(Some(record)) => {
                    // A call was made, or scheduled again: what stood for it before is no more.
                    if reading.stream == followup_core::Stream::Calls && reading.lane != Lane::Backfill {
                        batch.gone.extend(self.other_half(&record, id, reading.turn.now));
                    }
                    batch.records.push(record);
                }
                Ok(None) if module == Module::Calls && reading.stream == followup_core::Stream::Calls => {
                    let at = reading.turn.now;
                    batch.gone.extend(self.both_halves(id, at));
                }
                Ok(None) => {}
                Err(reason) => {
                    let Some(kind) = module.kind() else { continue };
                    let id = context.record(kind, id);
                    batch.quarantined.push(Quarantined { id, reason });
                }
            }
        }
        Ok(batch)
    }

    /// What a call was before: the to-do if it was made, the logged call if it is one still to be made.
    fn other_half(
        &self,
        record: &followup_core::Record,
        id: &str,
        at: Timestamp,
    ) -> Option<followup_core::Gone> {
        self.both_halves(id, at)
            .into_iter()
            .find(|gone| gone.id != *record.id())
    }

    /// A call as a to-do and as something logged.
    pub(super) fn both_halves(&self, id: &str, at: Timestamp) -> Vec<followup_core::Gone> {
        use followup_core::{Gone, RecordKind, RecordRef};
        let connection = &self.config.connection;
        [
            RecordRef::new(connection.clone(), RecordKind::Call, id),
            RecordRef::new(connection.clone(), RecordKind::Task, format!("{CALL_TASK}{id}")),
        ]
        .map(|id| Gone {
            id,
            merged_into: None,
            at,
        })
        .to_vec()
    }
}

/// Whether a walk, begun anew at the last stamp it has seen, would begin where it began.
fn stands_still(walked: &Walked, after: Option<&(Timestamp, String)>) -> bool {
    let begun_at = walked.listing.since.map(api::second_floor);
    begun_at.is_some() && begun_at == after.map(|(at, _)| api::second_floor(*at))
}

/// The walk was refused, not the server broken.
fn is_refused(error: &CallError) -> bool {
    matches!(error.cause, Cause::Refused)
}

/// The last place of a page, which must lead on: stamps never go back, and the row the last page ended with does not come
/// again behind its token.
fn check(
    rows: &[Row],
    after: Option<&(Timestamp, String)>,
    is_resumed: bool,
    module: Module,
) -> Result<Option<(Timestamp, String)>, CallError> {
    let action = module.action();
    let mut last: Option<Timestamp> = after.map(|(at, _)| *at).map(|at| {
        if is_resumed {
            at
        } else {
            at - SignedDuration::from_secs(1)
        }
    });
    let mut place = None;
    for row in rows {
        let (Ok(id), Ok(Some(at))) = (row.id(), row.instant("Modified_Time")) else {
            continue;
        };
        let is_back = last.is_some_and(|last| at < last);
        let is_again = is_resumed && after.is_some_and(|(_, known)| known == id);
        if is_back || is_again {
            return Err(stuck(action));
        }
        last = Some(at);
        place = Some((at, id.to_owned()));
    }
    Ok(place)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rows(rows: &[(&str, i64)]) -> Vec<Row> {
        rows.iter()
            .map(|(id, second)| {
                let at = Timestamp::from_second(1_772_445_600 + second).unwrap();
                Row::of_json(&json!({"id": id, "Modified_Time": at.to_string()}))
            })
            .collect()
    }

    #[test]
    fn r2_a_walk_that_goes_back_or_stands_still_is_noticed() {
        let at = |second: i64| Timestamp::from_second(1_772_445_600 + second).unwrap();
        let after = (at(5), "7".to_owned());
        let checked =
            |page: &[(&str, i64)], is_resumed| check(&rows(page), Some(&after), is_resumed, Module::Leads);
        assert_eq!(
            checked(&[("8", 5), ("9", 6)], true).unwrap(),
            Some((at(6), "9".to_owned()))
        );
        assert!(checked(&[("7", 5)], true).is_err(), "the last row again");
        assert!(checked(&[("8", 4)], true).is_err(), "an earlier change");
        assert!(checked(&[("8", 6), ("9", 5)], true).is_err(), "not sorted");
        // A walk begun anew at the last stamp shows the last row once more.
        assert!(checked(&[("7", 5), ("8", 5)], false).is_ok());
        assert!(check(&rows(&[("1", 0)]), None, false, Module::Leads).is_ok());
    }
}
