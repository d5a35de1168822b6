//! A real Prometheus that scrapes one exporter every second.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::component::Component;
use crate::http;
use crate::poll::eventually;

/// A Prometheus, stopped when dropped.
pub(crate) struct Prometheus {
    child: Child,
    address: SocketAddr,
    _storage: TempDir,
}

impl Prometheus {
    /// Starts one and waits until it is ready.
    pub(crate) fn scraping(target: SocketAddr) -> Option<Self> {
        let binary = Component::Prometheus.path()?;
        let storage = tempfile::tempdir().expect("a temporary directory");
        let configuration = storage.path().join("prometheus.yml");
        let text = format!(
            "global: {{scrape_interval: 1s}}\n\
             scrape_configs: [{{job_name: dockmeter, static_configs: [{{targets: ['{target}']}}]}}]\n"
        );
        fs::write(&configuration, text).expect("its configuration");
        let address = free_address();
        let child = Command::new(binary)
            .arg(format!("--config.file={}", configuration.display()))
            .arg(format!("--storage.tsdb.path={}", storage.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stderr(Stdio::null())
            .spawn()
            .expect("Prometheus can be started");
        let prometheus = Prometheus { child, address, _storage: storage };
        eventually("Prometheus is ready", || {
            http::get(address, "/-/ready", &[]).ok().filter(|response| response.status == 200)
        });
        Some(prometheus)
    }

    /// The answer to an instant query, by the value of one label.
    pub(crate) fn by(&self, label: &str, query: &str) -> BTreeMap<String, f64> {
        let path = format!("/api/v1/query?query={}", http::encode(query));
        let answer = http::get(self.address, &path, &[]).expect("Prometheus answers").json();
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        let rows = answer["data"]["result"].as_array().expect("a vector");
        rows.iter()
            .map(|row| {
                let value = row["value"][1].as_str().expect("a value").parse().expect("a number");
                (row["metric"][label].as_str().unwrap_or_default().to_owned(), value)
            })
            .collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address that was free a moment ago; Prometheus cannot tell which port it was given.
pub(crate) fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("its address")
}
