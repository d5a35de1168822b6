//! Which versions of an image ran when, told from the images of containers that ran in each step.
//!
//! Versions belong together if they are of one repository, or if containers of one name ran them:
//! `shop/api:1.2` and `shop/api:1.3`, and an image that was built anew under its old tag.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use super::said::Stretch;
use crate::history::Line;

/// An image as it ran.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Version {
    /// As it was named.
    pub image: String,
    /// The hash of it.
    pub image_id: String,
}

impl Version {
    /// The beginning of its hash, as Docker shows it.
    fn short_id(&self) -> &str {
        let hash = self.image_id.strip_prefix("sha256:").unwrap_or(&self.image_id);
        hash.get(..12).unwrap_or(hash)
    }

    /// The image without tag and digest; none of one that is named by its hash alone.
    fn repository(&self) -> Option<&str> {
        let name = self.image.split('@').next().unwrap_or_default();
        let tag = name.rfind(':').filter(|colon| !name[*colon..].contains('/'));
        let name = tag.map_or(name, |colon| &name[..colon]);
        let is_hash = name == "sha256" || (name.len() >= 12 && name.bytes().all(|b| b.is_ascii_hexdigit()));
        (!name.is_empty() && !is_hash).then_some(name)
    }

    /// Whether somebody means it by a name with a tag or digest, a tag alone, or a hash.
    fn is_called(&self, text: &str) -> bool {
        let hash = text.strip_prefix("sha256:").unwrap_or(text);
        let is_hash = hash.len() >= 12 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        let own = self.image_id.strip_prefix("sha256:").unwrap_or(&self.image_id);
        let tag = self.repository().and_then(|name| self.image.strip_prefix(name));
        let is_tag = tag.is_some_and(|tag| tag.strip_prefix(':').unwrap_or("latest") == text);
        self.image == text || is_tag || (is_hash && own.starts_with(hash))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.short_id() {
            "" => write!(f, "`{}`", self.image),
            id => write!(f, "`{}` ({id})", self.image),
        }
    }
}

/// A version in the containers of one name.
#[derive(Clone, Debug, PartialEq)]
struct Run {
    version: Version,
    /// Whose, and the container's name.
    name: Vec<String>,
    /// The end of each step in which it ran, and when it had been started.
    steps: Vec<(i64, i64)>,
}

/// Versions that follow each other.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Family {
    runs: Vec<Run>,
    step_ms: i64,
}

/// The families of what ran.
pub(super) fn families(lines: &[Line], step_ms: i64) -> Vec<Family> {
    let mut families: Vec<Family> = Vec::new();
    for run in lines.iter().map(run).filter(|run| !run.steps.is_empty()) {
        let (kin, others) = families.into_iter().partition(|family: &Family| family.has_kin_of(&run));
        families = others;
        let kin: Vec<Family> = kin;
        let runs = kin.into_iter().flat_map(|family| family.runs).chain([run]).collect();
        families.push(Family { runs, step_ms });
    }
    families
}

fn run(line: &Line) -> Run {
    let label = |name: &str| line.labels.get(name).cloned().unwrap_or_default();
    Run {
        version: Version { image: label("image"), image_id: label("image_id") },
        name: ["user", "project", "team", "name"].map(label).into(),
        steps: line.points.iter().map(|(at, started)| (*at, (started * 1000.0) as i64)).collect(),
    }
}

impl Family {
    fn has_kin_of(&self, run: &Run) -> bool {
        let is_kin = |other: &Run| {
            let repository = other.version.repository();
            other.name == run.name
                || (repository.is_some() && repository == run.version.repository())
                || (!run.version.image_id.is_empty() && other.version.image_id == run.version.image_id)
        };
        self.runs.iter().any(is_kin)
    }

    /// What ran in each step.
    fn steps(&self) -> BTreeMap<i64, BTreeSet<&Version>> {
        let mut steps: BTreeMap<i64, BTreeSet<&Version>> = BTreeMap::new();
        for run in &self.runs {
            for (at, _) in &run.steps {
                steps.entry(*at).or_default().insert(&run.version);
            }
        }
        steps
    }

    /// Every version, by when it ran last; of those that ran at once the one that was started later
    /// is the newer one.
    pub(super) fn versions(&self) -> Vec<&Version> {
        let mut last: BTreeMap<&Version, (i64, i64)> = BTreeMap::new();
        for run in &self.runs {
            if let Some(step) = run.steps.last() {
                let known = last.entry(&run.version).or_insert(*step);
                *known = (*known).max(*step);
            }
        }
        let mut versions: Vec<(&Version, (i64, i64))> = last.into_iter().collect();
        versions.sort_by_key(|(_, step)| *step);
        versions.into_iter().map(|(version, _)| version).collect()
    }

    /// Those that somebody means.
    pub(super) fn called(&self, text: &str) -> Vec<&Version> {
        self.versions().into_iter().filter(|version| version.is_called(text)).collect()
    }

    /// The times in which only one version ran.
    pub(super) fn alone(&self, version: &Version) -> Vec<Stretch> {
        let mut stretches: Vec<Stretch> = Vec::new();
        for (at, ran) in self.steps() {
            if ran.len() > 1 || !ran.contains(version) {
                continue;
            }
            let from = at - self.step_ms;
            match stretches.last_mut() {
                Some(last) if last.to == from => last.to = at,
                _ => stretches.push(Stretch { from, to: at }),
            }
        }
        stretches
    }

    /// The last time that a version began to run where another one did, and which.
    pub(super) fn deployed(&self) -> Option<(i64, &Version)> {
        let steps = self.steps();
        let mut found = None;
        for ((_, before), (at, now)) in steps.iter().zip(steps.iter().skip(1)) {
            if let Some(new) = now.difference(before).next() {
                found = Some((*at, *new));
            }
        }
        let (at, version) = found?;
        let runs = self.runs.iter().filter(|run| run.version == *version);
        let started =
            runs.flat_map(|run| &run.steps).filter(|(step, _)| *step == at).map(|(_, began)| *began);
        // The clock of a machine may be off by more than a step.
        let began = started.min().filter(|began| (at - 2 * self.step_ms..=at).contains(began));
        Some((began.unwrap_or(at - self.step_ms), version))
    }

    /// The last time that a container began anew with the version that it had, and its name.
    pub(super) fn restarted(&self) -> Option<(i64, &str)> {
        let again = |run: &Run| -> Option<i64> {
            let pairs = run.steps.iter().zip(run.steps.iter().skip(1));
            pairs.filter(|((_, before), (_, now))| now > before).map(|(_, (_, now))| *now).max()
        };
        let restarts = self.runs.iter().filter_map(|run| Some((again(run)?, run.name.last()?.as_str())));
        restarts.max()
    }
}
