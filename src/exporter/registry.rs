//! All families in any `prometheus::Registry` (feature `prometheus-registry`).

use std::collections::HashMap;
use std::sync::Arc;

use prometheus::core::Desc;
use prometheus::proto::MetricFamily;

use crate::collect::{Collector, Selection, gather};
use crate::metrics::catalogue;
use crate::metrics::registry::FamilyPage;
use crate::snapshot::Source;

/// Offers what collectors show to a `prometheus::Registry`; register it once.
///
/// A gather reads like a scrape does and blocks its thread meanwhile, so inside an async
/// program it belongs on a blocking thread.
pub struct RegistryCollector {
    source: Arc<dyn Source>,
    collectors: Arc<Vec<Box<dyn Collector>>>,
    descriptions: Vec<Desc>,
}

impl RegistryCollector {
    /// Wraps collectors and the source of their snapshots.
    ///
    /// # Errors
    /// The `prometheus` crate refuses a name of the catalogue.
    pub fn new(
        source: Arc<dyn Source>,
        collectors: Arc<Vec<Box<dyn Collector>>>,
    ) -> prometheus::Result<RegistryCollector> {
        let shown =
            |name: &str| name == "dockmeter" || collectors.iter().any(|collector| collector.name() == name);
        let descriptions = catalogue::ALL.iter().filter(|metric| shown(metric.collector));
        let describe = |metric: &&catalogue::Metric| {
            Desc::new(metric.name.to_owned(), metric.help.to_owned(), Vec::new(), HashMap::new())
        };
        let descriptions = descriptions.map(describe).collect::<prometheus::Result<_>>()?;
        Ok(RegistryCollector { source, collectors, descriptions })
    }
}

impl prometheus::core::Collector for RegistryCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let snapshot = futures_executor::block_on(self.source.fresh());
        let mut page = FamilyPage::default();
        gather(&self.collectors, &Selection::default(), &snapshot, &mut page);
        page.finish()
    }
}
