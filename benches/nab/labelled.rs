//! Labelled series, as NAB keeps them.

use std::collections::BTreeMap;
use std::path::Path;

use super::Failure;

/// A series and the rows that are anomalies.
pub(super) struct Labelled {
    /// The file's path below `data/`.
    pub(super) name: String,
    /// Times in milliseconds since 1970, and values, as they stand in the file.
    pub(super) rows: Vec<(i64, f64)>,
    /// First and last row of each anomaly.
    pub(super) windows: Vec<(usize, usize)>,
}

impl Labelled {
    /// The median time between two rows.
    pub(super) fn interval_ms(&self) -> i64 {
        let mut between: Vec<i64> = self.rows.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
        between.sort_unstable();
        between.get(between.len() / 2).copied().unwrap_or_default()
    }

    pub(super) fn days(&self) -> f64 {
        let (Some(first), Some(last)) = (self.rows.first(), self.rows.last()) else { return 0.0 };
        (last.0 - first.0) as f64 / 86_400_000.0
    }
}

/// All series of a folder.
pub(super) fn read(folder: &Path) -> Result<Vec<Labelled>, Failure> {
    let path = folder.join("labels/combined_windows.json");
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let windows: BTreeMap<String, Vec<(String, String)>> = serde_json::from_str(&text)?;
    windows
        .into_iter()
        .map(|(name, windows)| {
            let path = folder.join("data").join(&name);
            let rows = column(&path, "value")?;
            let row_at = |time: &str| {
                let at = milliseconds(time)?;
                let row = rows.iter().position(|(then, _)| *then == at);
                row.ok_or_else(|| Failure::from(format!("{name}: no row at {time}")))
            };
            let windows = windows.iter().map(|(from, to)| Ok((row_at(from)?, row_at(to)?)));
            let windows = windows.collect::<Result<Vec<_>, Failure>>()?;
            Ok(Labelled { name, rows, windows })
        })
        .collect()
}

/// The rows at which somebody else's detector has a score from a threshold.
pub(super) fn alerts_of(results: &Path, labelled: &Labelled, threshold: f64) -> Result<Vec<usize>, Failure> {
    let (group, file) = labelled.name.split_once('/').unwrap_or(("", &labelled.name));
    let detector = results.file_name().unwrap_or_default().to_string_lossy();
    let rows = column(&results.join(group).join(format!("{detector}_{file}")), "anomaly_score")?;
    let is_alert = |(_, (_, score)): &(usize, (i64, f64))| *score >= threshold;
    Ok(rows.into_iter().enumerate().filter(is_alert).map(|(row, _)| row).collect())
}

/// Times and a column of a file.
fn column(path: &Path, name: &str) -> Result<Vec<(i64, f64)>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut lines = text.lines();
    let header = lines.next().unwrap_or_default().trim_end();
    let column = header.split(',').position(|field| field == name);
    let column = column.ok_or_else(|| format!("{}: no column `{name}`", path.display()))?;
    let row = |line: &str| -> Result<(i64, f64), Failure> {
        let mut fields = line.trim_end().split(',');
        let time = fields.next().unwrap_or_default();
        let value = fields.nth(column - 1).unwrap_or_default();
        Ok((
            milliseconds(time)?,
            value.parse().map_err(|_| format!("{}: no number `{value}`", path.display()))?,
        ))
    };
    lines.filter(|line| !line.is_empty()).map(row).collect()
}

/// Milliseconds since 1970 of a time such as `2014-04-10 00:04:00` or `2014-04-10 00:04:00.000000`.
fn milliseconds(time: &str) -> Result<i64, Failure> {
    let time: jiff::civil::DateTime =
        time.parse().map_err(|error| format!("`{time}` is no time: {error}"))?;
    Ok(time.to_zoned(jiff::tz::TimeZone::UTC)?.timestamp().as_millisecond())
}
