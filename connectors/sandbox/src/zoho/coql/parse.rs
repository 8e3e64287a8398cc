//! Tokens to tree, by recursive descent.

use serde_json::json;

use super::{
    super::answer::Refusal,
    lex::{Placed, Token, syntax_error, tokens},
    tree::{Aggregate, Column, Condition, Item, Literal, Operator, Query},
};

/// Rows answered without `limit`.
pub(crate) const ROWS_DEFAULT: usize = 200;
/// Words that end a list of names.
const KEYWORDS: [&str; 9] = [
    "from", "where", "order", "group", "limit", "offset", "and", "or", "by",
];
/// Deepest nesting of brackets.
const DEPTH_MAX: usize = 30;

/// How many rows a statement asks for, for its price; the default where it cannot be read.
pub(crate) fn rows_asked(text: &str) -> usize {
    parse(text, false)
        .ok()
        .and_then(|query| query.limit)
        .unwrap_or(ROWS_DEFAULT)
}

/// Parses one statement; with `needs_brackets`, more than two conditions must be paired by brackets.
///
/// # Errors
/// `SYNTAX_ERROR` with the place, or with the clause that is missing.
pub(crate) fn parse(text: &str, needs_brackets: bool) -> Result<Query, Refusal> {
    let mut parser = Parser {
        text,
        tokens: tokens(text)?,
        next: 0,
        depth: 0,
        needs_brackets,
    };
    let query = parser.query()?;
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
    needs_brackets: bool,
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

    fn unexpected(&self) -> Refusal {
        let near = match self.peek() {
            Token::Word(word) => word.clone(),
            Token::Text(text) => format!("'{text}'"),
            Token::Sign(sign) => (*sign).to_owned(),
            Token::End => "<EOF>".to_owned(),
        };
        syntax_error(self.text, self.at(), &near)
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

    fn expect(&mut self, is_here: bool) -> Result<(), Refusal> {
        if is_here { Ok(()) } else { Err(self.unexpected()) }
    }

    fn query(&mut self) -> Result<Query, Refusal> {
        let has_select = self.take_word("select");
        self.expect(has_select)?;
        let mut items = vec![self.item()?];
        while self.take_sign(",") {
            items.push(self.item()?);
        }
        let has_from = self.take_word("from");
        self.expect(has_from)?;
        let module = self.column()?.name;
        if !self.take_word("where") {
            return Err(match self.peek() {
                Token::End => missing_clause("where"),
                _ if ["order", "limit", "group", "offset"]
                    .iter()
                    .any(|word| self.is_word(word)) =>
                {
                    missing_clause("where")
                }
                _ => self.unexpected(),
            });
        }
        let condition = self.condition()?;
        let mut query = Query {
            items,
            module,
            condition,
            group_by: Vec::new(),
            order_by: Vec::new(),
            limit: None,
            offset: 0,
        };
        if self.take_word("group") {
            let has_by = self.take_word("by");
            self.expect(has_by)?;
            query.group_by.push(self.column()?);
            while self.take_sign(",") {
                query.group_by.push(self.column()?);
            }
        }
        if self.take_word("order") {
            let has_by = self.take_word("by");
            self.expect(has_by)?;
            query.order_by.push(self.order_key()?);
            while self.take_sign(",") {
                query.order_by.push(self.order_key()?);
            }
        }
        self.window(&mut query)?;
        Ok(query)
    }

    /// `limit n`, `limit offset, n`, `limit n offset m`, `offset m`.
    fn window(&mut self, query: &mut Query) -> Result<(), Refusal> {
        if self.take_word("limit") {
            let first = self.number()?;
            if self.take_sign(",") {
                query.offset = first;
                query.limit = Some(self.number()?);
                return Ok(());
            }
            query.limit = Some(first);
        }
        if self.take_word("offset") {
            query.offset = self.number()?;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<usize, Refusal> {
        let count = match self.peek() {
            Token::Word(word) => word.parse().ok(),
            _ => None,
        };
        let count = count.ok_or_else(|| self.unexpected())?;
        self.next += 1;
        Ok(count)
    }

    fn order_key(&mut self) -> Result<(Column, bool), Refusal> {
        let column = self.column()?;
        let is_descending = self.take_word("desc");
        if !is_descending {
            self.take_word("asc");
        }
        Ok((column, is_descending))
    }

    /// A column, quoted where it goes through an arrow.
    fn column(&mut self) -> Result<Column, Refusal> {
        let at = self.at();
        let name = match self.peek() {
            Token::Word(word)
                if word.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '$')
                    && !KEYWORDS.iter().any(|keyword| word.eq_ignore_ascii_case(keyword)) =>
            {
                Some(word.clone())
            }
            Token::Text(text) if text.contains("->") => Some(text.clone()),
            _ => None,
        };
        let name = name.ok_or_else(|| self.unexpected())?;
        self.next += 1;
        Ok(Column { name, at })
    }

    fn item(&mut self) -> Result<Item, Refusal> {
        let function = match (self.peek(), self.peek_at(1)) {
            (Token::Word(word), Token::Sign("(")) => Some(match word.to_lowercase().as_str() {
                "count" => Aggregate::Count,
                "min" => Aggregate::Min,
                "max" => Aggregate::Max,
                "sum" => Aggregate::Sum,
                "avg" => Aggregate::Avg,
                _ => return Err(self.unexpected()),
            }),
            _ => None,
        };
        self.next += 2 * usize::from(function.is_some());
        let column = self.column()?;
        if function.is_some() {
            let is_closed = self.take_sign(")");
            self.expect(is_closed)?;
        }
        let mut alias = None;
        if self.take_word("as") {
            alias = Some(self.column()?.name);
        }
        Ok(Item {
            column,
            alias,
            function,
        })
    }

    fn condition(&mut self) -> Result<Condition, Refusal> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.unexpected());
        }
        let mut parts = vec![self.part()?];
        let mut connective = None;
        while let Some(word) = ["and", "or"].into_iter().find(|word| self.is_word(word)) {
            let is_third = parts.len() >= 2;
            let is_mixed = connective.is_some_and(|known| known != word);
            if is_mixed || is_third && self.needs_brackets {
                return Err(self.unexpected());
            }
            connective = Some(word);
            self.next += 1;
            parts.push(self.part()?);
        }
        self.depth -= 1;
        Ok(match connective {
            None => parts.remove(0),
            Some("and") => Condition::And(parts),
            Some(_) => Condition::Or(parts),
        })
    }

    fn part(&mut self) -> Result<Condition, Refusal> {
        if self.take_sign("(") {
            let condition = self.condition()?;
            let is_closed = self.take_sign(")");
            self.expect(is_closed)?;
            return Ok(condition);
        }
        let column = self.column()?;
        let operator = self.operator()?;
        let values = match operator {
            Operator::IsNull | Operator::IsNotNull => Vec::new(),
            Operator::In | Operator::NotIn => self.list()?,
            Operator::Between => {
                let from = self.literal()?;
                let has_and = self.take_word("and");
                self.expect(has_and)?;
                vec![from, self.literal()?]
            }
            _ => vec![self.literal()?],
        };
        Ok(Condition::Test {
            column,
            operator,
            values,
        })
    }

    fn operator(&mut self) -> Result<Operator, Refusal> {
        let sign = match self.peek() {
            Token::Sign("=") => Some(Operator::Equal),
            Token::Sign("!=") => Some(Operator::NotEqual),
            Token::Sign("<") => Some(Operator::Less),
            Token::Sign("<=") => Some(Operator::LessOrEqual),
            Token::Sign(">") => Some(Operator::Greater),
            Token::Sign(">=") => Some(Operator::GreaterOrEqual),
            _ => None,
        };
        if let Some(operator) = sign {
            self.next += 1;
            return Ok(operator);
        }
        if self.take_word("like") {
            return Ok(Operator::Like);
        }
        if self.take_word("in") {
            return Ok(Operator::In);
        }
        if self.take_word("between") {
            return Ok(Operator::Between);
        }
        if self.take_word("not") {
            if self.take_word("like") {
                return Ok(Operator::NotLike);
            }
            let is_in = self.take_word("in");
            self.expect(is_in)?;
            return Ok(Operator::NotIn);
        }
        if self.take_word("is") {
            let is_negated = self.take_word("not");
            let is_null = self.take_word("null");
            self.expect(is_null)?;
            return Ok(if is_negated {
                Operator::IsNotNull
            } else {
                Operator::IsNull
            });
        }
        Err(self.unexpected())
    }

    fn list(&mut self) -> Result<Vec<Literal>, Refusal> {
        let is_open = self.take_sign("(");
        self.expect(is_open)?;
        let mut values = vec![self.literal()?];
        while self.take_sign(",") {
            values.push(self.literal()?);
        }
        let is_closed = self.take_sign(")");
        self.expect(is_closed)?;
        Ok(values)
    }

    fn literal(&mut self) -> Result<Literal, Refusal> {
        let literal = match self.peek() {
            Token::Text(text) => Some(Literal::Text(text.clone())),
            Token::Word(word) if word.eq_ignore_ascii_case("true") => Some(Literal::Bool(true)),
            Token::Word(word) if word.eq_ignore_ascii_case("false") => Some(Literal::Bool(false)),
            // An id without quotes stays text: it does not fit a number.
            Token::Word(word) if word.len() > 15 && word.bytes().all(|letter| letter.is_ascii_digit()) => {
                Some(Literal::Text(word.clone()))
            }
            Token::Word(word) => word
                .parse()
                .ok()
                .filter(|number: &f64| number.is_finite())
                .map(Literal::Number),
            _ => None,
        };
        let literal = literal.ok_or_else(|| self.unexpected())?;
        self.next += 1;
        Ok(literal)
    }
}

fn missing_clause(clause: &str) -> Refusal {
    Refusal::bad("SYNTAX_ERROR", "missing clause").with("clause", json!(clause))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(text: &str) -> String {
        let refusal = parse(text, true).expect_err(text);
        assert_eq!(refusal.code, "SYNTAX_ERROR", "{text}");
        refusal
            .details
            .get("near")
            .or_else(|| refusal.details.get("clause"))
            .and_then(|near| near.as_str())
            .unwrap_or_default()
            .to_owned()
    }

    #[test]
    fn a_keyset_window_is_understood() {
        let text = "select id, Modified_Time from Deals where (Modified_Time > '2026-11-20T10:00:00+00:00' or \
                    (Modified_Time = '2026-11-20T10:00:00+00:00' and id > '7000000000001001')) \
                    order by Modified_Time asc, id asc limit 2000";
        let query = parse(text, true).expect("a query");
        assert_eq!((query.condition.count(), query.order_by.len()), (3, 2));
        assert_eq!(query.limit, Some(2_000));
    }

    #[test]
    fn both_forms_of_a_window_are_read() {
        let window = |tail: &str| {
            let query =
                parse(&format!("select id from Leads where id is not null {tail}"), true).expect("a query");
            (query.limit, query.offset)
        };
        assert_eq!(window("limit 400, 200"), (Some(200), 400));
        assert_eq!(window("limit 200 offset 400"), (Some(200), 400));
    }

    #[test]
    fn three_conditions_need_brackets() {
        assert_eq!(
            near("select id from Leads where id = '1' and id = '2' and id = '3'"),
            "and"
        );
        assert!(
            parse(
                "select id from Leads where ((id = '1' and id = '2') and id = '3')",
                true
            )
            .is_ok()
        );
        assert!(
            parse(
                "select id from Leads where id = '1' and id = '2' and id = '3'",
                false
            )
            .is_ok()
        );
    }

    #[test]
    fn a_query_without_conditions_is_refused() {
        assert_eq!(near("select id from Leads"), "where");
        assert_eq!(near("select id from Leads limit 5"), "where");
        assert_eq!(near("select from Leads where id = '1'"), "from");
        assert_eq!(near("select id from Leads where id ~ '1'"), "~");
    }
}
