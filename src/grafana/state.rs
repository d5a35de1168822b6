//! What was made, in a file beside Grafana: a fingerprint of what was sent of each object, and
//! of what Grafana then showed. So a change made in Grafana can be told from a change made
//! here, and what Grafana fills in by itself from both.
//!
//! Invariants: no secret is in it, a fingerprint being salted; it is replaced as a whole, so
//! that an interrupted run leaves the old one or the new one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::object::{Key, Kind};

/// The form of the file.
const VERSION: u32 = 1;

/// Random bytes before what is fingerprinted.
const SALT_BYTES: usize = 16;

/// Why there is no state.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It cannot be read or written.
    #[error("could not {what} the state file `{}`: {error}; `--grafana.state-file` names another", path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// It is something else.
    #[error(
        "`{}` is no state file of this version: {reason}; move it away to begin anew, which loses only who changed what since",
        path.display()
    )]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// What was made.
#[derive(Clone, Debug, Default)]
pub struct State {
    path: Option<PathBuf>,
    content: Content,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Content {
    version: u32,
    /// The Grafana that all this is in.
    grafana: String,
    salt: String,
    objects: BTreeMap<String, BTreeMap<String, Entry>>,
}

/// What is known of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// The fingerprint of what was sent; empty before the first answer.
    pub(super) sent: String,
    /// The fingerprint of what Grafana then showed.
    pub(super) shown: String,
    /// When.
    pub(super) at: String,
}

impl State {
    /// Reads the file, if there is one; what is in another Grafana is not believed.
    ///
    /// # Errors
    /// It cannot be read, or is something else.
    pub fn read(path: &Path, grafana: &str) -> Result<State, StateError> {
        let content = match fs::read(path) {
            Ok(bytes) => serde_json::from_slice::<Content>(&bytes)
                .map_err(|error| error.to_string())
                .and_then(|content| match content.version {
                    VERSION => Ok(content),
                    other => Err(format!("its version is {other}")),
                })
                .map_err(|reason| StateError::Content { path: path.to_owned(), reason })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Content::default(),
            Err(error) => return Err(StateError::File { what: "read", path: path.to_owned(), error }),
        };
        let content = if content.grafana == grafana { content } else { Content::default() };
        Ok(State { path: Some(path.to_owned()), content: Content { grafana: grafana.to_owned(), ..content } })
    }

    /// A state that is in no file.
    pub fn unsaved() -> State {
        State::default()
    }

    /// Makes sure that it can be written, before anything is done.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn save(&mut self) -> Result<(), StateError> {
        if self.content.salt.is_empty() {
            self.content.salt = salt();
        }
        self.content.version = VERSION;
        let Some(path) = &self.path else { return Ok(()) };
        let failed = |error| StateError::File { what: "write", path: path.clone(), error };
        let bytes = serde_json::to_vec_pretty(&self.content).map_err(|error| failed(error.into()))?;
        replace(path, &bytes).map_err(failed)
    }

    pub(super) fn entry(&self, key: &Key) -> Option<&Entry> {
        self.content.objects.get(key.kind.as_str())?.get(&key.id)
    }

    /// Whether an object was made by us.
    pub(super) fn owns(&self, key: &Key) -> bool {
        self.entry(key).is_some()
    }

    /// All that was made by us.
    pub(super) fn owned(&self) -> BTreeSet<Key> {
        let objects =
            Kind::ALL.into_iter().filter_map(|kind| Some((kind, self.content.objects.get(kind.as_str())?)));
        objects.flat_map(|(kind, of)| of.keys().map(move |id| Key::new(kind, id.clone()))).collect()
    }

    /// Notes that an object is about to be made.
    pub(super) fn begin(&mut self, key: &Key) {
        let entry = Entry { sent: String::new(), shown: String::new(), at: Timestamp::now().to_string() };
        self.of(key).insert(key.id.clone(), entry);
    }

    /// Notes what was sent and what is shown.
    pub(super) fn note(&mut self, key: &Key, sent: String, shown: String) {
        self.of(key).insert(key.id.clone(), Entry { sent, shown, at: Timestamp::now().to_string() });
    }

    /// Notes that an object is gone.
    pub(super) fn forget(&mut self, key: &Key) {
        self.of(key).remove(&key.id);
    }

    fn of(&mut self, key: &Key) -> &mut BTreeMap<String, Entry> {
        self.content.objects.entry(key.kind.as_str().to_owned()).or_default()
    }

    /// What stands for a value here.
    pub(super) fn fingerprint(&self, value: &Value) -> String {
        let mut text = String::new();
        canonical(value, &mut text);
        let digest = Sha256::new().chain_update(&self.content.salt).chain_update(&text).finalize();
        hex(&digest)
    }
}

/// JSON with its keys in order, however a map keeps them.
pub(super) fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(fields) => {
            let sorted: BTreeMap<&String, &Value> = fields.iter().collect();
            out.push('{');
            for (name, value) in sorted {
                let _ = write!(out, "{}:", Value::String(name.clone()));
                canonical(value, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for item in items {
                canonical(item, out);
                out.push(',');
            }
            out.push(']');
        }
        other => {
            let _ = write!(out, "{other}");
        }
    }
}

/// Without random bytes a fingerprint still tells changes.
fn salt() -> String {
    let mut bytes = [0_u8; SALT_BYTES];
    let _ = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    hex(&bytes)
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Writes a file that only its owner reads, as a whole or not at all.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_state_is_read_as_it_was_written_and_only_by_its_owner() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        let mut state = State::read(&path, "http://g").unwrap();
        let key = Key::new(Kind::Folder, "dockmeter-platform");
        state.save().unwrap();
        let sent = state.fingerprint(&json!({"a": 1}));
        state.note(&key, sent.clone(), "x".to_owned());
        state.save().unwrap();
        let again = State::read(&path, "http://g").unwrap();
        assert_eq!(again.entry(&key).unwrap().sent, sent);
        assert_eq!(again.fingerprint(&json!({"a": 1})), sent);
        assert_eq!(again.owned(), BTreeSet::from([key.clone()]));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!State::read(&path, "http://other").unwrap().owns(&key));
    }

    #[test]
    fn another_file_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        fs::write(&path, "{\"version\": 9}").unwrap();
        assert!(State::read(&path, "http://g").is_err());
    }
}
