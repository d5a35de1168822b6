//! A real Prometheus that scrapes one exporter every second.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::component::Component;
use crate::engine::done;
use crate::http;
use crate::poll::eventually;

/// Stands in a configuration for the address of the Prometheus that reads it.
pub(crate) const ITSELF: &str = "itself:9090";

/// Makes it keep exemplars.
const EXEMPLARS: &str = "--enable-feature=exemplar-storage";

/// A Prometheus, stopped when dropped.
pub(crate) struct Prometheus {
    child: Child,
    address: SocketAddr,
    _storage: TempDir,
}

impl Prometheus {
    /// Starts the release's own, which scrapes text, and waits until it is ready.
    pub(crate) fn scraping(target: SocketAddr) -> Option<Self> {
        Self::scraping_with("", target)
    }

    /// The same with further settings of the scrape job, each with a comma behind it.
    pub(crate) fn scraping_with(job: &str, target: SocketAddr) -> Option<Self> {
        Some(Self::start(&Component::Prometheus.path()?, &[], "", job, target))
    }

    /// Starts a current one that takes native histograms, as `docs/prometheus.md` says how.
    pub(crate) fn scraping_native(target: SocketAddr) -> Option<Self> {
        Self::native(&[], target)
    }

    /// Starts the release's own so that it keeps exemplars.
    pub(crate) fn keeping_exemplars(target: SocketAddr) -> Option<Self> {
        Some(Self::start(&Component::Prometheus.path()?, &[EXEMPLARS], "", "", target))
    }

    /// Starts a current one that takes native histograms, and keeps exemplars.
    pub(crate) fn keeping_native_exemplars(target: SocketAddr) -> Option<Self> {
        Self::native(&[EXEMPLARS], target)
    }

    fn native(flags: &[&str], target: SocketAddr) -> Option<Self> {
        let binary = Component::Prometheus3.path()?;
        // Up to 3.7 a flag of the server, from 3.8 on a setting of the scrape configuration.
        Some(match version(&binary) {
            (3, 0..=7) => {
                let flags = [&["--enable-feature=native-histograms"], flags].concat();
                Self::start(&binary, &flags, "", "", target)
            }
            _ => Self::start(&binary, flags, "scrape_native_histograms: true, ", "", target),
        })
    }

    /// Starts the release's own on what is written in OpenMetrics, and has it scrape nothing.
    pub(crate) fn holding(openmetrics: &str) -> Option<Self> {
        let (binary, promtool) = (Component::Prometheus.path()?, Component::Promtool.path()?);
        let storage = tempfile::tempdir().expect("a temporary directory");
        let input = storage.path().join("input");
        fs::write(&input, openmetrics).expect("the input");
        // Else it reads the input once for every two hours.
        done(
            Command::new(promtool)
                .args(["tsdb", "create-blocks-from", "--max-block-duration=768h", "openmetrics"])
                .arg(&input)
                .arg(storage.path().join("data")),
        );
        fs::remove_file(input).expect("the input");
        let configuration = storage.path().join("prometheus.yml");
        fs::write(&configuration, "global: {}\n").expect("its configuration");
        Some(Self::run(&binary, &["--storage.tsdb.retention.time=20y"], storage, free_address()))
    }

    /// Starts the release's own with a configuration, in which [`ITSELF`] is its own address.
    pub(crate) fn configured(configuration: &str) -> Option<Self> {
        Some(Self::reading(&Component::Prometheus.path()?, &[], configuration))
    }

    /// Starts a current one likewise.
    pub(crate) fn configured_current(configuration: &str) -> Option<Self> {
        Some(Self::reading(&Component::Prometheus3.path()?, &[], configuration))
    }

    fn reading(binary: &Path, flags: &[&str], configuration: &str) -> Self {
        let storage = tempfile::tempdir().expect("a temporary directory");
        let address = free_address();
        let configuration = configuration.replace(ITSELF, &address.to_string());
        fs::write(storage.path().join("prometheus.yml"), configuration).expect("its configuration");
        Self::run(binary, flags, storage, address)
    }

    fn start(binary: &Path, flags: &[&str], settings: &str, job: &str, target: SocketAddr) -> Self {
        let text = format!(
            "global: {{{settings}scrape_interval: 1s}}\n\
             scrape_configs: [{{job_name: dockmeter, {job}static_configs: [{{targets: ['{target}']}}]}}]\n"
        );
        Self::reading(binary, flags, &text)
    }

    /// Starts one on the configuration of a folder, at an address.
    pub(crate) fn on(folder: &Path, binary: &Path, flags: &[&str], address: SocketAddr) -> Self {
        let storage = tempfile::tempdir().expect("a temporary directory");
        Self::launch(binary, flags, &folder.join("prometheus.yml"), storage, address)
    }

    /// Starts one whose configuration lies in its folder.
    fn run(binary: &Path, flags: &[&str], storage: TempDir, address: SocketAddr) -> Self {
        let configuration = storage.path().join("prometheus.yml");
        Self::launch(binary, flags, &configuration, storage, address)
    }

    fn launch(
        binary: &Path,
        flags: &[&str],
        configuration: &Path,
        storage: TempDir,
        address: SocketAddr,
    ) -> Self {
        let child = Command::new(binary)
            .arg(format!("--config.file={}", configuration.display()))
            .arg(format!("--storage.tsdb.path={}", storage.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .args(flags)
            .stderr(Stdio::null())
            .spawn()
            .expect("Prometheus can be started");
        let prometheus = Prometheus { child, address, _storage: storage };
        eventually("Prometheus is ready", || {
            http::get(address, "/-/ready", &[]).ok().filter(|response| response.status == 200)
        });
        prometheus
    }

    /// Its address, as `--prometheus.url` wants it.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The only value of the answer to an instant query, if there is one.
    pub(crate) fn value(&self, query: &str) -> Option<f64> {
        let values = self.by("", query);
        assert!(values.len() <= 1, "{query}: {values:?}");
        values.into_values().next()
    }

    /// The exemplars of the last hour that it holds of all series of a query: labels and value.
    pub(crate) fn exemplars(&self, query: &str) -> Vec<(serde_json::Value, String)> {
        let now = jiff::Timestamp::now().as_second();
        let path = format!(
            "/api/v1/query_exemplars?query={}&start={}&end={}",
            http::encode(query),
            now - 3600,
            now + 60
        );
        let answer = http::get(self.address, &path, &[]).expect("Prometheus answers").json();
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        let series = answer["data"].as_array().expect("a list of series");
        let exemplars = series.iter().flat_map(|series| series["exemplars"].as_array().expect("a list"));
        exemplars
            .map(|one| (one["labels"].clone(), one["value"].as_str().expect("a value").to_owned()))
            .collect()
    }

    /// What it knows of a family: its type and its unit.
    pub(crate) fn metadata(&self, family: &str) -> Option<(String, String)> {
        let path = format!("/api/v1/metadata?metric={family}");
        let answer = http::get(self.address, &path, &[]).expect("Prometheus answers").json();
        let text = |key: &str| Some(answer["data"][family][0][key].as_str()?.to_owned());
        Some((text("type")?, text("unit")?))
    }

    /// The rules that it has read: name and expression.
    pub(crate) fn rules(&self) -> Vec<(String, String)> {
        let answer = http::get(self.address, "/api/v1/rules", &[]).expect("Prometheus answers").json();
        let groups = answer["data"]["groups"].as_array().expect("groups");
        let rules = groups.iter().flat_map(|group| group["rules"].as_array().expect("rules"));
        let text = |rule: &serde_json::Value, key: &str| rule[key].as_str().expect("a text").to_owned();
        rules.map(|rule| (text(rule, "name"), text(rule, "query"))).collect()
    }

    /// The answer to an instant query, by the value of one label.
    pub(crate) fn by(&self, label: &str, query: &str) -> BTreeMap<String, f64> {
        self.rows(query)
            .iter()
            .map(|row| {
                let value = row["value"][1].as_str().expect("a value").parse().expect("a number");
                (row["metric"][label].as_str().unwrap_or_default().to_owned(), value)
            })
            .collect()
    }

    /// Of an instant query of some seconds ago: how many rows it gives, and how many samples it
    /// looks at.
    pub(crate) fn cost(&self, query: &str, ago: i64) -> (usize, u64) {
        let time = jiff::Timestamp::now().as_second() - ago;
        let path = format!("/api/v1/query?stats=all&time={time}&query={}", http::encode(query));
        let answer = http::get(self.address, &path, &[]).expect("Prometheus answers").json();
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        let samples = answer["data"]["stats"]["samples"]["totalQueryableSamples"].as_u64();
        (answer["data"]["result"].as_array().expect("a vector").len(), samples.expect("a number of samples"))
    }

    /// The answer to an instant query, row by row as it came.
    pub(crate) fn rows(&self, query: &str) -> Vec<serde_json::Value> {
        let path = format!("/api/v1/query?query={}", http::encode(query));
        let answer = http::get(self.address, &path, &[]).expect("Prometheus answers").json();
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        answer["data"]["result"].as_array().expect("a vector").clone()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Major and minor version of a Prometheus.
fn version(binary: &Path) -> (u32, u32) {
    let output = Command::new(binary).arg("--version").output().expect("its version");
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text.split_once("version ").and_then(|(_, rest)| rest.split_whitespace().next());
    let mut parts =
        version.into_iter().flat_map(|version| version.split('.')).map_while(|part| part.parse().ok());
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

/// An address that was free a moment ago; Prometheus cannot tell which port it was given.
pub(crate) fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("its address")
}
