//! A connection to a server: how it is opened, and how something is asked over it.
//!
//! Invariants: who calls sets a deadline; a session that is dropped closes its connection at
//! once; what an answer may hold is bounded, in messages (`guard`), rows and bytes; statements
//! write nothing, search only `pg_catalog`, and are ended by the server itself a little before
//! we would lose patience.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, Error, NoTls, SimpleQueryMessage, config};

use super::Target;
use super::board::{Missing, Reason};
use super::guard::{Guarded, Trust};
use super::series::Row;
use super::tls;

/// The most rows of an answer: nine kinds of locks in a hundred databases are the most of ours.
const MOST_ROWS: usize = 5_000;

/// The most bytes of an answer: four hundred texts of 8 KiB.
const MOST_BYTES: usize = 8 << 20;

/// The longest password.
const PASSWORD_BYTES: u64 = 4096;

/// What holds for the connection. A name that is not of `pg_catalog` would be somebody else's: who
/// may make functions in `public` must not have them called by us. It is said at the beginning
/// and not by `SET`, which a pooler would keep for whoever has its connection next.
fn options(deadline: Duration) -> String {
    let [statement, lock] = [deadline.as_millis() / 2, deadline.as_millis() / 4].map(|ms| ms.max(1));
    format!(
        "-c search_path=pg_catalog,pg_temp -c default_transaction_read_only=on -c extra_float_digits=1 \
         -c statement_timeout={statement} -c lock_timeout={lock}"
    )
}

/// Why there is no reading.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) reason: Reason,
    pub(super) message: String,
}

impl Failure {
    pub(super) fn new(reason: Reason, message: impl fmt::Display) -> Self {
        Failure { reason, message: message.to_string() }
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Unanswered {
    /// The connection is of no use any more.
    Broken(Failure),
    /// The server refused this question.
    Refused(Missing, String),
}

/// An open connection.
#[derive(Debug)]
pub(super) struct Session {
    client: Client,
    connection: JoinHandle<()>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// What is kept between two attempts: a name is looked up by a thread, which cannot be called
/// back and is waited for again.
pub(super) type Lookup = Option<JoinHandle<io::Result<Vec<SocketAddr>>>>;

impl Session {
    /// Opens a connection.
    pub(super) async fn open(target: &Target, lookup: &mut Lookup) -> Result<Session, Failure> {
        let password = password(target.password_file.as_deref()).await?;
        let stream = connect(target, lookup).await?;
        let (mode, ca_file) = (target.url.ssl_mode, target.ca_file.clone());
        let config = tokio::task::spawn_blocking(move || tls::client_config(mode, ca_file.as_deref())).await;
        let config = config.map_err(io::Error::other).flatten();
        let config = config.map_err(|error| Failure::new(Reason::Tls, error))?;
        let host = target.url.server.host.as_str();
        let stream = tls::negotiate(stream, mode, config.as_ref(), host).await;
        let stream = stream.map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => {
                Failure::new(Reason::Lost, error)
            }
            _ => Failure::new(Reason::Tls, error),
        })?;
        let trust = match (target.is_named, mode.verifies()) {
            (false, _) => Trust::Scram,
            (true, false) => Trust::Md5,
            (true, true) => Trust::Plain,
        };
        let mut settings = Config::new();
        settings.user(&target.url.user).dbname(&target.url.database).application_name("dockmeter");
        settings.options(options(target.timeout));
        // It is spoken already, where it is.
        settings.ssl_mode(config::SslMode::Disable);
        if let Some(password) = password {
            settings.password(password);
        }
        let opened = settings.connect_raw(Guarded::new(stream, trust), NoTls).await;
        let (client, connection) = opened.map_err(|error| not_let_in(&error))?;
        let connection = tokio::spawn(async move {
            // What is wrong with it the next question says.
            let _ = connection.await;
        });
        Ok(Session { client, connection })
    }

    /// Asks something.
    pub(super) async fn ask(&self, sql: &str) -> Result<Vec<Row>, Unanswered> {
        let stream = self.client.simple_query_raw(sql).await.map_err(|error| self.unanswered(&error))?;
        let mut stream = std::pin::pin!(stream);
        let (mut rows, mut bytes) = (Vec::new(), 0);
        while let Some(message) = stream.next().await {
            let SimpleQueryMessage::Row(row) = message.map_err(|error| self.unanswered(&error))? else {
                continue;
            };
            // A text that is no UTF-8 is as good as none.
            let row: Row =
                (0..row.len()).map(|column| row.try_get(column).ok().flatten().map(str::to_owned)).collect();
            bytes += row.iter().flatten().map(String::len).sum::<usize>();
            rows.push(row);
            if rows.len() > MOST_ROWS || bytes > MOST_BYTES {
                let message = "the answer is longer than any that was asked for";
                return Err(Unanswered::Broken(Failure::new(Reason::Answer, message)));
            }
        }
        Ok(rows)
    }

    fn unanswered(&self, error: &Error) -> Unanswered {
        let Some(said) = error.as_db_error().filter(|_| !self.client.is_closed()) else {
            return Unanswered::Broken(Failure::new(Reason::Lost, full(error)));
        };
        let missing = match said.code() {
            code if *code == SqlState::INSUFFICIENT_PRIVILEGE => Missing::Right,
            code if *code == SqlState::QUERY_CANCELED || *code == SqlState::LOCK_NOT_AVAILABLE => {
                Missing::Timeout
            }
            // The library is not loaded, or the extension has just gone.
            code if *code == SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE
                || *code == SqlState::UNDEFINED_FUNCTION
                || *code == SqlState::UNDEFINED_TABLE =>
            {
                Missing::Extension
            }
            // It is shutting down, or somebody has ended our connection.
            code if code.code().starts_with("57P") => {
                return Unanswered::Broken(Failure::new(Reason::Lost, said.message()));
            }
            _ => Missing::Error,
        };
        Unanswered::Refused(missing, said.message().to_owned())
    }
}

/// The password in a file, without the end of its line.
async fn password(file: Option<&Path>) -> Result<Option<String>, Failure> {
    let Some(file) = file else { return Ok(None) };
    let path = file.to_owned();
    let read = tokio::task::spawn_blocking(move || -> io::Result<String> {
        let metadata = std::fs::metadata(&path)?;
        // Opening something else may wait for ever.
        if !metadata.is_file() || metadata.len() > PASSWORD_BYTES {
            return Err(io::Error::other("that is no file with a password alone"));
        }
        std::fs::read_to_string(&path)
    });
    let read = read.await.map_err(io::Error::other).flatten();
    let text = read.map_err(|error| {
        Failure::new(
            Reason::Password,
            format!("could not read the password in `{}`: {error}", file.display()),
        )
    })?;
    Ok(Some(text.trim_end_matches(['\n', '\r']).to_owned()))
}

/// Opens a connection to the first address that takes one.
async fn connect(target: &Target, lookup: &mut Lookup) -> Result<TcpStream, Failure> {
    let addresses = match &target.addresses {
        Some(addresses) => {
            let port = target.url.server.port;
            addresses.iter().map(|address| SocketAddr::new(*address, port)).collect()
        }
        None => resolve(&target.url.server.host, target.url.server.port, lookup).await?,
    };
    let mut last = Failure::new(
        Reason::Connect,
        "it has no address; a container is reached on a network of the engine, or in the host's network",
    );
    // Each gets its part of the time, so that one that does not answer leaves some to the others.
    let patience = target.timeout / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX);
    for address in &addresses {
        last = match timeout(patience, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // Questions are small and each is waited for; without this one works, too.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) => Failure::new(Reason::Connect, format!("{address}: {error}")),
            Err(_) => Failure::new(
                Reason::Timeout,
                format!("{address}: no connection within {} ms", patience.as_millis()),
            ),
        };
    }
    Err(last)
}

async fn resolve(host: &str, port: u16, lookup: &mut Lookup) -> Result<Vec<SocketAddr>, Failure> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let running = lookup.get_or_insert_with(|| {
        let name = (host.to_owned(), port);
        tokio::spawn(async move { Ok(tokio::net::lookup_host(name).await?.collect()) })
    });
    let found = running.await.map_err(io::Error::other).flatten();
    *lookup = None;
    found.map_err(|error| Failure::new(Reason::Resolve, format!("`{host}`: {error}")))
}

/// Why a server did not let us in.
fn not_let_in(error: &Error) -> Failure {
    if let Some(said) = error.as_db_error() {
        let code = said.code();
        let reason = match code {
            _ if *code == SqlState::TOO_MANY_CONNECTIONS => Reason::Full,
            _ if *code == SqlState::INVALID_PASSWORD
                || *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION =>
            {
                Reason::Password
            }
            _ => Reason::Refused,
        };
        return Failure::new(reason, said.message());
    }
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(one) = cause {
        if let Some(error) = one.downcast_ref::<io::Error>() {
            return match error.kind() {
                io::ErrorKind::PermissionDenied => Failure::new(Reason::Password, error),
                io::ErrorKind::InvalidData => Failure::new(Reason::Answer, error),
                _ => Failure::new(Reason::Lost, error),
            };
        }
        cause = one.source();
    }
    let message = full(error);
    match message.contains("password missing") {
        true => Failure::new(
            Reason::Password,
            "the server wants a password; name a file with it by `password_file`",
        ),
        false if error.is_closed() => Failure::new(Reason::Lost, message),
        false => Failure::new(Reason::Answer, message),
    }
}

/// An error with its causes.
fn full(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(one) = cause {
        text = format!("{text}: {one}");
        cause = one.source();
    }
    text
}
