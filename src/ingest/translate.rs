//! From OTLP's metrics to series: who sends, under which names, and what each point says.

use super::name::{Shape, metric_name};
use super::origin::{Origin, Users};
use super::otlp::model::{Attribute, Data, Metric, Metrics, Point, ResourceMetrics, Temporality};
use super::store::{Refused, Sender, Store, Update, Writer};
use crate::metrics::Kind;
use crate::tenant::{LabelValue, Tenant};
use std::time::Instant;

/// Longest help text of a family, in bytes.
const LONGEST_HELP: usize = 512;

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
        match self.refused.iter_mut().find(|(known, _)| *known == why) {
            Some((_, count)) => *count += points,
            None => self.refused.push((why, points)),
        }
    }
}

/// Takes all metrics of a request.
pub(crate) fn record(
    store: &Store,
    users: &Users,
    origin: &Origin,
    metrics: Metrics<'_>,
    now: Instant,
) -> Outcome {
    let mut outcome = Outcome::default();
    for ResourceMetrics { attributes, metrics } in metrics.resources {
        for (tenant, metrics) in users.shares(origin, metrics) {
            let sender = sender(tenant, &origin.instance, &attributes);
            let taken = store.record(&sender, now, |writer| {
                metrics.iter().for_each(|metric| take(metric, writer, &mut outcome));
            });
            store.place(&sender, origin.container);
            if let Err(why) = taken {
                outcome.refuse(why, metrics.iter().map(|metric| metric.data.len() as u64).sum());
            }
        }
    }
    outcome
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

fn take(metric: &Metric<'_>, writer: &mut Writer<'_>, outcome: &mut Outcome) {
    match &metric.data {
        Data::Empty => {}
        Data::Gauge(points) => {
            each(metric, points, Kind::Gauge, writer, outcome, |value| Update::Last(value.as_f64()));
        }
        Data::Sum { temporality, monotonic: true, points } => {
            each(metric, points, Kind::Counter, writer, outcome, |value| {
                Update::Sum(value.as_f64(), *temporality)
            });
        }
        // A sum that may fall is a gauge; of one that comes as differences only the sum of
        // them is known.
        Data::Sum { temporality: Temporality::Delta, points, .. } => {
            each(metric, points, Kind::Gauge, writer, outcome, |value| Update::Change(value.as_f64()));
        }
        Data::Sum { points, .. } => {
            each(metric, points, Kind::Gauge, writer, outcome, |value| Update::Last(value.as_f64()));
        }
        Data::Histogram { temporality, points } => {
            each(metric, points, Kind::Histogram, writer, outcome, |value| {
                Update::Buckets(value, *temporality)
            });
        }
        Data::ExponentialHistogram { temporality, points } => {
            each(metric, points, Kind::Histogram, writer, outcome, |value| {
                Update::Exponential(value, *temporality)
            });
        }
        Data::Summary(points) => each(metric, points, Kind::Summary, writer, outcome, Update::Quantiles),
    }
}

/// Takes the points of a metric.
fn each<'p, V>(
    metric: &Metric<'_>,
    points: &'p [Point<'_, V>],
    kind: Kind,
    writer: &mut Writer<'_>,
    outcome: &mut Outcome,
    update: impl Fn(&'p V) -> Update<'p>,
) {
    let identity = (&*metric.name, &*metric.unit, kind);
    let stream = match writer.stream(identity, || family(metric, kind)) {
        Ok(stream) => stream,
        Err(why) => return outcome.refuse(why, points.len() as u64),
    };
    for point in points {
        if point.ended {
            writer.end(stream, &point.attributes);
            outcome.taken += 1;
            continue;
        }
        let times = (point.start_ns, point.time_ns);
        match writer.point(stream, &point.attributes, update(&point.value), times) {
            Ok(()) => outcome.taken += 1,
            Err(why) => outcome.refuse(why, 1),
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
