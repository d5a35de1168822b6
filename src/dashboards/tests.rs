//! Templates, and the dashboards that are made of them.

use super::*;
use crate::config::Sources;

/// The catalogue as it is delivered.
fn catalogue() -> Catalogue {
    let config = Sources::default().load().unwrap();
    crate::rules::catalogue(&config.alerting, config.slo.period).unwrap()
}

#[test]
fn files_in_the_tree_are_current() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("grafana/dashboards");
    let rendered = files(&dashboards(&catalogue(), None).unwrap());
    let stale = crate::files::stale(&folder, &rendered, OURS);
    assert!(stale.is_empty(), "`dockmeter grafana render` renews {stale:?}");
}
