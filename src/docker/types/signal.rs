//! Signals as people and engines write them. Source: `signal(7)`, x86 and ARM.

/// The signals that end processes or that programs react to; number, and name without `SIG`.
const NAMES: [(i32, &str); 22] = [
    (1, "HUP"),
    (2, "INT"),
    (3, "QUIT"),
    (4, "ILL"),
    (5, "TRAP"),
    (6, "ABRT"),
    (7, "BUS"),
    (8, "FPE"),
    (9, "KILL"),
    (10, "USR1"),
    (11, "SEGV"),
    (12, "USR2"),
    (13, "PIPE"),
    (14, "ALRM"),
    (15, "TERM"),
    (17, "CHLD"),
    (18, "CONT"),
    (19, "STOP"),
    (23, "URG"),
    (28, "WINCH"),
    (30, "PWR"),
    (31, "SYS"),
];

/// The first and the last real-time signal, as the C library counts them.
const REAL_TIME: (i32, i32) = (34, 64);

/// The number of a signal written as `15`, `TERM`, `SIGTERM`, `RTMIN+3` or `RTMAX-1`.
pub(in crate::docker) fn signal_number(text: &str) -> Option<i32> {
    let upper = text.trim().to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let (first, last) = REAL_TIME;
    if let Some(offset) = name.strip_prefix("RTMIN") {
        return real_time(first.checked_add(offset.strip_prefix('+').unwrap_or("0").parse().ok()?));
    }
    if let Some(offset) = name.strip_prefix("RTMAX") {
        return real_time(last.checked_sub(offset.strip_prefix('-').unwrap_or("0").parse().ok()?));
    }
    let known = NAMES.iter().find(|(_, known)| *known == name).map(|(number, _)| *number);
    known.or_else(|| name.parse().ok()).filter(|number| (1..=last).contains(number))
}

fn real_time(number: Option<i32>) -> Option<i32> {
    number.filter(|number| (REAL_TIME.0..=REAL_TIME.1).contains(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_known_by_number_and_by_name() {
        for (text, number) in [
            ("15", Some(15)),
            ("SIGTERM", Some(15)),
            ("quit", Some(3)),
            ("SIGRTMIN+3", Some(37)),
            ("RTMAX", Some(64)),
            ("0", None),
            ("99", None),
            ("SIGNAL", None),
            ("RTMIN+99999999999", None),
            ("", None),
        ] {
            assert_eq!(signal_number(text), number, "`{text}`");
        }
    }
}
