//! The ids of Grafana's units that a dashboard may use.

/// A unit's id, and what it makes of a value.
const KNOWN: [(&str, &str); 33] = [
    ("none", "a plain number"),
    ("short", "a number with K, Mil, Bil"),
    ("sishort", "a number with k, M, G"),
    ("locale", "a number as the reader's language writes it"),
    ("percent", "percent, of 0 to 100"),
    ("percentunit", "percent, of 0 to 1"),
    ("bool_yes_no", "yes or no"),
    ("bool_on_off", "on or off"),
    ("string", "a text"),
    ("bytes", "bytes in powers of 1024"),
    ("decbytes", "bytes in powers of 1000"),
    ("bits", "bits in powers of 1024"),
    ("Bps", "bytes a second, in powers of 1000"),
    ("binBps", "bytes a second, in powers of 1024"),
    ("bps", "bits a second, in powers of 1000"),
    ("pps", "packets a second"),
    ("s", "seconds, or what suits"),
    ("ms", "milliseconds, or what suits"),
    ("h", "hours"),
    ("d", "days"),
    ("dtdurations", "seconds as days, hours, minutes"),
    ("dthms", "seconds as hh:mm:ss"),
    ("clocks", "seconds as a clock"),
    ("dateTimeAsIso", "milliseconds since 1970 as a date and time"),
    ("dateTimeFromNow", "milliseconds since 1970 as how long ago"),
    ("hertz", "hertz"),
    ("celsius", "degrees Celsius"),
    ("ops", "operations a second"),
    ("iops", "disk operations a second"),
    ("reqps", "requests a second"),
    ("rps", "reads a second"),
    ("cps", "counts a second"),
    ("eps", "events a second"),
];

/// What may stand before a text of one's own.
const OWN: [&str; 7] = ["suffix:", "prefix:", "currency:", "si:", "count:", "time:", "bool:"];

/// Whether Grafana knows what to make of it. Any other text it would write behind the number,
/// which is how a misspelt unit goes unnoticed.
pub(super) fn is_known(id: &str) -> bool {
    KNOWN.iter().any(|(known, _)| *known == id)
        || OWN.iter().any(|own| id.strip_prefix(own).is_some_and(|text| !text.trim().is_empty()))
}

/// Up to where an axis of a unit goes at least: what is smaller is as good as nothing. Without it
/// Grafana draws an axis of nothing but zeros up to 100, which are 10,000 % and 1.67 minutes.
pub(super) fn least(id: &str) -> Option<f64> {
    Some(match id {
        "percentunit" | "suffix: cores" => 0.01,
        "s" => 0.001,
        "ops" | "iops" | "reqps" | "rps" | "cps" | "eps" | "pps" => 0.1,
        "percent" | "ms" | "none" | "short" | "sishort" | "locale" => 1.0,
        other if other.starts_with("suffix:") => 1.0,
        _ => return None,
    })
}

#[cfg(test)]
pub(super) fn ids() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().map(|(id, _)| *id)
}
