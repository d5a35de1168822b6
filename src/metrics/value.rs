//! The value of a sample, kept in the unit it was read in until it is written down.

/// A sample's value. Times are exact: integers of the kernel's unit, rendered as decimals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// A count, or bytes.
    Int(u64),
    /// Seconds, from nanoseconds.
    Nanos(u64),
    /// Anything else.
    Float(f64),
}

impl Value {
    /// The value as a float, in the base unit.
    pub fn as_f64(self) -> f64 {
        match self {
            Value::Int(value) => value as f64,
            Value::Nanos(value) => value as f64 / 1e9,
            Value::Float(value) => value,
        }
    }

    /// Appends the value as Prometheus and OpenMetrics read it.
    pub fn write(self, out: &mut Vec<u8>) {
        match self {
            Value::Int(value) => out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes()),
            Value::Nanos(value) => write_nanos(value, out),
            Value::Float(value) => write_float(value, out),
        }
    }
}

/// Nanoseconds as seconds with as many decimals as it takes: `1.5`, `0.000000001`, `2`.
fn write_nanos(nanos: u64, out: &mut Vec<u8>) {
    const SECOND: u64 = 1_000_000_000;
    let mut buffer = itoa::Buffer::new();
    out.extend_from_slice(buffer.format(nanos / SECOND).as_bytes());
    let fraction = nanos % SECOND;
    if fraction > 0 {
        // A whole second more keeps the leading zeros; the point takes the place of its digit.
        let digits = buffer.format(SECOND + fraction).trim_end_matches('0');
        out.push(b'.');
        out.extend_from_slice(&digits.as_bytes()[1..]);
    }
}

fn write_float(value: f64, out: &mut Vec<u8>) {
    if value.is_nan() {
        out.extend_from_slice(b"NaN");
    } else if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
    } else if value.abs() < 9e15 && value as i64 as f64 == value {
        out.extend_from_slice(itoa::Buffer::new().format(value as i64).as_bytes());
    } else {
        out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(value: Value) -> String {
        let mut out = Vec::new();
        value.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn nanoseconds_are_written_as_exact_seconds() {
        let cases = [
            (0, "0"),
            (1, "0.000000001"),
            (1_500_000_000, "1.5"),
            (2_000_000_000, "2"),
            (10_000_000, "0.01"),
        ];
        for (nanos, expected) in cases {
            assert_eq!(text(Value::Nanos(nanos)), expected);
        }
    }

    #[test]
    fn special_floats_have_the_names_of_the_format() {
        assert_eq!(text(Value::Float(f64::NAN)), "NaN");
        assert_eq!(text(Value::Float(f64::INFINITY)), "+Inf");
        assert_eq!(text(Value::Float(f64::NEG_INFINITY)), "-Inf");
        assert_eq!(text(Value::Float(-1.0)), "-1");
    }

    proptest! {
        #[test]
        fn a_float_reads_back_as_itself(value in any::<f64>().prop_filter("finite", |v| v.is_finite())) {
            prop_assert_eq!(text(Value::Float(value)).parse::<f64>().unwrap(), value);
        }

        #[test]
        fn nanoseconds_read_back_exactly(nanos in any::<u64>()) {
            let written = text(Value::Nanos(nanos));
            let (seconds, fraction) = written.split_once('.').unwrap_or((&written, ""));
            let read = seconds.parse::<u128>().unwrap() * 1_000_000_000
                + format!("{fraction:0<9}").parse::<u128>().unwrap();
            prop_assert_eq!(read, u128::from(nanos));
        }
    }
}
