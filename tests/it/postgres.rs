//! PostgreSQL servers: what happens in them is on the page, under their tenants, and nothing
//! that is wrong with one delays the page or makes connections pile up.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use dockmeter::metrics::catalogue::postgres::FAMILIES;
use rustix::process::Signal;
use tempfile::TempDir;

use crate::certificates::Certificates;
use crate::component::Component;
use crate::engine::Engine;
use crate::exporter::Exporter;
use crate::exposition::{Dialect, Page, Sample};
use crate::http;
use crate::page::unexpected_complaints;
use crate::poll::eventually;
use crate::prometheus::free_address;

pub(crate) mod server;
mod slow;
mod stuck;

use server::{PASSWORD, Person, Server, VERSIONS, engine};

const LABEL: &str = "--label=dockmeter.postgres=true";

/// Readings follow each other quickly, and a busy machine may take its time for one.
const OFTEN: [&str; 2] = ["--postgres.interval=1s", "--postgres.timeout=20s"];

/// A folder with a password in the file `postgres`.
fn passwords() -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("postgres"), format!("{PASSWORD}\n")).unwrap();
    let flag = format!("--postgres.password-directory={}", folder.path().display());
    (folder, flag)
}

/// One that reads the servers in containers.
fn exporter(engine: &Engine, passwords: &str) -> Exporter {
    Exporter::with(engine, &[&OFTEN[..], &[passwords]].concat())
}

fn is_up(exporter: &Exporter, server: &str) {
    exporter.until_value("pg_up", &[("server", server)], 1.0);
}

#[test]
fn a_deadlock_a_lock_wait_an_idle_transaction_and_a_slow_statement_are_shown_under_their_tenant() {
    let Some(engine) = engine() else { return };
    let tenants = [
        ("postgres", "pg-old", "pg-crm"),
        ("postgres17", "pg-between", "pg-bank"),
        ("postgres18", "pg-new", "pg-shop"),
    ];
    let servers: Vec<Server<'_>> = tenants
        .iter()
        .map(|(version, name, project)| {
            let project = format!("--label=dockmeter.project={project}");
            Server::start(&engine, version, name, &[LABEL, &project], &[])
        })
        .collect();
    for server in &servers {
        server.set_up();
    }
    let (_folder, passwords) = passwords();
    let exporter = exporter(&engine, &passwords);
    for (server, (_, name, project)) in servers.iter().zip(tenants) {
        let address = format!("{name}:5432");
        let of = [("server", address.as_str()), ("project", project), ("user", "unknown")];
        exporter.until_value("pg_up", &of, 1.0);
        happenings(server, &exporter, &of);
    }
    let Some(promtool) = Component::Promtool.path() else { return };
    let complaints = unexpected_complaints(&promtool, &exporter.get("/metrics").body);
    assert!(complaints.is_empty(), "{complaints:#?}");
}

fn with<'a>(of: &[(&'a str, &'a str)], more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [of, more].concat()
}

fn happenings(server: &Server<'_>, exporter: &Exporter, of: &[(&str, &str)]) {
    let here = with(of, &[("datname", "postgres")]);
    let [ann, bob] = [server.connect(), server.connect()];
    ann.run("CREATE TABLE shelf (id int PRIMARY KEY, n int); INSERT INTO shelf VALUES (1, 0), (2, 0)");

    // Both want what the other has.
    ann.run("BEGIN; UPDATE shelf SET n = 1 WHERE id = 1");
    bob.run("BEGIN; UPDATE shelf SET n = 1 WHERE id = 2");
    let waits =
        [ann.begin("UPDATE shelf SET n = 2 WHERE id = 2"), bob.begin("UPDATE shelf SET n = 2 WHERE id = 1")];
    let failed = waits.map(|wait| wait.join().unwrap()).into_iter().filter(Result::is_err).count();
    assert_eq!(failed, 1, "one of them has to give way");
    for person in [&ann, &bob] {
        person.run("ROLLBACK");
    }
    exporter.until_value("pg_stat_database_deadlocks", &here, 1.0);

    // One waits for the other.
    ann.run("BEGIN; LOCK TABLE shelf");
    let wait = bob.begin("SELECT count(*) FROM shelf");
    exporter.until("the wait is shown", |page| {
        let waits = page.value("dockmeter_postgres_lock_waiters", &here)? == 1.0
            && page.value("dockmeter_postgres_lock_wait_longest_seconds", &here)? > 0.0;
        let locked = with(&here, &[("state", "active"), ("wait_event_type", "Lock")]);
        (waits && page.value("pg_stat_activity_count", &locked)? == 1.0).then_some(())
    });
    // Meanwhile the other does nothing.
    let idle = with(&here, &[("state", "idle in transaction")]);
    exporter.until("the idle transaction is shown", |page| {
        let idle = page.sum("pg_stat_activity_count", &idle) == 1.0
            && page.sum("pg_stat_activity_max_tx_duration", &idle) > 0.0;
        let open = page.value("pg_long_running_transactions", of)? >= 2.0
            && page.value("pg_long_running_transactions_oldest_timestamp_seconds", of)? > 0.0;
        (idle && open).then_some(())
    });
    ann.run("COMMIT");
    wait.join().unwrap().unwrap();
    exporter.until_value("dockmeter_postgres_lock_waiters", &here, 0.0);

    // A slow statement, with something in it that is nobody's business.
    ann.run("SELECT pg_sleep(0.3), 'hunter2' AS \"slowly\"");
    exporter.until("the slow statement is shown", |page| {
        let slow = page.all("pg_stat_statements_seconds_total", &here).filter(|one| one.value >= 0.3);
        let slow: Vec<_> = slow.filter_map(|one| one.label("queryid")).collect();
        let once = |id: &&str| {
            let this = with(&here, &[("queryid", id), ("usename", "postgres")]);
            page.value("pg_stat_statements_calls_total", &this) == Some(1.0)
        };
        let text = |id: &&str| {
            let this = with(of, &[("queryid", id)]);
            let text =
                page.all("pg_stat_statements_query_id", &this).next().and_then(|one| one.label("query"));
            text.is_some_and(|text| text.contains("pg_sleep"))
        };
        slow.iter().any(|id| once(id) && text(id)).then_some(())
    });
    assert!(!exporter.get("/metrics").text().contains("hunter2"));
    let page = exporter.page();
    assert_eq!(page.value("dockmeter_postgres_part_failures_total", of), None, "nothing is missing");
}

#[test]
fn a_full_server_is_down_until_it_has_room_and_the_log_says_so_once() {
    let Some(engine) = engine() else { return };
    let settings = ["max_connections=6", "superuser_reserved_connections=3", "max_wal_senders=0"];
    let server = Server::start(&engine, "postgres18", "pg-full", &[LABEL], &settings);
    server.set_up();
    server.connect().run("CREATE ROLE app LOGIN; ALTER ROLE app PASSWORD NULL");
    // Let in without a password, as the superuser is.
    let admin = server.connect();
    admin.run("GRANT pg_read_all_data TO app");
    server.container.exec(&["sh", "-c", "echo 'host all app all trust' >/data/new; cat /data/pg_hba.conf >>/data/new; cat /data/new >/data/pg_hba.conf"]);
    admin.run("SELECT pg_reload_conf()");
    drop(admin);
    let address = server.address();
    let join = || Person::connect(address, "app");
    let mut guests = vec![eventually("a guest is let in", || join().ok())];
    // Connections end a little after who had them is gone.
    eventually("every connection is taken", || match join() {
        Ok(guest) => {
            guests.push(guest);
            None
        }
        Err(error) => error.contains("53300").then_some(()),
    });
    let (_folder, passwords) = passwords();
    let exporter = exporter(&engine, &passwords);
    let of = [("server", "pg-full:5432")];
    exporter.until("it is down for want of room, more than once", |page| {
        let full = page.value("dockmeter_postgres_read_failures_total", &with(&of, &[("reason", "full")]))?;
        (full >= 2.0).then_some(())
    });
    let page = exporter.page();
    assert_eq!(page.value("pg_up", &of), Some(0.0));
    assert_eq!(
        page.value("pg_settings_max_connections", &of),
        None,
        "of a server that is down nothing is known"
    );
    assert_eq!(exporter.times(&["level=warn", "pg-full:5432", "reason=full"]), 1);
    guests.clear();
    is_up(&exporter, "pg-full:5432");
    exporter.until_value("pg_settings_max_connections", &of, 6.0);
    assert!(exporter.said(&["level=info", "pg-full:5432", "read again"]));
}

#[test]
fn a_frozen_and_a_restarted_server_is_down_and_comes_back_with_one_connection() {
    let Some(engine) = engine() else { return };
    let server = Server::start(&engine, "postgres", "pg-frozen", &[LABEL], &[]);
    server.set_up();
    let (_folder, passwords) = passwords();
    let flags = ["--postgres.interval=1s", "--postgres.timeout=3s", &passwords];
    let exporter = Exporter::with(&engine, &flags);
    let of = [("server", "pg-frozen:5432")];
    is_up(&exporter, "pg-frozen:5432");
    let started =
        exporter.until("its start is known", |page| page.value("pg_postmaster_start_time_seconds", &of));

    server.container.docker(&["pause"]);
    // Every page on the way is answered, too.
    exporter.until_value("pg_up", &of, 0.0);
    let page = exporter.page();
    assert!(FAMILIES.iter().all(|metric| {
        metric.name == "pg_up"
            || !metric.name.starts_with("pg_")
            || page.all(metric.name, &of).next().is_none()
    }));
    assert!(page.value("dockmeter_postgres_last_read_timestamp_seconds", &of).is_some());
    exporter.until("it was tried several times", |page| {
        let late = page.sum("dockmeter_postgres_read_failures_total", &of);
        (late >= 2.0).then_some(())
    });
    server.container.docker(&["unpause"]);
    is_up(&exporter, "pg-frozen:5432");
    let admin = server.connect();
    eventually("one connection is left", || {
        let count = admin.value("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'dockmeter'");
        (count == "1").then_some(())
    });
    drop(admin);

    server.container.docker(&["restart", "--time=20"]);
    exporter.until("it is back, and has started anew", |page| {
        let up = page.value("pg_up", &of)? == 1.0;
        (up && page.value("pg_postmaster_start_time_seconds", &of)? > started).then_some(())
    });
}

#[test]
fn what_a_role_may_not_see_is_missing_and_nothing_else() {
    let Some(engine) = engine() else { return };
    let server = Server::start(&engine, "postgres18", "pg-rights", &[LABEL], &[]);
    let admin = server.connect();
    admin.run(&format!("CREATE ROLE dockmeter LOGIN PASSWORD '{PASSWORD}'"));
    let (_folder, passwords) = passwords();
    let exporter = exporter(&engine, &passwords);
    let of = [("server", "pg-rights:5432")];
    let missing = |part, reason| with(&of, &[("part", part), ("reason", reason)]);
    exporter.until("parts are missing, more than once", |page| {
        let count =
            |part, reason| page.value("dockmeter_postgres_part_failures_total", &missing(part, reason));
        (count("activity", "right")? >= 2.0 && count("statements", "extension")? >= 2.0).then_some(())
    });
    let page = exporter.until("the rest is there", |page| {
        let there =
            ["pg_up", "pg_settings_max_connections"].iter().all(|name| page.value(name, &of).is_some());
        let of_databases = page.sum("pg_stat_database_xact_commit", &of) > 0.0;
        (there && of_databases).then(|| page.clone())
    });
    assert_eq!(page.value("pg_up", &of), Some(1.0));
    assert_eq!(page.all("pg_stat_activity_count", &of).count(), 0);
    assert_eq!(exporter.times(&["level=warn", "pg-rights:5432", "part=activity"]), 1);
    // What is granted later is seen without a restart.
    admin.run("CREATE EXTENSION pg_stat_statements; GRANT pg_monitor TO dockmeter");
    exporter.until("nothing is missing any more", |page| {
        let shown = |name| page.all(name, &of).next();
        shown("pg_stat_activity_count").and(shown("pg_stat_statements_calls_total")).map(drop)
    });
}

/// A configuration that names servers.
fn configuration(folder: &Path, servers: &[String]) -> PathBuf {
    let list: String = servers.iter().map(|entry| format!("  - {{postgres: {entry}}}\n")).collect();
    let file = folder.join("dockmeter.yml");
    fs::write(&file, format!("postgres: {{interval: 1s, timeout: 20s}}\ndatabases:\n{list}")).unwrap();
    file
}

/// An entry of it.
fn entry(server: &str, password_file: &str, more: &str) -> String {
    format!("'postgres://dockmeter@{server}/postgres', password_file: {password_file}, {more}")
}

#[test]
fn servers_that_the_configuration_names_belong_to_the_tenants_it_names_and_follow_a_reload() {
    let Some(engine) = engine() else { return };
    let servers = [
        Server::start(&engine, "postgres", "pg-named-1", &[], &[]),
        Server::start(&engine, "postgres18", "pg-named-2", &[], &[]),
    ];
    for server in &servers {
        server.set_up();
    }
    let [first, second] = [servers[0].address(), servers[1].address()];
    let (folder, _) = passwords();
    fs::write(folder.path().join("wrong"), "wrong").unwrap();
    let [first_name, second_name] = [first.to_string(), second.to_string()];
    let named = [
        entry(&first_name, "postgres", "project: shop, user: ann"),
        entry(&second_name, "wrong", "team: core"),
    ];
    let file = configuration(folder.path(), &named);
    let exporter = Exporter::alone(&[&format!("--config.file={}", file.display())]);
    let shop = [("server", first_name.as_str()), ("user", "ann"), ("project", "shop"), ("team", "unknown")];
    let core =
        [("server", second_name.as_str()), ("user", "unknown"), ("project", "unknown"), ("team", "core")];
    exporter.until_value("pg_up", &shop, 1.0);
    exporter.until_value("pg_up", &core, 0.0);
    exporter.until("the password was refused", |page| {
        let refused = with(&core, &[("reason", "password")]);
        (page.value("dockmeter_postgres_read_failures_total", &refused)? >= 1.0).then_some(())
    });
    // The first one goes, the second is asked with another file.
    configuration(folder.path(), &[entry(&second_name, "postgres", "team: core")]);
    exporter.signal(Signal::HUP);
    exporter.until_value("pg_up", &core, 1.0);
    exporter.until("the other is gone", |page| page.value("pg_up", &shop).is_none().then_some(()));
    assert!(!exporter.said(&[PASSWORD]));
}

#[test]
fn a_certificate_is_looked_at_as_sslmode_says() {
    let Some(engine) = engine() else { return };
    let server = Server::start(&engine, "postgres18", "pg-tls", &["--publish=127.0.0.1::5432"], &[]);
    server.set_up();
    let (folder, _) = passwords();
    let [ours, others] = ["ours", "others"].map(|name| folder.path().join(name));
    for folder in [&ours, &others] {
        Certificates::make(folder);
    }
    for (file, name) in [("cert.pem", "server.crt"), ("key.pem", "server.key")] {
        let text = fs::read_to_string(ours.join("server").join(file)).unwrap();
        let write = format!("cat >/data/{name} <<'END'\n{text}END\nchmod 600 /data/{name}");
        server.container.exec(&["sh", "-c", &write]);
    }
    let admin = server.connect();
    admin.run("ALTER SYSTEM SET ssl = on");
    admin.run("SELECT pg_reload_conf()");
    eventually("TLS is on", || (admin.value("SHOW ssl") == "on").then_some(()));
    let port = server.container.inspect("{{(index (index .NetworkSettings.Ports \"5432/tcp\") 0).HostPort}}");
    // The certificate is for `localhost`, and for no address of a container.
    let (by_name, by_address) = (format!("localhost:{port}"), server.address().to_string());
    let secure = |server: &str, mode: &str, authority: Option<&Path>| {
        let entry = entry(server, "postgres", "project: tls").replacen(
            "/postgres'",
            &format!("/postgres?sslmode={mode}'"),
            1,
        );
        let authority =
            authority.map(|folder| format!(", ca_file: {}", folder.join("server/ca.pem").display()));
        entry + &authority.unwrap_or_default()
    };
    let file = configuration(folder.path(), &[secure(&by_name, "verify-full", Some(&ours))]);
    let exporter = Exporter::alone(&[&format!("--config.file={}", file.display())]);
    is_up(&exporter, &by_name);
    let plain = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                 WHERE application_name = 'dockmeter' AND NOT ssl";
    assert_eq!(admin.value(plain), "0");
    for (mode, authority, up) in [
        ("verify-full", Some(&ours), false),
        ("verify-ca", Some(&ours), true),
        ("verify-ca", Some(&others), false),
        ("require", None, true),
    ] {
        configuration(folder.path(), &[]);
        exporter.signal(Signal::HUP);
        exporter.until("it is forgotten", |page| {
            page.value("pg_up", &[("server", by_address.as_str())]).is_none().then_some(())
        });
        configuration(folder.path(), &[secure(&by_address, mode, authority.map(PathBuf::as_path))]);
        exporter.signal(Signal::HUP);
        exporter.until_value("pg_up", &[("server", by_address.as_str())], f64::from(u8::from(up)));
        assert_eq!(admin.value(plain), "0");
    }
    exporter.until("the log says why", |_| {
        exporter.said(&["level=warn", &by_address, "reason=tls"]).then_some(())
    });
}

#[test]
fn a_server_that_asks_for_the_password_itself_does_not_get_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (heard, hears) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            // No TLS; then, whoever it is, the password as it is.
            let mut bytes = [0; 1024];
            let _ = stream.read(&mut bytes);
            let _ = stream.write_all(b"N");
            let _ = stream.read(&mut bytes);
            let _ = stream.write_all(b"R\0\0\0\x08\0\0\0\x03");
            let mut said = Vec::new();
            let _ = stream.read_to_end(&mut said);
            let _ = heard.send(said);
        }
    });
    let (folder, _) = passwords();
    let file = configuration(folder.path(), &[entry(&address, "postgres", "project: trap")]);
    let exporter = Exporter::alone(&[&format!("--config.file={}", file.display())]);
    let refused = [("server", address.as_str()), ("reason", "password")];
    exporter.until("it is refused", |page| {
        (page.value("dockmeter_postgres_read_failures_total", &refused)? >= 2.0).then_some(())
    });
    let said = hears.recv().unwrap();
    assert!(said.is_empty(), "{said:?}");
    assert_eq!(exporter.times(&["level=warn", "wants the password as it is"]), 1);
}

/// A running postgres_exporter, stopped when dropped.
struct Theirs {
    child: Child,
    address: SocketAddr,
}

impl Theirs {
    fn start(program: &Path, server: SocketAddr) -> Self {
        let address = free_address();
        let child = Command::new(program)
            .env_clear()
            .env("DATA_SOURCE_NAME", format!("postgresql://postgres@{server}/postgres?sslmode=disable"))
            .arg(format!("--web.listen-address={address}"))
            .args(
                [
                    "stat_statements",
                    "long_running_transactions",
                    "database_wraparound",
                    "postmaster",
                    "stat_checkpointer",
                ]
                .map(|name| format!("--collector.{name}")),
            )
            .arg("--collector.stat_statements.include_query")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("postgres_exporter can be started");
        let exporter = Theirs { child, address };
        eventually("postgres_exporter answers", || http::get(address, "/metrics", &[]).ok());
        exporter
    }

    fn page(&self) -> Page {
        let page = http::get(self.address, "/metrics", &[]).expect("postgres_exporter answers");
        Page::parse(&page.body, Dialect::Text).unwrap_or_else(|error| panic!("{error}"))
    }
}

impl Drop for Theirs {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Labels that we have and they do not, and the other way round.
const OURS: [&str; 4] = ["server", "user", "project", "team"];
const LEFT_OUT: [&str; 5] = ["server", "usename", "application_name", "backend_type", "wait_event"];

fn label_names(samples: &[Sample], without: &[&str]) -> BTreeSet<String> {
    let names = samples.iter().flat_map(|sample| sample.labels.iter().map(|(name, _)| name.clone()));
    names.filter(|name| !without.contains(&name.as_str())).collect()
}

/// Values by the labels that both have.
fn values(samples: &[Sample]) -> BTreeMap<Vec<(String, String)>, f64> {
    let key = |sample: &Sample| {
        let both = sample.labels.iter().filter(|(name, _)| !OURS.contains(&name.as_str()));
        let mut key: Vec<_> = both.cloned().collect();
        key.sort();
        key
    };
    samples.iter().map(|sample| (key(sample), sample.value)).collect()
}

#[test]
fn families_types_labels_and_values_are_postgres_exporters() {
    let Some(engine) = engine() else { return };
    let Some(program) = Component::PostgresExporter.path() else { return };
    for version in VERSIONS {
        let server = Server::start(&engine, version, &format!("pg-peer-{version}"), &[], &[]);
        server.set_up();
        let admin = server.connect();
        admin.run("CREATE TABLE shelf AS SELECT generate_series(1, 1000) AS id");
        admin.run("ANALYZE shelf; SELECT count(*) FROM shelf");
        admin.run("CREATE DATABASE other");
        let (folder, _) = passwords();
        let file = configuration(
            folder.path(),
            &[entry(&server.address().to_string(), "postgres", "project: peer")],
        );
        let theirs = Theirs::start(&program, server.address());
        let exporter = Exporter::alone(&[&format!("--config.file={}", file.display())]);
        let read_at = |page: &Page| page.value("dockmeter_postgres_last_read_timestamp_seconds", &[]);
        let next = |after: f64| {
            exporter.until("the next reading is there", |page| {
                let whole = page.all("pg_database_size_bytes", &[]).next().is_some();
                (whole && read_at(page)? > after).then(|| page.clone())
            })
        };
        let before = next(0.0);
        let between = theirs.page();
        // One that began after theirs had ended.
        let after = next(read_at(&next(read_at(&exporter.page()).unwrap())).unwrap());
        compare(&before, &between, &after);
    }
}

fn compare(before: &Page, theirs: &Page, after: &Page) {
    let of = |page: &Page, name: &str| page.families.iter().find(|family| family.name == name).cloned();
    let mut compared = 0;
    for metric in FAMILIES.iter().filter(|metric| metric.name.starts_with("pg_")) {
        let (Some(first), Some(last)) = (of(before, metric.name), of(after, metric.name)) else { continue };
        let name = metric.name;
        let Some(there) = of(theirs, name) else {
            panic!("`{name}` is no family of postgres_exporter");
        };
        assert_eq!(first.kind, there.kind, "the type of `{name}`");
        let ours: BTreeSet<String> = label_names(&first.samples, &OURS)
            .into_iter()
            .map(|label| if label == "usename" { "user".to_owned() } else { label })
            .collect();
        let left_out: &[&str] = if name.starts_with("pg_stat_activity") { &LEFT_OUT } else { &["server"] };
        assert_eq!(ours, label_names(&there.samples, left_out), "the labels of `{name}`");
        compared += 1;
        // What changes with every look, what others do meanwhile, and what we read every minute.
        let exact = name.starts_with("pg_settings_")
            || ["pg_database_connection_limit", "pg_replication_is_replica", "pg_up", "pg_wal_segments"]
                .contains(&name);
        let counts = first.kind == "counter" && !name.contains("stats_reset");
        let between = counts
            && ["pg_stat_bgwriter_", "pg_stat_checkpointer_", "pg_stat_database_"]
                .iter()
                .any(|group| name.starts_with(group));
        let (first, there, last) = (values(&first.samples), values(&there.samples), values(&last.samples));
        for (labels, theirs) in &there {
            let (Some(first), Some(last)) = (first.get(labels), last.get(labels)) else { continue };
            let fits = match (exact, between) {
                (true, _) => first == theirs,
                (_, true) => first <= theirs && theirs <= last,
                _ => true,
            };
            assert!(fits, "`{name}` {labels:?}: {first}, then {theirs} there, then {last}");
        }
        let keys = |values: &BTreeMap<Vec<(String, String)>, f64>| values.keys().cloned().collect::<Vec<_>>();
        if exact || between {
            assert_eq!(keys(&first), keys(&there), "the series of `{name}`");
        }
    }
    assert!(compared > 60, "only {compared} families are on both pages");
}
