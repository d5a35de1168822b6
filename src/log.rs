//! The log: one line an event on standard error, as logfmt or JSON.
//!
//! Invariant: whatever a value contains, an event stays one line.

use std::fmt::{self, Write as _};

use jiff::Timestamp;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;

use crate::config::{Log, LogFormat};

/// Starts the log of this process. Called once; a second call changes nothing.
pub fn start(log: Log) {
    // Only a second call fails, and the first one's log is then the one to keep.
    let _ = tracing::subscriber::set_global_default(subscriber(log, std::io::stderr));
}

/// Our own events from the level up; of the libraries underneath only what went wrong.
fn subscriber<W>(log: Log, writer: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let libraries = log.level.min(Level::WARN);
    let filter = Targets::new().with_target(env!("CARGO_PKG_NAME"), log.level).with_default(libraries);
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let registry = tracing_subscriber::registry().with(filter);
    match log.format {
        LogFormat::Logfmt => Box::new(registry.with(lines.event_format(Logfmt))),
        LogFormat::Json => Box::new(registry.with(lines.json().flatten_event(true))),
    }
}

/// `ts=… level=info msg="…" key=value`, as Prometheus and its exporters write it.
struct Logfmt;

impl<S, N> FormatEvent<S, N> for Logfmt
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let level = event.metadata().level().as_str().to_ascii_lowercase();
        write!(writer, "ts={:.3} level={level} msg={}", Timestamp::now(), value(&fields.message))?;
        writeln!(writer, "{}", fields.others)
    }
}

/// The fields of an event: the message, and all others as ` key=value`.
#[derive(Default)]
struct Fields {
    message: String,
    others: String,
}

impl Fields {
    fn put(&mut self, field: &Field, text: String) {
        if field.name() == "message" {
            self.message = text;
        } else {
            // Writing into a string cannot fail.
            let _ = write!(self.others, " {}={}", field.name(), value(&text));
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}

/// A value as it is where that is unmistakable, else in quotes and escaped as in JSON.
fn value(text: &str) -> String {
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '=' | '\\');
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, level: Level, events: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = subscriber(Log { level, format }, move || writer.clone());
        tracing::subscriber::with_default(subscriber, events);
        String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn an_event_is_one_line_of_logfmt() {
        let line = logged(LogFormat::Logfmt, Level::INFO, || {
            tracing::info!(count = 3, file = %"a b\n", empty = "", "read a \"map\" file");
        });
        let (time, rest) = line.split_once(' ').unwrap();
        assert!(time.starts_with("ts=20") && time.ends_with('Z'), "{time}");
        assert_eq!(rest, "level=info msg=\"read a \\\"map\\\" file\" count=3 file=\"a b\\n\" empty=\"\"\n");
    }

    #[test]
    fn an_event_is_one_object_of_json() {
        let line = logged(LogFormat::Json, Level::INFO, || tracing::warn!(count = 3, "gone"));
        let object: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&object["message"], &object["count"]), (&"gone".into(), &3.into()));
    }

    #[test]
    fn the_level_holds_for_us_and_libraries_stay_quiet() {
        let events = || {
            tracing::debug!("ours");
            tracing::info!(target: "hyper", "theirs");
            tracing::warn!(target: "hyper", "trouble");
        };
        let debug = logged(LogFormat::Logfmt, Level::DEBUG, events);
        assert!(debug.contains("ours") && !debug.contains("theirs") && debug.contains("trouble"), "{debug}");
        assert_eq!(logged(LogFormat::Logfmt, Level::ERROR, events), "");
    }
}
