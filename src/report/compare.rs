//! `dockmeter report compare` and `GET /api/analytics/compare`: whether what came after an event, or
//! in a later time, is worse than what was before.

mod meant;
mod page;
mod said;
mod version;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::{Timestamp, ToSpan};

use super::period::Period;
use crate::analysis::compare::{Comparison, Pair, Question, Rule, Verdict, compare};
use crate::history::{By, MEASURES, Meaning, Measure, Query, Wanted, Whom};
use crate::prometheus::QueryError;

pub use meant::{Happened, Meant, Ran, Unclear, Why, meant};
pub use said::{Asked, Event, LAST, Said, Stretch, Times, VERSION_WINDOW, WINDOW, share};
pub use version::Version;

/// Measures that are asked for at once.
const AT_ONCE: usize = 4;

/// The shortest step: scrapes are mostly 5 to 30 s apart, and a rate wants two.
const SHORTEST_STEP_S: i64 = 60;

/// So many samples of a time are enough.
const ENOUGH_SAMPLES: i64 = 240;

/// Earlier days that are looked at if nobody says.
pub const EARLIER_DAYS: i64 = 7;

/// The most earlier days that can be asked for.
pub const MOST_EARLIER_DAYS: i64 = 28;

/// A day, by which earlier times are told from these.
const DAY_S: i64 = 86_400;

/// What is compared.
#[derive(Clone, Debug)]
pub struct Options {
    /// Of whom.
    pub whom: Whom,
    /// Which times, and why these.
    pub meant: Meant,
    /// Earlier days to which the two times are held, too.
    pub earlier_days: i64,
    /// When a difference counts.
    pub rule: Rule,
}

/// What is said of a measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It harms more than before, or takes more without serving more.
    Worse,
    /// The other way round.
    Better,
    /// More is asked of it, which is neither good nor bad.
    MoreLoad,
    /// Less is.
    LessLoad,
    /// It takes more since more is asked of it.
    WithTheLoad,
    /// Neither.
    Of(Verdict),
}

/// What is said of all measures together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Something is worse.
    Regression,
    /// Something is better, and nothing worse.
    Improvement,
    /// Nothing differs that counts.
    Same,
    /// Nothing could be compared.
    NotEnoughData,
}

/// A measure in both times.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The measure.
    pub measure: Measure,
    /// What it was.
    pub comparison: Comparison,
    /// What that means.
    pub judgement: Judgement,
}

/// The report.
#[derive(Clone, Debug)]
pub struct Compared {
    /// What was asked.
    pub options: Options,
    /// Who answered.
    pub source: &'static str,
    /// The measures of which there is anything.
    pub rows: Vec<Row>,
    /// All together.
    pub outcome: Outcome,
}

/// Asks for all measures in both times and on earlier days, and compares them. `progress` is told
/// the share that is done.
///
/// # Errors
/// The history does not answer.
pub async fn report(
    query: &dyn Query,
    options: Options,
    progress: &mut (dyn FnMut(f64) + Send),
) -> Result<Compared, QueryError> {
    let mut questions: Vec<(Measure, Question)> = Vec::new();
    let asked_for = &options;
    let mut asked = stream::iter(MEASURES)
        .map(|measure| async move { Ok::<_, QueryError>((measure, ask(query, asked_for, measure).await?)) })
        .buffered(AT_ONCE);
    let mut done = 0.0;
    while let Some((measure, question)) = asked.try_next().await? {
        done += 1.0;
        progress(done / MEASURES.len() as f64);
        if !question.pair.before.is_empty() || !question.pair.after.is_empty() {
            questions.push((measure, question));
        }
    }
    drop(asked);
    Ok(judged(options, query.name(), questions))
}

/// Compares what was answered.
fn judged(options: Options, source: &'static str, asked: Vec<(Measure, Question)>) -> Compared {
    let (measures, questions): (Vec<Measure>, Vec<Question>) = asked.into_iter().unzip();
    let comparisons = compare(&questions, options.rule);
    let both = || measures.iter().zip(&comparisons);
    let asks_more = |(measure, found): (&Measure, &Comparison)| {
        measure.meaning == Meaning::Load && found.verdict == Verdict::Higher
    };
    let has_more_load = both().any(asks_more);
    let row = |(measure, comparison): (&Measure, &Comparison)| Row {
        measure: *measure,
        comparison: *comparison,
        judgement: judgement(measure.meaning, comparison.verdict, has_more_load),
    };
    let rows: Vec<Row> = both().map(row).collect();
    let outcome = outcome(&rows);
    Compared { options, source, rows, outcome }
}

fn judgement(meaning: Meaning, verdict: Verdict, has_more_load: bool) -> Judgement {
    match (meaning, verdict) {
        (Meaning::Load, Verdict::Higher) => Judgement::MoreLoad,
        (Meaning::Load, Verdict::Lower) => Judgement::LessLoad,
        (Meaning::Use, Verdict::Higher) if has_more_load => Judgement::WithTheLoad,
        (_, Verdict::Higher) => Judgement::Worse,
        (_, Verdict::Lower) => Judgement::Better,
        (_, other) => Judgement::Of(other),
    }
}

fn outcome(rows: &[Row]) -> Outcome {
    let any = |wanted: Judgement| rows.iter().any(|row| row.judgement == wanted);
    if any(Judgement::Worse) {
        Outcome::Regression
    } else if any(Judgement::Better) {
        Outcome::Improvement
    } else if rows.iter().any(|row| row.judgement != Judgement::Of(Verdict::NotEnoughData)) {
        Outcome::Same
    } else {
        Outcome::NotEnoughData
    }
}

/// A measure in both times, and on earlier days.
async fn ask(query: &dyn Query, options: &Options, measure: Measure) -> Result<Question, QueryError> {
    let Meant { times, why } = &options.meant;
    let (one, other) = why.sides();
    let step_s = step(&options.meant);
    let values = async |period: Period, side: Option<&Ran>, later_ms: i64| {
        let points = points(query, &options.whom, measure, period, step_s).await?;
        let counts = |at: &i64| side.is_none_or(|side| side.has(*at, step_s * 1000, later_ms));
        let counted = points.into_iter().filter(|(at, _)| counts(at)).map(|(_, value)| value).collect();
        Ok::<Vec<f64>, QueryError>(counted)
    };
    let pair =
        Pair { before: values(times.before, one, 0).await?, after: values(times.after, other, 0).await? };
    let mut earlier_days = Vec::new();
    // Of what is not there now nobody wants to know how it was.
    if !pair.before.is_empty() && !pair.after.is_empty() {
        for (before, after) in earlier(times, options.earlier_days) {
            let later_ms = times.before.from.as_millisecond() - before.from.as_millisecond();
            let before = values(before, one, later_ms).await?;
            earlier_days.push(Pair { before, after: values(after, other, later_ms).await? });
        }
    }
    Ok(Question { pair, earlier_days, least_change: measure.least_change })
}

async fn points(
    query: &dyn Query,
    whom: &Whom,
    measure: Measure,
    period: Period,
    step_s: i64,
) -> Result<Vec<(i64, f64)>, QueryError> {
    let wanted = Wanted {
        measure,
        whom: whom.clone(),
        by: By::All,
        from: period.from.as_millisecond(),
        to: period.to.as_millisecond(),
        step_ms: step_s * 1000,
    };
    let lines = query.lines(&wanted).await?;
    Ok(lines.into_iter().flat_map(|line| line.points).collect())
}

/// The step of the samples: the longer time decides, or the version that ran for less of it.
fn step(meant: &Meant) -> i64 {
    let length = match meant.why.sides() {
        (Some(one), Some(other)) => one.seconds().min(other.seconds()),
        _ => meant.times.before.seconds().max(meant.times.after.seconds()),
    };
    let wanted = (length / ENOUGH_SAMPLES).max(1);
    multiple(wanted, SHORTEST_STEP_S)
}

/// The smallest multiple of a unit that is not less.
fn multiple(number: i64, unit: i64) -> i64 {
    (number + unit - 1) / unit * unit
}

/// The same two times on earlier days: whole days before, and so many that they do not overlap.
fn earlier(times: &Times, days: i64) -> Vec<(Period, Period)> {
    let span = times.after.to.as_second() - times.before.from.as_second();
    let apart = multiple(span.max(1), DAY_S);
    let back = |time: Timestamp, by: i64| time.checked_sub((by * apart).seconds()).ok();
    let shifted =
        |period: Period, by: i64| Some(Period { from: back(period.from, by)?, to: back(period.to, by)? });
    let count = days / (apart / DAY_S);
    (1..=count).filter_map(|by| Some((shifted(times.before, by)?, shifted(times.after, by)?))).collect()
}

#[cfg(test)]
mod tests;
