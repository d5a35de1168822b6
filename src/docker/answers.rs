//! The readers of the engine's JSON for the benchmarks, which stand outside this crate: each
//! reads a body as the client does and says only whether it made sense.

use super::types;

/// The answer to `GET /containers/json`: how many containers could be read.
pub fn list(body: &[u8]) -> Option<usize> {
    types::read_list(body).ok().map(|list| list.containers.len())
}

/// The answer to `GET /containers/{id}/json`.
pub fn details(body: &[u8]) -> bool {
    types::read_details(body).is_ok()
}

/// A line of `GET /events`.
pub fn event(line: &[u8]) -> bool {
    types::read_event(line).is_ok_and(|heard| heard.event.is_some())
}
