//! Shows what servers have said last.

use super::board::{Board, Reason, Record, State};
use super::parts;
use crate::collect::{CollectError, Collector};
use crate::metrics::catalogue::postgres as c;
use crate::metrics::{Metric, Sink, Value};
use crate::snapshot::Snapshot;

/// A family, and where readings have it: the places of parts among all, and its place in each.
#[derive(Debug)]
struct Shown {
    metric: &'static Metric,
    places: Vec<(usize, usize)>,
}

/// The families of PostgreSQL servers.
#[derive(Debug)]
pub struct PostgresCollector {
    board: Board,
    shown: Vec<Shown>,
}

/// A value of a server.
type OfState = fn(&State) -> Option<Value>;

impl PostgresCollector {
    /// Of a board that others write.
    pub fn new(board: Board) -> Self {
        let places = |metric: &'static Metric| {
            let of_part = |(place, part): (usize, &'static parts::Part)| {
                let column = part.metrics.iter().position(|other| *other == metric)?;
                Some((place, column))
            };
            Shown { metric, places: parts::all().enumerate().filter_map(of_part).collect() }
        };
        let shown = c::FAMILIES.iter().map(|metric| places(metric)).collect();
        PostgresCollector { board, shown }
    }

    fn show(&self, sink: &mut dyn Sink) {
        let records = self.board.records();
        // Held for the page, so that what is said of a server is of one moment.
        let servers: Vec<_> = records.iter().map(|record| (record.as_ref(), record.state())).collect();
        let servers: Vec<(&Record, &State)> =
            servers.iter().map(|(record, state)| (*record, &**state)).collect();
        show_states(&servers, sink);
        for Shown { metric, places } in self.shown.iter().filter(|shown| !shown.places.is_empty()) {
            sink.family(metric);
            for (_, state) in &servers {
                for (part, column) in places {
                    for series in &state.parts[*part] {
                        if let Some(Some(value)) = series.values.get(*column) {
                            sink.sample(&series.labels, &[], *value);
                        }
                    }
                }
            }
        }
    }
}

impl Collector for PostgresCollector {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn collect(&self, _: &Snapshot, sink: &mut dyn Sink) -> Result<(), CollectError> {
        self.show(sink);
        Ok(())
    }
}

/// What we ourselves say of servers.
fn show_states(servers: &[(&Record, &State)], sink: &mut dyn Sink) {
    let single: [(&'static Metric, OfState); 3] = [
        (&c::UP, |state| state.up.map(|up| Value::Int(up.into()))),
        (&c::LAST_READ, |state| {
            state.read_at.and_then(|at| u64::try_from(at.as_nanosecond()).ok()).map(Value::Nanos)
        }),
        (&c::READ_DURATION, |state| {
            state.took.and_then(|took| u64::try_from(took.as_nanos()).ok()).map(Value::Nanos)
        }),
    ];
    for (metric, value) in single {
        sink.family(metric);
        for (record, state) in servers {
            if let Some(value) = value(state) {
                sink.sample(&record.labels, &[], value);
            }
        }
    }
    sink.family(&c::READ_FAILURES);
    for (record, state) in servers {
        for (reason, count) in Reason::ALL.iter().zip(state.failures) {
            sink.sample(&record.labels, &[("reason", reason.as_str())], Value::Int(count));
        }
    }
    sink.family(&c::PART_FAILURES);
    for (record, state) in servers {
        for ((part, missing), count) in &state.missing {
            let own = [("part", *part), ("reason", missing.as_str())];
            sink.sample(&record.labels, &own, Value::Int(*count));
        }
    }
}

#[cfg(test)]
mod tests;
