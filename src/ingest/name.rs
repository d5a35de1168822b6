//! OpenTelemetry's names and units as Prometheus has them.
//!
//! The strategy is the one that Prometheus's own receiver and the Collector take unless told
//! otherwise: characters that a name cannot have become `_`, unit and kind are appended.
//! Source: the OpenTelemetry specification "Prometheus and OpenMetrics Compatibility", and the
//! rules of prometheus/otlptranslator.

/// What decides over the end of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A sum that never falls.
    Counter,
    /// A last value, or a sum that may fall.
    Gauge,
    /// A distribution.
    Distribution,
}

/// Units by UCUM, and the words that stand for them in names.
const UNITS: &[(&str, &str)] = &[
    ("d", "days"),
    ("h", "hours"),
    ("min", "minutes"),
    ("s", "seconds"),
    ("ms", "milliseconds"),
    ("us", "microseconds"),
    ("ns", "nanoseconds"),
    ("By", "bytes"),
    ("KiBy", "kibibytes"),
    ("MiBy", "mebibytes"),
    ("GiBy", "gibibytes"),
    ("TiBy", "tibibytes"),
    ("KBy", "kilobytes"),
    ("MBy", "megabytes"),
    ("GBy", "gigabytes"),
    ("TBy", "terabytes"),
    ("m", "meters"),
    ("V", "volts"),
    ("A", "amperes"),
    ("J", "joules"),
    ("W", "watts"),
    ("g", "grams"),
    ("Cel", "celsius"),
    ("Hz", "hertz"),
    ("1", ""),
    ("%", "percent"),
];

/// What stands behind the stroke of a unit.
const PER_UNITS: &[(&str, &str)] = &[
    ("s", "second"),
    ("m", "minute"),
    ("h", "hour"),
    ("d", "day"),
    ("w", "week"),
    ("mo", "month"),
    ("y", "year"),
];

/// The name of a metric; `None` if nothing of it is left.
pub fn metric_name(name: &str, unit: &str, shape: Shape) -> Option<String> {
    let mut tokens: Vec<&str> =
        name.split(|c| !in_metric_name(c)).filter(|token| !token.is_empty()).collect();
    let (main, per) = unit_words(unit);
    if !main.is_empty() && !tokens.contains(&main.as_str()) {
        tokens.push(&main);
    }
    // Even where the name says it already: `rate_per_second` in `1/s` says it twice.
    if !per.is_empty() {
        tokens.extend(["per", &per]);
    }
    let end = match shape {
        Shape::Counter => Some("total"),
        Shape::Gauge if unit == "1" => Some("ratio"),
        Shape::Gauge | Shape::Distribution => None,
    };
    if let Some(end) = end {
        tokens.retain(|token| *token != end);
        tokens.push(end);
    }
    let name = tokens.join("_");
    let first = name.chars().next()?;
    Some(if first.is_ascii_digit() { format!("_{name}") } else { name })
}

/// The words of a unit and of what it is per; empty where there is none.
fn unit_words(unit: &str) -> (String, String) {
    let (main, per) = unit.split_once('/').unwrap_or((unit, ""));
    (unit_word(main, UNITS), unit_word(per, PER_UNITS))
}

/// A unit's word; what is in braces is a remark, and an unknown unit is its own word.
fn unit_word(unit: &str, words: &[(&str, &str)]) -> String {
    let unit = unit.trim();
    if unit.contains(['{', '}']) {
        return String::new();
    }
    let word = words.iter().find(|(symbol, _)| *symbol == unit).map_or(unit, |(_, word)| word);
    let tokens: Vec<&str> = word.split(|c| !in_metric_name(c)).filter(|token| !token.is_empty()).collect();
    tokens.join("_")
}

fn in_metric_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == ':'
}

/// The name of a label; `None` if the key has no character that a name can have. Names that
/// begin with `_` are set apart, since those with `__` are Prometheus's own.
pub fn label_name(key: &str) -> Option<String> {
    let name: String = key.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let first = name.chars().next()?;
    if name.chars().all(|c| c == '_') {
        return None;
    }
    Some(match first {
        '0'..='9' => format!("key_{name}"),
        '_' if !name.starts_with("__") => format!("key{name}"),
        '_' => format!("key_{}", name.trim_start_matches('_')),
        _ => name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::foreign::{is_label_name, is_metric_name};
    use proptest::prelude::*;

    #[test]
    fn names_are_those_that_prometheus_makes() {
        use Shape::{Counter, Distribution, Gauge};
        let cases = [
            ("http.server.request.duration", "s", Distribution, "http_server_request_duration_seconds"),
            ("http.server.active_requests", "{request}", Gauge, "http_server_active_requests"),
            ("http.server.request.body.size", "By", Distribution, "http_server_request_body_size_bytes"),
            ("db.client.connection.timeouts", "{timeout}", Counter, "db_client_connection_timeouts_total"),
            ("nodejs.eventloop.delay.p99", "s", Gauge, "nodejs_eventloop_delay_p99_seconds"),
            ("nodejs.eventloop.utilization", "1", Gauge, "nodejs_eventloop_utilization_ratio"),
            ("nodejs.eventloop.time", "s", Counter, "nodejs_eventloop_time_seconds_total"),
            ("jvm.memory.used", "By", Gauge, "jvm_memory_used_bytes"),
            ("go.config.gogc", "%", Gauge, "go_config_gogc_percent"),
            ("system.disk.io", "By/s", Gauge, "system_disk_io_bytes_per_second"),
            ("total.requests", "1", Counter, "requests_total"),
            ("a..b__c", "", Gauge, "a_b_c"),
            ("broker.bytes.sent", "By", Counter, "broker_bytes_sent_total"),
            ("2xx.answers", "{answer}", Counter, "_2xx_answers_total"),
            ("speed", "m/{lap}", Gauge, "speed_meters"),
            ("wait", "furlong/fortnight", Gauge, "wait_furlong_per_fortnight"),
            ("rate_per_second", "1/s", Gauge, "rate_per_second_per_second"),
            ("memory", "kBy", Gauge, "memory_kBy"),
        ];
        for (name, unit, shape, expected) in cases {
            assert_eq!(metric_name(name, unit, shape).as_deref(), Some(expected), "{name} in {unit}");
        }
        assert_eq!(metric_name("...", "", Gauge), None);
    }

    #[test]
    fn labels_keep_their_underscores_and_never_begin_with_them() {
        let cases = [
            ("http.route", "http_route"),
            ("a__b", "a__b"),
            ("1st", "key_1st"),
            ("_x", "key_x"),
            ("__name__", "key_name__"),
            ("größe", "gr__e"),
        ];
        for (key, expected) in cases {
            assert_eq!(label_name(key).as_deref(), Some(expected));
        }
        assert_eq!(label_name("..."), None);
        assert_eq!(label_name(""), None);
    }

    proptest! {
        #[test]
        fn any_name_becomes_one_that_prometheus_takes(name in any::<String>(), unit in any::<String>()) {
            for shape in [Shape::Counter, Shape::Gauge, Shape::Distribution] {
                let made = metric_name(&name, &unit, shape);
                prop_assert!(made.is_none_or(|made| is_metric_name(&made)));
            }
            prop_assert!(label_name(&name).is_none_or(|made| is_label_name(&made)));
        }
    }
}
