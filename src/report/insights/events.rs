//! What happened to containers, and where series changed for good: possible causes.

use std::collections::BTreeMap;

use super::gather::{Gathered, Labels};
use crate::analysis::bottleneck::facts::{Change, Changed, Event, EventKind, Facts};
use crate::analysis::change::{Rule, changes_of};
use crate::analysis::finding::Scope;
use crate::analysis::series::Series;
use crate::history::{Measure, insight};

/// Changes are looked for in medians of so long.
const STEP_MS: i64 = 300_000;

/// A level that changes by less explains nothing.
const LEAST_CHANGE: f64 = 0.2;

/// Two starts less than a second apart are one.
const SAME_S: f64 = 1.0;

/// More kills or restarts in one step are told as this many.
const MOST: f64 = 100.0;

/// What tells two runs of a container apart, and is no part of what it is called.
const IMAGE: &str = "image_id";

/// What happened after a time, by whose it is.
pub(super) fn events(gathered: &Gathered, from: i64) -> Vec<(Labels, Event)> {
    let kills = counted(gathered, &insight::KILLS, EventKind::OutOfMemory);
    let starts = starts(gathered, from);
    // Where starts are known, restarts are among them.
    let is_known = gathered.all(&insight::STARTED).next().is_some();
    let restarts = (!is_known).then(|| counted(gathered, &insight::RESTARTS, EventKind::Restart));
    let mut all: Vec<(Labels, Event)> =
        kills.into_iter().chain(starts).chain(restarts.into_iter().flatten()).collect();
    all.sort_by_key(|(_, event)| event.at);
    all
}

/// What is counted, as often as it happened.
fn counted(gathered: &Gathered, measure: &Measure, kind: EventKind) -> Vec<(Labels, Event)> {
    let of = |(labels, points): (&Labels, &[(i64, f64)])| {
        let (labels, scope) = (labels.clone(), Scope::of(labels));
        let points = points.to_vec();
        points.into_iter().flat_map(move |(at, count)| {
            let event = Event { at, scope: scope.clone(), kind };
            std::iter::repeat_n((labels.clone(), event), count.round().clamp(0.0, MOST) as usize)
        })
    };
    gathered.all(measure).flat_map(of).collect()
}

/// Starts after a time, each told by the one before it.
fn starts(gathered: &Gathered, from: i64) -> Vec<(Labels, Event)> {
    let mut by_container = BTreeMap::<Labels, Vec<(f64, String)>>::new();
    for (labels, points) in gathered.all(&insight::STARTED) {
        let mut labels = labels.clone();
        let image = labels.remove(IMAGE).unwrap_or_default();
        let runs = by_container.entry(labels).or_default();
        runs.extend(points.iter().map(|(_, started)| (*started, image.clone())));
    }
    let of = |(labels, mut runs): (Labels, Vec<(f64, String)>)| {
        runs.sort_by(|a, b| a.0.total_cmp(&b.0));
        runs.dedup_by(|later, earlier| later.0 - earlier.0 < SAME_S);
        let mut before: Option<String> = None;
        let mut told = Vec::new();
        for (started, image) in runs {
            let kind = match before.replace(image.clone()) {
                None => EventKind::Start,
                Some(other) if other != image => EventKind::Deploy,
                Some(_) => EventKind::Restart,
            };
            let at = (started * 1000.0) as i64;
            if at > from {
                told.push((labels.clone(), Event { at, scope: Scope::of(&labels), kind }));
            }
        }
        told
    };
    by_container.into_iter().flat_map(of).collect()
}

/// Where what a host's containers, services and statements do has changed for good.
pub(super) fn changes(facts: &Facts) -> Vec<Change> {
    let services = facts
        .services
        .iter()
        .map(|service| (&service.scope, Changed::Requests, &service.requests_per_second));
    let containers = facts.containers.iter().flat_map(|container| {
        [
            (&container.scope, Changed::Cores, &container.cpu_cores),
            (&container.scope, Changed::Memory, &container.rss_bytes),
        ]
    });
    let statements = facts.statements.iter().map(|statement| {
        let (id, text) = (statement.id.clone(), statement.text.clone());
        (&statement.scope, Changed::Statement { id, text }, &statement.mean_seconds)
    });
    let all = services.chain(containers).chain(statements);
    all.flat_map(|(scope, what, series)| changes_in(scope, &what, series)).collect()
}

fn changes_in(scope: &Scope, what: &Changed, series: &Series) -> Vec<Change> {
    let rule = Rule { least_change: LEAST_CHANGE, ..Rule::default() };
    let found = changes_of(&series.medians(STEP_MS), rule);
    let told = found.into_iter().map(|(at, change)| Change {
        // The new level begins somewhere in the step that ends then.
        at: at - STEP_MS / 2,
        scope: scope.clone(),
        what: what.clone(),
        ratio: (change.before > 0.0).then(|| change.after / change.before),
    });
    told.collect()
}
