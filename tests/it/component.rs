//! Where `./test` has put the servers and programs that a test needs.

use std::env;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Once;
use std::{panic, thread};

/// A server or program that may be missing on a machine.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Component {
    /// The directory of a running engine, as `scripts/engine.sh` makes it.
    Engine,
    /// The current Docker engine's `dockerd`, beside the release's own engine.
    CurrentEngine,
    /// Podman.
    Podman,
    /// The `docker` command.
    Docker,
    /// The load program of the truth tests.
    Load,
    /// Docker Compose 2 as a command of its own.
    Compose,
    /// The Prometheus server.
    Prometheus,
    /// A current Prometheus server, which stores native histograms.
    Prometheus3,
    /// Prometheus' checker.
    Promtool,
    /// The release's Alertmanager.
    Alertmanager,
    /// A current Alertmanager.
    Alertmanager33,
    /// Alertmanager's checker and client.
    Amtool,
    /// A current Prometheus' checker.
    Promtool3,
    /// A current Alertmanager's checker.
    Amtool33,
    /// VictoriaMetrics, a store for years.
    VictoriaMetrics,
    /// The program that runs others with a clock of their own.
    Faketime,
    /// HAProxy.
    Haproxy,
    /// Prometheus' exporter of a machine's metrics.
    NodeExporter,
    /// The release's PostgreSQL server.
    Postgres,
    /// A PostgreSQL server of the release in between.
    Postgres17,
    /// A current PostgreSQL server.
    Postgres18,
    /// Prometheus' exporter of PostgreSQL servers.
    PostgresExporter,
    /// The directory of OpenTelemetry's modules for Python, with their interpreter in the path.
    SdkPython,
    /// The directory of OpenTelemetry's modules for Node.js, with their interpreter in the path.
    SdkNode,
    /// The directory of the modules that compute statistics independently, with their interpreter
    /// in the path.
    Oracles,
    /// Prometheus' receiver of OTLP, by itself.
    Receiver,
    /// A browser.
    Chromium,
    /// The folder of the page, built and with what its tests want.
    Page,
}

impl Component {
    fn variable(self) -> &'static str {
        match self {
            Component::Engine => "DOCKMETER_TEST_ENGINE",
            Component::CurrentEngine => "DOCKMETER_TEST_DOCKER28",
            Component::Podman => "DOCKMETER_TEST_PODMAN",
            Component::Docker => "DOCKMETER_TEST_DOCKER",
            Component::Load => "DOCKMETER_TEST_LOAD",
            Component::Compose => "DOCKMETER_TEST_COMPOSE",
            Component::Prometheus => "DOCKMETER_TEST_PROMETHEUS",
            Component::Prometheus3 => "DOCKMETER_TEST_PROMETHEUS3",
            Component::Promtool => "DOCKMETER_TEST_PROMTOOL",
            Component::Alertmanager => "DOCKMETER_TEST_ALERTMANAGER",
            Component::Alertmanager33 => "DOCKMETER_TEST_ALERTMANAGER33",
            Component::Amtool => "DOCKMETER_TEST_AMTOOL",
            Component::Promtool3 => "DOCKMETER_TEST_PROMTOOL3",
            Component::Amtool33 => "DOCKMETER_TEST_AMTOOL33",
            Component::VictoriaMetrics => "DOCKMETER_TEST_VICTORIA_METRICS",
            Component::Faketime => "DOCKMETER_TEST_FAKETIME",
            Component::Haproxy => "DOCKMETER_TEST_HAPROXY",
            Component::NodeExporter => "DOCKMETER_TEST_NODE_EXPORTER",
            Component::Postgres => "DOCKMETER_TEST_POSTGRES",
            Component::Postgres17 => "DOCKMETER_TEST_POSTGRES17",
            Component::Postgres18 => "DOCKMETER_TEST_POSTGRES18",
            Component::PostgresExporter => "DOCKMETER_TEST_POSTGRES_EXPORTER",
            Component::SdkPython => "DOCKMETER_TEST_SDK_PYTHON",
            Component::SdkNode => "DOCKMETER_TEST_SDK_NODE",
            Component::Oracles => "DOCKMETER_TEST_ORACLES",
            Component::Receiver => "DOCKMETER_TEST_RECEIVER",
            Component::Chromium => "DOCKMETER_TEST_CHROMIUM",
            Component::Page => "DOCKMETER_TEST_PAGE",
        }
    }

    /// Its path; where it is missing the running test is reported as skipped.
    pub(crate) fn path(self) -> Option<PathBuf> {
        say_failures_at_once();
        let found = env::var_os(self.variable()).map(PathBuf::from);
        if found.is_none() {
            let reason = env::var(format!("{}_MISSING", self.variable()))
                .unwrap_or_else(|_| format!("`{}` is not set; `./test` sets it", self.variable()));
            skip(&reason);
        }
        found
    }
}

/// Reports the running test as skipped: on the terminal, past the test runner's capture, and
/// in the file that `./test` counts.
pub(crate) fn skip(reason: &str) {
    let thread = std::thread::current();
    let line = format!("skipped: {}: {reason}\n", thread.name().unwrap_or("a test"));
    let _ = std::io::stderr().write_all(line.as_bytes());
    if let Some(file) = env::var_os("DOCKMETER_TEST_SKIPPED") {
        let mut file =
            OpenOptions::new().create(true).append(true).open(file).expect("the list of skipped tests");
        file.write_all(line.as_bytes()).expect("the list of skipped tests");
    }
    let forbidden = env::var("CI").is_ok_and(|ci| ci == "true");
    assert!(!forbidden, "with CI=true nothing is skipped: {reason}");
}

/// Has a story that fails say why at once, and not only after all others have ended.
fn say_failures_at_once() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let thread = thread::current();
            // Nobody may be there to read it.
            let _ = writeln!(io::stderr(), "{}: {info}", thread.name().unwrap_or_default());
            usual(info);
        }));
    });
}
