//! Reports that the exporter writes by itself.

use std::path::PathBuf;

use jiff::tz::TimeZone;

use super::file;
use super::layers::{Layers, Origin};
use super::{ConfigError, Upstream, folder_of, settings, value};

/// The report on promises that is written at each period's end.
#[derive(Clone, Debug, PartialEq)]
pub struct SlaReport {
    /// Where it is written; `None` if it is not.
    pub folder: Option<PathBuf>,
    /// How long a period is.
    pub every: Every,
    /// Where periods begin and end.
    pub zone: TimeZone,
}

/// How long the period of a report is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Every {
    /// A calendar month.
    #[default]
    Month,
    /// A quarter of a year.
    Quarter,
}

impl Every {
    const WORDS: [(&'static str, Every); 2] = [("month", Every::Month), ("quarter", Every::Quarter)];

    /// The word of the setting.
    pub fn as_str(self) -> &'static str {
        match self {
            Every::Month => "month",
            Every::Quarter => "quarter",
        }
    }
}

/// Puts together where and when the report is written, which needs a Prometheus.
pub(super) fn sla(
    layers: &mut Layers<'_>,
    file: &file::SlaReport,
    prometheus: &Upstream,
) -> Result<SlaReport, ConfigError> {
    let setting = &settings::REPORT_SLA_FOLDER;
    let named = layers.one(setting, file.folder.as_ref(), |text| Ok(PathBuf::from(text)))?;
    let origin = layers.origins.get(setting.name()).cloned().unwrap_or_default();
    let folder = match (named.as_os_str().is_empty(), &origin) {
        (true, _) => None,
        (false, Origin::File { path, .. }) => Some(folder_of(path).join(named)),
        (false, _) => Some(named),
    };
    if folder.is_some() && prometheus.url.is_none() {
        return Err(origin.refuse(
            "reports are made from what a Prometheus holds; name it by `prometheus.url`, such as `http://127.0.0.1:9090`",
        ));
    }
    Ok(SlaReport {
        folder,
        every: layers
            .one(&settings::REPORT_SLA_EVERY, file.every.as_ref(), |text| value::word(text, &Every::WORDS))?,
        zone: layers.one(&settings::REPORT_SLA_TIME_ZONE, file.time_zone.as_ref(), value::time_zone)?,
    })
}
