//! Who is told of what the sampler reads, as it reads.

use std::sync::Arc;

use super::Snapshot;
use crate::inventory::ContainerId;

/// What the last fast sample of a container says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FastSample {
    /// The container.
    pub id: ContainerId,
    /// Cores used between the last two samples.
    pub usage_cores: Option<f64>,
    /// Memory use in bytes.
    pub memory: Option<u64>,
}

/// Somebody who follows the sampler. Called on the sampler's thread: must be quick and must not
/// block.
pub trait Audience: Send + Sync {
    /// Whether [`Audience::sampled`] is wanted at present.
    fn wants_samples(&self) -> bool {
        false
    }

    /// A fast tick has been taken of these containers.
    fn sampled(&self, _samples: Vec<FastSample>) {}

    /// Everything has been read at the end of a full interval.
    fn published(&self, snapshot: &Arc<Snapshot>);
}
