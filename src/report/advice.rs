//! What is recommended beyond limits, and what each number that it was told from is.
//!
//! - [`engine`]: health checks, restart policies, and what nothing needs, of what the exporter
//!   knows itself;
//! - `programs`: slow and failing services, pools and statements, of what a Prometheus knows.

pub mod engine;
mod programs;

pub(super) use programs::{POOL, told};

use std::collections::BTreeMap;

use crate::analysis::finding::Scope;
use crate::analysis::recommendation::{Answer, Kind, id};

/// What came of looking.
#[derive(Clone, Debug, Default)]
pub struct Looked {
    /// What should change, and what cannot be told.
    pub answers: Vec<Answer>,
    /// By the id that a recommendation has or would have: what its first evidence is, so that it
    /// can be seen later what became of it.
    pub values: BTreeMap<String, f64>,
}

impl Looked {
    /// Notes what the first evidence of a recommendation is, or would be.
    fn note(&mut self, kind: Kind, scope: &Scope, subject: Option<&str>, value: f64) {
        if value.is_finite() {
            self.values.insert(id(kind, scope, subject), value);
        }
    }

    /// Takes over what came of another look.
    pub fn add(&mut self, other: Looked) {
        self.answers.extend(other.answers);
        self.values.extend(other.values);
    }
}
