//! What was recommended, kept in a file so that it can be seen later what became of it.
//!
//! A file of JSON in the folder of the history, written whole and never half. It is bounded in
//! number and age, and one that cannot be read is put aside, said in the log, and begun anew.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{fs, io};

use serde::{Deserialize, Serialize};

use crate::analysis::finding::{Evidence, Scope};
use crate::analysis::recommendation::{Change, Kind, Recommendation, Verify};
use crate::files::{self, Ours, Rendered};

/// The file's name.
pub const FILE: &str = "recommendations.json";

/// What is put beside it if it cannot be read.
const BROKEN: &str = "recommendations.json.broken";

/// How the file is written; another number is another program's.
const VERSION: u32 = 1;

/// So many are kept: some of each of a thousand containers.
const MOST: usize = 2_000;

/// A longer file is none of ours, in bytes.
const LONGEST: u64 = 32 << 20;

/// So long they are followed: applied after two weeks, and two weeks seen since.
const KEPT_MS: i64 = 35 * 86_400_000;

/// What was not said for so long was over, and is another if it is said again.
const OVER_MS: i64 = 2 * 86_400_000;

/// That something was said again is written so often: looks come every six hours.
const SAID_AGAIN_MS: i64 = 5 * 3_600_000;

/// A setting is untouched within this share.
const SAME: f64 = 0.01;

/// What is proposed is the same within this share; less is left alone when it is set.
const NEAR: f64 = 0.1;

/// Something that was recommended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The recommendation's id.
    pub id: String,
    /// What was recommended.
    pub kind: Kind,
    /// Whose it is.
    pub scope: Scope,
    /// What was said.
    pub sentence: String,
    /// The setting that was to change, where it is a single number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
    /// What it was told from.
    pub evidence: Vec<Evidence>,
    /// How to see whether it helped.
    pub verify: Verify,
    /// When it was said first, in milliseconds since 1970.
    pub recommended_at_ms: i64,
    /// When it was said last, to some hours.
    pub said_at_ms: i64,
}

#[derive(Serialize, Deserialize)]
struct Page {
    version: u32,
    recommendations: Vec<Entry>,
}

/// Everything that was recommended.
#[derive(Debug, Default)]
pub struct Ledger {
    folder: Option<PathBuf>,
    entries: Mutex<Vec<Entry>>,
}

impl Ledger {
    /// What a folder holds of it. Without one it is in memory alone.
    pub fn open(folder: Option<&Path>) -> Ledger {
        let entries = folder.map_or_else(Vec::new, |folder| match read(folder) {
            Ok(entries) => entries,
            Err(error) => {
                put_aside(folder, &error);
                Vec::new()
            }
        });
        Ledger { folder: folder.map(Path::to_owned), entries: Mutex::new(entries) }
    }

    /// What is followed at a time.
    pub fn entries(&self, now_ms: i64) -> Vec<Entry> {
        let mut entries = self.lock().clone();
        entries.retain(|entry| is_kept(entry, now_ms));
        entries
    }

    /// Remembers what is said at a time, each once, and writes that down.
    pub fn remember(&self, said: &[Recommendation], now_ms: i64) {
        let mut entries = self.lock();
        let mut is_changed = false;
        for found in said {
            is_changed |= note(&mut entries, found, now_ms);
        }
        if !is_changed {
            return;
        }
        entries.retain(|entry| is_kept(entry, now_ms));
        bound(&mut entries, MOST);
        // Under the lock, so that no older state is written after a newer one.
        if let Some(folder) = &self.folder
            && let Err(error) = write(folder, &entries)
        {
            tracing::warn!(%error, "what was recommended is kept in memory alone, until it can be written");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a folder holds; nothing where there is no file.
///
/// # Errors
/// The file cannot be read, or is another's; the message says why.
pub fn read(folder: &Path) -> Result<Vec<Entry>, String> {
    let path = folder.join(FILE);
    match fs::metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error.to_string()),
        Ok(about) if about.len() > LONGEST => return Err(format!("{} bytes are too many", about.len())),
        Ok(_) => {}
    }
    let text = fs::read(&path).map_err(|error| error.to_string())?;
    let page: Page = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    if page.version != VERSION {
        return Err(format!("it has the version {}, and {VERSION} is known", page.version));
    }
    Ok(page.recommendations)
}

fn put_aside(folder: &Path, error: &str) {
    let (path, aside) = (folder.join(FILE), folder.join(BROKEN));
    let moved = fs::rename(&path, &aside);
    tracing::warn!(
        file = %path.display(), %error, aside = %aside.display(), is_put_aside = moved.is_ok(),
        "what was recommended before cannot be read, so it is not followed up; what is recommended from now on is"
    );
}

fn write(folder: &Path, entries: &[Entry]) -> Result<(), String> {
    let page = Page { version: VERSION, recommendations: entries.to_vec() };
    let text = serde_json::to_string(&page).map_err(|error| error.to_string())? + "\n";
    // Beside it nothing is ours.
    let ours = Ours { folders: &[], is_ours: |_| false };
    let written = files::write(folder, &[Rendered { path: FILE.into(), text }], ours);
    written.map(drop).map_err(|error| error.to_string())
}

fn is_kept(entry: &Entry, now_ms: i64) -> bool {
    now_ms.saturating_sub(entry.recommended_at_ms) <= KEPT_MS
}

/// Notes that something is said, and answers whether that is worth writing.
fn note(entries: &mut Vec<Entry>, found: &Recommendation, now_ms: i64) -> bool {
    let known = entries.iter_mut().rev().find(|entry| entry.id == found.id);
    if let Some(known) = known.filter(|known| is_same(known, found, now_ms)) {
        let is_worth = now_ms.saturating_sub(known.said_at_ms) >= SAID_AGAIN_MS;
        if is_worth {
            known.said_at_ms = now_ms;
        }
        return is_worth;
    }
    entries.push(Entry {
        id: found.id.clone(),
        kind: found.kind,
        scope: found.scope.clone(),
        sentence: found.sentence.clone(),
        change: found.change,
        evidence: found.evidence.clone(),
        verify: found.verify.clone(),
        recommended_at_ms: now_ms,
        said_at_ms: now_ms,
    });
    true
}

/// Whether it is the same that was said before. Where the setting has changed since, and something
/// else is said of it now, it is not.
fn is_same(known: &Entry, found: &Recommendation, now_ms: i64) -> bool {
    match (known.change, found.change) {
        (Some(before), Some(now)) => {
            let ((from_before, to_before), (from_now, to_now)) = (before.values(), now.values());
            let is_untouched = match (from_before, from_now) {
                (Some(before), Some(now)) => (before - now).abs() <= SAME * before.abs(),
                (before, now) => before.is_none() == now.is_none(),
            };
            is_untouched || (to_now - to_before).abs() <= NEAR * to_before.abs()
        }
        _ => now_ms.saturating_sub(known.said_at_ms) <= OVER_MS,
    }
}

/// Leaves so many: whose tenant has most loses his newest, so that nobody pushes out what was said
/// to another.
fn bound(entries: &mut Vec<Entry>, most: usize) {
    let tenant = |entry: &Entry| {
        let Scope { user, project, team, .. } = &entry.scope;
        [user.clone(), project.clone(), team.clone()]
    };
    let mut counts: BTreeMap<[Option<String>; 3], usize> = BTreeMap::new();
    for entry in entries.iter() {
        *counts.entry(tenant(entry)).or_default() += 1;
    }
    while entries.len() > most {
        let Some((whose, count)) = counts.iter_mut().max_by_key(|(_, count)| **count) else { return };
        let Some(place) = entries.iter().rposition(|entry| tenant(entry) == *whose) else { return };
        *count -= 1;
        entries.remove(place);
    }
}

#[cfg(test)]
mod tests;
