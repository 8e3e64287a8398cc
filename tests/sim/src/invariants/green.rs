//! I-11: with the faults off everything is green again.

use followupd::{
    engine::Link,
    health::{self, State},
};

use super::Scene;

/// Looks at one connection's health.
pub fn check(scene: &Scene<'_>, link: &Link) {
    scene.shared.court.looked("I-11");
    let health = health::of(link);
    // What is nowhere to be read stays so, and is said.
    let is_blind = health.state == State::Blind && scene.portal.plan.is_blind();
    if health.state != State::Ok && !is_blind {
        scene.accuse(
            "I-11",
            format!(
                "{} is {} long after the last trouble: {:?} {:?}",
                scene.portal.crm.name(),
                health.state.as_str(),
                health.last_error,
                health.failing
            ),
        );
    }
}
