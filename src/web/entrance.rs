//! What the web configuration file says, in force: TLS, users, headers, a limit of requests.
//!
//! The file and the certificates that it names are looked at every now and then and read again
//! when one of them has changed; a broken one keeps the old in force. A change that would open a
//! door (no TLS any more, no login any more) waits for a reload that somebody asks for: a file
//! that is found half-written must not let everybody in.

use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use super::basic_auth::{Credentials, Passwords, Users, Verdict};
use super::crowd::Client;
use super::problem::{Kind, Problem};
use super::rate_limit::Bucket;
use super::tls::{Shown, Tls};
use crate::config::{ConfigError, WebFile};

/// Everything that the file says, ready to be used.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) tls: Option<Tls>,
    headers: Vec<(HeaderName, HeaderValue)>,
    users: Users,
    bucket: Option<Bucket>,
}

/// A file that has been read and is not in force yet.
#[derive(Debug)]
pub struct Prepared {
    rules: Rules,
    watched: Watched,
}

/// The file, and what it and the files it names looked like before they were read.
#[derive(Clone, Debug, Default)]
struct Watched {
    file: Option<PathBuf>,
    /// The files with their stamps; the first is the file itself.
    stamps: Vec<(PathBuf, Stamp)>,
}

/// What tells one content of a file from another without reading it: device, inode, size, and
/// the times of the last change of content and of the inode; `None` if there is no file.
type Stamp = Option<(u64, u64, u64, [i64; 4])>;

/// The rules in force, and where they come from.
pub struct Entrance {
    rules: RwLock<Arc<Rules>>,
    watched: Mutex<Watched>,
    passwords: Passwords,
}

/// What a look at the files has come to.
#[derive(Debug)]
pub enum Looked {
    /// Nothing has changed.
    Same,
    /// Something has changed and is in force.
    Changed,
    /// Something has changed and is refused; the old stays in force.
    Refused(ConfigError),
    /// What is new would open a door; it waits for a reload.
    Waits(&'static str),
}

impl Prepared {
    /// Reads a file and its certificates; without a file everything is open. Blocks.
    ///
    /// # Errors
    /// The file or a certificate cannot be used.
    pub fn read(file: Option<&Path>) -> Result<Self, ConfigError> {
        let (watched, rules) = read(file);
        Ok(Prepared { rules: rules?, watched })
    }
}

/// Reads a file and its certificates, and says what all of them looked like before.
fn read(file: Option<&Path>) -> (Watched, Result<Rules, ConfigError>) {
    let Some(file) = file else { return (Watched::default(), Ok(Rules::open())) };
    // Before they are read: what changes meanwhile has another stamp at the next look.
    let mut watched = Watched { file: Some(file.to_owned()), stamps: vec![(file.to_owned(), stamp(file))] };
    let rules = WebFile::read(file).and_then(|said| {
        watched.stamps.extend(said.files().map(|file| (file.clone(), stamp(file))));
        Rules::new(said)
    });
    (watched, rules)
}

impl Rules {
    fn open() -> Self {
        Rules { tls: None, headers: Vec::new(), users: Users::new(), bucket: None }
    }

    fn new(file: WebFile) -> Result<Self, ConfigError> {
        let header = |(name, value): (&'static str, String)| {
            let value = HeaderValue::try_from(value).ok()?;
            Some((HeaderName::try_from(name).ok()?, value))
        };
        Ok(Rules {
            tls: file.tls.as_ref().map(|tls| Tls::new(tls, file.http2)).transpose()?,
            headers: file.headers.into_iter().filter_map(header).collect(),
            users: file.users,
            bucket: file.rate_limit.map(Bucket::new),
        })
    }

    /// Whether nobody but trusted networks reads without a login, this machine included.
    pub(super) fn demand_login(&self) -> bool {
        !self.users.is_empty()
    }

    /// Takes one request out of the limit.
    pub(super) fn take_request(&self) -> Result<(), Problem> {
        let wait = self.bucket.as_ref().map_or(Ok(()), |bucket| bucket.take(Instant::now()));
        wait.map_err(|wait| {
            let detail =
                "more requests than `rate_limit` of the web configuration file allows; ask less often";
            Problem::new(Kind::TooMany(wait), detail)
        })
    }

    /// Adds the headers of every answer; what an answer says itself stands.
    pub(super) fn add_headers(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.headers {
            headers.entry(name).or_insert_with(|| value.clone());
        }
    }

    /// Whether a client has shown a certificate where everybody has to. One on this machine has
    /// come as far as here without.
    pub(super) fn check_certificate(&self, shown: Shown) -> Result<(), Problem> {
        let demands = self.tls.as_ref().map(Tls::demands).unwrap_or_default();
        if shown >= demands {
            return Ok(());
        }
        let detail = "every client has to show a certificate; without one only `/-/healthy` and `/-/ready` are answered, and these on this machine";
        Err(Problem::new(Kind::Unauthorized, detail))
    }

    /// The door that these rules would open, compared with others.
    fn opens(&self, old: &Rules) -> Option<&'static str> {
        let demands = |rules: &Rules| rules.tls.as_ref().map(Tls::demands).unwrap_or_default();
        if self.tls.is_none() && old.tls.is_some() {
            Some("no TLS any more")
        } else if !self.demand_login() && old.demand_login() {
            Some("no users any more")
        } else if demands(self) < demands(old) {
            Some("certificates of clients are not demanded any more")
        } else {
            None
        }
    }
}

impl Entrance {
    /// With rules that have been read; `key` is random.
    pub fn new(prepared: Prepared, key: [u8; 32]) -> Self {
        Entrance {
            rules: RwLock::new(Arc::new(prepared.rules)),
            watched: Mutex::new(prepared.watched),
            passwords: Passwords::new(key),
        }
    }

    /// Puts rules in force; connections that are open keep their TLS.
    pub fn install(&self, prepared: Prepared) {
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(prepared.rules);
        *self.watched.lock().unwrap_or_else(PoisonError::into_inner) = prepared.watched;
    }

    pub(super) fn rules(&self) -> Arc<Rules> {
        self.rules.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether TLS is spoken.
    pub fn speaks_tls(&self) -> bool {
        self.rules().tls.is_some()
    }

    /// Looks whether the file or a certificate has changed, and reads them if so. Blocks.
    pub fn look(&self) -> Looked {
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if watched.stamps.iter().all(|(file, seen)| stamp(file) == *seen) {
            return Looked::Same;
        }
        let (seen, rules) = read(watched.file.as_deref());
        let rules = match rules {
            Ok(rules) => rules,
            Err(error) => {
                self.has_seen(seen);
                return Looked::Refused(error);
            }
        };
        if let Some(door) = rules.opens(&self.rules()) {
            self.has_seen(seen);
            return Looked::Waits(door);
        }
        self.install(Prepared { rules, watched: seen });
        Looked::Changed
    }

    /// What was refused is read again when it changes again, not at every look.
    fn has_seen(&self, seen: Watched) {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        // Certificates that the refused file does not name are still those in force.
        let kept = watched.stamps.iter().map(|(file, _)| file);
        let kept: Vec<_> = kept.filter(|file| seen.stamps.iter().all(|(other, _)| other != *file)).collect();
        let kept: Vec<_> = kept.into_iter().map(|file| (file.clone(), stamp(file))).collect();
        watched.stamps = seen.stamps.into_iter().chain(kept).collect();
    }

    /// The user who has logged in with this request, if it carries a password.
    ///
    /// # Errors
    /// The password is wrong, or cannot be looked at now.
    pub(super) async fn user(
        &self,
        rules: &Rules,
        headers: &HeaderMap,
        client: Client,
    ) -> Result<Option<String>, Problem> {
        let Some(given) = Credentials::of(headers).filter(|_| rules.demand_login()) else { return Ok(None) };
        match self.passwords.check(&rules.users, &given, client).await {
            Verdict::Right => Ok(Some(given.user)),
            Verdict::Wrong => Err(Problem::new(Kind::Unauthorized, "user or password is wrong")),
            Verdict::Busy => Err(Problem::new(
                Kind::Unavailable,
                "too many passwords are being looked at; try again in a moment",
            )),
        }
    }
}

impl Default for Entrance {
    /// Open, without a file.
    fn default() -> Self {
        // Nobody has a password that could be remembered.
        Entrance::new(Prepared { rules: Rules::open(), watched: Watched::default() }, [0; 32])
    }
}

impl fmt::Debug for Entrance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entrance").field("watched", &self.watched).finish_non_exhaustive()
    }
}

fn stamp(file: &Path) -> Stamp {
    let data = std::fs::metadata(file).ok()?;
    let times = [data.mtime(), data.mtime_nsec(), data.ctime(), data.ctime_nsec()];
    Some((data.dev(), data.ino(), data.size(), times))
}

#[cfg(test)]
mod tests;
