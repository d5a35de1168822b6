//! `node_os_*`: the operating system. Source: the host's `/etc/os-release`, else
//! `/usr/lib/os-release`, as os-release(5) describes them: `KEY=value` lines, quoted as a shell
//! would have it. Read again once a minute.

use std::sync::Arc;
use std::time::Instant;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::show;
use super::slowly::Slowly;
use crate::metrics::catalogue::host as c;
use crate::metrics::{LabelBlock, Sink, Value};
use crate::paths::Paths;
use crate::snapshot::host::{Host, OsRelease};

/// Where it may be, on the host.
const FILES: [&str; 2] = ["etc/os-release", "usr/lib/os-release"];

/// Which labels `node_os_version` has.
const OF_VERSION: [&str; 3] = ["id", "id_like", "name"];

/// What was read last.
#[derive(Debug)]
pub(super) struct Reader {
    paths: Paths,
    last: Slowly<Option<Arc<OsRelease>>>,
}

impl Reader {
    pub(super) fn new(paths: Paths) -> Self {
        Reader { paths, last: Slowly::new() }
    }

    pub(super) fn read(&mut self, now: Instant) -> Option<Arc<OsRelease>> {
        let paths = &self.paths;
        let read = || {
            let text = FILES.iter().find_map(|file| std::fs::read(paths.resolved(file)).ok())?;
            Some(Arc::new(parse(&String::from_utf8_lossy(&text))))
        };
        self.last.get(now, read).clone()
    }
}

/// What the file says; lines that make no sense are passed over.
fn parse(text: &str) -> OsRelease {
    let mut release = OsRelease::default();
    let mut version = String::new();
    for line in text.lines() {
        let Some((key, value)) = line.trim().split_once('=') else { continue };
        let value = unquoted(value);
        match key {
            "VERSION_ID" => version.clone_from(&value),
            "SUPPORT_END" => release.support_end_s = end_of_day(&value),
            _ => {}
        }
        if let Some(place) = OsRelease::KEYS.iter().position(|(known, _)| *known == key) {
            release.values[place] = value;
        }
    }
    release.version = major_and_minor(&version);
    release
}

/// A value without its quotes and the backslashes before what a shell would act upon.
fn unquoted(value: &str) -> String {
    let within = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    if let Some(value) = within('\'') {
        return value.to_owned();
    }
    let value = within('"').unwrap_or(value);
    let mut plain = String::with_capacity(value.len());
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        plain.push(if letter == '\\' { letters.next().unwrap_or(letter) } else { letter });
    }
    plain
}

/// `12` of `12`, `24.04` of `24.04.1`; nothing of what does not begin with a number, or with 0.
fn major_and_minor(version: &str) -> Option<f64> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let major = digits(version);
    let minor = version[major..].strip_prefix('.').map_or(0, |rest| 1 + digits(rest));
    let number: f64 = version[..major + minor].trim_end_matches('.').parse().ok()?;
    (major > 0 && number > 0.0).then_some(number)
}

/// Midnight in UTC of a day as `2026-12-31`.
fn end_of_day(day: &str) -> Option<i64> {
    let day: Date = day.parse().ok()?;
    Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
}

pub(super) fn collect(host: &Host, sink: &mut dyn Sink) {
    let Some(os) = &host.os else { return };
    let labels = OsRelease::KEYS.iter().zip(&os.values).map(|((_, label), value)| (*label, value.as_str()));
    let labels: Vec<(&'static str, &str)> = labels.collect();
    sink.family(&c::OS_INFO);
    sink.sample(&LabelBlock::default(), &labels, Value::Int(1));
    if let Some(version) = os.version {
        let labels: Vec<_> = labels.into_iter().filter(|(label, _)| OF_VERSION.contains(label)).collect();
        sink.family(&c::OS_VERSION);
        sink.sample(&LabelBlock::default(), &labels, Value::Float(version));
    }
    show(sink, &c::OS_SUPPORT_END, os.support_end_s.map(|seconds| Value::Float(seconds as f64)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_file_is_read_as_a_shell_would() {
        let release = parse(
            "# a comment\nID=fedora\nNAME='Fedora Linux'\nPRETTY_NAME=\"The \\\"Box\\\" 43\"\nVERSION_ID=43.1.2\nSUPPORT_END=2026-12-02\nHOME_URL=https://example.org\n",
        );
        let value = |label: &str| {
            let place = OsRelease::KEYS.iter().position(|(_, known)| *known == label).unwrap();
            release.values[place].clone()
        };
        assert_eq!(value("id"), "fedora");
        assert_eq!(value("name"), "Fedora Linux");
        assert_eq!(value("pretty_name"), "The \"Box\" 43");
        assert_eq!(value("variant"), "");
        assert_eq!((release.version, release.support_end_s), (Some(43.1), Some(1_796_169_600)));
    }

    #[test]
    fn a_version_is_its_first_two_parts() {
        for (text, version) in [
            ("12", Some(12.0)),
            ("24.04", Some(24.04)),
            ("3.20.1", Some(3.2)),
            ("rolling", None),
            ("", None),
            ("7.", Some(7.0)),
            ("0", None),
        ] {
            assert_eq!(major_and_minor(text), version, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_release(text in ".{0,100}", version in "\\PC{0,10}") {
            parse(&text);
            parse(&format!("VERSION_ID={version}\nSUPPORT_END={version}\n"));
        }
    }
}
