//! Rendered files in a folder: written all or not at all, or compared; and what they are rendered
//! of, where somebody adds to it.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Which files of a folder we have made, so that those we would not make now can go.
#[derive(Clone, Copy, Debug)]
pub struct Ours {
    /// The folders within it in which such files lie; `""` is the folder itself.
    pub folders: &'static [&'static str],
    /// Tells a file of ours from others by its text.
    pub is_ours: fn(&str) -> bool,
}

/// A rendered file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// Its path within the folder.
    pub path: PathBuf,
    /// What is in it.
    pub text: String,
}

/// A file of what is rendered.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name, for mistakes.
    pub path: PathBuf,
    /// What is in it.
    pub text: String,
}

/// Why files could not be read.
#[derive(Debug, thiserror::Error)]
#[error("could not read `{}`: {source}", path.display())]
pub struct ReadError {
    path: PathBuf,
    source: io::Error,
}

/// The YAML files of a folder, by name.
///
/// # Errors
/// The folder or one of them cannot be read.
pub fn sources(folder: &Path) -> Result<Vec<Source>, ReadError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| ReadError { path, source }
    };
    let entries = fs::read_dir(folder).map_err(failed(folder))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = paths.collect::<Result<Vec<_>, _>>().map_err(failed(folder))?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yml" || extension == "yaml"));
    paths.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).map_err(failed(&path))?;
        Ok(Source { path, text })
    };
    paths.into_iter().map(read).collect()
}

/// Why files could not be written.
#[derive(Debug, thiserror::Error)]
#[error("could not write `{}`: {source}; check the path and the permissions", path.display())]
pub struct WriteError {
    path: PathBuf,
    source: io::Error,
}

/// The files of a folder that are not as they would be rendered: other, missing, or left over.
pub fn stale(folder: &Path, files: &[Rendered], ours: Ours) -> Vec<PathBuf> {
    let other = files
        .iter()
        .filter(|file| fs::read_to_string(folder.join(&file.path)).map_or(true, |text| text != file.text));
    other.map(|file| file.path.clone()).chain(left_over(folder, files, ours)).collect()
}

/// Files that we have made and would not make now.
fn left_over(folder: &Path, files: &[Rendered], ours: Ours) -> Vec<PathBuf> {
    let wanted: BTreeSet<&Path> = files.iter().map(|file| file.path.as_path()).collect();
    let mut left = Vec::new();
    for room in ours.folders {
        for entry in fs::read_dir(folder.join(room)).into_iter().flatten().flatten() {
            let path = Path::new(room).join(entry.file_name());
            let is_ours = || fs::read_to_string(entry.path()).is_ok_and(|text| (ours.is_ours)(&text));
            if !wanted.contains(path.as_path()) && is_ours() {
                left.push(path);
            }
        }
    }
    left.sort();
    left
}

/// Writes what is not as it would be rendered, and answers what that was. Every file is complete
/// under another name before the first takes the place of an old one.
///
/// # Errors
/// A file cannot be written; no old one has then been touched, unless renaming failed.
pub fn write(folder: &Path, files: &[Rendered], ours: Ours) -> Result<Vec<PathBuf>, WriteError> {
    let stale: Vec<PathBuf> = stale(folder, files, ours);
    let changed: Vec<&Rendered> = files.iter().filter(|file| stale.contains(&file.path)).collect();
    let mut staged: Vec<(PathBuf, PathBuf)> = Vec::new();
    let outcome = changed.iter().try_for_each(|file| {
        let target = folder.join(&file.path);
        let temporary = temporary(&target);
        staged.push((temporary.clone(), target));
        stage(&temporary, &file.text).map_err(|source| WriteError { path: temporary, source })
    });
    if let Err(error) = outcome {
        for (temporary, _) in &staged {
            // What was not made need not go.
            let _ = fs::remove_file(temporary);
        }
        return Err(error);
    }
    for (temporary, target) in &staged {
        fs::rename(temporary, target).map_err(|source| WriteError { path: target.clone(), source })?;
    }
    for path in left_over(folder, files, ours) {
        let path = folder.join(path);
        fs::remove_file(&path).map_err(|source| WriteError { path, source })?;
    }
    Ok(stale)
}

fn temporary(target: &Path) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    target.with_file_name(format!(".{name}.new"))
}

fn stage(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = fs::File::create(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "# ours\n";
    const OURS: Ours = Ours { folders: &["rules"], is_ours: |text| text.starts_with(HEAD) };

    fn rendered(path: &str, text: &str) -> Rendered {
        Rendered { path: path.into(), text: format!("{HEAD}{text}") }
    }

    #[test]
    fn only_what_changed_is_written_and_what_is_left_over_goes() {
        let folder = tempfile::tempdir().unwrap();
        let first = [rendered("rules/a.yml", "1"), rendered("rules/b.yml", "1")];
        assert_eq!(write(folder.path(), &first, OURS).unwrap().len(), 2);
        assert!(stale(folder.path(), &first, OURS).is_empty());
        fs::write(folder.path().join("rules/mine.yml"), "groups: []").unwrap();
        let second = [rendered("rules/a.yml", "2")];
        let changed = [PathBuf::from("rules/a.yml"), PathBuf::from("rules/b.yml")];
        assert_eq!(stale(folder.path(), &second, OURS), changed);
        assert_eq!(write(folder.path(), &second, OURS).unwrap(), changed);
        assert!(!folder.path().join("rules/b.yml").exists());
        assert!(folder.path().join("rules/mine.yml").exists(), "what we have not made stays");
    }

    #[test]
    fn if_one_cannot_be_written_none_is() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &[rendered("rules/a.yml", "1")], OURS).unwrap();
        fs::write(folder.path().join("blocked"), "").unwrap();
        let error = write(folder.path(), &[rendered("rules/a.yml", "2"), rendered("blocked/b", "2")], OURS)
            .unwrap_err();
        assert!(error.to_string().starts_with("could not write `"), "{error}");
        assert!(fs::read_to_string(folder.path().join("rules/a.yml")).unwrap().ends_with('1'));
        assert_eq!(
            fs::read_dir(folder.path().join("rules")).unwrap().count(),
            1,
            "nothing half-written is left"
        );
    }
}
