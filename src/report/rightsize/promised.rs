//! What hosts have promised to their containers, by what they have.

use super::Options;
use super::gather::Gathered;
use super::hosts::Hosts;
use crate::analysis::finding::{Scope, Window};
use crate::analysis::recommendation::{Kind, NotEnoughData, Recommendation, id};
use crate::analysis::rightsize::Capacity;
use crate::analysis::rightsize::host::{Overcommit, Promised, overcommit, recommend, subject};
use crate::report::period::Period;

/// What was found of one host, or of several by name.
#[derive(Debug, Default)]
pub(super) struct Promises {
    pub(super) of_one: Option<Overcommit>,
    pub(super) of_several: Vec<(String, Overcommit)>,
    /// What is not known where nothing can be told.
    pub(super) missing: Option<NotEnoughData>,
}

/// What was promised to those that run.
pub(super) fn promised(options: &Options, gathered: &Gathered, hosts: &Hosts) -> Promises {
    let all = || gathered.running.iter().map(|(_, promised)| *promised).collect::<Vec<Promised>>();
    let missing =
        |what: String| Some(NotEnoughData::new(Kind::HostOvercommit, &Scope::default(), None, vec![what]));
    let count = hosts.count();
    let mut promises = Promises::default();
    match hosts.largest().or(options.host) {
        None => {
            let size = "the size of the host (`machine_cpu_cores`, `machine_memory_bytes`)";
            promises.missing = missing(size.to_owned());
        }
        Some(host) if count < 2 => promises.of_one = Some(overcommit(host, &all())),
        Some(_) if gathered.running.iter().any(|(places, _)| places.is_empty()) => {
            promises.missing = missing(format!("which of {count} hosts each container runs on"));
        }
        Some(_) => {
            for (name, capacity) in hosts.several() {
                let here =
                    gathered.running.iter().filter(|(places, _)| places.iter().any(|place| place == name));
                let here: Vec<Promised> = here.map(|(_, promised)| *promised).collect();
                promises.of_several.push((name.to_owned(), overcommit(capacity, &here)));
            }
        }
    }
    promises
}

impl Promises {
    /// Each host that something was found of.
    fn each(&self) -> impl Iterator<Item = (Option<&str>, &Overcommit)> {
        let several = self.of_several.iter().map(|(name, found)| (Some(name.as_str()), found));
        self.of_one.iter().map(|found| (None, found)).chain(several)
    }

    /// What to do where more is promised than there is.
    pub(super) fn recommendations(&self, period: Period, hosts: &Hosts) -> Vec<Recommendation> {
        let window = Window { from: period.from.as_millisecond(), to: period.to.as_millisecond() };
        let capacity = |name: Option<&str>| -> Option<Capacity> {
            match name {
                None => hosts.largest(),
                Some(name) => hosts.several().find(|(own, _)| *own == name).map(|(_, capacity)| capacity),
            }
        };
        let of = |(name, found): (Option<&str>, &Overcommit)| {
            capacity(name).map_or_else(Vec::new, |capacity| recommend(name, capacity, found, window))
        };
        self.each().flat_map(of).collect()
    }

    /// The ratios, by the ids of what would be recommended of them.
    pub(super) fn values(&self) -> Vec<(String, f64)> {
        let of = |(name, found): (Option<&str>, &Overcommit)| {
            [("cpu", found.cpu_ratio), ("memory", found.memory_ratio)].map(|(resource, ratio)| {
                let id = id(Kind::HostOvercommit, &Scope::default(), Some(&subject(resource, name)));
                Some((id, ratio?))
            })
        };
        self.each().flat_map(of).flatten().collect()
    }
}
