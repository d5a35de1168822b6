//! Prometheus's own receiver of OTLP (`tests/clients/prometheus`): what it makes of requests.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::series::{SeriesSet, of_rows};
use super::tap::Request;
use crate::component::Component;
use crate::http;

/// A running receiver; stopped when dropped.
pub(crate) struct Receiver {
    child: Child,
    address: SocketAddr,
}

impl Receiver {
    pub(crate) fn start() -> Option<Self> {
        let mut command = Command::new(Component::Receiver.path()?);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the receiver can be started");
        let mut line = String::new();
        let output = child.stdout.take().expect("its output");
        BufReader::new(output).read_line(&mut line).expect("the receiver speaks");
        let address = line.trim().parse().unwrap_or_else(|error| panic!("{error}: {line}"));
        Some(Receiver { child, address })
    }

    /// Takes a request; says whether it did.
    pub(crate) fn take(&self, request: &Request) -> bool {
        let headers: Vec<&str> = request.headers.iter().map(String::as_str).collect();
        let answer = http::send(self.address, "/", &headers, &request.body).expect("the receiver answers");
        answer.status == 200
    }

    /// What it has received of a service, row by row in one order.
    pub(crate) fn rows(&self, service: &str) -> Vec<Value> {
        let rows = http::get(self.address, "/", &[]).expect("the receiver answers").json();
        let of_service =
            |row: &&Value| row["metric"]["job"] == service && row["metric"]["__name__"] != "target_info";
        let mut rows: Vec<_> = rows.as_array().expect("rows").iter().filter(of_service).cloned().collect();
        rows.sort_by_key(|row| row["metric"].to_string());
        rows
    }
}

/// Rows without the labels that say which service they are of.
pub(crate) fn series(rows: &[Value]) -> SeriesSet {
    of_rows(rows, &["job", "instance"])
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
