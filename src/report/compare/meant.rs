//! The two times that are meant, where versions or an event say which: found by asking when which
//! images ran.

use jiff::{Timestamp, ToSpan};

use super::said::{Asked, Event, Stretch, Times, around};
use super::version::{Family, Version, families};
use crate::history::{By, Query, Wanted, Whom, version};
use crate::prometheus::QueryError;
use crate::report::period::Period;

/// Up to so long it is looked for versions by the minute, else by five.
const FINE_S: i64 = 2 * 86_400;

/// The most names that a message lists.
const MOST_NAMES: usize = 6;

/// Two times, and what says that it is these.
#[derive(Clone, Debug)]
pub struct Meant {
    /// The times.
    pub times: Times,
    /// Why these.
    pub why: Why,
}

/// Why it is these times.
#[derive(Clone, Debug)]
pub enum Why {
    /// Somebody said so.
    Said,
    /// Something happened between them.
    Happened(Happened),
    /// Versions ran in them.
    Versions {
        /// In the earlier.
        before: Ran,
        /// In the later.
        after: Ran,
    },
}

/// Something that happened, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happened {
    /// A version began to run.
    Deploy(Timestamp, Version),
    /// The container of this name began anew.
    Restart(Timestamp, String),
}

/// A version, and the times in which it ran alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// Which.
    pub version: Version,
    /// Only what lies in one of them counts, by time.
    pub alone: Vec<Stretch>,
}

/// The times cannot be found.
#[derive(Debug, thiserror::Error)]
pub enum Unclear {
    /// The history does not answer.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// It does not know, or there is no such thing; in words for people.
    #[error("{0}")]
    Unknown(String),
}

/// The times that are asked for.
///
/// # Errors
/// The history does not answer, does not keep images, or there is no such event or version.
pub async fn meant(query: &dyn Query, whom: &Whom, asked: Asked) -> Result<Meant, Unclear> {
    match asked {
        Asked::Times(times) => Ok(Meant { times, why: Why::Said }),
        Asked::Event { event, window, within } => {
            let families = ran(query, whom, within).await?;
            happened(&families, event, window, within).map_err(Unclear::Unknown)
        }
        Asked::Versions { before, after, window, within } => {
            let families = ran(query, whom, within).await?;
            versions(&families, [before, after], window, within).map_err(Unclear::Unknown)
        }
    }
}

/// What ran when, of those who are meant.
async fn ran(query: &dyn Query, whom: &Whom, within: Period) -> Result<Vec<Family>, Unclear> {
    let unknown = |words: &str| Unclear::Unknown(words.to_owned());
    if query.name() != "prometheus" {
        return Err(unknown(
            "versions, deploys and restarts are told by the images of containers, which the history that is kept here does not know; configure `prometheus.url`, or say the time with `at`",
        ));
    }
    if whom.service.is_some() {
        return Err(unknown(
            "versions, deploys and restarts are those of containers; name a `container` or a `project` in place of the `service`, or say the time with `at`",
        ));
    }
    let step_ms = if within.seconds() <= FINE_S { 60_000 } else { 300_000 };
    let wanted = Wanted {
        measure: version::STARTED,
        whom: whom.clone(),
        by: By::Each,
        from: within.from.as_millisecond(),
        to: within.to.as_millisecond(),
        step_ms,
    };
    let found = families(&query.lines(&wanted).await?, step_ms);
    if found.is_empty() {
        return Err(Unclear::Unknown(format!("no container of those that are meant ran {}", words(within))));
    }
    Ok(found)
}

fn words(Period { from, to }: Period) -> String {
    format!("from {from} to {to}; `last` says how far back it is looked")
}

/// What was before and after the last event.
fn happened(families: &[Family], event: Event, window: i64, within: Period) -> Result<Meant, String> {
    let deploy = |family: &Family| family.deployed().map(|(at, version)| (at, version.clone()));
    let restart = |family: &Family| family.restarted().map(|(at, name)| (at, name.to_owned()));
    let second = |at: i64| Timestamp::from_second(at.div_euclid(1000)).map_err(|error| error.to_string());
    let none = |what: &str| format!("there was no {what} {}", words(within));
    let (at, happened) = match event {
        Event::Deploy => {
            let found = families.iter().filter_map(deploy).max();
            let (at, version) = found.ok_or_else(|| none("deploy, which is another version of an image"))?;
            (second(at)?, Happened::Deploy(second(at)?, version))
        }
        Event::Restart => {
            let found = families.iter().filter_map(restart).max();
            let (at, name) = found.ok_or_else(|| none("restart"))?;
            (second(at)?, Happened::Restart(second(at)?, name))
        }
    };
    let times = around(at, window.seconds(), within.to)?;
    Ok(Meant { times, why: Why::Happened(happened) })
}

/// When two versions ran alone.
fn versions(
    families: &[Family],
    named: [Option<String>; 2],
    window: i64,
    within: Period,
) -> Result<Meant, String> {
    let family = family(families, &named, within)?;
    let all = family.versions();
    let [before, after] = &named;
    let called = |text: &String| match family.called(text).as_slice() {
        [one] => Ok((*one).clone()),
        [] => Err(format!("no version is called `{text}`; there are {}", list(&all))),
        several => {
            Err(format!("`{text}` is the name of several versions: {}; name one by its hash", list(several)))
        }
    };
    let after = match after {
        Some(text) => called(text)?,
        None => {
            let named = before.as_ref().map(called).transpose()?;
            let newest = all.iter().rev().find(|version| Some(**version) != named.as_ref());
            newest.map(|version| (*version).clone()).ok_or_else(|| only_one(&all, within))?
        }
    };
    let ran = family.alone(&after);
    let Some(since) = ran.last().map(|last| last.from) else {
        return Err(format!("{after} never ran alone {}", words(within)));
    };
    let before = match before {
        Some(text) => called(text)?,
        None => {
            let ended = |version: &&&Version| {
                family.alone(version).iter().rfind(|stretch| stretch.to <= since).map(|stretch| stretch.to)
            };
            let earlier = all.iter().filter(|version| ***version != after && ended(version).is_some());
            let last = earlier.max_by_key(ended);
            last.map(|version| (*version).clone()).ok_or_else(|| only_one(&all, within))?
        }
    };
    if before == after {
        return Err(format!("{before} is both versions; name two, of {}", list(&all)));
    }
    let earlier = family.alone(&before).into_iter().filter(|stretch| stretch.to <= since).collect();
    let earlier = latest(earlier, window * 1000);
    let Some(first) = earlier.first().map(|first| first.from) else {
        return Err(format!("{before} did not run alone before {after} did {}", words(within)));
    };
    let later = earliest(ran.into_iter().filter(|stretch| stretch.from >= first).collect(), window * 1000);
    let hull = |stretches: &[Stretch]| -> Option<Period> {
        let at = |time: i64| Timestamp::from_millisecond(time).ok();
        Some(Period { from: at(stretches.first()?.from)?, to: at(stretches.last()?.to)? })
    };
    let (Some(one), Some(other)) = (hull(&earlier), hull(&later)) else {
        return Err(format!("{after} did not run alone after {before} did {}", words(within)));
    };
    let side = |version, alone| Ran { version, alone };
    let why = Why::Versions { before: side(before, earlier), after: side(after, later) };
    Ok(Meant { times: Times { before: one, after: other }, why })
}

/// The family in which there is something to compare.
fn family<'f>(
    families: &'f [Family],
    named: &[Option<String>; 2],
    within: Period,
) -> Result<&'f Family, String> {
    let has_named = |family: &&Family| named.iter().flatten().all(|text| !family.called(text).is_empty());
    let is_named = named.iter().any(Option::is_some);
    let fit: Vec<&Family> =
        families.iter().filter(has_named).filter(|family| is_named || family.versions().len() > 1).collect();
    let all: Vec<&Version> = families.iter().flat_map(Family::versions).collect();
    match fit.as_slice() {
        [one] => Ok(one),
        [] if is_named => {
            let named: Vec<String> = named.iter().flatten().map(|text| format!("`{text}`")).collect();
            Err(format!(
                "no container ran {} {}; there were {}",
                named.join(" and "),
                words(within),
                list(&all)
            ))
        }
        [] => Err(only_one(&all, within)),
        several => {
            let newest: Vec<&Version> = several.iter().filter_map(|family| family.versions().pop()).collect();
            Err(format!(
                "several images have changed, at last to {}; name a `container`, or one with `version_after`",
                list(&newest)
            ))
        }
    }
}

fn only_one(all: &[&Version], within: Period) -> String {
    format!(
        "there is nothing to compare with: only one version of each image ran alone, {}, {}",
        list(all),
        words(within)
    )
}

fn list(versions: &[&Version]) -> String {
    let mut names: Vec<String> = versions.iter().take(MOST_NAMES).map(ToString::to_string).collect();
    if versions.len() > MOST_NAMES {
        names.push(format!("{} more", versions.len() - MOST_NAMES));
    }
    names.join(", ")
}

/// The last of some times, so long in all.
fn latest(stretches: Vec<Stretch>, mut left: i64) -> Vec<Stretch> {
    let mut found = Vec::new();
    for Stretch { from, to } in stretches.into_iter().rev() {
        let from = from.max(to - left);
        if from < to {
            left -= to - from;
            found.push(Stretch { from, to });
        }
    }
    found.reverse();
    found
}

/// The first of some times, so long in all.
fn earliest(stretches: Vec<Stretch>, mut left: i64) -> Vec<Stretch> {
    let mut found = Vec::new();
    for Stretch { from, to } in stretches {
        let to = to.min(from + left);
        if from < to {
            left -= to - from;
            found.push(Stretch { from, to });
        }
    }
    found
}

impl Why {
    /// The versions, where there are any.
    pub(super) fn sides(&self) -> (Option<&Ran>, Option<&Ran>) {
        match self {
            Why::Versions { before, after } => (Some(before), Some(after)),
            Why::Said | Why::Happened(_) => (None, None),
        }
    }
}

impl Ran {
    /// How long it ran alone, in seconds.
    pub(super) fn seconds(&self) -> i64 {
        self.alone.iter().map(|stretch| (stretch.to - stretch.from) / 1000).sum()
    }

    /// Whether a step lies within, some time later than it was.
    pub(super) fn has(&self, at: i64, step_ms: i64, later_ms: i64) -> bool {
        let is_within =
            |stretch: &Stretch| stretch.from <= at - step_ms + later_ms && at + later_ms <= stretch.to;
        self.alone.iter().any(is_within)
    }
}

#[cfg(test)]
mod tests;
