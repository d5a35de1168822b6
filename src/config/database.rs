//! Which PostgreSQL servers are read, and how: the sections `databases` and `postgres`.
//!
//! Invariant: a password is never a part of the configuration; what looks like one is refused
//! without being repeated.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::file::{DatabaseEntry, File};
use super::layers::{Layers, Origin};
use super::{Authority, ConfigError, folder_of, settings, value};
use crate::tenant::Tenant;
use crate::yaml::Spanned;

mod url;

pub use url::{DatabaseUrl, SslMode};

/// Each server has a task, a connection and hundreds of series of its own.
const MOST_SERVERS: usize = 100;

/// More often, reading would be a load of its own; more seldom, no measurement.
const INTERVAL: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3600);

/// How long a reading may take; one that takes longer than the interval delays the next.
const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(60);

/// How servers are read, and which are named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Postgres {
    /// Those that the file names; each address stands once.
    pub servers: Vec<PostgresServer>,
    /// Where the passwords for servers in containers lie; without it none is looked for.
    pub password_directory: Option<PathBuf>,
    /// Time between the beginnings of two readings of a server in a container.
    pub interval: Duration,
    /// How long such a reading may take, connecting included.
    pub timeout: Duration,
}

/// One server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresServer {
    /// Where it is, as whom and how.
    pub url: DatabaseUrl,
    /// The file with the password; without one a server that wants a password is down.
    pub password_file: Option<PathBuf>,
    /// Certificates of the authorities that the server's has to come from; the system's if none
    /// is named.
    pub ca_file: Option<PathBuf>,
    /// Whose it is.
    pub tenant: Tenant,
    /// Time between the beginnings of two readings.
    pub interval: Duration,
    /// How long a reading may take, connecting included.
    pub timeout: Duration,
}

/// Puts everything together.
pub(super) fn postgres(layers: &mut Layers<'_>, file: &File, folder: &Path) -> Result<Postgres, ConfigError> {
    let section = &file.postgres;
    let setting = &settings::POSTGRES_PASSWORD_DIRECTORY;
    let directory =
        layers.one(setting, section.password_directory.as_ref(), |text| Ok(PathBuf::from(text)))?;
    let password_directory = match (directory.as_os_str().is_empty(), layers.origins.get(setting.name())) {
        (true, _) => None,
        (false, Some(Origin::File { path, .. })) => Some(folder_of(path).join(directory)),
        (false, _) => Some(directory),
    };
    let interval = layers.one(&settings::POSTGRES_INTERVAL, section.interval.as_ref(), |text| {
        value::duration(text, INTERVAL)
    })?;
    let timeout = layers
        .one(&settings::POSTGRES_TIMEOUT, section.timeout.as_ref(), |text| value::duration(text, TIMEOUT))?;
    let mut all = Postgres { servers: Vec::new(), password_directory, interval, timeout };
    layers.note(&settings::DATABASES, &file.databases);
    for entry in file.databases.iter().flat_map(|list| &list.value) {
        let server = server(layers, entry, folder, &all)?;
        let place = layers.place(entry.value.postgres.referenced);
        if all.servers.iter().any(|other| other.url.server == server.url.server) {
            let message = format!(
                "a second entry for `{}`; what a server says is of all its databases, so one is enough",
                server.url.server
            );
            return Err(place.refuse(message));
        }
        if all.servers.len() >= MOST_SERVERS {
            return Err(place.refuse(format!("there may be {MOST_SERVERS} servers at most")));
        }
        all.servers.push(server);
    }
    Ok(all)
}

fn server(
    layers: &Layers<'_>,
    entry: &Spanned<DatabaseEntry>,
    folder: &Path,
    defaults: &Postgres,
) -> Result<PostgresServer, ConfigError> {
    let entry = &entry.value;
    let url = layers.given(&entry.postgres).parse(DatabaseUrl::parse)?;
    if let (Some(file), false) = (&entry.ca_file, url.ssl_mode.verifies()) {
        let message = "`ca_file` says whose certificates count, and this `sslmode` looks at none; \
                       write `?sslmode=verify-full` behind the address";
        return Err(layers.place(file.referenced).refuse(message));
    }
    let within = |text: &super::file::Text, bounds: RangeInclusive<Duration>| {
        layers.given(text).parse(|text| value::duration(text, bounds))
    };
    let interval = entry.interval.as_ref().map(|text| within(text, INTERVAL)).transpose()?;
    let interval = interval.unwrap_or(defaults.interval);
    let timeout = entry.timeout.as_ref().map(|text| within(text, TIMEOUT)).transpose()?;
    let path = |text: &Option<super::file::Text>| text.as_ref().map(|text| folder.join(&text.value));
    let claim = |text: &Option<super::file::Text>| text.as_ref().map(|text| text.value.clone());
    let [user, project, team] = [&entry.user, &entry.project, &entry.team].map(claim);
    Ok(PostgresServer {
        url,
        password_file: path(&entry.password_file),
        ca_file: path(&entry.ca_file),
        tenant: Tenant::claimed(user.as_deref(), project.as_deref(), team.as_deref()),
        interval,
        timeout: timeout.unwrap_or(defaults.timeout),
    })
}

impl PostgresServer {
    /// Where it is.
    pub fn authority(&self) -> &Authority {
        &self.url.server
    }
}
