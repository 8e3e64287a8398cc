//! Tokens to tree, by recursive descent.

use jiff::Timestamp;

use super::{
    super::{
        answer::Refusal,
        cell::{parse_date, parse_instant},
    },
    lex::{Placed, Token, tokens},
    place,
    tree::{Aggregate, Condition, DayRange, FieldSet, Item, Literal, Operator, OrderKey, Path, Query},
};

/// Longest statement.
const CHARS_MAX: usize = 100_000;
/// Deepest nesting of conditions.
const DEPTH_MAX: usize = 50;
/// Largest `OFFSET`.
const OFFSET_MAX: usize = 2_000;
/// Words that end a list of names.
const KEYWORDS: [&str; 14] = [
    "WHERE", "ORDER", "LIMIT", "OFFSET", "GROUP", "HAVING", "FOR", "WITH", "USING", "AND", "OR", "FROM",
    "ALL", "UPDATE",
];

/// Parses one statement.
///
/// # Errors
/// `MALFORMED_QUERY` with the place, or `QUERY_TOO_COMPLICATED` for one that is too long.
pub(crate) fn parse(text: &str) -> Result<Query, Refusal> {
    if text.chars().count() > CHARS_MAX {
        return Err(Refusal::bad(
            "MALFORMED_QUERY",
            format!("SOQL statements cannot be longer than {CHARS_MAX} characters."),
        ));
    }
    let mut parser = Parser {
        text,
        tokens: tokens(text)?,
        next: 0,
        depth: 0,
    };
    let query = parser.query(false)?;
    match parser.peek() {
        Token::End => Ok(query),
        _ => Err(parser.unexpected()),
    }
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Placed>,
    next: usize,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> &Token {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> &Token {
        self.tokens
            .get(self.next + ahead)
            .map_or(&Token::End, |placed| &placed.token)
    }

    fn at(&self) -> usize {
        self.tokens
            .get(self.next)
            .map_or(self.text.len(), |placed| placed.at)
    }

    fn advance(&mut self) -> Token {
        let token = self.peek().clone();
        self.next += 1;
        token
    }

    fn unexpected(&self) -> Refusal {
        let shown = match self.peek() {
            Token::Word(word) => word.clone(),
            Token::Text(text) => format!("'{text}'"),
            Token::Sign(sign) => (*sign).to_owned(),
            Token::End => "<EOF>".to_owned(),
        };
        place::unexpected(self.text, self.at(), &shown)
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Word(given) if given.eq_ignore_ascii_case(word))
    }

    fn take_word(&mut self, word: &str) -> bool {
        let is_here = self.is_word(word);
        self.next += usize::from(is_here);
        is_here
    }

    fn take_sign(&mut self, sign: &str) -> bool {
        let is_here = matches!(self.peek(), Token::Sign(given) if *given == sign);
        self.next += usize::from(is_here);
        is_here
    }

    fn expect_sign(&mut self, sign: &str) -> Result<(), Refusal> {
        if self.take_sign(sign) {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    fn expect_word(&mut self, word: &str) -> Result<(), Refusal> {
        if self.take_word(word) {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    fn path(&mut self) -> Result<Path, Refusal> {
        let at = self.at();
        let Token::Word(word) = self.peek().clone() else {
            return Err(self.unexpected());
        };
        let is_name = word
            .split('.')
            .all(|part| part.starts_with(|letter: char| letter.is_ascii_alphabetic()));
        if !is_name || KEYWORDS.iter().any(|keyword| word.eq_ignore_ascii_case(keyword)) {
            return Err(self.unexpected());
        }
        self.next += 1;
        Ok(Path {
            parts: word.split('.').map(str::to_owned).collect(),
            at,
        })
    }

    /// The object of a query. `Group`, where queues are, is one although it is a keyword elsewhere.
    fn object(&mut self) -> Result<Path, Refusal> {
        let at = self.at();
        match self.peek().clone() {
            Token::Word(word) if word.eq_ignore_ascii_case("Group") => {
                self.next += 1;
                Ok(Path {
                    parts: vec![word],
                    at,
                })
            }
            _ => self.path(),
        }
    }

    fn query(&mut self, is_inner: bool) -> Result<Query, Refusal> {
        self.expect_word("SELECT")?;
        let mut items = vec![self.item(is_inner)?];
        while self.take_sign(",") {
            items.push(self.item(is_inner)?);
        }
        self.expect_word("FROM")?;
        let from = self.object()?;
        let alias = self.alias();
        let mut query = Query {
            items,
            from,
            alias,
            condition: None,
            group_by: Vec::new(),
            order_by: Vec::new(),
            limit: None,
            offset: 0,
        };
        if self.take_word("WHERE") {
            query.condition = Some(self.condition()?);
        }
        if self.take_word("GROUP") {
            self.expect_word("BY")?;
            query.group_by.push(self.path()?);
            while self.take_sign(",") {
                query.group_by.push(self.path()?);
            }
        }
        if self.take_word("ORDER") {
            self.expect_word("BY")?;
            query.order_by.push(self.order_key()?);
            while self.take_sign(",") {
                query.order_by.push(self.order_key()?);
            }
        }
        if self.take_word("LIMIT") {
            query.limit = Some(self.count()?);
        }
        if self.take_word("OFFSET") {
            query.offset = self.count()?;
            if query.offset > OFFSET_MAX {
                return Err(Refusal::bad(
                    "NUMBER_OUTSIDE_VALID_RANGE",
                    format!("Maximum SOQL offset allowed is {OFFSET_MAX}"),
                ));
            }
        }
        if self.take_word("FOR") && !(self.take_word("VIEW") || self.take_word("REFERENCE")) {
            return Err(self.unexpected());
        }
        Ok(query)
    }

    fn alias(&mut self) -> Option<String> {
        match self.peek().clone() {
            Token::Word(word)
                if !word.contains('.')
                    && !KEYWORDS.iter().any(|keyword| word.eq_ignore_ascii_case(keyword)) =>
            {
                self.next += 1;
                Some(word)
            }
            _ => None,
        }
    }

    fn count(&mut self) -> Result<usize, Refusal> {
        match self.peek() {
            Token::Word(word) => match word.parse() {
                Ok(count) => {
                    self.next += 1;
                    Ok(count)
                }
                Err(_) => Err(self.unexpected()),
            },
            _ => Err(self.unexpected()),
        }
    }

    fn item(&mut self, is_inner: bool) -> Result<Item, Refusal> {
        if self.take_sign("(") {
            if is_inner {
                return Err(self.unexpected());
            }
            let query = self.query(true)?;
            self.expect_sign(")")?;
            return Ok(Item::Children(Box::new(query)));
        }
        if matches!(self.peek_at(1), Token::Sign("(")) {
            return self.function();
        }
        let path = self.path()?;
        let alias = self.alias();
        Ok(Item::Field { path, alias })
    }

    fn function(&mut self) -> Result<Item, Refusal> {
        let at = self.at();
        let Token::Word(name) = self.peek().clone() else {
            return Err(self.unexpected());
        };
        let name = name.to_ascii_uppercase();
        if name == "FIELDS" {
            self.next += 2;
            let set = match self.advance() {
                Token::Word(word) if word.eq_ignore_ascii_case("ALL") => FieldSet::All,
                Token::Word(word) if word.eq_ignore_ascii_case("STANDARD") => FieldSet::Standard,
                Token::Word(word) if word.eq_ignore_ascii_case("CUSTOM") => FieldSet::Custom,
                _ => return Err(self.unexpected()),
            };
            self.expect_sign(")")?;
            return Ok(Item::Fields { set, at });
        }
        let function = match name.as_str() {
            "COUNT" => Aggregate::Count,
            "COUNT_DISTINCT" => Aggregate::CountDistinct,
            "MIN" => Aggregate::Min,
            "MAX" => Aggregate::Max,
            "SUM" => Aggregate::Sum,
            "AVG" => Aggregate::Avg,
            // Labels are the values here, and amounts have one currency.
            "TOLABEL" | "CONVERTCURRENCY" => {
                self.next += 2;
                let path = self.path()?;
                self.expect_sign(")")?;
                let alias = self.alias();
                return Ok(Item::Field { path, alias });
            }
            _ => return Err(self.unexpected()),
        };
        self.next += 2;
        let path = if matches!(self.peek(), Token::Sign(")")) && function == Aggregate::Count {
            None
        } else {
            Some(self.path()?)
        };
        self.expect_sign(")")?;
        let alias = self.alias();
        Ok(Item::Aggregate {
            function,
            path,
            alias,
        })
    }

    fn order_key(&mut self) -> Result<OrderKey, Refusal> {
        let path = self.path()?;
        let is_descending = self.take_word("DESC");
        if !is_descending {
            self.take_word("ASC");
        }
        let mut nulls_last = is_descending;
        if self.take_word("NULLS") {
            nulls_last = self.take_word("LAST");
            if !nulls_last {
                self.expect_word("FIRST")?;
            }
        }
        Ok(OrderKey {
            path,
            is_descending,
            nulls_last,
        })
    }

    /// One level of `AND` or `OR`; the vendor wants parentheses where both meet.
    fn condition(&mut self) -> Result<Condition, Refusal> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Refusal::bad(
                "QUERY_TOO_COMPLICATED",
                "Query is either selecting too many fields or the filter conditions are too complicated.",
            ));
        }
        let first = self.term()?;
        let joint = ["AND", "OR"].into_iter().find(|joint| self.is_word(joint));
        let condition = match joint {
            None => first,
            Some(joint) => {
                let mut terms = vec![first];
                while self.take_word(joint) {
                    terms.push(self.term()?);
                }
                if self.is_word("AND") || self.is_word("OR") {
                    return Err(self.unexpected());
                }
                if joint == "AND" {
                    Condition::And(terms)
                } else {
                    Condition::Or(terms)
                }
            }
        };
        self.depth -= 1;
        Ok(condition)
    }

    fn term(&mut self) -> Result<Condition, Refusal> {
        if self.take_word("NOT") {
            return Ok(Condition::Not(Box::new(self.term()?)));
        }
        if self.take_sign("(") {
            let inner = self.condition()?;
            self.expect_sign(")")?;
            return Ok(inner);
        }
        let path = self.path()?;
        if self.take_word("NOT") {
            self.expect_word("IN")?;
            return self.members(path, true);
        }
        if self.take_word("IN") {
            return self.members(path, false);
        }
        let operator = if self.take_word("LIKE") {
            Operator::Like
        } else {
            let operator = match self.peek() {
                Token::Sign("=") => Operator::Equal,
                Token::Sign("!=" | "<>") => Operator::NotEqual,
                Token::Sign("<") => Operator::Less,
                Token::Sign("<=") => Operator::LessOrEqual,
                Token::Sign(">") => Operator::Greater,
                Token::Sign(">=") => Operator::GreaterOrEqual,
                _ => return Err(self.unexpected()),
            };
            self.next += 1;
            operator
        };
        let value = self.literal()?;
        Ok(Condition::Compare {
            path,
            operator,
            value,
        })
    }

    fn members(&mut self, path: Path, is_negated: bool) -> Result<Condition, Refusal> {
        self.expect_sign("(")?;
        if self.is_word("SELECT") {
            let query = Box::new(self.query(true)?);
            self.expect_sign(")")?;
            return Ok(Condition::InQuery {
                path,
                query,
                is_negated,
            });
        }
        let mut values = vec![self.literal()?];
        while self.take_sign(",") {
            values.push(self.literal()?);
        }
        self.expect_sign(")")?;
        Ok(Condition::In {
            path,
            values,
            is_negated,
        })
    }

    fn literal(&mut self) -> Result<Literal, Refusal> {
        let value = match self.peek() {
            Token::Text(text) => Some(Literal::Text(text.clone())),
            Token::Word(word) => self.word_literal(word),
            _ => None,
        };
        match value {
            Some(value) => {
                self.next += 1;
                if matches!(value, Literal::Range(_)) && self.take_sign(":") {
                    self.next += 1;
                }
                Ok(value)
            }
            None => Err(self.unexpected()),
        }
    }

    fn word_literal(&self, word: &str) -> Option<Literal> {
        let upper = word.to_ascii_uppercase();
        match upper.as_str() {
            "NULL" => return Some(Literal::Null),
            "TRUE" => return Some(Literal::Bool(true)),
            "FALSE" => return Some(Literal::Bool(false)),
            _ => {}
        }
        if let Some(range) = self.day_range(&upper) {
            return Some(Literal::Range(range));
        }
        if let Some(date) = parse_date(word) {
            return Some(Literal::Date(date));
        }
        if let Some(at) = instant(word) {
            return Some(Literal::At(at));
        }
        word.parse().ok().map(Literal::Number)
    }

    /// A named range of days. A number after `:` is read ahead.
    fn day_range(&self, name: &str) -> Option<DayRange> {
        let count = match (self.peek_at(1), self.peek_at(2)) {
            (Token::Sign(":"), Token::Word(count)) => count.parse::<i64>().ok(),
            _ => None,
        };
        let days = |first, last| Some(DayRange::Days { first, last });
        match (name, count) {
            ("TODAY", None) => days(0, 1),
            ("YESTERDAY", None) => days(-1, 0),
            ("TOMORROW", None) => days(1, 2),
            ("LAST_90_DAYS", None) => days(-89, 1),
            ("NEXT_90_DAYS", None) => days(1, 91),
            ("THIS_WEEK", None) => Some(DayRange::Week(0)),
            ("LAST_WEEK", None) => Some(DayRange::Week(-1)),
            ("NEXT_WEEK", None) => Some(DayRange::Week(1)),
            ("THIS_MONTH", None) => Some(DayRange::Month(0)),
            ("LAST_MONTH", None) => Some(DayRange::Month(-1)),
            ("NEXT_MONTH", None) => Some(DayRange::Month(1)),
            ("THIS_YEAR", None) => Some(DayRange::Year(0)),
            ("LAST_YEAR", None) => Some(DayRange::Year(-1)),
            ("LAST_N_DAYS", Some(count)) => days(1 - count, 1),
            ("NEXT_N_DAYS", Some(count)) => days(1, count + 1),
            ("N_DAYS_AGO", Some(count)) => days(-count, 1 - count),
            _ => None,
        }
    }
}

fn instant(word: &str) -> Option<Timestamp> {
    word.contains(['T', 't']).then(|| parse_instant(word)).flatten()
}
