//! Whether what is unusual is told as it happens, and what that may take.

use std::ops::RangeInclusive;

use super::layers::Layers;
use super::{ConfigError, file, settings, value};

/// Below this there is no room for one container.
const MEMORY_BYTES: RangeInclusive<usize> = 1 << 20..=64 << 30;

/// How anomalies are detected as they happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anomalies {
    /// Whether they are.
    pub enabled: bool,
    /// The most bytes of memory that detectors take.
    pub memory_bytes: usize,
}

/// Reads the section.
pub(super) fn anomalies(layers: &mut Layers<'_>, file: &file::Anomalies) -> Result<Anomalies, ConfigError> {
    Ok(Anomalies {
        enabled: layers.one(&settings::ANOMALIES_ENABLED, file.enabled.as_ref(), value::boolean)?,
        memory_bytes: layers.one(&settings::ANOMALIES_MEMORY_BYTES, file.memory_bytes.as_ref(), |text| {
            value::bytes(text, MEMORY_BYTES)
        })?,
    })
}
