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

#[cfg(test)]
pub(super) fn ids() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().map(|(id, _)| *id)
}
