//! Pools of connections that are too small.

use super::lines::Labels;
use super::{Looked, Told};
use crate::analysis::advice::pool;
use crate::analysis::finding::Scope;
use crate::analysis::recommendation::Kind;
use crate::analysis::statistics::order::quantile;
use crate::history::{advice, insight};

/// The label that names a pool.
pub(crate) const POOL: &str = "db_client_connection_pool_name";

/// What is used nearly all the time.
const NEARLY_ALL: f64 = 0.95;

pub(super) fn look(told: &Told) -> Looked {
    let mut looked = Looked::default();
    let active = told.of(&advice::POOL_ACTIVE);
    for labels in active.labels() {
        let most = told.of(&advice::POOL_MOST).points(labels);
        let Some(most) = most.and_then(|points| points.values().next_back()).copied() else { continue };
        let (scope, pool) = (Scope::of(labels), labels.get(POOL).cloned().unwrap_or_default());
        if let Some(used) = used(told, labels) {
            looked.note(Kind::PoolSize, &scope, Some(&pool), used);
        }
        looked.answers.extend(pool::recommend(&pool::Facts {
            scope,
            pool,
            active: active.series(labels),
            waiting: told.of(&insight::POOL_WAITING).series(labels),
            most,
            // Nobody tells which server a pool is of.
            left_on_server: None,
            step_ms: active.step_ms(),
        }));
    }
    looked
}

/// The share of a pool that is in use nearly all the time.
pub(super) fn used(told: &Told, labels: &Labels) -> Option<f64> {
    let most = *told.of(&advice::POOL_MOST).points(labels)?.values().next_back()?;
    let busy = quantile(&told.of(&advice::POOL_ACTIVE).series(labels).values(), NEARLY_ALL)?;
    (most >= 1.0).then_some(busy / most)
}
