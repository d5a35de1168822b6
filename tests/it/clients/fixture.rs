//! Requests made by hand: `tests/fixtures/otlp/*.json`, each a list of requests, each a list of
//! metrics as OTLP writes them in JSON. Times that a point does not say are a second after those
//! of the request before; `@-6` is six seconds before now.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::tap::Request;

const SECOND: i64 = 1_000_000_000;

/// A file of requests.
pub(crate) struct Fixture {
    /// Its name without the ending, which is what the sender calls itself, too.
    pub(crate) name: String,
    /// Requests in the order in which they are sent.
    pub(crate) requests: Vec<Request>,
}

/// All files.
pub(crate) fn all() -> Vec<Fixture> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/otlp");
    let mut paths: Vec<_> =
        fs::read_dir(folder).expect("the folder").map(|file| file.expect("a file").path()).collect();
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

impl Fixture {
    /// What Prometheus's receiver has made of the requests, as rows of an instant query.
    pub(crate) fn golden(&self) -> Vec<Value> {
        let path = self.golden_path();
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        text.lines().map(|line| serde_json::from_str(line).expect("a row")).collect()
    }

    /// Writes that down.
    pub(crate) fn renew(&self, rows: &[Value]) {
        let lines: String = rows.iter().map(|row| format!("{row}\n")).collect();
        fs::write(self.golden_path(), lines).expect("the golden file");
    }

    fn golden_path(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/otlp").join(format!("{}.jsonl", self.name))
    }
}

fn read(path: &Path) -> Fixture {
    let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
    let text = fs::read_to_string(path).expect("a file");
    let requests: Vec<Value> =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let now = Timestamp::now().as_nanosecond() as i64;
    let first = now - requests.len() as i64 * SECOND;
    let times = (0..).map(|place| first + place * SECOND);
    let requests =
        requests.into_iter().zip(times).map(|(metrics, at)| request(&name, metrics, at, now)).collect();
    Fixture { name, requests }
}

/// A request of a service whose clock says `now` and whose points were taken `at`, both in
/// nanoseconds since 1970.
pub(crate) fn request(service: &str, mut metrics: Value, at: i64, now: i64) -> Request {
    for metric in metrics.as_array_mut().expect("metrics") {
        let data = metric.as_object_mut().expect("a metric").values_mut();
        for points in data.filter_map(|data| data.get_mut("dataPoints")) {
            for point in points.as_array_mut().expect("points") {
                date(point.as_object_mut().expect("a point"), at, now);
            }
        }
    }
    let resource = json!({"attributes": [
        {"key": "service.name", "value": {"stringValue": service}},
        {"key": "service.instance.id", "value": {"stringValue": "one"}}]});
    let body = json!({"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": metrics}]}]});
    Request {
        path: "/v1/metrics".to_owned(),
        headers: vec!["Content-Type: application/json".to_owned()],
        body: body.to_string().into_bytes(),
    }
}

fn date(point: &mut Map<String, Value>, at: i64, now: i64) {
    for (key, usual) in [("timeUnixNano", at), ("startTimeUnixNano", now - 60 * SECOND)] {
        let said = point.get(key).and_then(Value::as_str).and_then(|text| text.strip_prefix('@'));
        let ago = said.map(|seconds| seconds.parse::<i64>().expect("seconds"));
        let time = ago.map_or(usual, |ago| now + ago * SECOND);
        if ago.is_some() || !point.contains_key(key) {
            point.insert(key.to_owned(), Value::String(time.to_string()));
        }
    }
}
