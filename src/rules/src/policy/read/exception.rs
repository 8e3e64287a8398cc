//! The tables `[[exceptions]]`.

use crate::{
    model::RuleId,
    policy::Exception,
    problem::fields::{Fields, Reader},
};

/// Every exception; one without author or reason is a problem.
pub(super) fn read_exceptions(top: &Fields<'_, '_>) -> Vec<Exception> {
    let tables = top.tables("exceptions");
    tables.iter().filter_map(read_exception).collect()
}

fn read_exception(fields: &Fields<'_, '_>) -> Option<Exception> {
    let words: Vec<(&str, RuleId)> = RuleId::ALL.iter().map(|rule| (rule.as_str(), *rule)).collect();
    let owner = fields.need("owner", Reader::text).map(str::to_owned);
    let author = fields.need("author", Reader::text).map(str::to_owned);
    let reason = fields.need("reason", Reader::text).map(str::to_owned);
    let rules = fields.read("rules", |reader, node, path| {
        Some(
            reader
                .list(node, path)
                .iter()
                .enumerate()
                .filter_map(|(index, item)| reader.word(item, &format!("{path}[{index}]"), &words))
                .collect::<Vec<RuleId>>(),
        )
    });
    let until = fields.read("until", Reader::date);
    fields.finish();
    Some(Exception {
        owner: owner?,
        rules: rules.unwrap_or_default(),
        author: author?,
        reason: reason?,
        until,
    })
}
