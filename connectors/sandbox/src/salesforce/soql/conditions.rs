//! Conditions: operators and literals held against the types of the fields.

use jiff::{
    Timestamp, ToSpan,
    civil::{Date, Weekday},
    tz::TimeZone,
};

use super::{
    super::{
        answer::Refusal,
        cell::{Cell, CellType},
        id,
        kind::Kind,
    },
    place,
    resolve::{Resolver, Target, Test, strip},
    tree::{Condition, DayRange, Literal, Operator, Path},
};

impl Resolver<'_> {
    pub(super) fn test(
        &self,
        kind: Kind,
        alias: Option<&str>,
        condition: &Condition,
    ) -> Result<Test, Refusal> {
        let many = |conditions: &[Condition]| -> Result<Vec<Test>, Refusal> {
            conditions
                .iter()
                .map(|condition| self.test(kind, alias, condition))
                .collect()
        };
        Ok(match condition {
            Condition::And(conditions) => Test::And(many(conditions)?),
            Condition::Or(conditions) => Test::Or(many(conditions)?),
            Condition::Not(condition) => Test::Not(Box::new(self.test(kind, alias, condition)?)),
            Condition::Compare {
                path,
                operator,
                value,
            } => {
                let path = strip(path, alias);
                let target = self.filterable(kind, &path)?;
                if let Literal::Range(range) = value {
                    let (first, last) = self.range(&path, &target, *range)?;
                    return Ok(Test::Within {
                        target,
                        operator: *operator,
                        first,
                        last,
                    });
                }
                let value = self.compared(&path, &target, *operator, value)?;
                Test::Compare {
                    target,
                    operator: *operator,
                    value,
                }
            }
            Condition::In {
                path,
                values,
                is_negated,
            } => {
                let path = strip(path, alias);
                let target = self.filterable(kind, &path)?;
                let values = values
                    .iter()
                    .map(|value| self.value(&path, &target, value))
                    .collect::<Result<_, _>>()?;
                Test::Among {
                    target,
                    values,
                    is_negated: *is_negated,
                }
            }
            Condition::InQuery {
                path,
                query,
                is_negated,
            } => {
                let target = self.filterable(kind, &strip(path, alias))?;
                let values = self.reader.column(&self.plan(query)?);
                Test::Among {
                    target,
                    values,
                    is_negated: *is_negated,
                }
            }
        })
    }

    fn compared(
        &self,
        path: &Path,
        target: &Target,
        operator: Operator,
        value: &Literal,
    ) -> Result<Cell, Refusal> {
        match (operator, value) {
            (Operator::Like, Literal::Text(text)) => Ok(Cell::text(text.clone())),
            (Operator::Like, _) => Err(self.wrong_value(path, target)),
            _ => self.value(path, target, value),
        }
    }

    fn filterable(&self, kind: Kind, path: &Path) -> Result<Target, Refusal> {
        let target = self.target(kind, path)?;
        let is_open = !target.hops.is_empty()
            || self
                .reader
                .field(kind, &target.name)
                .is_none_or(|field| field.is_filterable);
        if is_open {
            return Ok(target);
        }
        let message = format!("field '{}' can not be filtered in a query call", path.shown());
        Err(place::error("INVALID_FIELD", self.text, path.at, &message))
    }

    fn wrong_value(&self, path: &Path, target: &Target) -> Refusal {
        let (wire, quotes) = match target.cell_type {
            CellType::Bool => ("boolean", "should not be enclosed in quotes"),
            CellType::DateTime => ("dateTime", "should not be enclosed in quotes"),
            CellType::Date => ("date", "should not be enclosed in quotes"),
            CellType::Int => ("int", "should not be enclosed in quotes"),
            CellType::Double | CellType::Currency | CellType::Percent => {
                ("double", "should not be enclosed in quotes")
            }
            _ => ("string", "should be enclosed in quotes"),
        };
        place::error(
            "INVALID_FIELD",
            self.text,
            path.at,
            &format!(
                "value of filter criterion for field '{}' must be of type {wire} and {quotes}",
                path.shown()
            ),
        )
    }

    fn value(&self, path: &Path, target: &Target, literal: &Literal) -> Result<Cell, Refusal> {
        let cell_type = target.cell_type;
        Ok(match literal {
            Literal::Null => Cell::Null,
            Literal::Bool(flag) if cell_type == CellType::Bool => Cell::Bool(*flag),
            Literal::Number(number) if cell_type.is_number() => Cell::Number(*number),
            Literal::Date(date) if cell_type == CellType::Date => Cell::Date(*date),
            Literal::At(at) if cell_type == CellType::DateTime => Cell::At(*at),
            Literal::Text(text) if cell_type.is_id() => match id::parse(text) {
                Some(id) => Cell::Text(id),
                None if text.is_empty() => Cell::Null,
                None => {
                    let message = format!("invalid ID field: {text}");
                    return Err(place::error(
                        "INVALID_QUERY_FILTER_OPERATOR",
                        self.text,
                        path.at,
                        &message,
                    ));
                }
            },
            Literal::Text(text) if cell_type.is_text() => {
                Cell::text(text.replace("\\%", "%").replace("\\_", "_"))
            }
            _ => return Err(self.wrong_value(path, target)),
        })
    }

    fn range(&self, path: &Path, target: &Target, range: DayRange) -> Result<(Cell, Cell), Refusal> {
        let zone = self.reader.zone();
        let today = self.reader.now.to_zoned(zone.clone()).date();
        let bounds = bounds(today, range).ok_or_else(|| self.wrong_value(path, target))?;
        match target.cell_type {
            CellType::Date => Ok((Cell::Date(bounds.0), Cell::Date(bounds.1))),
            CellType::DateTime => Ok((
                Cell::At(midnight(bounds.0, &zone)),
                Cell::At(midnight(bounds.1, &zone)),
            )),
            _ => Err(self.wrong_value(path, target)),
        }
    }
}

fn bounds(today: Date, range: DayRange) -> Option<(Date, Date)> {
    match range {
        DayRange::Days { first, last } => Some((
            today.checked_add(first.days()).ok()?,
            today.checked_add(last.days()).ok()?,
        )),
        DayRange::Week(weeks) => {
            let since_sunday = i64::from(today.weekday().since(Weekday::Sunday));
            let first = today.checked_sub(since_sunday.days()).ok()?;
            let first = first.checked_add((weeks * 7).days()).ok()?;
            Some((first, first.checked_add(7.days()).ok()?))
        }
        DayRange::Month(months) => {
            let first = today.first_of_month().checked_add(months.months()).ok()?;
            Some((first, first.checked_add(1.month()).ok()?))
        }
        DayRange::Year(years) => {
            let first = Date::new(today.year().checked_add(years)?, 1, 1).ok()?;
            Some((first, first.checked_add(1.year()).ok()?))
        }
    }
}

fn midnight(date: Date, zone: &TimeZone) -> Timestamp {
    date.to_zoned(zone.clone())
        .map_or(Timestamp::UNIX_EPOCH, |zoned| zoned.timestamp())
}
