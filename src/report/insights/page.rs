//! Insights as text, Markdown, JSON and CSV.

use serde::{Serialize, Serializer};

use super::summary::{Requests, Service, Summary};
use super::{Finding, Insights};
use crate::analysis::bottleneck::{Bottleneck, Kind, Relation};
use crate::analysis::efficiency::{Efficiency, Standing};
use crate::analysis::finding::{Scope, Severity};
use crate::analysis::recommendation::Verify;
use crate::analysis::words::{counted, percent, seconds, size};
use crate::report::Format;
use crate::report::table::{Column, Table};
use crate::report::told::{INDENT, Told, plain, time, whose};

/// What ended so long before the end of the time is over.
const OVER_MS: i64 = 600_000;

impl Insights {
    /// The report in a format.
    pub fn page(&self, format: Format) -> String {
        match format {
            Format::Text => self.text(),
            Format::Markdown => self.markdown(),
            Format::Csv => self.figures().csv(),
            Format::Json => serde_json::to_string_pretty(self).unwrap_or_default() + "\n",
        }
    }

    fn text(&self) -> String {
        let mut text = format!("{}\n\n", self.head());
        for (index, finding) in self.findings.iter().enumerate() {
            text += &format!("{}. {}\n", index + 1, plain(&finding.found.sentence));
            for line in self.told(finding) {
                text += &format!("{INDENT}{}\n", plain(&line));
            }
            text.push('\n');
        }
        if !self.summary.services.is_empty() {
            text += &format!("{}\n", self.services().text());
        }
        text + &self.notes().join("\n") + "\n"
    }

    fn markdown(&self) -> String {
        let mut text = format!("## {}\n\n", self.head());
        for (index, finding) in self.findings.iter().enumerate() {
            text += &format!("### {}. {}\n\n", index + 1, plain(&finding.found.sentence));
            for line in self.told(finding) {
                text += &format!("- {}\n", plain(&line));
            }
            text.push('\n');
        }
        if !self.summary.services.is_empty() {
            text += &format!("### Services\n\n{}\n", self.services().markdown());
        }
        let notes: Vec<String> = self.notes().iter().map(|note| format!("- {note}")).collect();
        text + &notes.join("\n") + "\n"
    }

    /// How much there is, in a sentence.
    pub fn head(&self) -> String {
        let count = self.findings.len() + self.left_out;
        let found = match count {
            0 => "Nothing holds requests up".to_owned(),
            count => counted(count, "finding"),
        };
        let Some(Requests { count, average_response_seconds, error_ratio, .. }) = self.summary.requests
        else {
            return found;
        };
        let average = average_response_seconds
            .map_or_else(String::new, |average| format!(", {} on average", seconds(average)));
        let failed = error_ratio.map_or_else(String::new, |ratio| format!(", {} failed", percent(ratio)));
        format!("{found}; {count:.0} requests{average}{failed}")
    }

    /// The worst of it in a message: what is so, and what to do next.
    pub fn brief(&self, most: usize) -> String {
        let line = |(index, finding): (usize, &Finding)| {
            let Bottleneck { sentence, next_step, .. } = &finding.found;
            format!("{}. {} Next: {}", index + 1, ended(&plain(sentence)), plain(next_step))
        };
        let mut lines: Vec<String> = self.findings.iter().take(most).enumerate().map(line).collect();
        let more = (self.findings.len() + self.left_out).saturating_sub(most);
        lines.extend((more > 0).then(|| format!("And {more} more.")));
        lines.join("\n")
    }

    /// What both pages for people say of a finding besides its sentence.
    fn told(&self, finding: &Finding) -> Vec<String> {
        let found = &finding.found;
        let mut whose: Vec<String> =
            whose(&found.scope).into_iter().filter(|part| !part.is_empty()).collect();
        whose.extend(finding.host.as_ref().map(|host| format!("host {host}")));
        let mut lines = vec![format!("severity: {}", found.severity.as_str())];
        if !whose.is_empty() {
            lines.push(format!("whose: {}", whose.join(" / ")));
        }
        let since = time(found.since_ms).unwrap_or_default();
        let is_over = self.options.period.to.as_millisecond() - found.until_ms > OVER_MS;
        lines.push(match is_over {
            true => format!("from {since} to {}", time(found.until_ms).unwrap_or_default()),
            false => format!("since: {since}"),
        });
        lines.push(format!("next: {}", found.next_step));
        lines.extend(found.gain.as_ref().map(|gain| format!("gain: {gain}")));
        lines.push(format!("verify: {} should be {}", found.verify.promql, found.verify.expect));
        lines
    }

    fn services(&self) -> Table {
        let columns = vec![
            Column::text("user"),
            Column::text("project"),
            Column::text("team"),
            Column::text("service"),
            Column::number("requests"),
            Column::number("a second"),
            Column::number("average"),
            Column::number("failed"),
        ];
        let row = |Service { scope, requests }: &Service| {
            let [user, project, team, name] = whose(scope);
            let told = |value: Option<f64>, words: fn(f64) -> String| value.map_or_else(String::new, words);
            vec![
                user,
                project,
                team,
                name,
                format!("{:.0}", requests.count),
                format!("{:.1}", requests.per_second),
                told(requests.average_response_seconds, seconds),
                told(requests.error_ratio, percent),
            ]
        };
        Table { columns, rows: self.summary.services.iter().map(row).collect(), total: None }
    }

    /// What a reader has to know.
    fn notes(&self) -> Vec<String> {
        let period = self.options.period;
        let Summary { containers, cpu_usage_cores, memory_working_set_bytes, .. } = self.summary;
        let mut notes = vec![
            format!("{} to {} in steps of {} min", period.from, period.to, self.step_s / 60),
            format!(
                "{} used {cpu_usage_cores:.2} cores and {} on average",
                counted(containers, "container"),
                size(memory_working_set_bytes)
            ),
        ];
        if self.left_out > 0 {
            notes.push(format!("{} that matter less are left out", counted(self.left_out, "finding")));
        }
        let low = self.efficiency.iter().filter(|one| matches!(one.standing, Standing::Low(_)));
        notes.extend(low.map(|one| plain(&one.sentence)));
        if self.source == "embedded" {
            notes.push("without a Prometheus (`prometheus.url`) nothing is known of requests, pools, statements and the host".to_owned());
        }
        notes
    }

    /// What programs want: every number as it is.
    fn figures(&self) -> Table {
        let columns = vec![
            Column::text("kind"),
            Column::text("severity"),
            Column::text("host"),
            Column::text("user"),
            Column::text("project"),
            Column::text("team"),
            Column::text("service"),
            Column::text("container"),
            Column::text("subject"),
            Column::text("since"),
            Column::text("until"),
            Column::number("score"),
            Column::number("value"),
            Column::number("threshold"),
            Column::number("samples"),
            Column::text("sentence"),
            Column::text("next_step"),
        ];
        let row = |finding: &Finding| {
            let found = &finding.found;
            let first = found.evidence.first();
            let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
            let scope = &found.scope;
            let part = |part: &Option<String>| part.clone().unwrap_or_default();
            vec![
                found.kind.name().to_owned(),
                found.severity.as_str().to_owned(),
                part(&finding.host),
                part(&scope.user),
                part(&scope.project),
                part(&scope.team),
                part(&scope.service),
                part(&scope.container),
                part(&found.subject),
                time(found.since_ms).unwrap_or_default(),
                time(found.until_ms).unwrap_or_default(),
                format!("{:.3}", found.score),
                number(first.map(|evidence| evidence.value)),
                number(first.and_then(|evidence| evidence.threshold)),
                first.map(|evidence| evidence.samples.to_string()).unwrap_or_default(),
                found.sentence.clone(),
                found.next_step.clone(),
            ]
        };
        Table { columns, rows: self.findings.iter().map(row).collect(), total: None }
    }
}

/// A sentence with its full stop.
fn ended(sentence: &str) -> String {
    format!("{}.", sentence.trim_end_matches(['.', ',', ';']))
}

/// A finding as programs read it.
#[derive(Serialize)]
struct Entry<'a> {
    kind: Kind,
    severity: Severity,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    scope: &'a Scope,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    sentence: &'a str,
    next_step: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    gain: Option<&'a str>,
    since: Option<String>,
    until: Option<String>,
    evidence: Vec<Told<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    relation: Option<&'a Relation>,
    possible_causes: Vec<Cause<'a>>,
    verify: &'a Verify,
    score: f64,
}

#[derive(Serialize)]
struct Cause<'a> {
    at: Option<String>,
    what: &'a str,
}

/// What a service did with its cores.
#[derive(Serialize)]
struct Efficient<'a> {
    #[serde(flatten)]
    scope: &'a Scope,
    standing: &'static str,
    sentence: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ratio: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requests_per_core_second: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    best_requests_per_core_second: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    best_week_to: Option<String>,
}

impl<'a> Efficient<'a> {
    fn of(one: &'a Efficiency) -> Self {
        let (standing, found) = match &one.standing {
            Standing::Idle => ("idle", None),
            Standing::NotEnoughData { .. } => ("not_enough_data", None),
            Standing::Low(found) => ("low", Some(found)),
            Standing::Fair(found) => ("fair", Some(found)),
            Standing::Good(found) => ("good", Some(found)),
        };
        Efficient {
            scope: &one.scope,
            standing,
            sentence: &one.sentence,
            ratio: found.map(|found| found.ratio),
            requests_per_core_second: found.map(|found| found.requests_per_core_second),
            best_requests_per_core_second: found.map(|found| found.best_requests_per_core_second),
            best_week_to: found.and_then(|found| time(found.best.to)),
        }
    }
}

#[derive(Serialize)]
struct Whole<'a> {
    source: &'static str,
    from: String,
    to: String,
    step_seconds: i64,
    summary: &'a Summary,
    findings: Vec<Entry<'a>>,
    left_out: usize,
    efficiency: Vec<Efficient<'a>>,
}

fn entry(finding: &Finding) -> Entry<'_> {
    let found = &finding.found;

    Entry {
        kind: found.kind,
        severity: found.severity,
        host: finding.host.as_deref(),
        scope: &found.scope,
        subject: found.subject.as_deref(),
        sentence: &found.sentence,
        next_step: &found.next_step,
        gain: found.gain.as_deref(),
        since: time(found.since_ms),
        until: time(found.until_ms),
        evidence: found.evidence.iter().map(Told::of).collect(),
        relation: found.relation.as_ref(),
        possible_causes: found
            .possible_causes
            .iter()
            .map(|one| Cause { at: time(one.at_ms), what: &one.what })
            .collect(),
        verify: &found.verify,
        score: found.score,
    }
}

impl Serialize for Insights {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let period = self.options.period;
        let whole = Whole {
            source: self.source,
            from: period.from.to_string(),
            to: period.to.to_string(),
            step_seconds: self.step_s,
            summary: &self.summary,
            findings: self.findings.iter().map(entry).collect(),
            left_out: self.left_out,
            efficiency: self.efficiency.iter().map(Efficient::of).collect(),
        };
        whole.serialize(serializer)
    }
}
