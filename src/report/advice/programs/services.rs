//! Services whose answers are slow, or whose requests fail.

use std::collections::{BTreeMap, BTreeSet};

use super::lines::{Labels, only};
use super::{Looked, Told, pools};
use crate::analysis::advice::traffic::{self, FAILING, LEAST_REQUESTS, Route, SLOW_SECONDS};
use crate::analysis::finding::Scope;
use crate::analysis::recommendation::Kind;
use crate::analysis::rightsize::Facts as ContainerFacts;
use crate::history::{advice, insight};
use crate::report::rightsize::Options;

/// By what a service is known.
const SERVICE: [&str; 4] = ["user", "project", "team", "service"];

/// What was answered.
struct Traffic {
    requests: f64,
    seconds: f64,
    failed: f64,
}

impl Traffic {
    fn of(told: &Told, labels: &Labels) -> Option<Traffic> {
        let requests = told.of(&insight::REQUESTS).total(labels);
        let seconds = told.of(&insight::BUSY).total(labels);
        let failed = told.of(&insight::FAILURES).total(labels);
        (requests > 0.0).then_some(Traffic { requests, seconds, failed })
    }

    fn is_notable(&self) -> bool {
        self.seconds / self.requests > SLOW_SECONDS || self.failed / self.requests > FAILING
    }
}

/// Whether more has to be asked for.
pub(super) fn is_any_notable(told: &Told) -> bool {
    let mut services = told.of(&insight::REQUESTS).labels();
    services.any(|labels| Traffic::of(told, labels).is_some_and(|traffic| traffic.is_notable()))
}

pub(super) fn look(told: &Told, options: &Options, containers: &[ContainerFacts]) -> Looked {
    let mut looked = Looked::default();
    let requests = told.of(&insight::REQUESTS);
    for labels in requests.labels() {
        let Some(traffic) = Traffic::of(told, labels) else { continue };
        let scope = Scope::of(labels);
        if traffic.requests >= LEAST_REQUESTS {
            looked.note(Kind::ResponseTime, &scope, None, traffic.seconds / traffic.requests);
            looked.note(Kind::ErrorRate, &scope, None, traffic.failed / traffic.requests);
        }
        if !traffic.is_notable() {
            continue;
        }
        let own: Vec<&ContainerFacts> = containers.iter().filter(|one| runs(&scope, one)).collect();
        let (slowest, failing) = routes(told, labels);
        let window = requests.window(labels);
        looked.answers.extend(traffic::recommend(&traffic::Facts {
            requests: traffic.requests,
            total_seconds: traffic.seconds,
            failed: traffic.failed,
            slowest,
            failing,
            throttled_ratio: highest(own.iter().filter_map(|one| one.throttled_ratio)),
            memory_ratio: highest(own.iter().filter_map(|one| memory_share(one))),
            pool_ratio: pool_share(told, labels),
            database_ratio: Some(told.of(&advice::DATABASE_SECONDS).total(labels) / traffic.seconds)
                .filter(|ratio| ratio.is_finite() && *ratio > 0.0),
            // A kill ends a container, too: what restarts it counts once.
            restarts: own.iter().map(|one| one.restarts.max(one.out_of_memory.len() as u64)).sum(),
            deployed_at: deployed_at(told, &own, options.period.from.as_millisecond()),
            window,
            scope,
        }));
    }
    looked
}

/// Whether a container runs a service: it is the service of that name in its Compose file, or is
/// called after it, as Compose does.
fn runs(service: &Scope, container: &ContainerFacts) -> bool {
    let Scope { user, project, team, .. } = &container.scope;
    let is_of_it = (user, project, team) == (&service.user, &service.project, &service.team);
    let (Some(service), Some(name)) = (&service.service, &container.scope.container) else { return false };
    let own = container.compose_service.as_ref();
    let is_named = || name == service || format!("-{name}-").contains(&format!("-{service}-"));
    is_of_it && own.map_or_else(is_named, |own| own == service)
}

fn highest(values: impl Iterator<Item = f64>) -> Option<f64> {
    values.filter(|value| value.is_finite()).max_by(f64::total_cmp)
}

fn memory_share(container: &ContainerFacts) -> Option<f64> {
    let limit = container.limits.memory_bytes.filter(|limit| *limit > 0.0)?;
    highest(container.memory_bytes.values().into_iter()).map(|most| most / limit)
}

fn pool_share(told: &Told, service: &Labels) -> Option<f64> {
    let pools = told.of(&advice::POOL_ACTIVE).labels();
    let own = pools.filter(|labels| only(labels, &SERVICE) == only(service, &SERVICE));
    highest(own.filter_map(|labels| pools::used(told, labels)))
}

/// The route that took most time in all, and the one that failed most.
fn routes(told: &Told, service: &Labels) -> (Option<Route>, Option<Route>) {
    let (means, counts, failures) = (
        told.of(&insight::ROUTE_SECONDS),
        told.of(&insight::ROUTE_REQUESTS),
        told.of(&insight::ROUTE_FAILURES),
    );
    let (mut slow, mut failing) = (Vec::new(), Vec::new());
    for labels in counts.labels().filter(|labels| only(labels, &SERVICE) == only(service, &SERVICE)) {
        let requests = counts.total(labels);
        let name = [labels.get("method"), labels.get("route")];
        let name = name.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ");
        // A mean for each step, of so many requests.
        let rates = counts.points(labels);
        let step_s = counts.step_ms() as f64 / 1000.0;
        let spent: f64 = means
            .points(labels)
            .into_iter()
            .flatten()
            .map(|(at, mean)| mean * step_s * rates.and_then(|rates| rates.get(at)).copied().unwrap_or(0.0))
            .sum();
        if requests > 0.0 {
            slow.push((name.clone(), spent, spent / requests));
            failing.push((name, failures.total(labels), failures.total(labels) / requests));
        }
    }
    (most(slow), most(failing))
}

/// The one that has most of all.
fn most(routes: Vec<(String, f64, f64)>) -> Option<Route> {
    let all: f64 = routes.iter().map(|(_, part, _)| part).sum();
    let (name, part, value) = routes.into_iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
    (part > 0.0).then_some(Route { name, share: part / all, value })
}

/// The last time that a container of another image was started in place of one.
fn deployed_at(told: &Told, containers: &[&ContainerFacts], from: i64) -> Option<i64> {
    let started = told.of(&insight::STARTED);
    let mut by_container: BTreeMap<Labels, (BTreeSet<&str>, f64)> = BTreeMap::new();
    for labels in started.labels() {
        let scope = Scope::of(labels);
        if !containers.iter().any(|one| one.scope == scope) {
            continue;
        }
        let Some(points) = started.points(labels) else { continue };
        let last = points.values().copied().fold(0.0, f64::max);
        let image = labels.get("image_id").map_or("", String::as_str);
        let (images, latest) =
            by_container.entry(only(labels, &["user", "project", "team", "name"])).or_default();
        images.insert(image);
        *latest = latest.max(last);
    }
    let deployed = by_container.into_values().filter(|(images, _)| images.len() > 1);
    deployed.map(|(_, at)| (at * 1000.0) as i64).filter(|at| *at >= from).max()
}
