//! Hours in which a team is not told.

use std::fmt;

use super::super::file::{QuietEntry, Text};
use super::super::layers::Layers;
use super::super::{ConfigError, value};

/// Days as Alertmanager names them, from Sunday on.
const DAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

/// Minutes of a day.
const DAY: u16 = 24 * 60;

/// When a team is not told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuietHours {
    /// The times; at least one.
    pub times: Vec<QuietTime>,
    /// The time zone, as `Europe/Berlin`; UTC without one.
    pub timezone: Option<String>,
    /// Whether what is critical waits, too.
    pub critical: bool,
}

/// A time within a day, on some days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuietTime {
    /// Minute of the day at which it begins.
    pub from: u16,
    /// Minute of the day at which it ends; after `from`.
    pub to: u16,
    /// Days, as Alertmanager names them; every day without any.
    pub days: Vec<&'static str>,
}

impl fmt::Display for QuietHours {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let times = self.times.iter().map(|QuietTime { from, to, days }| {
            let [from, to] = [from, to].map(|minute| clock(*minute));
            format!("{{from: '{from}', to: '{to}', days: [{}]}}", days.join(", "))
        });
        write!(f, "{{times: [{}]", times.collect::<Vec<_>>().join(", "))?;
        if let Some(timezone) = &self.timezone {
            write!(f, ", timezone: {timezone}")?;
        }
        write!(f, ", critical: {}}}", self.critical)
    }
}

/// A minute of the day as `HH:MM`.
pub fn clock(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// Reads the hours of a team.
pub(super) fn hours(layers: &Layers<'_>, entry: &QuietEntry) -> Result<QuietHours, ConfigError> {
    let mut times = Vec::new();
    for time in &entry.times.value {
        let minute = |text: &Option<Text>, otherwise: u16| {
            text.as_ref().map_or(Ok(otherwise), |text| layers.given(text).parse(minute))
        };
        let (from, to) = (minute(&time.value.from, 0)?, minute(&time.value.to, DAY)?);
        let mut days = Vec::new();
        for text in time.value.days.iter().flat_map(|days| &days.value) {
            days.extend(layers.given(text).parse(day_range)?);
        }
        match from.cmp(&to) {
            std::cmp::Ordering::Less => times.push(QuietTime { from, to, days }),
            // A night is an evening and the next day's morning.
            std::cmp::Ordering::Greater => {
                let next = days.iter().filter_map(|day| DAYS.iter().position(|known| known == day));
                let next = next.map(|day| DAYS[(day + 1) % DAYS.len()]).collect();
                times.push(QuietTime { from, to: DAY, days });
                if to > 0 {
                    times.push(QuietTime { from: 0, to, days: next });
                }
            }
            std::cmp::Ordering::Equal => {
                let place = layers.place(time.referenced);
                return Err(
                    place.refuse("a time begins and ends at the same minute; leave both out for a whole day")
                );
            }
        }
    }
    if times.is_empty() {
        return Err(layers.place(entry.times.referenced).refuse("no time at all; leave `quiet_hours` out"));
    }
    let critical =
        entry.critical.as_ref().map(|text| layers.given(text).parse(value::boolean)).transpose()?;
    let timezone = entry.timezone.as_ref().map(|text| layers.given(text).parse(timezone)).transpose()?;
    Ok(QuietHours { times, timezone, critical: critical.unwrap_or(false) })
}

/// `HH:MM` as minutes; `24:00` is the end of the day.
pub(in crate::config) fn minute(text: &str) -> Result<u16, String> {
    let parts = text.split_once(':').filter(|(hour, minute)| hour.len() == 2 && minute.len() == 2);
    let minutes =
        parts.and_then(|(hour, minute)| Some((hour.parse::<u16>().ok()?, minute.parse::<u16>().ok()?)));
    minutes
        .filter(|(hour, minute)| *minute < 60 && hour * 60 + minute <= DAY)
        .map(|(hour, minute)| hour * 60 + minute)
        .ok_or_else(|| format!("`{text}` is not a time such as `'07:30'`, from `'00:00'` to `'24:00'`"))
}

/// `saturday`, or `monday:friday`.
fn day_range(text: &str) -> Result<Vec<&'static str>, String> {
    let day = |name: &str| DAYS.iter().position(|known| *known == name);
    let (first, last) = text.split_once(':').unwrap_or((text, text));
    let (Some(first), Some(last)) = (day(first), day(last)) else {
        return Err(format!("`{text}` is not a day such as `saturday`, or days such as `monday:friday`"));
    };
    let count = (last + DAYS.len() - first) % DAYS.len() + 1;
    Ok((first..first + count).map(|day| DAYS[day % DAYS.len()]).collect())
}

fn timezone(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "/_+-".contains(c);
    match !text.is_empty() && text.chars().all(fits) {
        true => Ok(text.to_owned()),
        false => Err(format!("`{text}` is not a time zone such as `Europe/Berlin`")),
    }
}
