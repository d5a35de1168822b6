//! Images, volumes and caches that nothing needs.

use super::super::finding::{Scope, Severity, Window};
use super::super::recommendation::{
    Action, Confidence, Effect, Effort, Kind, Recommendation, Verify, expiry, id,
};
use super::super::words::{percent, size};
use super::evidence;

/// Of the data root's size, what nothing needs is worth a look from this share on; the same as of
/// the verdict on the engine's health.
pub const LEAST_SHARE: f64 = 0.10;

/// The same where the size is not known: 10 GiB.
pub const LEAST_BYTES: f64 = 10.0 * 1_073_741_824.0;

/// From this share on it is what fills the disk.
const MUCH: f64 = 0.30;

/// What takes the engine's disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stock {
    /// Images without a container.
    Images,
    /// Volumes that no container mounts.
    Volumes,
    /// Writable layers of stopped containers.
    Containers,
    /// Layers that builds keep.
    BuildCache,
}

/// What is known of one.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// Which.
    pub stock: Stock,
    /// `dockmeter_docker_disk_reclaimable_bytes{type}`.
    pub reclaimable_bytes: f64,
    /// `dockmeter_docker_disk_usage_bytes{type}`.
    pub usage_bytes: f64,
    /// `node_filesystem_size_bytes` of the engine's data root.
    pub data_root_bytes: Option<f64>,
    /// When that was measured: `dockmeter_docker_disk_measured_timestamp_seconds`.
    pub measured: Window,
}

impl Stock {
    /// The value of the label `type`.
    pub fn label(self) -> &'static str {
        match self {
            Stock::Images => "images",
            Stock::Volumes => "volumes",
            Stock::Containers => "containers",
            Stock::BuildCache => "build_cache",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Stock::Images => "images without a container",
            Stock::Volumes => "volumes that no container mounts",
            Stock::Containers => "stopped containers",
            Stock::BuildCache => "the cache of builds",
        }
    }

    fn steps(self) -> &'static [&'static str] {
        match self {
            Stock::Images => {
                &["look at `docker image ls` for what cannot be pulled again", "remove the others"]
            }
            Stock::Volumes => &[
                "look at `docker volume ls --filter dangling=true` for what somebody still wants",
                "remove the others",
            ],
            Stock::Containers => &[
                "look at `docker ps --filter status=exited` for what somebody still wants",
                "remove the others",
            ],
            Stock::BuildCache => &["remove what no build has used for a week"],
        }
    }

    fn command(self) -> &'static str {
        match self {
            Stock::Images => "docker image prune --all --filter until=168h",
            // Without `--all` those with a name, which are most, stay.
            Stock::Volumes => "docker volume prune --all",
            Stock::Containers => "docker container prune --filter until=168h",
            Stock::BuildCache => "docker builder prune --filter until=168h",
        }
    }

    fn risk(self) -> &'static str {
        match self {
            Stock::Images => "an image that is in no registry has to be built again",
            Stock::Volumes => "what is in them is lost for good",
            Stock::Containers => "their logs and what they have written over their images are lost",
            Stock::BuildCache => "the next build takes longer once",
        }
    }
}

/// What to clear away, if that is worth it.
pub fn recommend(facts: &Facts) -> Option<Recommendation> {
    let Facts { stock, reclaimable_bytes, .. } = *facts;
    let root = facts.data_root_bytes.filter(|root| root.is_finite() && *root > 0.0);
    let share = root.map(|root| reclaimable_bytes / root);
    let is_worth = share.map_or(reclaimable_bytes >= LEAST_BYTES, |share| share >= LEAST_SHARE);
    if !reclaimable_bytes.is_finite() || !is_worth {
        return None;
    }
    let of = share.map_or_else(String::new, |share| format!(", {} of the engine's disk", percent(share)));
    let scope = Scope::default();
    let metric = format!("dockmeter_docker_disk_reclaimable_bytes{{type=\"{}\"}}", stock.label());
    let threshold = root.map_or(LEAST_BYTES, |root| root * LEAST_SHARE);
    let mut numbers = vec![("reclaimable_bytes", reclaimable_bytes), ("usage_bytes", facts.usage_bytes)];
    numbers.extend(root.map(|root| ("data_root_bytes", root)));
    Some(Recommendation {
        id: id(Kind::Reclaim, &scope, Some(stock.label())),
        kind: Kind::Reclaim,
        severity: if share.is_some_and(|share| share >= MUCH) { Severity::High } else { Severity::Medium },
        scope,
        sentence: format!("{} take {}{of}: remove them", stock.words(), size(reclaimable_bytes)),
        evidence: vec![evidence(&metric, reclaimable_bytes, Some(threshold), facts.measured, 1)],
        change: None,
        action: Action {
            steps: stock.steps().iter().map(|step| (*step).to_owned()).collect(),
            command: Some(stock.command().to_owned()),
            ..Action::default()
        },
        effect: Effect::new(
            format!(
                "frees up to {}; what is younger than the filter of the command stays",
                size(reclaimable_bytes)
            ),
            "freed_bytes <= reclaimable_bytes, as the engine counts them",
            numbers,
        ),
        effort: Effort::Low,
        confidence: Confidence::certain(),
        risk: stock.risk().to_owned(),
        verify: Verify { promql: metric, expect: format!("under {threshold:.0} once it is measured again") },
        expires_at_ms: expiry(facts.measured),
    })
}
