//! A real PostgreSQL server in a container, and people who work with it.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::thread::JoinHandle;

use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use crate::component::Component;
use crate::engine::{Container, Engine, done};
use crate::poll::eventually;

/// The versions that there are, by their components.
pub(crate) const VERSIONS: [&str; 3] = ["postgres", "postgres17", "postgres18"];

/// The password of the role `dockmeter`.
pub(crate) const PASSWORD: &str = "correct horse";

/// The shared engine with images of all versions, if all of that can be had.
pub(crate) fn engine() -> Option<Engine> {
    static MADE: OnceLock<()> = OnceLock::new();
    let engine = Engine::shared()?;
    Component::Postgres.path()?;
    Component::Postgres17.path()?;
    Component::Postgres18.path()?;
    MADE.get_or_init(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/postgres.sh");
        let folder = engine.socket();
        done(Command::new(script).arg(folder.parent().unwrap()).args(VERSIONS));
    });
    Some(engine)
}

/// A server, removed when dropped.
pub(crate) struct Server<'e> {
    pub(crate) container: Container<'e>,
}

impl<'e> Server<'e> {
    /// Starts one with the library of statistics, options of the container, and settings as
    /// `name=value`.
    pub(crate) fn start(
        engine: &'e Engine,
        version: &str,
        name: &str,
        options: &[&str],
        settings: &[&str],
    ) -> Self {
        let always = [
            "listen_addresses=*",
            "shared_preload_libraries=pg_stat_statements",
            "track_io_timing=on",
            "deadlock_timeout=200ms",
            "autovacuum=off",
            "fsync=off",
        ];
        let mut command = vec!["/pg/postgres", "-D", "/data", "-k", "/tmp"];
        for setting in always.iter().chain(settings) {
            command.extend(["-c", setting]);
        }
        let container = engine.run_image(&format!("dockmeter-{version}"), name, options, &command);
        Server { container }
    }

    /// Makes the role `dockmeter` with the rights that the documentation names, and the extension.
    pub(crate) fn set_up(&self) {
        let admin = self.connect();
        admin.run("CREATE EXTENSION pg_stat_statements");
        admin.run(&format!("CREATE ROLE dockmeter LOGIN PASSWORD '{PASSWORD}'"));
        admin.run("GRANT pg_monitor TO dockmeter");
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        let ip: IpAddr = eventually("the server has an address", || {
            self.container.inspect("{{.NetworkSettings.IPAddress}}").parse().ok()
        });
        SocketAddr::new(ip, 5432)
    }

    /// A superuser's connection, as soon as there can be one.
    pub(crate) fn connect(&self) -> Person {
        let address = self.address();
        eventually("the server takes a connection", || Person::connect(address, "postgres").ok())
    }
}

/// Somebody with a connection.
pub(crate) struct Person {
    // Before the runtime, which carries it.
    client: std::sync::Arc<Client>,
    runtime: std::sync::Arc<Runtime>,
}

impl Person {
    pub(crate) fn connect(address: SocketAddr, user: &str) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        let client = runtime.block_on(async {
            let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
            let mut config = Config::new();
            config.user(user).dbname("postgres").ssl_mode(tokio_postgres::config::SslMode::Disable);
            let connected = config.connect_raw(stream, NoTls).await;
            let (client, connection) = connected.map_err(|error| format!("{error:?}"))?;
            tokio::spawn(connection);
            Ok::<_, String>(client)
        })?;
        Ok(Person { client: client.into(), runtime: runtime.into() })
    }

    /// Runs something that has to succeed.
    pub(crate) fn run(&self, sql: &str) {
        self.try_run(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    pub(crate) fn try_run(&self, sql: &str) -> Result<(), String> {
        self.runtime.block_on(self.client.batch_execute(sql)).map_err(|error| format!("{error:?}"))
    }

    /// Begins with something that will wait.
    pub(crate) fn begin(&self, sql: &str) -> JoinHandle<Result<(), String>> {
        let (client, runtime, sql) = (self.client.clone(), self.runtime.clone(), sql.to_owned());
        std::thread::spawn(move || {
            runtime.block_on(client.batch_execute(&sql)).map_err(|error| format!("{error:?}"))
        })
    }

    /// The only value of an answer.
    pub(crate) fn value(&self, sql: &str) -> String {
        let rows = self.runtime.block_on(self.client.simple_query(sql)).unwrap();
        let value = |message: &SimpleQueryMessage| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        };
        rows.iter().find_map(value).unwrap_or_default()
    }
}
