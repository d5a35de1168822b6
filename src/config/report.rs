//! Reports that the exporter writes by itself.

use std::path::PathBuf;

use std::ops::RangeInclusive;
use std::time::Duration;

use jiff::civil::Weekday;
use jiff::tz::TimeZone;

use super::alerting::minute;
use super::file;
use super::layers::{Layers, Origin};
use super::{ConfigError, Upstream, folder_of, settings, value};

/// It takes a second of a core for a thousand containers, and who looks hourly finds too late.
const INTERVAL: RangeInclusive<Duration> = Duration::from_secs(60)..=Duration::from_secs(3_600);

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

/// When teams are told what was found in a week.
#[derive(Clone, Debug, PartialEq)]
pub struct Weekly {
    /// On which day; `None` for never.
    pub day: Option<Weekday>,
    /// At which minute of it.
    pub minute: u16,
    /// Where that is.
    pub zone: TimeZone,
}

impl Weekly {
    /// The words of `report.weekly.day`.
    pub const DAYS: [(&'static str, Option<Weekday>); 8] = [
        ("monday", Some(Weekday::Monday)),
        ("tuesday", Some(Weekday::Tuesday)),
        ("wednesday", Some(Weekday::Wednesday)),
        ("thursday", Some(Weekday::Thursday)),
        ("friday", Some(Weekday::Friday)),
        ("saturday", Some(Weekday::Saturday)),
        ("sunday", Some(Weekday::Sunday)),
        ("never", None),
    ];

    /// The word of the day.
    pub fn day_as_str(&self) -> &'static str {
        Weekly::DAYS.into_iter().find(|(_, day)| *day == self.day).map_or("never", |(word, _)| word)
    }
}

/// Reads when teams are told.
pub(super) fn weekly(layers: &mut Layers<'_>, file: &file::WeeklyReport) -> Result<Weekly, ConfigError> {
    Ok(Weekly {
        day: layers
            .one(&settings::REPORT_WEEKLY_DAY, file.day.as_ref(), |text| value::word(text, &Weekly::DAYS))?,
        minute: layers.one(&settings::REPORT_WEEKLY_TIME, file.time.as_ref(), |text| {
            minute(text).and_then(|minute| match minute < 24 * 60 {
                true => Ok(minute),
                false => Err(format!("`{text}` is the end of a day; say `00:00` of the next")),
            })
        })?,
        zone: layers.one(&settings::REPORT_WEEKLY_TIME_ZONE, file.time_zone.as_ref(), value::time_zone)?,
    })
}

/// Reads how often it is looked for what holds requests up; `None` for never.
pub(super) fn findings(
    layers: &mut Layers<'_>,
    file: &file::Findings,
) -> Result<Option<Duration>, ConfigError> {
    let enabled = layers.one(&settings::FINDINGS_ENABLED, file.enabled.as_ref(), value::boolean)?;
    let interval = layers
        .one(&settings::FINDINGS_INTERVAL, file.interval.as_ref(), |text| value::duration(text, INTERVAL))?;
    Ok(enabled.then_some(interval))
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
