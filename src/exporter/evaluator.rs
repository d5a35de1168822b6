//! Watches whether Grafana evaluates the rules that it was given, for `dockmeter_alert_evaluator`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::grafana::{Door, Evaluation};

/// How often Grafana is asked: as often as it evaluates.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(30);

/// Who evaluates tenants' alerts, as it was last seen.
#[derive(Clone, Debug, Default)]
pub struct Evaluator(Arc<AtomicBool>);

impl Evaluator {
    /// Whether Grafana does.
    pub fn is_grafana(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Watches a Grafana; never ends.
    pub async fn watch(self, grafana: Door, mut evaluation: Evaluation) {
        let started = Instant::now();
        let mut look = tokio::time::interval(LOOKED_AT_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut complained = false;
        loop {
            look.tick().await;
            let answer = match grafana.open() {
                Ok(grafana) => grafana.evaluated().await,
                Err(error) => Err(error),
            };
            if let Err(error) = &answer
                && !std::mem::replace(&mut complained, true)
            {
                tracing::warn!(%error, "Grafana does not tell whether it evaluates alerts; Prometheus does so");
            }
            complained &= answer.is_err();
            let is_grafana = evaluation.look(answer.ok().as_ref(), started.elapsed());
            if self.0.swap(is_grafana, Ordering::Relaxed) != is_grafana {
                let evaluator = if is_grafana { "grafana" } else { "prometheus" };
                tracing::info!(evaluator, "another one evaluates tenants' alerts");
            }
        }
    }
}
