//! A host on which containers of two teams are held back by their limits.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::BoxFuture;

use super::Source;
use crate::history::{Ask, Bin, Line, Query, Wanted, Whom};
use crate::inventory::ContainerId;
use crate::prometheus::QueryError;

/// Answers, or does not.
#[derive(Debug, Default)]
pub(super) struct Host {
    pub(super) is_down: AtomicBool,
    /// Whether it knows of the containers here.
    pub(super) is_strange: AtomicBool,
}

impl Host {
    fn answer<T>(&self, value: T) -> Result<T, QueryError> {
        match self.is_down.load(Ordering::Relaxed) {
            true => Err(QueryError::Unnamed),
            false => Ok(value),
        }
    }
}

impl Query for Host {
    fn name(&self) -> &'static str {
        "prometheus"
    }

    fn bins<'a>(&'a self, _: &'a Ask) -> BoxFuture<'a, Result<Vec<Bin>, QueryError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn beside<'a>(&'a self, _: &'a [ContainerId]) -> BoxFuture<'a, Result<Option<Whom>, QueryError>> {
        let whom = Whom { host: Some("here:10417".to_owned()), ..Whom::default() };
        let found = (!self.is_strange.load(Ordering::Relaxed)).then_some(whom);
        Box::pin(async move { self.answer(found) })
    }

    fn lines<'a>(&'a self, wanted: &'a Wanted) -> BoxFuture<'a, Result<Vec<Line>, QueryError>> {
        assert_eq!(wanted.whom.host.as_deref(), Some("here:10417"), "it is asked of this host alone");
        let of = |team: &str| -> BTreeMap<String, String> {
            [("user", "ann"), ("project", "shop"), ("team", team), ("name", "api-1")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into()
        };
        let value = match wanted.measure.name {
            "cpu_usage_cores" => 0.5,
            "cpu_throttled_periods_ratio" => 0.6,
            _ => return Box::pin(async { self.answer(Vec::new()) }),
        };
        let steps = wanted.from / wanted.step_ms + 1..=wanted.to / wanted.step_ms;
        let points: Vec<(i64, f64)> = steps.map(|step| (step * wanted.step_ms, value)).collect();
        let line = |team| Line { labels: of(team), points: points.clone() };
        let lines = vec![line("core"), line("unknown")];
        Box::pin(async move { self.answer(lines) })
    }
}

/// Who asks it.
pub(super) fn source(host: &Arc<Host>) -> Source {
    let host = host.clone();
    Arc::new(move || Some(host.clone() as Arc<dyn Query>))
}
