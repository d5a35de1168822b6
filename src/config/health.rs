//! From when on something is a warning, or unhealthy.

use std::ops::RangeInclusive;

use super::layers::Layers;
use super::{ConfigError, file, settings, value};

/// In percent.
const SHARE: RangeInclusive<f64> = 1.0..=100.0;

/// From which share of a limit on something is not healthy, in percent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Health {
    /// A warning.
    pub warning_percent: f64,
    /// Unhealthy; not below the other.
    pub unhealthy_percent: f64,
}

impl Default for Health {
    fn default() -> Self {
        Health { warning_percent: 90.0, unhealthy_percent: 95.0 }
    }
}

/// Reads both.
pub(super) fn health(layers: &mut Layers<'_>, file: &file::Health) -> Result<Health, ConfigError> {
    let warning_percent =
        layers.one(&settings::HEALTH_WARNING, file.warning.as_ref(), |text| value::number(text, SHARE))?;
    let unhealthy_percent = layers.one(&settings::HEALTH_UNHEALTHY, file.unhealthy.as_ref(), |text| {
        let percent = value::number(text, SHARE)?;
        match percent < warning_percent {
            true => Err(format!("`{text}` is below `health.warning`, which is {warning_percent}; raise it")),
            false => Ok(percent),
        }
    })?;
    Ok(Health { warning_percent, unhealthy_percent })
}
