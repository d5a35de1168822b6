//! Numbers as people read them, and as Docker and PromQL take them.

use super::finding::Scope;

const MIB: f64 = 1_048_576.0;

/// Cores, as `0.25 cores`.
pub fn cores(cores: f64) -> String {
    format!("{cores:.2} cores")
}

/// A size, as `72 MiB` or `1.5 GiB`.
pub fn size(bytes: f64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let (mut value, mut units) = (bytes, UNITS.iter());
    let mut unit = units.next();
    // What would be written as 1024 is 1 of the next.
    while value.abs() >= 1023.95
        && let Some(next) = units.next()
    {
        value /= 1024.0;
        unit = Some(next);
    }
    format!("{} {}", short(value), unit.unwrap_or(&"B"))
}

/// A share, as `31 %`; a small one with a digit more.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent != 0.0 && percent.abs() < 9.95 {
        format!("{} %", short(percent))
    } else {
        // Nothing has no sign.
        format!("{:.0} %", percent + 0.0)
    }
}

/// A length of time, as `40 µs`, `4 ms`, `2.5 s`, `12 min` or `3.5 h`.
pub fn seconds(seconds: f64) -> String {
    match seconds.abs() {
        0.0 => "0 s".to_owned(),
        s if s < 1e-3 => format!("{} µs", short(seconds * 1e6)),
        s if s < 1.0 => format!("{} ms", short(seconds * 1000.0)),
        s if s < 120.0 => format!("{} s", short(seconds)),
        s if s < 7200.0 => format!("{} min", short(seconds / 60.0)),
        s if s < 172_800.0 => format!("{} h", short(seconds / 3600.0)),
        _ => format!("{} days", short(seconds / 86_400.0)),
    }
}

/// How many of something there are.
pub fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// With a digit after the point, unless that is zero.
pub fn short(value: f64) -> String {
    let text = format!("{value:.1}");
    match text.strip_suffix(".0") {
        Some("-0") => "0".to_owned(),
        Some(whole) => whole.to_owned(),
        None => text,
    }
}

/// Cores as `cpus:` and `--cpus` take them: `0.25`.
pub fn docker_cores(cores: f64) -> String {
    format!("{cores:.2}")
}

/// A size as `mem_limit:` and `--memory` take it: whole MiB, as `72m`, else bytes.
pub fn docker_size(bytes: f64) -> String {
    let mebibytes = bytes / MIB;
    if mebibytes >= 1.0 && mebibytes.fract() == 0.0 {
        format!("{mebibytes}m")
    } else {
        format!("{bytes:.0}b")
    }
}

/// What selects a scope's series in PromQL: `user="ann",name="shop-api-1"`.
pub fn selector(scope: &Scope) -> String {
    let labels = [
        ("user", &scope.user),
        ("project", &scope.project),
        ("team", &scope.team),
        ("service", &scope.service),
        ("name", &scope.container),
    ];
    let matchers: Vec<String> = labels
        .into_iter()
        .filter_map(|(label, value)| Some(format!("{label}=\"{}\"", quoted(value.as_deref()?))))
        .collect();
    matchers.join(",")
}

/// A label's value inside the quotes of PromQL.
pub fn quoted(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// What a scope is called in a sentence: the narrowest name that it has.
pub fn called(scope: &Scope) -> String {
    let named = |what: &str, name: &Option<String>| name.as_ref().map(|name| format!("{what}`{name}`"));
    named("", &scope.container)
        .or_else(|| named("service ", &scope.service))
        .or_else(|| named("project ", &scope.project))
        .or_else(|| named("user ", &scope.user))
        .or_else(|| named("team ", &scope.team))
        .unwrap_or_else(|| "the host".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_have_units() {
        assert_eq!(cores(0.254), "0.25 cores");
        assert_eq!(size(75_497_472.0), "72 MiB");
        assert_eq!(size(1.5 * 1024.0 * MIB), "1.5 GiB");
        assert_eq!(size(1023.0), "1023 B");
        assert_eq!(size(1024.0 * 1024.0 - 1.0), "1 MiB");
        assert_eq!(percent(0.314), "31 %");
        assert_eq!(percent(0.012), "1.2 %");
        assert_eq!(percent(0.0), "0 %");
        assert_eq!([percent(-0.0), percent(-0.0004)], ["0 %", "0 %"]);
        assert_eq!(seconds(0.0045), "4.5 ms");
        assert_eq!(seconds(2.5), "2.5 s");
        assert_eq!(seconds(86_400.0 * 7.0), "7 days");
        assert_eq!(counted(1, "restart"), "1 restart");
    }

    #[test]
    fn docker_takes_whole_mebibytes_or_bytes() {
        assert_eq!(docker_size(72.0 * MIB), "72m");
        assert_eq!(docker_size(72.0 * MIB + 1.0), "75497473b");
        assert_eq!(docker_cores(0.3), "0.30");
    }

    #[test]
    fn a_selector_quotes_what_would_end_it() {
        let scope = Scope { user: Some("a\"b\\".into()), container: Some("api".into()), ..Scope::default() };
        assert_eq!(selector(&scope), r#"user="a\"b\\",name="api""#);
    }

    #[test]
    fn a_scope_is_called_by_its_narrowest_name() {
        let scope = Scope { project: Some("shop".into()), service: Some("api".into()), ..Scope::default() };
        assert_eq!(called(&scope), "service `api`");
        assert_eq!(called(&Scope::default()), "the host");
    }
}
