//! What objectives have counted in a period, out of Prometheus.
//!
//! Events are differences of the counters at the period's edges, with what restarts have begun
//! anew ([`ledger`]). When too many of them were bad is looked for minute by minute: of each
//! counter the last value of every minute, a few hours at once. The stack's own objective is made
//! of `up`, since an exporter that is down cannot count that it is.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::Decimal;

use super::SlaError;
use crate::analysis::counter::{LOOKBACK, Target};
use crate::analysis::slo::{Breach, Breaches, Minute, Standing, decimal};
use crate::metrics::catalogue as c;
use crate::prometheus::{Client, Labels, QueryError, Series, selector};
use crate::report::gather::{Counters, ledger, samples, seconds};
use crate::report::period::Period;

/// Minutes that are asked for at once.
const AT_ONCE: usize = 360;

const MINUTE: f64 = 60.0;

/// The job that scrapes dockmeter.
const JOB: &str = "dockmeter";

/// The objective of the stack itself, in thousandths.
const STACK_OBJECTIVE: i64 = 999;

/// The name of that objective, and the service that it is of.
const STACK: &str = "stack";
const STACK_SERVICE: &str = "dockmeter";

/// Raw samples that are asked for at once, in seconds of the period.
const SCRAPES_AT_ONCE: f64 = 21_600.0;

/// What an objective is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The team.
    pub team: String,
    /// The project.
    pub project: String,
    /// The user.
    pub user: String,
    /// The service.
    pub service: String,
    /// `availability`, `latency`, `uptime`, `stack`, or a name of one's own.
    pub slo: String,
}

impl Key {
    fn of(labels: &Labels) -> Key {
        let label = |name: &str| labels.get(name).cloned().unwrap_or_default();
        Key {
            team: label("team"),
            project: label("project"),
            user: label("user"),
            service: label("service"),
            slo: label("slo"),
        }
    }
}

/// How one objective fared.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// What it is about.
    pub key: Key,
    /// What was promised at the end, and what came of it.
    pub standing: Standing,
    /// Objectives that were in force, each with the time from which it was seen; one if it never
    /// changed.
    pub objectives: Vec<(i64, Decimal)>,
    /// When too many events were bad.
    pub breaches: Vec<Breach>,
    /// Minutes of breaches that are not among those, since there are too many.
    pub more_breaches: usize,
    /// The share of the period, as far as it is over, of which there is data.
    pub coverage: Decimal,
}

/// The two counters of an objective.
type Counter = (bool, Key);

/// The counters of objectives.
static COUNTERS: Counters<Counter> = Counters {
    families: &[c::SLO_EVENTS.name, c::SLO_BAD_EVENTS.name],
    key: |family, labels| Some((family == c::SLO_BAD_EVENTS.name, Key::of(labels))),
    own_labels: &["slo", "service", "user", "project", "team"],
};

/// Asks Prometheus how all objectives fared, in the order of their keys. The stack's own is of
/// the platform's team.
///
/// # Errors
/// Prometheus does not answer, or holds nothing of the period.
pub async fn gather(
    client: &Client,
    period: Period,
    now: Timestamp,
    platform_team: &str,
    progress: &mut dyn FnMut(f64),
) -> Result<Vec<Record>, SlaError> {
    let ledger = ledger(client, &COUNTERS, period, now, &mut |share| progress(share / 2.0)).await?;
    let mut counted: BTreeMap<Key, [Decimal; 2]> = BTreeMap::new();
    for (_, (is_bad, key), total) in ledger.totals() {
        counted.entry(key.clone()).or_default()[usize::from(*is_bad)] += decimal(total);
    }
    let mut course = Course::new(period, now);
    course.follow(client, &mut |share| progress(0.5 + share / 2.0)).await?;
    let mut records: Vec<Record> =
        counted.into_iter().filter_map(|(key, [events, bad])| course.record(key, events, bad)).collect();
    records.extend(stack(client, &course, platform_team).await?);
    records.sort_by(|one, other| one.key.cmp(&other.key));
    match records.is_empty() {
        true => Err(SlaError::Nothing { url: client.url().to_owned(), period }),
        false => Ok(records),
    }
}

/// What is known of an objective while its minutes are looked at.
#[derive(Default)]
struct Followed {
    breaches: Breaches,
    objectives: Vec<(i64, Decimal)>,
    allowed: f64,
    /// Minutes of which there is data.
    present: i64,
}

/// Minutes of a period, one after the other.
struct Course {
    period: Period,
    from: f64,
    minutes: usize,
    followed: BTreeMap<Key, Followed>,
    /// The last value of each counter.
    values: BTreeMap<(Target, Counter), f64>,
    /// Who was scraped in an earlier minute.
    targets: std::collections::BTreeSet<Target>,
}

/// What there is of one minute: counters by target, and objectives.
#[derive(Default)]
struct Moment {
    values: Vec<(Target, Counter, f64)>,
    objectives: BTreeMap<Key, f64>,
}

impl Course {
    fn new(period: Period, now: Timestamp) -> Self {
        let from = seconds(period.from);
        let minutes = ((seconds(period.to).min(seconds(now)) - from) / MINUTE).floor() as usize;
        Course {
            period,
            from,
            minutes,
            followed: BTreeMap::new(),
            values: BTreeMap::new(),
            targets: Default::default(),
        }
    }

    /// Asks for all minutes, and the moment before the first.
    async fn follow(&mut self, client: &Client, progress: &mut dyn FnMut(f64)) -> Result<(), QueryError> {
        let (mut next, mut at_once) = (0, AT_ONCE);
        while next <= self.minutes {
            let count = at_once.min(self.minutes + 1 - next);
            match self.moments(client, next, count).await {
                Ok(moments) => {
                    for (place, moment) in (next..).zip(moments) {
                        self.take(place, moment);
                    }
                    next += count;
                    progress(next as f64 / (self.minutes + 1) as f64);
                }
                Err(error) if error.is_too_much() && count > 1 => at_once = count / 2,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn moments(&self, client: &Client, first: usize, count: usize) -> Result<Vec<Moment>, QueryError> {
        let mut moments: Vec<Moment> = (0..count).map(|_| Moment::default()).collect();
        let start = self.from + MINUTE * first as f64;
        let end = start + MINUTE * (count - 1) as f64;
        let place = |time: f64| (((time - start) / MINUTE).round() as usize).min(count - 1);
        for family in COUNTERS.families {
            for series in client.range(family, start, end, MINUTE).await? {
                let Some(counter) = (COUNTERS.key)(family, &series.labels) else { continue };
                let target = COUNTERS.target(&series.labels);
                for (time, value) in &series.samples {
                    moments[place(*time)].values.push((target.clone(), counter.clone(), *value));
                }
            }
        }
        for series in client.range(c::SLO_OBJECTIVE.name, start, end, MINUTE).await? {
            let key = Key::of(&series.labels);
            for (time, value) in &series.samples {
                // Of exporters that say different things the stricter one counts.
                let known = moments[place(*time)].objectives.entry(key.clone()).or_insert(*value);
                *known = known.max(*value);
            }
        }
        Ok(moments)
    }

    /// Takes the values at the end of a minute; the first are those before the first minute.
    fn take(&mut self, minute: usize, moment: Moment) {
        let end = (self.from + MINUTE * minute as f64) as i64;
        for (key, ratio) in moment.objectives {
            let followed = self.followed.entry(key).or_default();
            followed.allowed = 1.0 - ratio;
            let objective = decimal(ratio);
            if followed.objectives.last().is_none_or(|(_, last)| *last != objective) {
                followed.objectives.push((end, objective));
            }
        }
        let mut gained: BTreeMap<Key, [f64; 2]> = BTreeMap::new();
        let mut seen = Vec::new();
        for (target, (is_bad, key), value) in moment.values {
            let is_known = minute > 0 && self.targets.contains(&target);
            let last = self.values.insert((target.clone(), (is_bad, key.clone())), value);
            let gain = match last {
                Some(last) if value >= last => value - last,
                Some(_) => value,
                None if is_known => value,
                None => 0.0,
            };
            gained.entry(key).or_default()[usize::from(is_bad)] += gain;
            seen.push(target);
        }
        self.targets.extend(seen);
        if minute == 0 {
            return;
        }
        for (key, [events, bad]) in gained {
            let followed = self.followed.entry(key).or_default();
            followed.present += 1;
            if followed.allowed > 0.0 {
                followed.breaches.push(Minute { end, events, bad, allowed: followed.allowed });
            }
        }
    }

    /// What is to be said of an objective; nothing of one that was never known.
    fn record(&mut self, key: Key, events: Decimal, bad: Decimal) -> Option<Record> {
        let followed = self.followed.remove(&key)?;
        let (_, objective) = *followed.objectives.last()?;
        let standing = Standing { objective, events, bad, seconds: self.period.seconds() };
        Some(Record {
            key,
            standing,
            breaches: followed.breaches.found().to_vec(),
            more_breaches: followed.breaches.more(),
            coverage: self.share(followed.present),
            objectives: followed.objectives,
        })
    }

    fn share(&self, present: i64) -> Decimal {
        Decimal::from(present).checked_div(Decimal::from(self.minutes)).unwrap_or_default().min(Decimal::ONE)
    }
}

/// How the stack itself fared: every scrape of dockmeter is an event, one that failed is bad.
async fn stack(client: &Client, course: &Course, team: &str) -> Result<Option<Record>, QueryError> {
    let objective = Decimal::new(STACK_OBJECTIVE, 3);
    let allowed = 1.0 - crate::analysis::slo::float(objective);
    let (mut breaches, mut present, mut last) = (Breaches::default(), 0, f64::NEG_INFINITY);
    let (mut events, mut bad) = (0_u64, 0_u64);
    let end = course.from + MINUTE * course.minutes as f64;
    let mut from = course.from;
    while from < end {
        let width = SCRAPES_AT_ONCE.min(end - from);
        let mut minutes = vec![(0_u64, 0_u64); (width / MINUTE).round() as usize];
        for Series { samples, .. } in samples(client, &selector("up", [("job", JOB)]), from, width).await? {
            for (time, up) in samples {
                let place = ((time - from) / MINUTE).ceil() as usize;
                if let Some((all, failed)) = place.checked_sub(1).and_then(|place| minutes.get_mut(place)) {
                    *all += 1;
                    *failed += u64::from(up == 0.0);
                }
            }
        }
        for (place, (all, failed)) in minutes.into_iter().enumerate() {
            let minute = from + MINUTE * (place + 1) as f64;
            (events, bad) = (events + all, bad + failed);
            if all > 0 {
                last = minute;
            }
            if minute - last < LOOKBACK {
                present += 1;
                let (events, bad) = (all as f64, failed as f64);
                breaches.push(Minute { end: minute as i64, events, bad, allowed });
            }
        }
        from += width;
    }
    let label = |name: &str| name.to_owned();
    let key = Key {
        team: label(team),
        project: label(crate::tenant::SYSTEM),
        user: label(crate::tenant::SYSTEM),
        service: label(STACK_SERVICE),
        slo: label(STACK),
    };
    let seconds = course.period.seconds();
    let standing = Standing { objective, events: events.into(), bad: bad.into(), seconds };
    Ok((events > 0).then(|| Record {
        key,
        standing,
        objectives: vec![(course.from as i64, objective)],
        breaches: breaches.found().to_vec(),
        more_breaches: breaches.more(),
        coverage: course.share(present),
    }))
}
