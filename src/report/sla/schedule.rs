//! Of which period a report is due: of the last one that is over, once its last scrapes are in.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::config::Every;
use crate::report::period::{Period, Said};

/// How long after its end a period is taken to be known: scrapes are in, and rules have run.
const GRACE: SignedDuration = SignedDuration::from_secs(300);

/// A period of which a report is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// As it is written, `2026-10` or `2026-Q4`.
    pub name: String,
    /// Which time it is.
    pub period: Period,
}

impl Due {
    /// The last period that is over.
    ///
    /// # Errors
    /// The time is beyond what calendars know.
    pub fn last(every: Every, zone: &TimeZone, now: Timestamp) -> Result<Due, String> {
        let known = now.checked_sub(GRACE).map_err(|error| error.to_string())?;
        let today = known.to_zoned(zone.clone()).date();
        let first = match every {
            Every::Month => today.first_of_month(),
            Every::Quarter => Date::new(today.year(), (today.month() - 1) / 3 * 3 + 1, 1)
                .map_err(|error| error.to_string())?,
        };
        let before = first.yesterday().map_err(|error| error.to_string())?;
        let (year, month) = (before.year(), before.month());
        let (name, said) = match every {
            Every::Month => {
                let name = format!("{year:04}-{month:02}");
                (name.clone(), Said { month: Some(name), ..Said::default() })
            }
            Every::Quarter => {
                let name = format!("{year:04}-Q{}", (month + 2) / 3);
                (name.clone(), Said { quarter: Some(name), ..Said::default() })
            }
        };
        Ok(Due { name, period: Period::of(&said, now, zone)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_due_when_it_is_over_where_it_is_meant() {
        let zone = |name: &str| TimeZone::get(name).unwrap();
        let last = |every, zone: &TimeZone, now: &str| Due::last(every, zone, now.parse().unwrap()).unwrap();
        for (every, name, now, expected) in [
            (Every::Month, "UTC", "2026-11-21T10:00:00Z", "2026-10"),
            (Every::Month, "UTC", "2026-11-01T00:04:59Z", "2026-09"),
            (Every::Month, "UTC", "2026-11-01T00:05:00Z", "2026-10"),
            (Every::Month, "Europe/Berlin", "2026-10-31T23:05:00Z", "2026-10"),
            (Every::Month, "UTC", "2027-01-05T00:00:00Z", "2026-12"),
            (Every::Quarter, "UTC", "2026-11-21T10:00:00Z", "2026-Q3"),
            (Every::Quarter, "UTC", "2027-01-01T00:05:00Z", "2026-Q4"),
            (Every::Quarter, "UTC", "2026-03-31T23:00:00Z", "2025-Q4"),
        ] {
            assert_eq!(last(every, &zone(name), now).name, expected, "{now}");
        }
        let october = last(Every::Month, &zone("Europe/Berlin"), "2026-11-21T10:00:00Z").period;
        assert_eq!(october.from.to_string(), "2026-09-30T22:00:00Z");
        assert_eq!(october.to.to_string(), "2026-10-31T23:00:00Z");
    }
}
