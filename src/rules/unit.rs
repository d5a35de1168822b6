//! What a value is, and how it is written for people: by a template of Prometheus, and here.

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A share, 1 being all.
    Ratio,
    /// Bytes.
    Bytes,
    /// Seconds.
    Seconds,
    /// Cores.
    Cores,
    /// How many.
    Count,
    /// How many a second.
    PerSecond,
    /// Bytes a second.
    BytesPerSecond,
    /// A multiple of something usual.
    Times,
    /// Days.
    Days,
    /// Only whether it is so.
    State,
}

impl Unit {
    /// The words of the catalogue.
    pub const WORDS: [(&'static str, Unit); 10] = [
        ("ratio", Unit::Ratio),
        ("bytes", Unit::Bytes),
        ("seconds", Unit::Seconds),
        ("cores", Unit::Cores),
        ("count", Unit::Count),
        ("per_second", Unit::PerSecond),
        ("bytes_per_second", Unit::BytesPerSecond),
        ("times", Unit::Times),
        ("days", Unit::Days),
        ("state", Unit::State),
    ];

    /// The word.
    pub fn as_str(self) -> &'static str {
        Unit::WORDS.into_iter().find(|(_, unit)| *unit == self).map_or("", |(word, _)| word)
    }

    /// The unit that the name of a recorded series ends with.
    pub(super) fn of_series(name: &str) -> Option<Unit> {
        let last = name.rsplit([':', '_']).next()?;
        Unit::WORDS.into_iter().find(|(word, _)| *word == last).map(|(_, unit)| unit)
    }

    /// A value in Go's templates; `value` is what it is called there.
    pub(super) fn template(self, value: &str) -> String {
        match self {
            Unit::Ratio => format!("{{{{ {value} | humanizePercentage }}}}"),
            Unit::Bytes => format!("{{{{ {value} | humanize1024 }}}}B"),
            Unit::Seconds => format!("{{{{ {value} | humanizeDuration }}}}"),
            Unit::Cores => format!("{{{{ {value} | printf \"%.2f\" }}}} cores"),
            Unit::Count => format!("{{{{ {value} | printf \"%.0f\" }}}}"),
            Unit::PerSecond => format!("{{{{ {value} | humanize }}}}/s"),
            Unit::BytesPerSecond => format!("{{{{ {value} | humanize }}}}B/s"),
            Unit::Times => format!("{{{{ {value} | printf \"%.1f\" }}}} times"),
            Unit::Days => format!("{{{{ {value} | printf \"%.1f\" }}}} days"),
            Unit::State => "yes".to_owned(),
        }
    }

    /// A threshold.
    pub(super) fn show(self, value: f64) -> String {
        match self {
            Unit::Ratio => format!("{}%", round(value * 100.0)),
            Unit::Bytes => scaled(value, &[("GiB", 1u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)], "B"),
            Unit::Seconds if value != 0.0 && value.abs() < 1.0 => format!("{}ms", round(value * 1000.0)),
            Unit::Seconds => scaled(value, &[("d", 86_400), ("h", 3600), ("m", 60)], "s"),
            Unit::Cores => format!("{} cores", round(value)),
            Unit::Count => round(value),
            Unit::PerSecond => format!("{}/s", round(value)),
            Unit::BytesPerSecond => {
                format!("{}/s", scaled(value, &[("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1000)], "B"))
            }
            Unit::Times => format!("{} times", round(value)),
            Unit::Days => format!("{} days", round(value)),
            Unit::State => "yes".to_owned(),
        }
    }
}

/// With four decimals at most.
fn round(value: f64) -> String {
    format!("{}", (value * 10_000.0).round() / 10_000.0)
}

/// In the largest unit that it has at least one of.
fn scaled(value: f64, units: &[(&str, u64)], base: &str) -> String {
    let fitting = units.iter().find(|(_, scale)| value.abs() >= *scale as f64);
    fitting.map_or_else(
        || format!("{}{base}", round(value)),
        |(name, scale)| format!("{}{name}", (value / *scale as f64 * 10.0).round() / 10.0),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_reads_as_people_say_it() {
        for (unit, value, shown) in [
            (Unit::Ratio, 0.95, "95%"),
            (Unit::Ratio, 0.001, "0.1%"),
            (Unit::Bytes, 314_572_800.0, "300MiB"),
            (Unit::BytesPerSecond, 1e8, "100MB/s"),
            (Unit::Seconds, 0.1, "100ms"),
            (Unit::Seconds, 3600.0, "1h"),
            (Unit::Seconds, 2.0, "2s"),
            (Unit::Count, 3.0, "3"),
            (Unit::Times, 1.5, "1.5 times"),
        ] {
            assert_eq!(unit.show(value), shown);
        }
    }

    #[test]
    fn a_recorded_series_names_its_unit() {
        assert_eq!(Unit::of_series("container:memory_limit:bytes"), Some(Unit::Bytes));
        assert_eq!(Unit::of_series("container:cpu_share:ratio"), Some(Unit::Ratio));
        assert_eq!(Unit::of_series("up"), None);
    }
}
