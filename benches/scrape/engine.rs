//! A small engine on a socket that says what a real one would say of the bed's containers. Tests
//! use it, too.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use dockmeter::inventory::{Container, Snapshot};
use serde_json::json;
use tempfile::TempDir;

/// When every container was made and started.
const STARTED_AT: &str = "2026-01-01T00:00:00Z";

/// What is answered to a path without its version.
type Answers = BTreeMap<String, String>;

/// The engine; gone when dropped.
pub(crate) struct Engine {
    folder: TempDir,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Engine {
    pub(crate) fn start(inventory: &Snapshot) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let listener = UnixListener::bind(folder.path().join("docker.sock"))?;
        let answers = Arc::new(answers(inventory));
        let stopping = Arc::new(AtomicBool::new(false));
        let stop = stopping.clone();
        let thread = std::thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let answers = answers.clone();
                // Ends with the connection, by an error or in peace.
                std::thread::spawn(move || serve(connection, &answers));
            }
        });
        Ok(Engine { folder, stopping, thread: Some(thread) })
    }

    /// Its address, as `--docker.host` takes it.
    pub(crate) fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        // A last connection wakes the thread.
        if UnixStream::connect(self.socket()).is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

fn serve(connection: UnixStream, answers: &Answers) -> io::Result<()> {
    let mut connection = BufReader::new(connection);
    while let Some(path) = read_request(&mut connection)? {
        let to = connection.get_mut();
        if path == "/events" {
            // Nothing ever happens; the next read waits until the other side closes.
            to.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
            continue;
        }
        let (status, body) = match answers.get(&path) {
            Some(body) => ("200 OK", body.as_str()),
            None => ("404 Not Found", r#"{"message":"no such thing"}"#),
        };
        let head =
            format!("HTTP/1.1 {status}\r\nApi-Version: 1.51\r\nContent-Length: {}\r\n\r\n", body.len());
        to.write_all(head.as_bytes())?;
        to.write_all(body.as_bytes())?;
    }
    Ok(())
}

/// The path of the next request, without version and query; `None` at the end.
fn read_request(connection: &mut BufReader<UnixStream>) -> io::Result<Option<String>> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if connection.read_line(&mut head)? == 0 {
            return Ok(None);
        }
    }
    let path = head.split(' ').nth(1).and_then(|target| target.split('?').next()).unwrap_or_default();
    Ok(Some(path.strip_prefix("/v1.51").unwrap_or(path).to_owned()))
}

fn answers(inventory: &Snapshot) -> Answers {
    let containers = || inventory.containers.values();
    let mut answers = Answers::from([
        ("/_ping".to_owned(), "OK".to_owned()),
        ("/version".to_owned(), json!({"Version": "28.5.2", "ApiVersion": "1.51"}).to_string()),
        ("/info".to_owned(), json!({"Containers": containers().count()}).to_string()),
        (
            "/containers/json".to_owned(),
            json!(containers().map(|one| listed(one)).collect::<Vec<_>>()).to_string(),
        ),
    ]);
    for container in containers() {
        answers.insert(format!("/containers/{}/json", container.id), inspected(container).to_string());
        let image = json!({"Id": container.image_id, "Config": {"Labels": {}}});
        answers.insert(format!("/images/{}/json", container.image_id), image.to_string());
    }
    answers
}

/// An element of the list.
fn listed(container: &Container) -> serde_json::Value {
    json!({
        "Id": container.id, "Names": [format!("/{}", container.name)], "Image": container.image.as_str(),
        "ImageID": container.image_id, "Labels": container.labels, "State": "running", "Created": 1_767_225_600,
    })
}

/// What an inspection says, as far as anybody looks at it.
fn inspected(container: &Container) -> serde_json::Value {
    json!({
        "Id": container.id, "Name": format!("/{}", container.name), "Image": container.image_id,
        "Created": STARTED_AT, "RestartCount": 0,
        "State": {
            "Status": "running", "Pid": container.state.pid, "ExitCode": 0, "OOMKilled": false,
            "StartedAt": STARTED_AT, "FinishedAt": "0001-01-01T00:00:00Z",
        },
        "Config": {"Image": container.image.as_str(), "Labels": container.labels},
        "HostConfig": {
            "NetworkMode": container.network.mode, "RestartPolicy": {"Name": container.restart_policy},
            "Runtime": container.runtime, "CpusetCpus": "",
        },
        "NetworkSettings": {"SandboxID": container.network.sandbox_id},
    })
}
