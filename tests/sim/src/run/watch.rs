//! When the invariants are looked at.

use std::{collections::BTreeMap, sync::Arc};

use followup_rules::Context;
use followup_store::StoreError;
use followupd::{
    engine::{CycleReport, Engine},
    planning,
};
use jiff::{SignedDuration, Timestamp};

use super::{ADMIN_EVERY, RECOVERY, World, world::DAY_RECOVERY};
use crate::{
    invariants::{self, Scene},
    weather::Weather,
};

impl World {
    /// Everything that is looked at after each cycle.
    ///
    /// # Errors
    /// As the store fails.
    pub async fn after_cycle(
        &self,
        engine: &Engine,
        index: usize,
        report: &CycleReport,
        began_at: Timestamp,
    ) -> Result<(), StoreError> {
        let now = self.now();
        self.shared.trace.note(
            now,
            &format!(
                "= {} read {} judged {} new {} done {} withdrawn {} amended {} errors {:?} frozen {:?}",
                report.connection,
                report.pulled.values().sum::<u64>(),
                report.evaluated,
                report.tasks_created,
                report.tasks_closed,
                report.tasks_withdrawn,
                report.tasks_amended,
                report.errors,
                report.frozen
            ),
        );
        let name = report.connection.clone();
        let believed = engine
            .store
            .with(move |store| Ok(invariants::right_row::believed(store, &name)))
            .await?;
        let is_refused = engine
            .links
            .get(index)
            .is_some_and(|link| link.state().refused.is_some());
        if let Some(link) = engine.links.get(index) {
            invariants::secrets::cycle(&self.shared, report, link);
        }
        let rest = engine.links.get(index).map(|link| link.connector.rest());
        self.with(index, |portal| {
            self.shared.logs.forbid(portal.crm.secrets());
            portal.rest = portal.rest.max(rest.unwrap_or_default());
            if report.frozen.is_some() || is_refused {
                // Named and shown; an admin comes.
                portal.weather.trouble(began_at, now + ADMIN_EVERY + RECOVERY);
            }
            if portal.crm.is_scarce() {
                portal.weather.trouble(began_at, now + DAY_RECOVERY);
                portal.scarce_until = Some(now + DAY_RECOVERY);
            }
            if portal.crm.is_sparing() {
                portal.sparing.trouble(began_at, now + DAY_RECOVERY);
            }
            portal.crm.audit();
        });
        self.look(index, |scene, portal_doubled, looked_at| {
            invariants::cadence::check(scene, scene.portal.cycle_at);
            invariants::tasks::one_per_key(scene);
            invariants::tasks::one_per_subject(scene, portal_doubled);
            invariants::lists::one_per_owner(scene, portal_doubled);
            invariants::right_row::check(scene, &believed);
            invariants::barred::check(scene, *looked_at);
            invariants::edits::check(scene);
            invariants::bounded::check(scene);
            *looked_at = scene.now;
        });
        self.with(index, |portal| portal.cycle_at = Some(began_at));
        Ok(())
    }

    /// Shows a portal to invariants that remember something of it.
    fn look(
        &self,
        index: usize,
        check: impl FnOnce(&Scene<'_>, &mut BTreeMap<String, Timestamp>, &mut Timestamp),
    ) {
        let Some((mut doubled, mut looked_at)) = self.with(index, |portal| {
            (std::mem::take(&mut portal.doubled), portal.looked_at)
        }) else {
            return;
        };
        if let Some(portal) = self.portal(index) {
            let tasks = portal.crm.tasks();
            let (weather, sparing, is_exact) = self.of_site(portal.plan.site);
            let scene = Scene {
                weather: &weather,
                sparing: &sparing,
                is_exact,
                portal: &portal,
                shared: &self.shared,
                now: portal.crm.now(),
                skew: self.skew_max(),
                poll: self.poll.max(portal.rest),
                is_capped: self.policy.caps.is_some(),
                tasks: &tasks,
            };
            check(&scene, &mut doubled, &mut looked_at);
        }
        self.with(index, |portal| {
            portal.doubled = doubled;
            portal.looked_at = looked_at;
        });
    }

    /// When anything was wrong in any CRM of a world, when mails were read sparingly in any, and whether all of them keep
    /// the script's instants.
    fn of_site(&self, site: usize) -> (Weather, Weather, bool) {
        let portals = self.portals.borrow();
        let here = portals.iter().filter(|portal| portal.plan.site == site);
        let nothing = (Weather::default(), Weather::default(), true);
        here.fold(nothing, |(weather, sparing, is_exact), portal| {
            let is_exact = is_exact && portal.plan.is_exact();
            (
                weather.and(&portal.weather),
                sparing.and(&portal.sparing),
                is_exact,
            )
        })
    }

    pub(super) fn check_script(&self) {
        for index in 0..self.count() {
            self.look(index, |scene, _, _| {
                invariants::owed::scripted(scene);
                invariants::unowed::check(scene);
                invariants::unowed::walk_ons(scene);
                invariants::closed::check(scene);
                invariants::equal::check(scene);
            });
        }
    }

    pub(super) async fn check_walk_ons(&self, engine: &Engine) {
        for index in 0..self.count() {
            let mut overdue = Vec::new();
            self.look(index, |scene, _, _| overdue = invariants::owed::walk_ons(scene));
            for (person, what) in overdue {
                match self.reason(engine, index, &person).await {
                    Ok(Some(reason)) => {
                        self.shared
                            .trace
                            .note(self.now(), &format!("# {person} waits: {reason}"));
                        // What a full day held back is owed from the morning on.
                        self.with(index, |portal| portal.people.owed_anew(&person, portal.crm.now()));
                    }
                    Ok(None) => self.shared.accuse("I-3", self.now(), what),
                    Err(error) => self.shared.accuse("store", self.now(), error.to_string()),
                }
            }
        }
    }

    /// Why a person has no task, as `why-not` would show it; `None` if the daemon thinks one is owed, or knows nothing.
    async fn reason(
        &self,
        engine: &Engine,
        index: usize,
        person: &str,
    ) -> Result<Option<String>, StoreError> {
        let Some(id) = self.portal(index).and_then(|portal| portal.crm.person(person)) else {
            return Ok(None);
        };
        let now = engine.clock.now();
        let inputs = engine.inputs(now).await?;
        engine
            .store
            .with(move |store| {
                let context = Context {
                    policy: &inputs.policy,
                    calendars: &inputs.calendars,
                    coverage: &inputs.coverage,
                    now,
                };
                let mut reasons = Vec::new();
                for evaluation in planning::look_at(store, &id, &inputs.learned, &context)? {
                    let waits = evaluation.gaps.iter().map(|gap| gap.outcome.as_str());
                    reasons.extend(waits.filter(|outcome| *outcome != "task").map(str::to_owned));
                    reasons.extend(evaluation.skips.iter().map(|skip| format!("{:?}", skip.reason)));
                }
                Ok((!reasons.is_empty()).then(|| reasons.join(", ")))
            })
            .await
    }

    /// What must hold when a store was just opened again.
    pub(super) async fn after_restart(&self, engine: &Engine) {
        for crm in self.crms() {
            let slack = crm.visibility() + self.skew_max() + SignedDuration::from_secs(61);
            let found = {
                let crm = Arc::clone(&crm);
                engine
                    .store
                    .with(move |store| invariants::cache::behind(store, &*crm, slack))
                    .await
            };
            self.shared.court.looked("I-7");
            self.shared.court.looked("D-5");
            for what in found.unwrap_or_default().into_iter().take(1) {
                self.shared.accuse("I-7", self.now(), what);
            }
        }
    }

    /// What must hold once everything has come to rest.
    pub(super) async fn check_rest(&self, engine: &Engine) -> Result<(), StoreError> {
        let now = self.now();
        for (index, crm) in self.crms().into_iter().enumerate() {
            // Where the day was used up the CRM is asked again within the hour.
            let scarce_until = self.portal(index).and_then(|portal| portal.scarce_until);
            if crm.is_scarce() || scarce_until.is_some_and(|until| now < until) {
                continue;
            }
            let before =
                now - crm.visibility() - self.skew_max() - self.poll * 5 - SignedDuration::from_mins(14);
            let found = {
                let crm = Arc::clone(&crm);
                engine
                    .store
                    .with(move |store| invariants::cache::equals(store, &*crm, before))
                    .await?
            };
            self.shared.court.looked("I-1");
            for what in found.into_iter().take(2) {
                self.shared.accuse("I-1", now, what);
            }
            if let Some(link) = engine.links.get(index) {
                self.look(index, |scene, _, _| {
                    invariants::green::check(scene, link);
                    invariants::owed::marks(scene);
                });
            }
        }
        let unresolved = engine
            .store
            .with(move |store| Ok(invariants::resolved::unresolved(store, now)))
            .await?;
        self.shared.court.looked("I-12");
        let crms = self.crms();
        let is_used_up = |name: &str| crms.iter().any(|crm| crm.name() == name && crm.is_used_up());
        for (connection, what) in unresolved {
            if is_used_up(connection.as_str()) {
                continue;
            }
            self.shared.accuse("I-12", now, format!("{connection}: {what}"));
        }
        self.check_plan(engine).await?;
        invariants::secrets::end(&self.shared, now);
        Ok(())
    }

    async fn check_plan(&self, engine: &Engine) -> Result<(), StoreError> {
        let last = self
            .portals
            .borrow()
            .iter()
            .filter_map(|portal| portal.cycle_at)
            .max();
        let Some(last) = last.map(|last| last + self.skew()) else {
            return Ok(());
        };
        let inputs = engine.inputs(last).await?;
        let before = self.shared.disk().durable_entries().len();
        let [first, second] = engine
            .store
            .with(move |store| invariants::same_plan::judge_all(store, &inputs, last))
            .await?;
        let news = self.shared.disk().durable_entries().split_off(before);
        self.shared.court.looked("I-6");
        self.shared.court.looked("D-9");
        let now = self.now();
        if self.count() == 1 && !news.is_empty() && !self.crms().iter().any(|crm| crm.is_scarce()) {
            self.shared
                .accuse("I-6", now, format!("judging everything anew decides {news:?}"));
        }
        if first != second {
            self.shared
                .accuse("D-9", now, format!("{first} and then {second}"));
        }
        Ok(())
    }
}
