//! Prometheus hands everything on to a store for years, as `docs/longterm.md` says.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::component::Component;
use crate::engine::{BUSY, Engine};
use crate::exporter::Exporter;
use crate::http;
use crate::poll::eventually;
use crate::prometheus::{Prometheus, free_address};

/// A VictoriaMetrics, stopped when dropped.
struct VictoriaMetrics {
    child: Child,
    address: SocketAddr,
    _storage: TempDir,
}

impl VictoriaMetrics {
    fn start() -> Option<Self> {
        let binary = Component::VictoriaMetrics.path()?;
        let storage = tempfile::tempdir().unwrap();
        let address = free_address();
        let child = Command::new(binary)
            .arg(format!("-storageDataPath={}", storage.path().display()))
            .arg(format!("-httpListenAddr={address}"))
            // It answers by default only of what is half a minute old.
            .args(["-retentionPeriod=2y", "-search.latencyOffset=0s"])
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let store = VictoriaMetrics { child, address, _storage: storage };
        eventually("VictoriaMetrics is ready", || {
            http::get(address, "/health", &[]).ok().filter(|response| response.status == 200)
        });
        Some(store)
    }

    /// The rows of the answer to an instant query.
    fn rows(&self, query: &str) -> Vec<serde_json::Value> {
        let path = format!("/api/v1/query?query={}", http::encode(query));
        let answer = http::get(self.address, &path, &[]).unwrap().json();
        answer["data"]["result"].as_array().cloned().unwrap_or_default()
    }
}

impl Drop for VictoriaMetrics {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn what_prometheus_scrapes_is_kept_for_years_by_remote_write() {
    let (Some(engine), Some(store)) = (Engine::shared(), VictoriaMetrics::start()) else { return };
    let _busy = engine.run("longterm-busy", &["--label=dockmeter.user=longterm-ann"], BUSY);
    let exporter = Exporter::of(&engine);
    let configuration = format!(
        "global: {{scrape_interval: 1s}}\nremote_write: [{{url: 'http://{}/api/v1/write'}}]\n\
         scrape_configs: [{{job_name: dockmeter, static_configs: [{{targets: ['{}']}}]}}]\n",
        store.address, exporter.address
    );
    let Some(prometheus) = Prometheus::configured(&configuration) else { return };
    let query = "sum by (user, project, team) (container_cpu_usage_seconds_total{name=\"longterm-busy\"})";
    let kept = eventually("the store holds the container with its tenant", || {
        store.rows(query).into_iter().next().filter(|row| row["metric"]["user"] == "longterm-ann")
    });
    let scraped = prometheus.rows(query);
    assert_eq!(
        scraped.first().map(|row| &row["metric"]),
        Some(&kept["metric"]),
        "labels are as Prometheus has them"
    );
}
