//! Metrics that other programs on the host write into files (`--collector.textfile.directory`):
//! every `*.prom` of a directory, in the text format.
//!
//! A file is refused as a whole, with the line and the reason in the log, and costs only
//! itself; `node_textfile_scrape_error` is 1 as long as one is. A file that has not changed is
//! not read again. All this runs in [`super::background`], since a directory may lie on a
//! server.

mod parse;

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::metrics::catalogue::host as c;
use crate::metrics::foreign::{Namer, NotAdmitted, admit};
use crate::metrics::{self, LabelBlock, Sink, Value};
use crate::snapshot::host::{Host, TextFamily, TextFiles};
use parse::{Family, Refused};

/// What a file's name ends with.
const EXTENSION: &str = "prom";

/// A larger file is refused: it would be most of the page.
const LARGEST_FILE: u64 = 4 << 20;

/// Files beyond are refused.
const MOST_FILES: usize = 1_000;

/// Series of all files together; a file that would pass it is refused.
const MOST_SERIES: usize = 50_000;

/// Why a file is not shown.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("it could not be read: {0}")]
    Read(#[from] std::io::Error),
    #[error("it is no regular file")]
    Special,
    #[error("it is larger than {} MiB", LARGEST_FILE >> 20)]
    Large,
    #[error(transparent)]
    Content(#[from] Refused),
    #[error(transparent)]
    Name(#[from] NotAdmitted),
    #[error("`{0}` has another type or help in a file that comes before")]
    Differs(String),
    #[error("a series of `{0}` is also in a file that comes before")]
    Twice(String),
    #[error("with it there would be more than {MOST_SERIES} series of text files")]
    Series,
}

/// What tells that a file has not changed.
type Stamp = (SystemTime, u64);

/// The directories and what was read of them.
#[derive(Debug)]
pub(super) struct Reader {
    directories: Vec<PathBuf>,
    seen: BTreeMap<PathBuf, (Stamp, Arc<Vec<Family>>)>,
    /// What was complained of last, so that it is not said again at every read.
    complaints: BTreeMap<PathBuf, String>,
}

impl Reader {
    pub(super) fn new(directories: Vec<PathBuf>) -> Self {
        Reader { directories, seen: BTreeMap::new(), complaints: BTreeMap::new() }
    }

    /// Everything that the files say now.
    pub(super) fn read(&mut self) -> TextFiles {
        let mut complaints = BTreeMap::new();
        let paths = self.files(&mut complaints);
        self.seen.retain(|path, _| paths.contains(path));
        let mut page = Joined::default();
        for path in paths {
            let shown = self.file(&path).and_then(|(stamp, families)| Ok((stamp, page.add(&families)?)));
            match shown {
                Ok((stamp, ())) => page.files.push((path.display().to_string(), nanoseconds(stamp.0))),
                Err(problem) => {
                    complaints.insert(path, problem.to_string());
                }
            }
        }
        for (path, problem) in &complaints {
            if self.complaints.get(path) != Some(problem) {
                tracing::warn!(file = %path.display(), problem, "a text file is not shown");
            }
        }
        self.complaints = complaints;
        page.finish(!self.complaints.is_empty())
    }

    /// The files, in the order of their names.
    fn files(&self, complaints: &mut BTreeMap<PathBuf, String>) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for directory in &self.directories {
            match entries(directory) {
                Ok(found) => files.extend(found),
                Err(error) => {
                    complaints.insert(directory.clone(), Problem::Read(error).to_string());
                }
            }
        }
        if files.len() > MOST_FILES {
            let problem = format!("it is one more than the {MOST_FILES} files that are read");
            complaints.insert(files[MOST_FILES].clone(), problem);
            files.truncate(MOST_FILES);
        }
        files
    }

    fn file(&mut self, path: &Path) -> Result<(Stamp, Arc<Vec<Family>>), Problem> {
        let about = std::fs::metadata(path)?;
        let stamp = (about.modified()?, about.len());
        if let Some((seen, families)) = self.seen.get(path)
            && *seen == stamp
        {
            return Ok((stamp, families.clone()));
        }
        // Opening a pipe would wait for its writer.
        if !about.is_file() {
            return Err(Problem::Special);
        }
        if about.len() > LARGEST_FILE {
            return Err(Problem::Large);
        }
        let families = Arc::new(parse::parse(&std::fs::read(path)?)?);
        self.seen.insert(path.to_owned(), (stamp, families.clone()));
        Ok((stamp, families))
    }
}

fn entries(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == EXTENSION) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn nanoseconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).ok().and_then(|since| u64::try_from(since.as_nanos()).ok()).unwrap_or(0)
}

/// Families of several files, each once.
#[derive(Default)]
struct Joined {
    families: BTreeMap<String, TextFamily>,
    series: HashSet<(String, Vec<u8>)>,
    files: Vec<(String, u64)>,
}

impl Joined {
    /// Adds a file, or nothing of it.
    fn add(&mut self, families: &[Family]) -> Result<(), Problem> {
        let mut admitted = Vec::with_capacity(families.len());
        for family in families {
            let foreign = admit(&family.name, family.kind, &family.help, Namer::TextFiles)?;
            if self.families.get(&family.name).is_some_and(|other| other.family != foreign) {
                return Err(Problem::Differs(family.name.clone()));
            }
            let twice = |(labels, _): &(LabelBlock, f64)| {
                self.series.contains(&(family.name.clone(), parse::sorted(labels)))
            };
            if family.samples.iter().any(twice) {
                return Err(Problem::Twice(family.name.clone()));
            }
            admitted.push(foreign);
        }
        let more: usize = families.iter().map(|family| family.samples.len()).sum();
        if self.series.len() + more > MOST_SERIES {
            return Err(Problem::Series);
        }
        for (family, foreign) in families.iter().zip(admitted) {
            let keys = family.samples.iter().map(|(labels, _)| (family.name.clone(), parse::sorted(labels)));
            self.series.extend(keys);
            let joined = self.families.entry(family.name.clone());
            let joined = joined.or_insert_with(|| TextFamily { family: foreign, samples: Vec::new() });
            joined.samples.extend(family.samples.iter().cloned());
        }
        Ok(())
    }

    fn finish(self, failed: bool) -> TextFiles {
        TextFiles { failed, files: self.files, families: self.families.into_values().collect() }
    }
}

pub(super) fn collect(host: &Host, sink: &mut dyn Sink) {
    let Some(text) = &host.textfile else { return };
    let plain = LabelBlock::default();
    sink.family(&c::TEXTFILE_MTIME);
    for (file, ns) in &text.files {
        sink.sample(&plain, &[("file", file)], Value::Nanos(*ns));
    }
    sink.family(&c::TEXTFILE_ERROR);
    sink.sample(&plain, &[], Value::Int(u64::from(text.failed)));
    for family in &text.families {
        sink.open(metrics::Family::Foreign(family.family.clone()));
        for (labels, value) in &family.samples {
            sink.sample(labels, &[], Value::Float(*value));
        }
    }
}

impl fmt::Debug for Joined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Joined").field("series", &self.series.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::text::{Dialect, TextEncoder};

    fn page(reader: &mut Reader) -> String {
        let host = Host { textfile: Some(Arc::new(reader.read())), ..Host::default() };
        let mut encoder = TextEncoder::new(Dialect::Prometheus, Vec::new());
        collect(&host, &mut encoder);
        String::from_utf8(encoder.finish()).unwrap()
    }

    #[test]
    fn files_become_series_and_a_broken_one_costs_only_itself() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write(
            "a.prom",
            "# HELP textfile_test_jobs Jobs.\n# TYPE textfile_test_jobs gauge\ntextfile_test_jobs{queue=\"a\"} 3\n",
        );
        write(
            "b.prom",
            "# HELP textfile_test_jobs Jobs.\n# TYPE textfile_test_jobs gauge\ntextfile_test_jobs{queue=\"b\"} 4\n",
        );
        write("notes.txt", "nonsense");
        let mut reader = Reader::new(vec![folder.path().to_owned()]);
        let fine = page(&mut reader);
        let both = "# HELP textfile_test_jobs Jobs.\n# TYPE textfile_test_jobs gauge\ntextfile_test_jobs{queue=\"a\"} 3\ntextfile_test_jobs{queue=\"b\"} 4\n";
        assert!(fine.contains(both), "{fine}");
        assert!(fine.contains("node_textfile_scrape_error 0\n"), "{fine}");
        assert_eq!(fine.matches("node_textfile_mtime_seconds{file=").count(), 2, "{fine}");
        for (broken, reason) in [
            ("node_load1 3\n", "metric of dockmeter itself"),
            ("textfile_test_jobs{queue=\"c\"} 4\n", "another type or help"),
            ("textfile_test_other 1 1700000000000\n", "line 1"),
        ] {
            write("c.prom", broken);
            let page = page(&mut reader);
            assert!(page.contains(both) && page.contains("node_textfile_scrape_error 1\n"), "{page}");
            assert_eq!(page.matches("node_textfile_mtime_seconds{file=").count(), 2, "{page}");
            let said = reader.complaints.values().next().unwrap();
            assert!(said.contains(reason), "{said}");
        }
        write(
            "c.prom",
            "# HELP textfile_test_jobs Jobs.\n# TYPE textfile_test_jobs gauge\ntextfile_test_jobs{queue=\"a\"} 9\n",
        );
        assert!(page(&mut reader).contains(both));
        assert!(reader.complaints.values().next().unwrap().contains("in a file that comes before"));
        std::fs::remove_file(folder.path().join("c.prom")).unwrap();
        assert_eq!(page(&mut reader), fine);
    }

    #[test]
    fn what_is_no_regular_file_or_no_directory_is_said() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("a.prom")).unwrap();
        let mut reader = Reader::new(vec![folder.path().to_owned(), folder.path().join("missing")]);
        assert!(reader.read().failed);
        let said: Vec<&String> = reader.complaints.values().collect();
        assert!(said[0].contains("no regular file") && said[1].contains("could not be read"), "{said:?}");
    }

    #[test]
    fn a_file_is_read_again_only_when_it_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.prom");
        std::fs::write(&path, "textfile_test_again 1\n").unwrap();
        let mut reader = Reader::new(vec![folder.path().to_owned()]);
        let first = reader.file(&path).unwrap().1;
        assert!(Arc::ptr_eq(&first, &reader.file(&path).unwrap().1));
        std::fs::write(&path, "textfile_test_again 22\n").unwrap();
        assert_eq!(reader.file(&path).unwrap().1[0].samples[0].1, 22.0);
    }
}
