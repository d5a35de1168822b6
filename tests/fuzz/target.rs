//! What is fuzzed, and what must always be true of it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body as HttpBody;
use axum::http::Request;
use dockmeter::collect::{Collector, Selection, render};
use dockmeter::config::{Scope, Token, TokenHash};
use dockmeter::ingest::intake::Pace;
use dockmeter::ingest::name::{Shape, label_name, metric_name};
use dockmeter::ingest::{Encoding, Origin, Programs, Receiver, Records};
use dockmeter::inventory::Inventory;
use dockmeter::metrics::Format;
use dockmeter::snapshot::{Snapshot, Source};
use dockmeter::sql::{Dialect, sanitise, table_name};
use dockmeter::tenant::{Binding, LabelValue, Tenant};
use dockmeter::web::{Context, access::Access, router::ingest_router};
use flate2::read::MultiGzDecoder;
use futures_util::future::BoxFuture;
use tower::ServiceExt as _;

use super::fuzzer::Target;

/// Series that a receiver has at most; so few that bounds are met.
const SERIES: u64 = 200;

/// Bytes of series.
const MEMORY: u64 = 64 << 20;

/// How often a page is made of what was received.
const ROUNDS_A_PAGE: u64 = 100;

/// How often a new receiver begins.
const ROUNDS_A_RECEIVER: u64 = 2_000;

/// Which outcome this was: numbers that grow without end are not told apart.
fn outcome(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

/// A text without its digits and names in quotes, so that outcomes are kinds of outcomes.
fn words(text: &str) -> String {
    let plain = text.split('`').step_by(2).collect::<String>();
    plain.chars().filter(|c| c.is_ascii_alphabetic() || *c == ' ').collect()
}

/// Takes bodies, and makes pages of them now and then.
struct Taker {
    receiver: Arc<Receiver>,
    round: u64,
    now: Instant,
}

impl Default for Taker {
    fn default() -> Self {
        Taker { receiver: Arc::new(Receiver::new(SERIES, SERIES, MEMORY)), round: 0, now: Instant::now() }
    }
}

impl Taker {
    /// Hands a receiver to `take`, in a time that goes on.
    fn take<T>(&mut self, take: impl FnOnce(&Receiver, &Origin, Instant) -> T) -> T {
        self.round += 1;
        self.now += Duration::from_millis(100);
        if self.round.is_multiple_of(ROUNDS_A_RECEIVER) {
            self.receiver = Arc::new(Receiver::new(SERIES, SERIES, MEMORY));
        }
        let tenant = Tenant::claimed(Some("ann"), Some("shop"), None);
        let origin = Origin { delegate: self.round.is_multiple_of(2), ..Origin::of(tenant) };
        let taken = take(&self.receiver, &origin, self.now);
        if self.round.is_multiple_of(ROUNDS_A_PAGE) {
            self.receiver.expire(self.now);
            check_pages(&self.receiver);
        }
        taken
    }
}

/// Pages are made without a panic, and each line of text begins as a line does.
fn check_pages(receiver: &Arc<Receiver>) {
    let collectors: Vec<Box<dyn Collector>> = vec![Box::new(Programs::new(receiver.clone()))];
    for format in [Format::Text, Format::OpenMetrics, Format::Protobuf] {
        let page = render(&collectors, &Selection::default(), &Snapshot::default(), format, Vec::new());
        if matches!(format, Format::Protobuf) {
            continue;
        }
        let text = String::from_utf8(page).expect("a page is UTF-8");
        let failed = "dockmeter_collector_success{collector=\"programs\"} 0";
        assert!(!text.contains(failed), "the collector has panicked");
        let mut series = 0;
        for line in text.split('\n').filter(|line| !line.is_empty() && !line.starts_with("# ")) {
            let name = line.split(['{', ' ']).next().unwrap_or_default();
            let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
            assert!(
                !name.is_empty() && name.chars().all(fits) && !name.starts_with(|c: char| c.is_ascii_digit()),
                "{line}"
            );
            let value = line
                .rsplit('}')
                .next()
                .unwrap_or(line)
                .split(' ')
                .find(|word| !word.is_empty() && *word != name);
            assert!(value.is_some_and(|value| value.parse::<f64>().is_ok()), "{line}");
            series += u64::from(!name.starts_with("dockmeter_") && !name.ends_with("_bucket"));
        }
        // A histogram has `_sum` and `_count`, and a summary its quantiles, too.
        assert!(series <= SERIES * 200, "{series} series of {SERIES}");
    }
}

/// OTLP's metrics; a body that begins like JSON is read as such.
#[derive(Default)]
pub(crate) struct Metrics(Taker);

/// OTLP's spans.
#[derive(Default)]
pub(crate) struct Traces(Taker);

fn encoding(input: &[u8]) -> Encoding {
    let text = input.trim_ascii_start().first().is_some_and(|first| matches!(first, b'{' | b'['));
    if text { Encoding::Json } else { Encoding::Protobuf }
}

impl Target for Metrics {
    fn run(&mut self, input: &[u8]) -> u64 {
        let encoding = encoding(input);
        let taken = self.0.take(|receiver, origin, now| receiver.metrics(origin, encoding, input, now));
        outcome(
            taken
                .map(|taken| (taken.rejected.min(3), words(&taken.message)))
                .map_err(|why| words(&why.to_string())),
        )
    }
}

impl Target for Traces {
    fn run(&mut self, input: &[u8]) -> u64 {
        let encoding = encoding(input);
        let taken = self.0.take(|receiver, origin, now| receiver.traces(origin, encoding, input, now));
        outcome(
            taken
                .map(|taken| (taken.rejected.min(3), words(&taken.message)))
                .map_err(|why| words(&why.to_string())),
        )
    }
}

/// Plain JSON of each kind.
#[derive(Default)]
pub(crate) struct Plain(Taker);

impl Target for Plain {
    fn run(&mut self, input: &[u8]) -> u64 {
        let mut outcomes = Vec::new();
        for records in [Records::Http, Records::Database, Records::Custom] {
            let taken = self.0.take(|receiver, origin, now| receiver.plain(origin, records, input, now));
            outcomes.push(taken.map_or_else(
                |why| words(&why.to_string()),
                |taken| {
                    let mut places: Vec<usize> = taken.rejected.iter().map(|(place, _)| *place).collect();
                    assert!(places.is_sorted());
                    places.dedup();
                    assert_eq!(places.len(), taken.rejected.len(), "a record is rejected once");
                    let why = taken.rejected.first().map(|(_, why)| words(why));
                    format!("{} {why:?} {}", taken.accepted.min(3), taken.undefined.len().min(3))
                },
            ));
        }
        outcome(outcomes)
    }
}

/// Bodies as they come over HTTP, packed.
pub(crate) struct Body {
    runtime: tokio::runtime::Runtime,
    router: axum::Router,
}

/// Longest body, packed and unpacked.
const BODY_BYTES: usize = 64 * 1024;

/// A host that is not asked for anything.
struct Nothing;

impl Source for Nothing {
    fn fresh(&self) -> BoxFuture<'_, Arc<Snapshot>> {
        Box::pin(std::future::ready(Arc::default()))
    }

    fn latest(&self) -> Option<Arc<Snapshot>> {
        None
    }
}

impl Default for Body {
    fn default() -> Self {
        let token = Token {
            name: "fuzzer".to_owned(),
            hash: TokenHash::of("secret"),
            scopes: [Scope::Write].into_iter().collect(),
            binding: Binding::default(),
            delegate: false,
            expires: None,
        };
        let access = Access::new(Vec::new(), vec![token], Vec::new());
        let context = Context::new(Arc::new(Nothing), Arc::<Inventory>::default(), Arc::default(), access, 0);
        // At a pace that is never too fast, so that answers are about bodies alone.
        let pace = Pace { pending_bytes: 1 << 30, points_per_second: 1 << 30 };
        let receiver = Arc::new(Receiver::new(SERIES, SERIES, MEMORY).at(pace));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        Body { runtime, router: ingest_router(Arc::new(context.with_programs(receiver, BODY_BYTES))) }
    }
}

impl Target for Body {
    const ROUNDS: u64 = 200;

    fn run(&mut self, input: &[u8]) -> u64 {
        // The unpacked length by a reader that goes no further than it must.
        let mut unpacked = Vec::new();
        let readable =
            MultiGzDecoder::new(input).take(BODY_BYTES as u64 + 1).read_to_end(&mut unpacked).is_ok();
        let mut statuses = Vec::new();
        for (path, media) in [
            ("/v1/metrics", "application/x-protobuf"),
            ("/v1/traces", "application/json"),
            ("/api/metrics/db", "application/json"),
        ] {
            let request = Request::post(path)
                .header("host", "localhost")
                .header("authorization", "Bearer secret")
                .header("content-type", media)
                .header("content-encoding", "gzip")
                .body(HttpBody::from(input.to_vec()))
                .expect("a request");
            let answer = self.runtime.block_on(self.router.clone().oneshot(request)).expect("an answer");
            let status = answer.status().as_u16();
            let expected: &[u16] = match (readable, unpacked.len() > BODY_BYTES) {
                (true, true) => &[413],
                (true, false) => &[200, 400],
                (false, _) => &[400],
            };
            assert!(expected.contains(&status), "{path} answers {status}, and not {expected:?}");
            statuses.push(status);
        }
        outcome((statuses, unpacked.len().min(1 << 17).ilog2_or_zero()))
    }
}

/// The number of binary digits.
trait Log {
    fn ilog2_or_zero(self) -> u32;
}

impl Log for usize {
    fn ilog2_or_zero(self) -> u32 {
        self.checked_ilog2().unwrap_or(0)
    }
}

/// Names and values of labels.
pub(crate) struct Names;

impl Target for Names {
    fn run(&mut self, input: &[u8]) -> u64 {
        let text = String::from_utf8_lossy(input);
        let (name, unit) = text.rsplit_once(' ').unwrap_or((&text, ""));
        let mut shapes = Vec::new();
        for shape in [Shape::Counter, Shape::Gauge, Shape::Distribution] {
            let made = metric_name(name, unit, shape);
            if let Some(made) = &made {
                assert!(is_name(made, true), "{made:?}");
                assert!(!made.contains("__") || name.contains("__"), "{made:?} of {name:?}");
            }
            shapes.push(made.map(|made| made.len().min(80)));
        }
        let label = label_name(name);
        if let Some(label) = &label {
            assert!(is_name(label, false), "{label:?}");
            assert_eq!(label_name(label).as_ref(), Some(label), "a label's name stays as it is");
        }
        let value = LabelValue::clean(name);
        assert_eq!(LabelValue::clean(value.as_str()), value, "a clean value stays as it is");
        assert!(
            value.as_str().len() <= dockmeter::tenant::MAX_LABEL_BYTES
                && !value.as_str().contains(['\n', '\0'])
        );
        let table = table_name(name);
        assert!(table.len() <= 128 && !table.chars().any(|c| c.is_ascii_digit()), "{table}");
        outcome((shapes, label.map(|label| label.len().min(40)), value.as_str().len().min(40)))
    }
}

fn is_name(text: &str, colons: bool) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || (colons && c == ':');
    !text.is_empty() && text.chars().all(fits) && !text.starts_with(|c: char| c.is_ascii_digit())
}

/// Statements in every dialect.
pub(crate) struct Sql;

impl Target for Sql {
    fn run(&mut self, input: &[u8]) -> u64 {
        const DIALECTS: [Dialect; 6] = [
            Dialect::PostgreSql,
            Dialect::MySql,
            Dialect::Sqlite,
            Dialect::SqlServer,
            Dialect::Oracle,
            Dialect::Unknown,
        ];
        let text = String::from_utf8_lossy(input);
        let left = DIALECTS.map(|dialect| {
            let statement = sanitise(&text, dialect);
            assert!(!statement.text.contains(['\'', '\\', '\n', '\0']), "{}", statement.text);
            assert!(!statement.text.contains("--") && !statement.text.contains("/*"), "{}", statement.text);
            assert!(statement.summary.len() <= 255 && !statement.summary.is_empty());
            assert!(statement.tables.len() <= 16);
            let tables = statement.tables.iter();
            assert!(tables.clone().all(|table| table.len() <= 128 && !table.chars().any(char::is_numeric)));
            assert_eq!(sanitise(&statement.text, dialect), statement, "what is left stays as it is");
            (statement.kind, statement.text.len() / 8, statement.tables.len())
        });
        outcome(left)
    }
}
