//! Sentences that rules about deals share.

use crate::{model::Gap, wording::Scene};

/// What to call a deal in a sentence.
pub(super) fn name(scene: &Scene<'_>) -> String {
    scene
        .deal
        .map_or_else(|| scene.phrase("common.this_deal"), |deal| scene.deal_name(deal))
}

/// Since when the deal is in its stage, and when the last contact was.
pub(super) fn contact_lines(gap: &Gap, scene: &Scene<'_>) -> Vec<String> {
    let mut lines = vec![stage_line(gap, scene)];
    lines.push(contact_line(gap, scene));
    lines
}

/// Since when the deal is in its stage.
pub(super) fn stage_line(gap: &Gap, scene: &Scene<'_>) -> String {
    let since = gap
        .deal
        .as_ref()
        .map_or(gap.anchor_at, |deal| deal.stage_entered_at);
    scene.say(
        "deal.stage",
        &[("deal", &name(scene)), ("when", &scene.local(since))],
    )
}

/// When the last contact was.
pub(super) fn contact_line(gap: &Gap, scene: &Scene<'_>) -> String {
    let contact_at = gap.deal.as_ref().and_then(|deal| deal.contact_at);
    contact_at.map_or_else(
        || scene.phrase("deal.no_contact"),
        |at| scene.say("deal.contact", &[("when", &scene.local(at))]),
    )
}
