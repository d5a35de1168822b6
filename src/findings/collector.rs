//! `dockmeter_findings`: how many things of a kind hold a tenant's requests up now.

use super::Board;
use crate::collect::{CollectError, Collector};
use crate::metrics::{LabelBlock, Sink, Value, catalogue as c};
use crate::snapshot::Snapshot;

/// Shows what was found last.
#[derive(Debug)]
pub struct FindingsCollector(Board);

impl FindingsCollector {
    /// Of a board.
    pub fn new(board: Board) -> FindingsCollector {
        FindingsCollector(board)
    }
}

impl Collector for FindingsCollector {
    fn name(&self) -> &'static str {
        "findings"
    }

    fn collect(&self, snapshot: &Snapshot, sink: &mut dyn Sink) -> Result<(), CollectError> {
        sink.family(&c::FINDINGS);
        for (found, count) in self.0.counts(snapshot.taken_at) {
            let own = [("kind", found.kind), ("severity", found.severity.as_str())];
            sink.sample(&LabelBlock::of_tenant(&found.tenant, own), &[], Value::Int(count));
        }
        Ok(())
    }
}
