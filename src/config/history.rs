//! What the history keeps, for how long, and where.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::layers::Layers;
use super::settings::{self, Setting};
use super::{ConfigError, file, upstream, value};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// For how long each step may be kept. The least is enough to make the next one of it after a
/// start, the most is so many points as one answer may have.
const RETENTIONS: [(&Setting, RangeInclusive<Duration>); 4] = [
    (&settings::HISTORY_RETENTION_5S, Duration::from_secs(600)..=Duration::from_secs(12 * 3_600)),
    (&settings::HISTORY_RETENTION_1M, HOUR..=Duration::from_secs(7 * 86_400)),
    (&settings::HISTORY_RETENTION_5M, Duration::from_secs(6 * 3_600)..=Duration::from_secs(35 * 86_400)),
    (&settings::HISTORY_RETENTION_1H, DAY..=Duration::from_secs(400 * 86_400)),
];

/// Below this there is no room for one container.
const MEMORY_BYTES: RangeInclusive<usize> = 1 << 20..=64 << 30;

/// What the history keeps, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// Whether there is one.
    pub enabled: bool,
    /// The folder of its files; `None` where everything is in memory alone.
    pub path: Option<PathBuf>,
    /// How long steps of 5 s, 1 min, 5 min and 1 h are kept; none shorter than a finer one.
    pub retention: [Duration; 4],
    /// The most bytes of memory.
    pub memory_bytes: usize,
    /// The most bytes of files.
    pub disk_bytes: usize,
}

/// Reads the section.
pub(super) fn history(layers: &mut Layers<'_>, file: &file::History) -> Result<History, ConfigError> {
    let retention = &file.retention;
    let said = [&retention.seconds5, &retention.minute, &retention.minutes5, &retention.hour];
    let mut kept = [Duration::ZERO; 4];
    for (step, (setting, bounds)) in RETENTIONS.into_iter().enumerate() {
        kept[step] = layers.one(setting, said[step].as_ref(), |text| {
            let time = value::duration(text, bounds)?;
            match step.checked_sub(1).map(|finer| kept[finer]).filter(|finer| time < *finer) {
                Some(finer) => Err(format!(
                    "`{text}` is shorter than a finer step is kept, which is {}; raise it",
                    value::show_duration(finer)
                )),
                None => Ok(time),
            }
        })?;
    }
    Ok(History {
        enabled: layers.one(&settings::HISTORY_ENABLED, file.enabled.as_ref(), value::boolean)?,
        path: upstream::path(layers, &settings::HISTORY_PATH, file.path.as_ref())?,
        retention: kept,
        memory_bytes: layers.one(&settings::HISTORY_MEMORY_BYTES, file.memory_bytes.as_ref(), |text| {
            value::bytes(text, MEMORY_BYTES)
        })?,
        disk_bytes: layers.one(&settings::HISTORY_DISK_BYTES, file.disk_bytes.as_ref(), |text| {
            value::bytes(text, MEMORY_BYTES)
        })?,
    })
}
