//! Where calls that programs tell of are listed if they were slow.

use jiff::Timestamp;

use super::store::Sender;
use crate::sql::Statement;
use crate::sql::slow::{Caller, Calls, SlowQueries, Source};
use crate::tenant::Tenant;

/// Where the slow calls of a sender are listed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SlowCalls<'a> {
    pub(crate) list: &'a SlowQueries,
    /// Who sends this: his share of the list is used.
    pub(crate) sender: &'a Tenant,
    /// Whose program made them.
    pub(crate) program: &'a Sender,
    pub(crate) now: Timestamp,
}

impl SlowCalls<'_> {
    /// Lists a call if it was slow.
    pub(crate) fn note(&self, system: &str, statement: &Statement, seconds: f64) {
        if !self.list.is_slow(seconds) {
            return;
        }
        let Sender { tenant, service, .. } = self.program;
        let source = Source::Program { service: service.clone() };
        let caller = Caller { sender: self.sender, tenant, source: &source, system };
        self.list.note(caller, statement, Calls::one(seconds), self.now);
    }
}
