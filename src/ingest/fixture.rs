//! A store with room, and the page that it makes, for tests.

use std::time::Duration;

use super::collector::show;
use super::store::{Limits, Store, Visit};
use crate::config::Naming;
use crate::metrics::text::{Dialect, TextEncoder};
use crate::metrics::{Family, Sink as _};

/// A store that is nowhere near full.
pub(crate) fn store() -> Store {
    Store::new(Limits {
        senders_per_tenant: 100,
        metrics_per_tenant: 100,
        series_per_tenant: 1_000,
        series_per_metric: 1_000,
        series_total: 1_000,
        bytes: 64 << 20,
        idle: Duration::from_secs(300),
    })
}

/// The samples of a store under the conventions' names, without `HELP` and `TYPE`.
pub(crate) fn samples(store: &Store) -> Vec<String> {
    let mut encoder = TextEncoder::new(Dialect::Prometheus, Vec::new());
    store.walk(Naming::Otel, &mut |visit| match visit {
        Visit::Family(family) => encoder.open(Family::Foreign(family.clone())),
        Visit::Series(labels, value) => show(&mut encoder, labels, value),
    });
    let page = String::from_utf8(encoder.finish()).unwrap();
    page.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}
