//! Right sizes as text, Markdown and CSV.

use super::Rightsized;
use crate::analysis::finding::Scope;
use crate::analysis::recommendation::{Change, Confidence, Kind, NotEnoughData, Recommendation};
use crate::analysis::rightsize::host::Overcommit;
use crate::analysis::words::{cores, counted, percent, size};
use crate::report::Format;
use crate::report::followup::Followed;
use crate::report::table::{Column, Table};
use crate::report::told::{INDENT, plain, time, whose};

impl Rightsized {
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
        if !self.recommendations.is_empty() {
            text += &format!("{}\n", self.table().text());
        }
        for (index, found) in self.recommendations.iter().enumerate() {
            text += &format!("{}. {}\n", index + 1, plain(&found.sentence));
            let mut lines = told(found);
            if let Some(place) = found.action.place.as_ref().filter(|_| !found.action.lines.is_empty()) {
                lines.push(format!("in {place}:"));
            }
            lines.extend(found.action.lines.iter().map(|line| format!("{INDENT}{line}")));
            lines.extend(found.action.command.as_ref().map(|command| format!("at once: {command}")));
            lines.push(format!("verify: {}", found.verify.promql));
            lines.push(format!("        {}", found.verify.expect));
            for line in lines {
                text += &format!("{INDENT}{}\n", plain(&line));
            }
            text.push('\n');
        }
        if !self.not_enough_data.is_empty() {
            text += "What cannot be told:\n";
            text += &self.untold().text();
            text.push('\n');
        }
        if !self.followed_up.is_empty() {
            text += "What became of what was recommended before:\n";
            text += &self.followed().text();
            text.push('\n');
        }
        text + &self.notes().join("\n") + "\n"
    }

    fn markdown(&self) -> String {
        let mut text = format!("## {}\n\n", self.head());
        if !self.recommendations.is_empty() {
            text += &format!("{}\n", self.table().markdown());
        }
        for (index, found) in self.recommendations.iter().enumerate() {
            text += &format!("### {}. {}\n\n", index + 1, plain(&found.sentence));
            for line in told(found) {
                text += &format!("- {}\n", plain(&line));
            }
            if let Some(place) = found.action.place.as_ref().filter(|_| !found.action.lines.is_empty()) {
                let lines: Vec<String> = found.action.lines.iter().map(|line| plain(line)).collect();
                text += &format!("- in {}:\n\n```yaml\n{}\n```\n", plain(place), lines.join("\n"));
            } else if let Some(command) = &found.action.command {
                text += &format!("- at once:\n\n```sh\n{}\n```\n", plain(command));
            }
            text.push('\n');
        }
        if !self.not_enough_data.is_empty() {
            text += &format!("### What cannot be told\n\n{}\n", self.untold().markdown());
        }
        if !self.followed_up.is_empty() {
            text += &format!(
                "### What became of what was recommended before\n\n{}\n",
                self.followed().markdown()
            );
        }
        let notes: Vec<String> = self.notes().iter().map(|note| format!("- {note}")).collect();
        text + &notes.join("\n") + "\n"
    }

    /// How much there is to do, in a sentence.
    fn head(&self) -> String {
        let of = counted(self.containers, "container");
        match (self.containers, self.recommendations.len()) {
            (0, 0) => "No containers in this time".to_owned(),
            (_, 0) => format!("Nothing to change, of {of}"),
            (_, count) => format!("{} for {of}", counted(count, "recommendation")),
        }
    }

    /// Everything at a glance.
    fn table(&self) -> Table {
        let columns = vec![
            Column::text("severity"),
            Column::text("user"),
            Column::text("project"),
            Column::text("team"),
            Column::text("of"),
            Column::text("setting"),
            Column::number("now"),
            Column::number("recommended"),
            Column::text("effect"),
        ];
        let row = |found: &Recommendation| {
            let [user, project, team, of] = whose(&found.scope);
            let (now, then) = found.change.map(shown).unwrap_or_default();
            vec![
                found.severity.as_str().to_owned(),
                user,
                project,
                team,
                of,
                spaced(found.kind),
                now,
                then,
                found.effect.sentence.clone(),
            ]
        };
        Table { columns, rows: self.recommendations.iter().map(row).collect(), total: None }
    }

    /// What is missing where nothing can be told.
    fn untold(&self) -> Table {
        let columns =
            ["user", "project", "team", "of", "setting", "missing"].map(Column::text).into_iter().collect();
        let row = |none: &NotEnoughData| {
            let [user, project, team, of] = whose(&none.scope);
            vec![user, project, team, of, spaced(none.kind), none.missing.join("; ")]
        };
        Table { columns, rows: self.not_enough_data.iter().map(row).collect(), total: None }
    }

    /// What became of what was recommended before.
    fn followed(&self) -> Table {
        let columns = ["recommended", "user", "project", "team", "of", "setting", "outcome"];
        let row = |followed: &Followed| {
            let Followed { entry, found } = followed;
            let at = time(entry.recommended_at_ms).unwrap_or_default();
            let [user, project, team, of] = whose(&entry.scope);
            vec![at, user, project, team, of, spaced(entry.kind), plain(&found.sentence)]
        };
        let rows = self.followed_up.iter().map(row).collect();
        Table { columns: columns.map(Column::text).into_iter().collect(), rows, total: None }
    }

    /// What a reader has to know.
    fn notes(&self) -> Vec<String> {
        let period = self.options.period;
        let mut notes = vec![format!(
            "{} to {} in steps of {} min; what ended before the last tenth of it is left out",
            period.from,
            period.to,
            self.step_s / 60
        )];
        let one = self.overcommit.iter().map(|found| ("the host".to_owned(), found));
        let several = self.hosts.iter().map(|(name, found)| (format!("`{name}`"), found));
        for (called, Overcommit { containers, cpu_ratio, memory_ratio, .. }) in one.chain(several) {
            let share = |ratio: &Option<f64>| ratio.map_or_else(|| "?".to_owned(), percent);
            notes.push(format!(
                "the limits of {} that run are {} of {called}'s cores and {} of its memory",
                counted(*containers, "container"),
                share(cpu_ratio),
                share(memory_ratio)
            ));
        }
        notes
    }

    /// What programs want: every number as it is.
    fn figures(&self) -> Table {
        let columns = vec![
            Column::text("answer"),
            Column::text("kind"),
            Column::text("severity"),
            Column::text("user"),
            Column::text("project"),
            Column::text("team"),
            Column::text("service"),
            Column::text("container"),
            Column::number("from_cores"),
            Column::number("to_cores"),
            Column::number("from_bytes"),
            Column::number("to_bytes"),
            Column::number("from_connections"),
            Column::number("to_connections"),
            Column::number("confidence_ratio"),
            Column::text("sentence"),
            Column::text("effect"),
            Column::text("lines"),
            Column::text("command"),
        ];
        let figures = |found: &Recommendation| {
            let mut row = vec!["recommendation".to_owned(), found.kind.name().to_owned()];
            row.push(found.severity.as_str().to_owned());
            row.extend(whose_apart(&found.scope));
            row.extend(numbers(found.change));
            row.extend([
                found.confidence.ratio.to_string(),
                found.sentence.clone(),
                found.effect.sentence.clone(),
                found.action.lines.join("\n"),
                found.action.command.clone().unwrap_or_default(),
            ]);
            row
        };
        let none = |none: &NotEnoughData| {
            let mut row = vec!["not_enough_data".to_owned(), none.kind.name().to_owned(), String::new()];
            row.extend(whose_apart(&none.scope));
            row.extend(numbers(None));
            row.extend([String::new(), none.sentence.clone(), String::new(), String::new(), String::new()]);
            row
        };
        let found = self.recommendations.iter().map(figures);
        Table { columns, rows: found.chain(self.not_enough_data.iter().map(none)).collect(), total: None }
    }
}

/// What both pages for people say of a recommendation.
fn told(found: &Recommendation) -> Vec<String> {
    let whose: Vec<String> = whose(&found.scope).into_iter().filter(|part| !part.is_empty()).collect();
    let Confidence { ratio, history_days, coverage_ratio, .. } = found.confidence;
    let mut lines = Vec::new();
    if !whose.is_empty() {
        lines.push(format!("whose: {}", whose.join(" / ")));
    }
    lines.push(format!("effect: {}", found.effect.sentence));
    lines.push(format!("risk: {}", found.risk));
    if history_days > 0.0 {
        lines.push(format!(
            "sure to {}: {history_days:.1} days of history, of which {} of the samples are there",
            percent(ratio),
            percent(coverage_ratio)
        ));
    }
    // What is written as lines needs no words.
    if found.action.lines.is_empty() {
        lines.extend(found.action.steps.iter().map(|step| format!("do: {step}")));
    }
    lines
}

fn spaced(kind: Kind) -> String {
    kind.name().replace('_', " ")
}

/// The same with container and service apart, for programs.
fn whose_apart(scope: &Scope) -> [String; 5] {
    [&scope.user, &scope.project, &scope.team, &scope.service, &scope.container]
        .map(|part| part.clone().unwrap_or_default())
}

/// What it is now and what it should be, for people.
fn shown(change: Change) -> (String, String) {
    let (from, to) = change.values();
    let words: fn(f64) -> String = match change {
        Change::CpuLimit { .. } | Change::CpuReservation { .. } => cores,
        Change::MemoryLimit { .. } | Change::MemoryReservation { .. } => size,
        Change::PoolSize { .. } => |count| format!("{count}"),
    };
    (from.map_or_else(|| "none".to_owned(), words), words(to))
}

/// The same for programs: cores, bytes and connections.
fn numbers(change: Option<Change>) -> [String; 6] {
    let mut numbers: [String; 6] = Default::default();
    let Some(change) = change else { return numbers };
    let place = match change {
        Change::CpuLimit { .. } | Change::CpuReservation { .. } => 0,
        Change::MemoryLimit { .. } | Change::MemoryReservation { .. } => 2,
        Change::PoolSize { .. } => 4,
    };
    let (from, to) = change.values();
    numbers[place] = from.map(|value| value.to_string()).unwrap_or_default();
    numbers[place + 1] = to.to_string();
    numbers
}
