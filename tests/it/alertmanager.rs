//! A real Alertmanager, the release's and a current one, and what our client reads from it and
//! sends to it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use dockmeter::config::Upstream;
use dockmeter::prometheus::{self, AlertState, AlertmanagerError, NewAlert};
use jiff::{SignedDuration, Timestamp};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tempfile::TempDir;

use crate::component::Component;
use crate::engine::done;
use crate::http;
use crate::poll::eventually;
use crate::prometheus::free_address;

/// Tells nobody, at once.
pub(crate) const SILENT: &str =
    "route: {receiver: nobody, group_by: [team], group_wait: 0s}\nreceivers: [{name: nobody}]\n";

/// An Alertmanager, stopped when dropped.
pub(crate) struct Alertmanager {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    binary: PathBuf,
    storage: TempDir,
}

impl Alertmanager {
    /// Starts the release's own, which tells nobody, and waits until it is ready.
    pub(crate) fn silent() -> Option<Self> {
        Some(Self::run(&Component::Alertmanager.path()?, SILENT))
    }

    /// Starts one with a configuration, and waits until it is ready.
    pub(crate) fn run(binary: &Path, configuration: &str) -> Self {
        let storage = tempfile::tempdir().expect("a temporary directory");
        let file = storage.path().join("alertmanager.yml");
        fs::write(&file, configuration).expect("its configuration");
        let address = free_address();
        let child = start(binary, &storage, address);
        Alertmanager { child, address, binary: binary.to_owned(), storage }
    }

    /// Ends it as an administrator does, so that it writes down whom it has told, and starts it
    /// again on what it has written.
    pub(crate) fn restart(&mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("it can be asked to end");
        self.child.wait().expect("it ends");
        self.child = start(&self.binary, &self.storage, self.address);
    }

    /// Its address, as `--alertmanager.url` wants it.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Silences alerts for an hour; the id of the silence.
    pub(crate) fn silence(&self, label: &str, value: &str) -> String {
        let now = Timestamp::now();
        let body = json!({
            "matchers": [{"name": label, "value": value, "isRegex": false, "isEqual": true}],
            "startsAt": now.to_string(),
            "endsAt": (now + SignedDuration::from_hours(1)).to_string(),
            "createdBy": "a test",
            "comment": "while it is repaired",
        });
        let body = body.to_string();
        let headers = ["Content-Type: application/json"];
        let answer = http::send(self.address, "/api/v2/silences", &headers, body.as_bytes());
        let answer = answer.expect("Alertmanager answers").json();
        answer["silenceID"].as_str().expect("an id").to_owned()
    }
}

/// Starts one on its folder, and waits until it is ready.
fn start(binary: &Path, storage: &TempDir, address: SocketAddr) -> Child {
    let child = Command::new(binary)
        .arg(format!("--config.file={}", storage.path().join("alertmanager.yml").display()))
        .arg(format!("--storage.path={}", storage.path().join("data").display()))
        .arg(format!("--web.listen-address={address}"))
        // Alone: no port for others like it.
        .arg("--cluster.listen-address=")
        .stderr(Stdio::null())
        .spawn()
        .expect("Alertmanager can be started");
    eventually("Alertmanager is ready", || {
        http::get(address, "/-/ready", &[]).ok().filter(|response| response.status == 200)
    });
    child
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An alert that fires since an hour ago, with labels like `severity=warning`.
pub(crate) fn alert(name: &str, labels: &[(&str, &str)]) -> NewAlert {
    let name = ("alertname", name);
    let named = std::iter::once(&name).chain(labels);
    NewAlert {
        labels: named.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        annotations: [("summary".to_owned(), format!("{} fires", name.1))].into(),
        starts_at: Some(Timestamp::now() - SignedDuration::from_hours(1)),
        ends_at: Some(Timestamp::now() + SignedDuration::from_hours(1)),
        generator_url: "http://p.example/graph".to_owned(),
    }
}

/// The client of an Alertmanager there.
pub(crate) fn client(url: String) -> prometheus::Alertmanager {
    let upstream = Upstream { url: Some(url), ..Upstream::default() };
    prometheus::Alertmanager::new(&upstream).expect("a client")
}

/// Runs what waits for an Alertmanager.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(future)
}

#[test]
fn alerts_groups_and_silences_are_what_the_releases_alertmanager_has() {
    let Some(binary) = Component::Alertmanager.path() else { return };
    reads_and_sends(&binary);
}

#[test]
fn alerts_groups_and_silences_are_what_a_current_alertmanager_has() {
    let Some(binary) = Component::Alertmanager33.path() else { return };
    reads_and_sends(&binary);
}

fn reads_and_sends(binary: &Path) {
    let server = Alertmanager::run(binary, SILENT);
    let client = client(server.url());
    let silence = server.silence("team", "web");
    let sent = [alert("Slow", &[("team", "core")]), alert("Gone", &[("team", "web")])];
    wait(async {
        client.ready().await.expect("it is ready");
        client.post(&sent).await.expect("it takes alerts");
        // Told again, they are the same.
        client.post(&sent).await.expect("it takes them again");
    });
    let alerts = eventually("both are processed", || {
        let alerts = wait(client.alerts(&[])).expect("alerts");
        let done = alerts.iter().all(|alert| alert.status.state != AlertState::Unprocessed);
        (alerts.len() == 2 && done).then_some(alerts)
    });
    let slow = alerts.iter().find(|alert| alert.labels["alertname"] == "Slow").expect("the first");
    assert_eq!((&slow.labels, &slow.annotations), (&sent[0].labels, &sent[0].annotations));
    assert_eq!(slow.generator_url, sent[0].generator_url);
    let late = slow.starts_at.duration_since(sent[0].starts_at.expect("a start")).as_millis_f64().abs();
    assert!(late < 1.0, "{slow:?}");
    assert_eq!((slow.status.state, slow.receivers[0].name.as_str()), (AlertState::Active, "nobody"));

    let matcher = [r#"team="web""#.to_owned()];
    let gone = wait(client.alerts(&matcher)).expect("alerts");
    assert_eq!(gone.len(), 1);
    assert_eq!(
        (gone[0].status.state, &gone[0].status.silenced_by),
        (AlertState::Suppressed, &vec![silence.clone()])
    );
    let silences = wait(client.silences(&matcher)).expect("silences");
    assert_eq!(
        (silences[0].id.as_str(), silences[0].comment.as_str()),
        (silence.as_str(), "while it is repaired")
    );
    assert!(silences[0].matchers[0].is_equal && !silences[0].matchers[0].is_regex);
    let groups = wait(client.groups(&matcher)).expect("groups");
    assert_eq!((groups[0].labels["team"].as_str(), groups[0].alerts.len()), ("web", 1));

    let refused = wait(client.alerts(&["team".to_owned()])).expect_err("a matcher has an operator");
    assert!(matches!(refused, AlertmanagerError::Refused { .. }), "{refused}");
    let nameless = NewAlert { labels: Default::default(), ..alert("A", &[]) };
    let refused = wait(client.post(&[nameless])).expect_err("an alert has labels");
    assert!(matches!(refused, AlertmanagerError::Refused { .. }), "{refused}");
}

#[test]
fn amtool_sees_what_our_client_has_sent() {
    let (Some(server), Some(amtool)) = (Alertmanager::silent(), Component::Amtool.path()) else { return };
    let client = client(server.url());
    wait(client.post(&[alert("Slow", &[("team", "core")])])).expect("it takes alerts");
    eventually("the alert is listed", || {
        let mut command = Command::new(&amtool);
        command.arg(format!("--alertmanager.url={}", server.url())).args([
            "alert",
            "query",
            "--output=simple",
        ]);
        let listed = String::from_utf8_lossy(&done(&mut command).stdout).into_owned();
        (listed.contains("Slow") && listed.contains("Slow fires")).then_some(())
    });
}
