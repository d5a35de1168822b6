//! From the text of a setting to its value: durations, counts, words.
//!
//! Every function answers what is wrong as a sentence about the text; who calls adds where
//! the text came from.

use std::ops::RangeInclusive;
use std::time::Duration;

use jiff::tz::TimeZone;

/// Units of a duration, the largest first.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// A duration as `250ms`, `5s`, `1m`, `24h` or `7d`, within bounds.
///
/// # Errors
/// The text is none, or out of bounds; the message says so.
pub fn duration(text: &str, bounds: RangeInclusive<Duration>) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let milliseconds = || {
        let (_, scale) = UNITS.iter().find(|(name, _)| *name == unit)?;
        number.parse::<u64>().ok()?.checked_mul(*scale)
    };
    let duration = milliseconds()
        .map(Duration::from_millis)
        .ok_or_else(|| format!("`{text}` is not a duration such as `250ms`, `5s`, `1m`, `24h` or `7d`"))?;
    if bounds.contains(&duration) {
        return Ok(duration);
    }
    Err(format!(
        "`{text}` is not from {} to {}",
        show_duration(*bounds.start()),
        show_duration(*bounds.end())
    ))
}

/// A duration in the largest unit that divides it.
pub fn show_duration(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    let fitting = UNITS.iter().find(|(_, scale)| milliseconds.is_multiple_of(u128::from(*scale)));
    fitting.map_or_else(
        || format!("{milliseconds}ms"),
        |(name, scale)| format!("{}{name}", milliseconds / u128::from(*scale)),
    )
}

/// A duration as Go writes it, such as `1s`, `1m30s` or `1.5h`, or `0`.
pub(super) fn go_duration(text: &str) -> Result<Duration, String> {
    const UNITS: [(&str, f64); 7] =
        [("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
    let parts = || {
        let (mut rest, mut seconds) = (text, 0.0);
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
            let (number, unit) = rest.split_at(digits);
            let letters = unit.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(unit.len());
            let (unit, after) = unit.split_at(letters);
            let (_, scale) = UNITS.iter().find(|(name, _)| *name == unit)?;
            seconds += number.parse::<f64>().ok()? * scale;
            rest = after;
        }
        Duration::try_from_secs_f64(seconds).ok().filter(|_| !text.is_empty())
    };
    let duration = if text == "0" { Some(Duration::ZERO) } else { parts() };
    duration.ok_or_else(|| format!("`{text}` is not a duration such as `500ms`, `1s` or `1m30s`"))
}

/// The origin of a web page as browsers send it: RFC 6454, 6.2.
pub(super) fn origin(text: &str) -> Result<String, String> {
    let is_one = || {
        let (scheme, place) = text.split_once("://")?;
        let usual = if scheme == "https" { ":443" } else { ":80" };
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (place, None),
        };
        let is_port = |port: &str| port.parse::<u16>().is_ok_and(|number| number.to_string() == port);
        let inside = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let is_host = match inside {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => host.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || b"-._".contains(&c)),
        };
        let usable = matches!(scheme, "http" | "https") && !host.is_empty() && !place.ends_with(usual);
        (usable && is_host && port.is_none_or(is_port)).then(|| text.to_owned())
    };
    is_one().ok_or_else(|| {
        format!(
            "`{text}` is no origin as browsers send it, such as `https://dash.example.com` or \
             `http://10.0.0.7:3000`: scheme and host in lower case, a port unless it is the scheme's own, and \
             nothing behind"
        )
    })
}

/// A time zone: `UTC`, or a name of the system's database as `Europe/Berlin`.
///
/// # Errors
/// The system knows no such zone; the message says so.
pub fn time_zone(text: &str) -> Result<TimeZone, String> {
    if text == "UTC" {
        return Ok(TimeZone::UTC);
    }
    TimeZone::get(text).map_err(|_| {
        format!(
            "`{text}` is no time zone that this system knows, such as `Europe/Berlin`; `UTC` is always known"
        )
    })
}

/// A whole number within bounds.
pub(super) fn count(text: &str, bounds: RangeInclusive<usize>) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| bounds.contains(number));
    number
        .ok_or_else(|| format!("`{text}` is not a whole number from {} to {}", bounds.start(), bounds.end()))
}

/// A size in bytes as `8MiB`, within bounds.
pub(super) fn bytes(text: &str, bounds: RangeInclusive<usize>) -> Result<usize, String> {
    let bytes = crate::tenant::bytes(text).and_then(|bytes| usize::try_from(bytes).ok());
    let bytes = bytes.ok_or_else(|| format!("`{text}` is not a size such as `512KiB` or `8MiB`"))?;
    let shown = |bytes: &usize| show_bytes(*bytes);
    bounds
        .contains(&bytes)
        .then_some(bytes)
        .ok_or_else(|| format!("`{text}` is not from {} to {}", shown(bounds.start()), shown(bounds.end())))
}

/// A size in the largest unit that divides it.
pub(super) fn show_bytes(bytes: usize) -> String {
    let units = [(1 << 20, "MiB"), (1 << 10, "KiB"), (1, "")];
    let fitting = units.into_iter().find(|(scale, _)| bytes.is_multiple_of(*scale));
    fitting.map_or_else(String::new, |(scale, unit)| format!("{}{unit}", bytes / scale))
}

/// A number, with decimals or without, within bounds.
pub(super) fn number(text: &str, bounds: RangeInclusive<f64>) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| bounds.contains(number));
    number.ok_or_else(|| format!("`{text}` is not a number from {} to {}", bounds.start(), bounds.end()))
}

/// `true` or `false`.
pub(super) fn boolean(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| format!("`{text}` is neither `true` nor `false`"))
}

/// One of a few words.
pub(super) fn word<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, String> {
    let found = words.iter().find(|(word, _)| *word == text);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        format!("`{text}` is not {}", crate::yaml::one_of(&words))
    })
}

/// A regular expression; of the compiler's drawing only the sentence is kept.
pub(super) fn regex(text: &str) -> Result<regex::Regex, String> {
    regex::Regex::new(text).map_err(|error| bad_regex(text, &error))
}

/// Why a text is no regular expression, in one line.
pub(super) fn bad_regex(text: &str, error: &regex::Error) -> String {
    let whole = error.to_string();
    let sentence = whole.lines().last().unwrap_or_default().trim();
    format!("`{text}` is not a regular expression: {}", sentence.trim_start_matches("error: "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ANY: RangeInclusive<Duration> = Duration::ZERO..=Duration::MAX;

    #[test]
    fn durations_have_one_number_and_one_unit() {
        for (text, milliseconds) in
            [("250ms", 250), ("5s", 5_000), ("1m", 60_000), ("24h", 86_400_000), ("7d", 604_800_000)]
        {
            assert_eq!(duration(text, ANY), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "5", "s", "-5s", "1.5s", "1h30m", "5 s", "99999999999999999d"] {
            assert!(duration(text, ANY).is_err(), "{text}");
        }
        let refused = duration("2h", Duration::from_secs(1)..=Duration::from_secs(3600));
        assert_eq!(refused, Err("`2h` is not from 1s to 1h".to_owned()));
    }

    #[test]
    fn go_s_durations_have_parts_and_decimals() {
        for (text, milliseconds) in
            [("0", 0), ("1s", 1000), ("1m30s", 90_000), ("1.5h", 5_400_000), ("250ms", 250), ("0s", 0)]
        {
            assert_eq!(go_duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "1", "s", "1x", "-1s", "1s2", ".", "1..s", "9e9h", "é"] {
            assert!(go_duration(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_duration_that_is_shown_is_read_back(milliseconds in 0..10_000_000_000u64) {
            let value = Duration::from_millis(milliseconds);
            prop_assert_eq!(duration(&show_duration(value), ANY), Ok(value));
        }
    }
}
