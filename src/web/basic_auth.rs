//! Users with passwords: the `basic_auth_users` of the web configuration file.
//!
//! bcrypt is dear on purpose, so a password is computed once and then known by a keyed hash of
//! it. Computing has a thread of its own, one password at a time; after a wrong one it rests, so
//! that guessing takes a quarter of one core at most; who comes while too many wait is sent
//! away. An unknown user takes as long as a known one.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use super::crowd::{Client, Crowd};
use crate::config::PasswordHash;

/// Who may log in, by name.
pub(super) type Users = BTreeMap<String, PasswordHash>;

/// Passwords that wait to be computed, over all clients.
const MAX_WAITING: usize = 16;

/// Passwords of one client that wait: a scraper has one, a browser two.
const MAX_WAITING_PER_CLIENT: usize = 2;

/// The rest after a wrong password, in times of what it took.
const REST: u32 = 3;

/// A name and a password, as a client has sent them.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) user: String,
    password: Vec<u8>,
}

impl Credentials {
    /// Those of an `Authorization: Basic` header, if there is one that can be read.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(header::AUTHORIZATION)?.as_bytes();
        let (scheme, encoded) = value.split_at_checked("Basic ".len())?;
        if !scheme.eq_ignore_ascii_case(b"Basic ") {
            return None;
        }
        let decoded = BASE64_STANDARD.decode(encoded.trim_ascii()).ok()?;
        let colon = decoded.iter().position(|byte| *byte == b':')?;
        let user = String::from_utf8(decoded[..colon].to_vec()).ok()?;
        Some(Credentials { user, password: decoded[colon + 1..].to_vec() })
    }
}

/// What is thought of a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is the user's.
    Right,
    /// There is no such user, or the password is another.
    Wrong,
    /// Too many wait to be told.
    Busy,
}

/// Compares passwords with their hashes.
pub(super) struct Passwords {
    known: Arc<Known>,
    /// The turn to compute.
    turn: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    waiting_by_client: Arc<Crowd>,
}

impl Passwords {
    /// Nothing is remembered yet. `key` is random.
    pub(super) fn new(key: [u8; 32]) -> Self {
        Passwords {
            known: Arc::new(Known { key, right: Mutex::default() }),
            turn: Arc::new(Semaphore::new(1)),
            waiting: Arc::new(Semaphore::new(MAX_WAITING)),
            waiting_by_client: Crowd::new(MAX_WAITING_PER_CLIENT),
        }
    }

    /// Whether a password is its user's.
    pub(super) async fn check(&self, users: &Users, given: &Credentials, client: Client) -> Verdict {
        self.known.forget_all_but(users);
        let hash = users.get(&given.user);
        if let Some(hash) = hash
            && self.known.remembers(given, hash)
        {
            return Verdict::Right;
        }
        let is_user = hash.is_some();
        // Somebody's hash, always the same, so that the time does not tell that there is no
        // such user.
        let Some(hash) = hash.or_else(|| self.known.somebodys(users, &given.user)) else {
            return Verdict::Wrong;
        };
        let (Some(place), Ok(waiting)) =
            (self.waiting_by_client.admit(client), self.waiting.clone().try_acquire_owned())
        else {
            return Verdict::Busy;
        };
        let Ok(turn) = self.turn.clone().acquire_owned().await else { return Verdict::Busy };
        // While this one waited, another request may have brought the same password.
        if is_user && self.known.remembers(given, hash) {
            return Verdict::Right;
        }
        let (known, given, hash) = (self.known.clone(), given.clone(), hash.clone());
        let (tell, told) = tokio::sync::oneshot::channel();
        // The turn ends with the work, and what came out is remembered, also where the client
        // does not wait for it.
        tokio::spawn(async move {
            let _held = (place, waiting, turn);
            let begun = Instant::now();
            let (password, text) = (given.password.clone(), hash.clone());
            let same = tokio::task::spawn_blocking(move || is_password(&password, &text)).await;
            let right = same.unwrap_or(false) && is_user;
            if right {
                known.remember(&given, &hash);
            }
            let rest = rest_after(right, begun.elapsed());
            // Nobody waits any more if this fails.
            let _ = tell.send(right);
            tokio::time::sleep(rest).await;
        });
        match told.await {
            Ok(true) => Verdict::Right,
            _ => Verdict::Wrong,
        }
    }
}

/// Passwords that were right.
struct Known {
    /// Random, so that what is remembered means nothing outside this process.
    key: [u8; 32],
    /// Keyed hashes, by user.
    right: Mutex<HashMap<String, [u8; 32]>>,
}

impl Known {
    fn remembers(&self, given: &Credentials, hash: &PasswordHash) -> bool {
        let right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        let same = right.get(&given.user).map(|right| right.ct_eq(&self.digest(given, hash)));
        same.is_some_and(bool::from)
    }

    fn remember(&self, given: &Credentials, hash: &PasswordHash) {
        let digest = self.digest(given, hash);
        self.right.lock().unwrap_or_else(PoisonError::into_inner).insert(given.user.clone(), digest);
    }

    fn forget_all_but(&self, users: &Users) {
        let mut right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        if right.len() > users.len() {
            right.retain(|user, _| users.contains_key(user));
        }
    }

    /// The hash is part of it, so that a changed one is computed anew.
    fn digest(&self, given: &Credentials, hash: &PasswordHash) -> [u8; 32] {
        let parts = [given.user.as_bytes(), hash.as_str().as_bytes(), &given.password];
        parts.into_iter().fold(Sha256::new_with_prefix(self.key), with_part).finalize().into()
    }

    fn somebodys<'a>(&self, users: &'a Users, name: &str) -> Option<&'a PasswordHash> {
        let digest = with_part(Sha256::new_with_prefix(self.key), name.as_bytes()).finalize();
        let number =
            digest.iter().fold(0_usize, |number, byte| number.wrapping_mul(256) + usize::from(*byte));
        users.values().nth(number.checked_rem(users.len())?)
    }
}

/// With its length before it, so that no two lists of parts are the same bytes.
fn with_part(hash: Sha256, part: &[u8]) -> Sha256 {
    hash.chain_update((part.len() as u64).to_be_bytes()).chain_update(part)
}

fn is_password(password: &[u8], hash: &PasswordHash) -> bool {
    // A hash that cannot be computed was refused when the file was read.
    bcrypt::verify(password, hash.as_str()).unwrap_or(false)
}

fn rest_after(right: bool, took: Duration) -> Duration {
    if right { Duration::ZERO } else { took.saturating_mul(REST) }
}

#[cfg(test)]
mod tests;
