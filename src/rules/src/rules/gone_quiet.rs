//! `gone-quiet`: an open deal whose last words were ours.
//!
//! Definition: the deal is open; since the last conversation, or since it was created, at least two touches went out
//! to anybody on it, no reply came, and the first of them lies as long back as its segment allows. The clock starts at
//! that first touch, so that a deal which answers and goes quiet again is a new gap, and one more unanswered touch is none.
//!
//! Default: 7 business days for small deals, 14 for mid-sized, 30 for enterprise (`within`), two touches (`touches_min`).
//! The segment is the one somebody stated, else the policy's amount band, else small.
//!
//! Traps: one call logged by dialer and rep is one touch; sequence mails are no touches; a bounce is none; an automatic
//! reply is no reply; enterprise procurement is silent for weeks; a meeting ahead holds it.

use followup_core::{Deal, DealState, Person};

use super::{Rule, Words, deal_words};
use crate::{
    context::{Context, Wake},
    deals::{self, Draft, History},
    finding::{Finding, Found},
    index::Index,
    model::{Facts, Gap, RuleId, Segment},
    policy::{Policy, Span},
    wording::{Scene, span_text},
};

/// The rule.
pub(super) struct GoneQuiet;

impl Rule for GoneQuiet {
    fn id(&self) -> RuleId {
        RuleId::GoneQuiet
    }

    fn find_on_deal<'a>(
        &self,
        deal: &'a Deal,
        index: &Index<'a>,
        context: &Context<'_>,
    ) -> Option<Found<'a>> {
        let mut wake = Wake::new(context.now);
        let history = History::of(deal, self.id(), index, context, &mut wake);
        let found = match draft(deal, &history, index, context) {
            Ok(draft) => Found {
                findings: vec![draft.judged(deal, &history, index, context)],
                quiet: (
                    "answered",
                    "a contact is recorded since the task was created".to_owned(),
                ),
                wake,
            },
            Err((word, why)) => deals::quiet(word, why, wake),
        };
        Some(deals::with_settled(
            found,
            self.id(),
            deal,
            Some(&history),
            index,
            context,
        ))
    }

    fn clause(&self, finding: &Finding<'_>, _context: &Context<'_>) -> String {
        let facts = finding.deal.as_ref();
        let limit = facts.and_then(|facts| facts.limit);
        format!(
            "an open deal with {} touches since the last reply and no reply for {}",
            facts.map_or(0, |facts| facts.unanswered),
            limit.map_or_else(|| "some time".to_owned(), span_text)
        )
    }

    fn fact(&self, _finding: &Finding<'_>) -> String {
        "open deal, the last words were ours".to_owned()
    }

    fn further_fact(&self) -> &'static str {
        "touch without reply"
    }

    fn words(&self, gap: &Gap, _person: Option<&Person>, scene: &Scene<'_>) -> Words {
        let count = gap.deal.as_ref().map_or(0, |facts| facts.unanswered);
        let last_at = gap.deal.as_ref().and_then(|facts| facts.contact_at);
        let last_at = last_at.unwrap_or(gap.anchor_at);
        let values: &[(&str, &str)] = &[
            ("count", &count.to_string()),
            ("deal", &deal_words::name(scene)),
            ("when", &scene.local(gap.anchor_at)),
            ("date", &scene.date(gap.anchor_at)),
        ];
        Words {
            headline: scene.say("gone-quiet.headline", values),
            happened: vec![
                scene.say("gone-quiet.happened", values),
                scene.say("gone-quiet.last", &[("when", &scene.local(last_at))]),
            ],
            step: scene.phrase("gone-quiet.step"),
            closes: scene.phrase("gone-quiet.closes"),
        }
    }
}

/// The gap as it would be, whether or not its time has come; an error says why there is none.
pub(super) fn draft<'a>(
    deal: &'a Deal,
    history: &History<'a>,
    index: &Index<'a>,
    context: &Context<'_>,
) -> Result<Draft<'a>, (&'static str, &'static str)> {
    if deal.state != DealState::Open {
        return Err(("deal_closed", "the deal is closed"));
    }
    let touches = history.unanswered(deal, index);
    let enough = usize::try_from(context.policy.deals.touches_min.max(1)).unwrap_or(usize::MAX);
    let (Some(first), Some(last)) = (touches.first().copied(), touches.get(enough.saturating_sub(1))) else {
        return Err(("few_touches", "too few touches went out since the last reply"));
    };
    let rule = context.rule(RuleId::GoneQuiet);
    let segment = segment_of(deal, index.facts, context.policy);
    let within = rule.map_or(Span::BusinessDays(7), |rule| rule.within_for(segment.as_str()));
    let started_at = touched_at(first, history);
    let calendar = context.calendar(deal.owner.as_ref());
    let mut deadline_at = calendar.add(started_at, within).max(touched_at(last, history));
    // What may have been an answer makes nothing sure before the wait after it is over.
    if let Some(possible_at) = history.possible_at.filter(|at| *at > started_at) {
        deadline_at = deadline_at.max(calendar.add(possible_at, within));
    }
    let mut draft = Draft::new(RuleId::GoneQuiet, deal, started_at, deadline_at).with_contacts(
        history,
        touches.len(),
        within,
    );
    draft.basis = touches;
    Ok(draft)
}

/// When an activity was a contact: a meeting at its end.
fn touched_at(activity: &followup_core::Activity, history: &History<'_>) -> jiff::Timestamp {
    let contact = history
        .contacts
        .iter()
        .find(|contact| contact.activity.id == activity.id);
    contact.map_or(activity.at, |contact| contact.at)
}

/// How large a deal is: as stated, else by the policy's amount bands, else small.
pub(super) fn segment_of(deal: &Deal, facts: &Facts, policy: &Policy) -> Segment {
    if let Some(stated) = facts.background.segments.get(&deal.id) {
        return *stated;
    }
    let reaches = |from: Option<i64>| {
        let least = from.map(|whole| whole.saturating_mul(100));
        least
            .zip(deal.amount_minor)
            .is_some_and(|(least, amount)| amount >= least)
    };
    if reaches(policy.segments.enterprise_from) {
        Segment::Enterprise
    } else if reaches(policy.segments.mid_from) {
        Segment::Mid
    } else {
        Segment::Smb
    }
}
