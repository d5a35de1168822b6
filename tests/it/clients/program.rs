//! The programs of `tests/clients`: OpenTelemetry's SDKs from their registries, and what they
//! say that they have sent.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use dockmeter::ingest::name::{Shape, label_name, metric_name};
use serde_json::Value;

use super::series::{Held, SeriesSet, key};
use crate::component::Component;

/// A running program; killed when dropped.
pub(crate) struct Program {
    child: Child,
    lines: BufReader<ChildStdout>,
    /// What it has sent, each request once.
    pub(crate) told: Vec<Value>,
}

/// Whose SDK a program has.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Language {
    Python,
    Node,
}

impl Language {
    fn command(self) -> Option<Command> {
        let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
        let (component, interpreter, program, modules) = match self {
            Language::Python => (Component::SdkPython, "python3", "python/program.py", "PYTHONPATH"),
            Language::Node => (Component::SdkNode, "node", "node/program.js", "NODE_PATH"),
        };
        let mut command = Command::new(interpreter);
        command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.env(modules, component.path()?).arg(clients.join(program));
        Some(command)
    }
}

impl Program {
    /// Starts one that sends to an address with a token, by further settings of the SDK.
    pub(crate) fn start(
        language: Language,
        to: SocketAddr,
        token: &str,
        settings: &[(&str, &str)],
    ) -> Option<Self> {
        let mut command = language.command()?;
        command
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{to}"))
            .env("OTEL_EXPORTER_OTLP_HEADERS", format!("Authorization=Bearer%20{token}"))
            .env("OTEL_METRIC_EXPORT_INTERVAL", "3600000")
            .env("OTEL_SEMCONV_STABILITY_OPT_IN", "http")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .envs(settings.iter().copied());
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program can be started");
        let lines = BufReader::new(child.stdout.take().expect("its output"));
        Some(Program { child, lines, told: Vec::new() })
    }

    /// Has it serve some requests and send what it measured.
    pub(crate) fn work(&mut self) {
        self.child.stdin.as_mut().expect("its input").write_all(b"work\n").expect("the program listens");
        let mut line = String::new();
        loop {
            line.clear();
            let read = self.lines.read_line(&mut line).expect("the program speaks");
            assert!(read > 0, "the program has ended: {:?}", self.child.wait());
            let told: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
            if told["done"] == true {
                return;
            }
            assert_eq!(told["sent"], true, "the program could not send");
            self.told.push(told);
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A distribution over exponential buckets of one scale, by the index of each.
#[derive(Clone, Debug, Default)]
struct Exponential {
    scale: i64,
    zero: f64,
    positive: BTreeMap<i64, f64>,
}

/// The series that Prometheus should hold after all requests that a program has told of.
pub(crate) fn expected(told: &[Value]) -> SeriesSet {
    let mut series = SeriesSet::new();
    let mut exponential: BTreeMap<String, (Exponential, f64, f64)> = BTreeMap::new();
    for metric in told.iter().flat_map(|request| request["metrics"].as_array().expect("metrics")) {
        let (kind, monotonic) = (metric["kind"].as_str(), metric["monotonic"] == true);
        let shape = match kind {
            Some("histogram") => Shape::Distribution,
            Some("sum") if monotonic => Shape::Counter,
            _ => Shape::Gauge,
        };
        let text = |key: &str| metric[key].as_str().expect("a text");
        let name = metric_name(text("name"), text("unit"), shape).expect("a name");
        let delta = metric["delta"] == true && kind != Some("gauge");
        for point in metric["points"].as_array().expect("points") {
            let labels = labels(&point["attributes"]);
            let mut put = |end: &str, le: Option<f64>, value: f64| {
                let mut labels = labels.clone();
                labels.extend(le.map(|le| ("le".to_owned(), le.to_string())));
                let held = series.entry(key(&format!("{name}{end}"), &labels)).or_insert(Held::Number(0.0));
                let Held::Number(before) = *held else { panic!("{name}") };
                *held = Held::Number(if delta { before + value } else { value });
            };
            let number = |key: &str| point[key].as_f64().unwrap_or_else(|| panic!("`{key}` of {point}"));
            if point.get("value").is_some() {
                put("", None, number("value"));
            } else if let Some(counts) = point["counts"].as_array() {
                put("_count", None, number("count"));
                put("_sum", None, number("sum"));
                let bounds = point["bounds"].as_array().expect("bounds").iter().filter_map(Value::as_f64);
                let mut below = 0.0;
                for (bound, count) in bounds.chain([f64::INFINITY]).zip(counts) {
                    below += count.as_f64().expect("a count");
                    put("_bucket", Some(bound), below);
                }
            } else {
                let entry = exponential.entry(key(&name, &labels)).or_default();
                if !delta {
                    *entry = Default::default();
                }
                *entry = added(std::mem::take(entry), point);
            }
        }
    }
    series.extend(exponential.into_iter().map(|(key, sums)| (key, native(&sums))));
    series
}

fn labels(attributes: &Value) -> BTreeMap<String, String> {
    let pairs = attributes.as_object().expect("attributes").iter();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    pairs.map(|(key, value)| (label_name(key).expect("a label"), text(value))).collect()
}

fn added((mut all, count, sum): (Exponential, f64, f64), point: &Value) -> (Exponential, f64, f64) {
    const FINEST: i64 = 8;
    let number = |key: &str| point[key].as_f64().expect("a number");
    let scale = point["scale"].as_i64().expect("a scale");
    // A scale that has begun stays, or becomes coarser.
    let target = if count > 0.0 { all.scale.min(scale) } else { scale.min(FINEST) };
    let mut positive = BTreeMap::new();
    let offset = point["positive"][0].as_i64().expect("an offset");
    let fresh = point["positive"][1].as_array().expect("counts").iter().zip(offset..);
    let fresh = fresh.map(|(count, index)| (index >> (scale - target), count.as_f64().expect("a count")));
    let before = std::mem::take(&mut all.positive).into_iter();
    for (index, count) in before.map(|(index, count)| (index >> (all.scale - target), count)).chain(fresh) {
        *positive.entry(index).or_insert(0.0) += count;
    }
    (
        Exponential { scale: target, zero: all.zero + number("zero"), positive },
        count + number("count"),
        sum + number("sum"),
    )
}

fn native((all, count, sum): &(Exponential, f64, f64)) -> Held {
    let bound = |index: i64| (index as f64 * (-all.scale as f64).exp2()).exp2();
    let mut buckets = Vec::new();
    if all.zero > 0.0 {
        buckets.push((-1e-128, 1e-128, all.zero));
    }
    let hit = all.positive.iter().filter(|(_, count)| **count > 0.0);
    buckets.extend(hit.map(|(index, count)| (bound(*index), bound(index + 1), *count)));
    Held::Native { count: *count, sum: *sum, buckets }
}
