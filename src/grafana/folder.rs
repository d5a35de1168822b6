//! Dashboards as files: a folder of JSON in Grafana's classic form.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::desired::{CONTRACT_UIDS, Dashboard};
use super::object::{PREFIX, TAG};

/// Why a folder of dashboards is of no use.
#[derive(Debug, thiserror::Error)]
#[error("`{}`: {reason}", path.display())]
pub struct FolderError {
    path: PathBuf,
    reason: String,
}

/// Every `*.json` of a folder, by name. The tag that marks them as ours is added where it is
/// missing.
///
/// # Errors
/// The folder or a file cannot be read, or a file holds no dashboard with a uid that may be ours.
pub fn dashboards(folder: &Path) -> Result<Vec<Dashboard>, FolderError> {
    let refuse = |path: &Path, reason: String| FolderError { path: path.to_owned(), reason };
    let entries = fs::read_dir(folder).map_err(|error| refuse(folder, error.to_string()))?;
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    paths.sort();
    paths.iter().map(|path| dashboard(path).map_err(|reason| refuse(path, reason))).collect()
}

fn dashboard(path: &Path) -> Result<Dashboard, String> {
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    let mut json: Value = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    let uid = json["uid"].as_str().unwrap_or_default().to_owned();
    if json["panels"].as_array().is_none() || json["title"].as_str().is_none_or(str::is_empty) {
        return Err("a dashboard has a `title` and `panels`".to_owned());
    }
    if !uid.starts_with(PREFIX) && !CONTRACT_UIDS.contains(&uid.as_str()) {
        return Err(format!(
            "the `uid` of a dashboard that dockmeter keeps begins with `{PREFIX}`, and this one's is `{uid}`"
        ));
    }
    let tags = json["tags"].as_array().cloned().unwrap_or_default();
    if !tags.iter().any(|tag| tag == TAG) {
        json["tags"] = std::iter::once(json!(TAG)).chain(tags).collect();
    }
    Ok(Dashboard { uid, json })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dashboard_of_a_file_is_marked_and_one_that_could_be_anybodys_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, json: Value| fs::write(folder.path().join(name), json.to_string()).unwrap();
        write("a.json", json!({"uid": "dockmeter-a", "title": "A", "panels": [], "tags": ["x"]}));
        fs::write(folder.path().join("notes.txt"), "").unwrap();
        let read = dashboards(folder.path()).unwrap();
        assert_eq!(read[0].json["tags"], json!(["dockmeter", "x"]));
        write("b.json", json!({"uid": "mine", "title": "A", "panels": []}));
        let refused = dashboards(folder.path()).unwrap_err().to_string();
        assert!(refused.contains("b.json") && refused.contains("dockmeter-"), "{refused}");
    }
}
