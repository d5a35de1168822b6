//! Numbers as people read them, by the unit in the name of what they are of.

use crate::analysis::words;

/// A number with three digits that count, and no more decimals than that takes.
fn digits(number: f64) -> String {
    let size = if number == 0.0 { 0 } else { number.abs().log10().floor() as i32 };
    let decimals = usize::try_from(2 - size).unwrap_or(0).min(4);
    let text = format!("{number:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// An amount of something whose name ends with its unit, as `memory_working_set_bytes`.
pub fn amount(name: &str, value: f64) -> String {
    let ends = |unit: &str| name.ends_with(unit);
    match value {
        _ if ends("_bytes_per_second") => format!("{}/s", words::size(value)),
        _ if ends("_bytes") => words::size(value),
        _ if ends("_per_second") => format!("{}/s", digits(value)),
        _ if ends("_seconds") => words::seconds(value),
        _ if ends("_ratio") => words::percent(value),
        _ if ends("_cores") => format!("{} cores", digits(value)),
        _ => digits(value),
    }
}

/// A change as a share, with its sign.
pub fn change(ratio: f64) -> String {
    let percent = ratio * 100.0;
    let decimals = usize::from(percent.abs() < 9.95);
    format!("{percent:+.decimals$} %")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_has_the_unit_that_its_name_says() {
        for (name, value, text) in [
            ("memory_working_set_bytes", 536_870_912.0, "512 MiB"),
            ("memory_working_set_bytes", 1_500_000_000.0, "1.4 GiB"),
            ("network_receive_bytes_per_second", 12_345.0, "12.1 KiB/s"),
            ("http_request_duration_mean_seconds", 0.0312, "31.2 ms"),
            ("http_request_duration_mean_seconds", 2.5, "2.5 s"),
            ("http_request_duration_mean_seconds", 0.0, "0 s"),
            ("http_errors_ratio", 0.052, "5.2 %"),
            ("http_requests_per_second", 1234.5, "1234/s"),
            ("cpu_usage_cores", 0.125, "0.125 cores"),
            ("cpu_usage_cores", -0.5, "-0.5 cores"),
            ("threads", 40.0, "40"),
        ] {
            assert_eq!(amount(name, value), text);
        }
        assert_eq!([change(0.204), change(-0.0312), change(0.0)], ["+20 %", "-3.1 %", "+0.0 %"]);
    }
}
