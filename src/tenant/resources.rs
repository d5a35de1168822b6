//! What a container has reserved for itself: cores and memory, as numbers and as its labels
//! declare them.

use std::collections::BTreeMap;

/// The label that declares reserved cores, as `0.5`.
pub const CPU_RESERVATION_LABEL: &str = "dockmeter.cpu.reservation";

/// The label that declares reserved memory, as `512m`.
pub const MEMORY_RESERVATION_LABEL: &str = "dockmeter.memory.reservation";

/// No machine has more cores.
const MOST_CORES: f64 = 1e6;

/// No machine has more memory: an exbibyte.
const MOST_BYTES: f64 = (1_u64 << 60) as f64;

/// Letters of a size, as Docker's own flags have them, and the power of 1024 that each is.
const SIZES: [(char, i32); 5] = [('b', 0), ('k', 1), ('m', 2), ('g', 3), ('t', 4)];

/// Cores and memory; `None` where nothing is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// In billionths of a core.
    pub cpu_nanocores: Option<u64>,
    /// In bytes.
    pub memory_bytes: Option<u64>,
}

impl Resources {
    /// What labels declare. One that is not understood declares nothing.
    pub fn declared<'l>(label: impl Fn(&str) -> Option<&'l str>) -> Self {
        Resources {
            cpu_nanocores: label(CPU_RESERVATION_LABEL).and_then(nanocores),
            memory_bytes: label(MEMORY_RESERVATION_LABEL).and_then(bytes),
        }
    }

    /// The larger of each.
    #[must_use]
    pub fn max(self, other: Resources) -> Self {
        Resources {
            cpu_nanocores: self.cpu_nanocores.max(other.cpu_nanocores),
            memory_bytes: self.memory_bytes.max(other.memory_bytes),
        }
    }

    /// Of each the first that is said.
    #[must_use]
    pub fn or(self, other: Resources) -> Self {
        Resources {
            cpu_nanocores: self.cpu_nanocores.or(other.cpu_nanocores),
            memory_bytes: self.memory_bytes.or(other.memory_bytes),
        }
    }
}

/// Labels of a container that mean to reserve something and are not understood, with their
/// values.
pub fn misunderstood(labels: &BTreeMap<String, String>) -> impl Iterator<Item = (&'static str, &str)> {
    let understood = |key| match key {
        CPU_RESERVATION_LABEL => nanocores as fn(&str) -> Option<u64>,
        _ => bytes,
    };
    [CPU_RESERVATION_LABEL, MEMORY_RESERVATION_LABEL].into_iter().filter_map(move |key| {
        let value = labels.get(key)?;
        understood(key)(value).is_none().then_some((key, value.as_str()))
    })
}

/// Cores, with decimals or without.
fn nanocores(text: &str) -> Option<u64> {
    let cores = plain(text.trim())?;
    (cores <= MOST_CORES).then_some((cores * 1e9) as u64)
}

/// A size as Docker's own flags take it, `512m`, and as people write it, `512MiB`.
pub(crate) fn bytes(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text[number.len()..].trim();
    let power = match unit.strip_suffix("ib").or_else(|| unit.strip_suffix('b')).unwrap_or(unit) {
        "" => 0,
        letter => SIZES.iter().find(|(name, _)| letter.len() == 1 && letter.starts_with(*name))?.1,
    };
    let bytes = plain(number.trim())? * 1024_f64.powi(power);
    (bytes <= MOST_BYTES).then_some(bytes as u64)
}

/// A decimal number that is not negative; neither `1e3` nor `inf`.
fn plain(text: &str) -> Option<f64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if digits { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cores_and_sizes_are_read_as_dockers_own_flags_take_them() {
        for (text, expected) in
            [("2", Some(2_000_000_000)), ("0.5", Some(500_000_000)), (" 1.25 ", Some(1_250_000_000))]
        {
            assert_eq!(nanocores(text), expected, "{text}");
        }
        for text in ["", "-1", "1e3", "inf", "NaN", "two", "1000001", "1.2.3", "."] {
            assert_eq!(nanocores(text), None, "{text}");
        }
        for (text, expected) in [
            ("512", 512),
            ("512b", 512),
            ("64k", 64 << 10),
            ("512m", 512 << 20),
            ("1.5g", 3 << 29),
            ("2GiB", 2 << 30),
            ("2GB", 2 << 30),
            ("1 MiB", 1 << 20),
        ] {
            assert_eq!(bytes(text), Some(expected), "{text}");
        }
        for text in ["", "m", "12x", "-1m", "1e3", "2000000t", "1mk"] {
            assert_eq!(bytes(text), None, "{text}");
        }
    }

    #[test]
    fn a_label_that_is_not_understood_declares_nothing_and_can_be_named() {
        let labels = [(CPU_RESERVATION_LABEL, "lots"), (MEMORY_RESERVATION_LABEL, "1g")];
        let labels: BTreeMap<String, String> =
            labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let declared = Resources::declared(|key| labels.get(key).map(String::as_str));
        assert_eq!(declared, Resources { cpu_nanocores: None, memory_bytes: Some(1 << 30) });
        assert_eq!(misunderstood(&labels).collect::<Vec<_>>(), [(CPU_RESERVATION_LABEL, "lots")]);
    }

    proptest! {
        #[test]
        fn any_text_is_a_reservation_or_none(text in any::<String>()) {
            let _ = (nanocores(&text), bytes(&text));
        }
    }
}
