//! From OTLP's metrics to series: who sends, under which names, and what each point says.

use super::allowance::{Allowance, Spent};
use super::name::{Shape, metric_name};
use super::origin::{Origin, Users};
use super::otlp::model::{Attribute, Data, Metric, Metrics, Point, ResourceMetrics, Temporality};
use super::standard::upgrade::{Convention, upgraded};
use super::store::{Refused, Room, Rooms, Sender, Store, Update, Writer};
use crate::metrics::Kind;
use crate::tenant::{LabelValue, MAX_LABEL_BYTES, Tenant};
use std::sync::Arc;
use std::time::Instant;

/// Longest help text of a family, in bytes.
const LONGEST_HELP: usize = 512;

/// Reasons that are told apart; of more only the words are, as a name may be part of one.
const MOST_REASONS: usize = 8;

/// What a sender takes where things are put in order by sender: its labels, and its place in a
/// list and a map that grow.
pub(crate) const SENDER_BYTES: usize =
    5 * (MAX_LABEL_BYTES + 2 * size_of::<usize>()) + 8 * size_of::<(Sender, Vec<usize>)>();

/// What became of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Points that count now or had been counted before.
    pub(crate) taken: u64,
    /// Points that do not, by reason.
    pub(crate) refused: Vec<(Refused, u64)>,
}

impl Outcome {
    /// Points that were refused.
    pub(crate) fn rejected(&self) -> u64 {
        self.refused.iter().map(|(_, points)| points).sum()
    }

    pub(crate) fn refuse(&mut self, why: Refused, points: u64) {
        let full = self.refused.len() >= MOST_REASONS;
        let is_like = |known: &Refused| *known == why || (full && known.reason() == why.reason());
        match self.refused.iter_mut().find(|(known, _)| is_like(known)) {
            Some((_, count)) => *count += points,
            None => self.refused.push((why, points)),
        }
    }
}

/// Takes all metrics of a request; exemplars only if there are `rooms` for them.
///
/// # Errors
/// They take more memory than they may; none of them counts.
pub(crate) fn record(
    store: &Store,
    users: &Users,
    rooms: Option<&Rooms>,
    origin: &Origin,
    metrics: Metrics<'_>,
    allowance: &Allowance,
    now: Instant,
) -> Result<Outcome, Spent> {
    let mut shared = Vec::new();
    allowance.reserve(&mut shared, metrics.resources.len())?;
    for ResourceMetrics { attributes, metrics } in metrics.resources {
        // Metrics are there once more while they get their current names.
        allowance.take(metrics.len() * size_of::<(Metric<'_>, Convention)>())?;
        shared.push((attributes, users.shares(origin, metrics, allowance)?));
    }
    let mut outcome = Outcome::default();
    for (attributes, shares) in shared {
        for (tenant, metrics) in shares {
            let room = rooms.map(|rooms| rooms.of(&tenant));
            let sender = sender(tenant, &origin.instance, &attributes);
            let (metrics, known) = upgraded(metrics);
            outcome.taken += known;
            let taken = store.record(&sender, origin.container, now, |writer| {
                writer.runs_in(origin.home(&attributes));
                let mut taking = Taking { writer, room, outcome: &mut outcome };
                metrics.iter().for_each(|(metric, by)| taking.take(metric, *by));
            });
            if let Err(why) = taken {
                outcome.refuse(why, metrics.iter().map(|(metric, _)| metric.data.len() as u64).sum());
            }
        }
    }
    Ok(outcome)
}

/// Who a resource is: its service with its namespace, and which instance of it.
pub(crate) fn sender(tenant: Tenant, instance: &LabelValue, attributes: &[Attribute<'_>]) -> Sender {
    let of = |key: &str| {
        let found = attributes.iter().find(|attribute| attribute.key == key);
        found.map(|attribute| attribute.value.as_text()).filter(|text| !text.is_empty())
    };
    let service = match (of("service.namespace"), of("service.name")) {
        (Some(space), Some(name)) => LabelValue::clean(&format!("{space}/{name}")),
        (_, name) => LabelValue::clean(&name.unwrap_or_default()),
    };
    let own = of("service.instance.id").map(|id| LabelValue::clean(&id));
    Sender { tenant, service, instance: own.unwrap_or_else(|| instance.clone()) }
}

/// What a sender's metrics are taken with.
struct Taking<'t, 'w> {
    writer: &'t mut Writer<'w>,
    /// For exemplars, where they are kept.
    room: Option<Arc<Room>>,
    outcome: &'t mut Outcome,
}

impl Taking<'_, '_> {
    fn take(&mut self, metric: &Metric<'_>, by: Convention) {
        let metric = (metric, by);
        match &metric.0.data {
            Data::Empty => {}
            Data::Gauge(points) => {
                self.each(metric, points, Kind::Gauge, |value| Update::Last(value.as_f64()));
            }
            Data::Sum { temporality, monotonic: true, points } => {
                self.each(metric, points, Kind::Counter, |value| Update::Sum(value.as_f64(), *temporality));
            }
            // A sum that may fall is a gauge; of one that comes as differences only the sum of
            // them is known.
            Data::Sum { temporality: Temporality::Delta, points, .. } => {
                self.each(metric, points, Kind::Gauge, |value| Update::Change(value.as_f64()));
            }
            Data::Sum { points, .. } => {
                self.each(metric, points, Kind::Gauge, |value| Update::Last(value.as_f64()));
            }
            Data::Histogram { temporality, points } => {
                self.each(metric, points, Kind::Histogram, |value| Update::Buckets(value, *temporality));
            }
            Data::ExponentialHistogram { temporality, points } => {
                self.each(metric, points, Kind::Histogram, |value| Update::Exponential(value, *temporality));
            }
            Data::Summary(points) => self.each(metric, points, Kind::Summary, Update::Quantiles),
        }
    }

    /// Takes the points of a metric.
    fn each<'p, V>(
        &mut self,
        (metric, by): (&Metric<'_>, Convention),
        points: &'p [Point<'_, V>],
        kind: Kind,
        update: impl Fn(&'p V) -> Update<'p>,
    ) {
        let identity = (&*metric.name, &*metric.unit, kind);
        let stream = match self.writer.stream(identity, || family(metric, kind)) {
            Ok(stream) => stream,
            Err(why) => return self.outcome.refuse(why, points.len() as u64),
        };
        if !self.writer.comes_by(stream, by) {
            self.outcome.taken += points.len() as u64;
            return;
        }
        // Gauges have none in any format.
        let room = self.room.as_ref().filter(|_| matches!(kind, Kind::Counter | Kind::Histogram));
        for point in points {
            if point.ended {
                self.writer.end(stream, &point.attributes);
                self.outcome.taken += 1;
                continue;
            }
            let times = (point.start_ns, point.time_ns);
            match self.writer.point(stream, &point.attributes, update(&point.value), times) {
                Ok(()) => self.outcome.taken += 1,
                Err(why) => {
                    self.outcome.refuse(why, 1);
                    continue;
                }
            }
            if let Some(room) = room.filter(|_| !point.exemplars.is_empty()) {
                self.writer.exemplars(stream, &point.attributes, &point.exemplars, room);
            }
        }
    }
}

/// Name, kind and help of a metric's family.
fn family(metric: &Metric<'_>, kind: Kind) -> Result<(String, Kind, String), Refused> {
    let shape = match kind {
        Kind::Counter => Shape::Counter,
        Kind::Gauge | Kind::Untyped => Shape::Gauge,
        Kind::Histogram | Kind::Summary => Shape::Distribution,
    };
    let name = metric_name(&metric.name, &metric.unit, shape).ok_or(Refused::NoName)?;
    let mut end = metric.description.len().min(LONGEST_HELP);
    while !metric.description.is_char_boundary(end) {
        end -= 1;
    }
    Ok((name, kind, metric.description[..end].to_owned()))
}

#[cfg(test)]
mod tests;
