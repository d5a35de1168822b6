//! Names of semantic conventions from before they were stable, as they are now.
//!
//! Durations came in milliseconds: bounds and sums are divided by a thousand, which no count
//! notices. Exponential histograms cannot be converted without moving values between buckets,
//! and so stay under their old name. Source: the conventions' guides of migration for HTTP and
//! databases.

use std::borrow::Cow;

use crate::ingest::otlp::model::{Attribute, Buckets, Data, Exemplar, Metric, Point};

/// Old names and new ones.
const NAMES: [(&str, &str); 15] = [
    ("http.server.duration", "http.server.request.duration"),
    ("http.client.duration", "http.client.request.duration"),
    ("http.server.request.size", "http.server.request.body.size"),
    ("http.server.response.size", "http.server.response.body.size"),
    ("http.client.request.size", "http.client.request.body.size"),
    ("http.client.response.size", "http.client.response.body.size"),
    ("db.client.connections.usage", "db.client.connection.count"),
    ("db.client.connections.idle.max", "db.client.connection.idle.max"),
    ("db.client.connections.idle.min", "db.client.connection.idle.min"),
    ("db.client.connections.max", "db.client.connection.max"),
    ("db.client.connections.pending_requests", "db.client.connection.pending_requests"),
    ("db.client.connections.timeouts", "db.client.connection.timeouts"),
    ("db.client.connections.create_time", "db.client.connection.create_time"),
    ("db.client.connections.wait_time", "db.client.connection.wait_time"),
    ("db.client.connections.use_time", "db.client.connection.use_time"),
];

/// Old keys of attributes and new ones.
const KEYS: [(&str, &str); 17] = [
    ("http.method", "http.request.method"),
    ("http.status_code", "http.response.status_code"),
    ("http.scheme", "url.scheme"),
    ("http.flavor", "network.protocol.version"),
    ("net.protocol.name", "network.protocol.name"),
    ("net.protocol.version", "network.protocol.version"),
    ("net.host.name", "server.address"),
    ("net.host.port", "server.port"),
    ("db.system", "db.system.name"),
    ("db.name", "db.namespace"),
    ("db.operation", "db.operation.name"),
    ("db.sql.table", "db.collection.name"),
    ("db.mongodb.collection", "db.collection.name"),
    ("db.cassandra.table", "db.collection.name"),
    ("db.cosmosdb.container", "db.collection.name"),
    ("state", "db.client.connection.state"),
    ("pool.name", "db.client.connection.pool.name"),
];

/// Where a client names the other side, a server names itself.
const PEER: [(&str, &str); 2] = [("net.peer.name", "server.address"), ("net.peer.port", "server.port")];

/// Keys that say something else outside pools of connections.
const OF_POOLS: [&str; 2] = ["state", "pool.name"];

/// Metrics whose attributes are those of the conventions.
const ROOMS: [&str; 3] = ["http.server.", "http.client.", "db.client."];

const MILLISECONDS: f64 = 1_000.0;

/// Which conventions a metric came by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Convention {
    /// From before they were stable.
    Old,
    /// As they are.
    Current,
}

/// The new key of an attribute of a metric with this new name, if it has another one now.
pub(super) fn key(key: &str, metric: &str) -> Option<&'static str> {
    let pools = metric.starts_with("db.client.connection.");
    let found = |table: &'static [(&str, &'static str)]| {
        table.iter().find(|(old, _)| *old == key).map(|(_, new)| *new)
    };
    match found(&KEYS) {
        Some(_) if OF_POOLS.contains(&key) && !pools => None,
        None if !metric.starts_with("http.server.") => found(&PEER),
        other => other,
    }
}

/// The metrics of one resource under the names of the conventions, and how many points were
/// left out since they have come under both names at once.
pub(crate) fn upgraded(metrics: Vec<Metric<'_>>) -> (Vec<(Metric<'_>, Convention)>, u64) {
    let mut left_out = 0;
    let mut kept = Vec::with_capacity(metrics.len());
    let both: Vec<&str> = NAMES
        .iter()
        .filter(|(old, new)| [old, new].iter().all(|name| metrics.iter().any(|metric| metric.name == **name)))
        .map(|(old, _)| *old)
        .collect();
    for metric in metrics {
        if both.contains(&&*metric.name) {
            left_out += metric.data.len() as u64;
            continue;
        }
        let new = NAMES.iter().find(|(old, _)| *old == metric.name).map(|(_, new)| *new);
        let (mut metric, convention) = match new {
            Some(new) => match renamed(metric, new) {
                Ok(metric) => (metric, Convention::Old),
                Err(as_it_was) => (as_it_was, Convention::Current),
            },
            None => (metric, Convention::Current),
        };
        if ROOMS.iter().any(|room| metric.name.starts_with(room)) {
            rename_keys(&mut metric);
        }
        kept.push((metric, convention));
    }
    (kept, left_out)
}

/// A metric under its new name and unit; as it was where that cannot be.
fn renamed<'a>(metric: Metric<'a>, new: &'static str) -> Result<Metric<'a>, Metric<'a>> {
    let is_time = new.ends_with(".duration") || new.ends_with("_time");
    let unit = if is_time { Cow::Borrowed("s") } else { metric.unit.clone() };
    let data = match (metric.data, &*metric.unit) {
        (data, _) if !is_time => data,
        (data, "s") => data,
        (Data::Histogram { temporality, points }, "ms" | "") => {
            Data::Histogram { temporality, points: points.into_iter().map(in_seconds).collect() }
        }
        (data, _) => return Err(Metric { data, ..metric }),
    };
    Ok(Metric { name: new.into(), unit, data, description: metric.description })
}

fn in_seconds(point: Point<'_, Buckets>) -> Point<'_, Buckets> {
    let Buckets { count, sum, bounds, counts } = point.value;
    let bounds = bounds.into_iter().map(|bound| bound / MILLISECONDS).collect();
    let value = Buckets { count, sum: sum.map(|sum| sum / MILLISECONDS), bounds, counts };
    let exemplars = point.exemplars.into_iter().map(Exemplar::in_seconds).collect();
    Point { value, exemplars, ..point }
}

fn rename_keys(metric: &mut Metric<'_>) {
    let name = &*metric.name;
    match &mut metric.data {
        Data::Empty => {}
        Data::Gauge(points) | Data::Sum { points, .. } => rename_all(points, name),
        Data::Histogram { points, .. } => rename_all(points, name),
        Data::ExponentialHistogram { points, .. } => rename_all(points, name),
        Data::Summary(points) => rename_all(points, name),
    }
}

fn rename_all<V>(points: &mut [Point<'_, V>], metric: &str) {
    for point in points {
        if point.attributes.iter().any(|attribute| key(&attribute.key, metric).is_some()) {
            rename(&mut point.attributes, metric);
        }
    }
}

/// Gives attributes their new keys. One that is there under its new key already says the same.
fn rename(attributes: &mut Vec<Attribute<'_>>, metric: &str) {
    let mut known: Vec<Cow<'_, str>> = attributes.iter().map(|attribute| attribute.key.clone()).collect();
    attributes.retain_mut(|attribute| {
        let Some(new) = key(&attribute.key, metric) else { return true };
        let is_new = !known.iter().any(|known| known == new);
        if is_new {
            known.push(new.into());
            attribute.key = new.into();
        }
        is_new
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::otlp::model::{Exponential, Temporality};

    fn histogram(name: &'static str, unit: &'static str, keys: &[&'static str]) -> Metric<'static> {
        let attributes = keys.iter().map(|key| Attribute::text(*key, "x")).collect();
        let bounds = vec![5.0, 10.0, 25.0, 2_500.0];
        let value = Buckets { count: 3, sum: Some(1_234.5), bounds, counts: vec![1, 1, 1, 0, 0] };
        let points = vec![Point { attributes, value, ..Point::default() }];
        let data = Data::Histogram { temporality: Temporality::Cumulative, points };
        Metric { name: name.into(), unit: unit.into(), data, ..Metric::default() }
    }

    fn only(metric: Metric<'static>) -> (Metric<'static>, Convention) {
        let (mut kept, left_out) = upgraded(vec![metric]);
        assert_eq!((kept.len(), left_out), (1, 0));
        kept.remove(0)
    }

    fn point(metric: &Metric<'static>) -> (Vec<String>, Buckets) {
        let Data::Histogram { points, .. } = &metric.data else { panic!("{metric:?}") };
        let keys = points[0].attributes.iter().map(|attribute| attribute.key.to_string()).collect();
        (keys, points[0].value.clone())
    }

    #[test]
    fn milliseconds_become_seconds() {
        let keys = ["http.method", "http.status_code", "net.host.name", "http.route"];
        let (metric, convention) = only(histogram("http.server.duration", "ms", &keys));
        assert_eq!((&*metric.name, &*metric.unit), ("http.server.request.duration", "s"));
        assert_eq!(convention, Convention::Old);
        let (keys, value) = point(&metric);
        let new = ["http.request.method", "http.response.status_code", "server.address", "http.route"];
        assert_eq!(keys, new);
        assert_eq!((value.bounds, value.sum), (vec![0.005, 0.01, 0.025, 2.5], Some(1.2345)));
        assert_eq!((value.count, value.counts), (3, vec![1, 1, 1, 0, 0]));
    }

    #[test]
    fn exemplars_become_seconds_with_their_point() {
        let protobuf = [&[3 << 3 | 1][..], &250.0_f64.to_le_bytes()].concat();
        for (unit, value) in [("ms", 0.25), ("s", 250.0)] {
            let mut sent = histogram("http.server.duration", unit, &[]);
            let Data::Histogram { points, .. } = &mut sent.data else { panic!("{sent:?}") };
            let exemplars = vec![Exemplar::Json(r#"{"asDouble":250}"#)];
            points[0].exemplars = exemplars;
            let (metric, _) = only(sent);
            let Data::Histogram { points, .. } = &metric.data else { panic!("{metric:?}") };
            assert_eq!(points[0].exemplars[0].read().map(|read| read.value), Some(value), "{unit}");
        }
        assert_eq!(Exemplar::Protobuf(&protobuf).in_seconds().read().map(|read| read.value), Some(0.25));
    }

    #[test]
    fn what_came_in_seconds_stays_so() {
        let (metric, _) = only(histogram("http.server.duration", "s", &[]));
        assert_eq!(point(&metric).1.bounds[0], 5.0);
    }

    #[test]
    fn pools_are_renamed_with_their_attributes() {
        let (metric, _) =
            only(histogram("db.client.connections.usage", "{connection}", &["state", "pool.name"]));
        assert_eq!(metric.name, "db.client.connection.count");
        assert_eq!(point(&metric).0, ["db.client.connection.state", "db.client.connection.pool.name"]);
        let (metric, _) = only(histogram("db.client.operation.duration", "s", &["state", "db.operation"]));
        assert_eq!(point(&metric).0, ["state", "db.operation.name"]);
        let (metric, _) = only(histogram("jobs", "s", &["state", "http.method"]));
        assert_eq!(point(&metric).0, ["state", "http.method"], "a program's own");
    }

    #[test]
    fn an_attribute_under_both_keys_is_one() {
        let keys = ["http.method", "http.request.method"];
        let (metric, _) = only(histogram("http.server.request.duration", "s", &keys));
        assert_eq!(point(&metric).0, ["http.request.method"]);
    }

    #[test]
    fn a_metric_under_both_names_counts_once() {
        let both = vec![
            histogram("http.server.duration", "ms", &[]),
            histogram("http.server.request.duration", "s", &[]),
        ];
        let (kept, left_out) = upgraded(both);
        assert_eq!((kept.len(), left_out, kept[0].1), (1, 1, Convention::Current));
    }

    #[test]
    fn an_exponential_histogram_in_milliseconds_keeps_its_name() {
        let points = vec![Point { value: Exponential::default(), ..Point::default() }];
        let data = Data::ExponentialHistogram { temporality: Temporality::Delta, points };
        let sent =
            Metric { name: "http.server.duration".into(), unit: "ms".into(), data, ..Metric::default() };
        let (metric, convention) = only(sent);
        assert_eq!((&*metric.name, convention), ("http.server.duration", Convention::Current));
    }
}
