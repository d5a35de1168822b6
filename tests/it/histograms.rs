//! A histogram on its way: scraped as protobuf by a current Prometheus, which stores its native
//! form, and as text by an older one, which stores the classic buckets.

use std::net::SocketAddr;
use std::sync::Arc;

use dockmeter::collect::{CollectError, Collector};
use dockmeter::inventory::{Engine as EngineState, Inventory};
use dockmeter::metrics::catalogue::{Labels, Owner, Unit};
use dockmeter::metrics::{Histogram, Kind, LabelBlock, Metric, Sink, Value, catalogue};
use dockmeter::snapshot::{Machine, Snapshot, Source};
use dockmeter::web::access::Access;
use dockmeter::web::server::{self, Listeners};
use dockmeter::web::{Context, router};
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::engine::{BUSY, Engine};
use crate::exporter::Exporter;
use crate::poll::eventually;
use crate::prometheus::Prometheus;

static DURATION: Metric = Metric {
    name: "test_duration_seconds",
    kind: Kind::Histogram,
    unit: Unit::Seconds,
    help: "How long a test took.",
    labels: Labels::Plain,
    own_labels: &[],
    source: "a test",
    collector: "test",
    owner: Owner::Dockmeter,
};

/// Five times nothing, ninety times 0.3 s and ten times 7 s, in three wide classic buckets.
struct Durations;

impl Collector for Durations {
    fn name(&self) -> &'static str {
        "test"
    }

    fn collect(&self, _: &Snapshot, sink: &mut dyn Sink) -> Result<(), CollectError> {
        let mut histogram = Histogram::new(&[0.1, 1.0, 10.0]);
        for (times, value) in [(5, 0.0), (90, 0.3), (10, 7.0)] {
            (0..times).for_each(|_| histogram.observe(value));
        }
        sink.family(&DURATION);
        sink.histogram(&LabelBlock::new([("shared", "a \"b\"")]), &[], histogram.view());
        sink.family(&catalogue::DOCKER_UP);
        sink.sample(&LabelBlock::default(), &[], Value::Int(1));
        Ok(())
    }
}

/// Always the same empty moment.
struct Nothing;

impl Source for Nothing {
    fn fresh(&self) -> BoxFuture<'_, Arc<Snapshot>> {
        let snapshot = Snapshot {
            taken_at: Timestamp::UNIX_EPOCH,
            published_at: Timestamp::UNIX_EPOCH,
            containers: Vec::new(),
            operations: Vec::new(),
            tenants: Vec::new(),
            engine: Arc::new(EngineState::default()),
            lookups: (0, 0),
            read_errors: Vec::new(),
            read_duration_ns: 0,
            overruns: 0,
            machine: Machine::default(),
            storage: Arc::default(),
            facts: Arc::default(),
            activity: Default::default(),
            disk_walk_ns: None,
            sources: dockmeter::snapshot::Sources::default(),
            host: None,
        };
        Box::pin(std::future::ready(Arc::new(snapshot)))
    }

    fn latest(&self) -> Option<Arc<Snapshot>> {
        None
    }
}

/// The pages of [`Durations`] over HTTP until it is dropped.
struct Server {
    address: SocketAddr,
    _runtime: Runtime,
}

impl Server {
    fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let collectors: Vec<Box<dyn Collector>> = vec![Box::new(Durations)];
        let inventory = Arc::new(Inventory::default());
        let context = Context::new(Arc::new(Nothing), inventory, Arc::new(collectors), Access::default(), 0);
        let listeners = runtime.block_on(Listeners::bind(&["127.0.0.1:0".parse().unwrap()])).unwrap();
        let address = listeners.addresses()[0].tcp().unwrap();
        let router = router::router(Arc::new(context));
        runtime.spawn(server::serve(
            vec![(listeners, router)],
            server::Options::default(),
            Arc::default(),
            CancellationToken::new(),
        ));
        Server { address, _runtime: runtime }
    }
}

#[test]
fn a_current_prometheus_answers_quantiles_from_native_buckets() {
    let server = Server::start();
    let Some(prometheus) = Prometheus::scraping_native(server.address) else { return };
    let count = eventually("the native histogram has been scraped", || {
        prometheus.value("histogram_count(test_duration_seconds{shared='a \"b\"'})")
    });
    assert_eq!(count, 105.0);
    let sum = prometheus.value("histogram_sum(test_duration_seconds)").unwrap();
    assert!((sum - 97.0).abs() < 1e-9, "{sum}");
    // A bucket is 9 % wide.
    for (quantile, value) in [(0.5, 0.3), (0.99, 7.0)] {
        let answer =
            prometheus.value(&format!("histogram_quantile({quantile}, test_duration_seconds)")).unwrap();
        assert!(
            (answer / value).abs().log2().abs() <= 1.0 / 8.0,
            "{quantile}: {answer} is not about {value}"
        );
    }
    let fraction = prometheus.value("histogram_fraction(0, 0.01, test_duration_seconds)").unwrap();
    assert!((fraction - 5.0 / 105.0).abs() < 1e-9, "{fraction}");
    assert_eq!(
        prometheus.value("test_duration_seconds_count"),
        None,
        "the classic form is not stored beside it"
    );
    assert_eq!(prometheus.value("dockmeter_docker_up"), Some(1.0), "what is no histogram is read too");
    assert_eq!(prometheus.value("dockmeter_collector_success{collector='test'}"), Some(1.0));
    let metadata = eventually("the metadata is known", || prometheus.metadata("test_duration_seconds"));
    assert_eq!(metadata, ("histogram".to_owned(), "seconds".to_owned()));
}

#[test]
fn an_older_prometheus_answers_quantiles_from_classic_buckets() {
    let server = Server::start();
    let Some(prometheus) = Prometheus::scraping(server.address) else { return };
    let count = eventually("the classic histogram has been scraped", || {
        prometheus.value("test_duration_seconds_count{shared='a \"b\"'}")
    });
    assert_eq!(count, 105.0);
    let buckets = prometheus.by("le", "test_duration_seconds_bucket");
    let expected = [("0.1", 5.0), ("1.0", 95.0), ("10.0", 105.0), ("+Inf", 105.0)];
    assert_eq!(buckets, expected.map(|(le, count)| (le.to_owned(), count)).into());
    let median = prometheus.value("histogram_quantile(0.5, test_duration_seconds_bucket)").unwrap();
    assert!(median > 0.1 && median <= 1.0, "{median}");
}

#[test]
fn samples_taken_below_the_second_reach_a_current_prometheus() {
    let Some(engine) = Engine::shared() else { return };
    let _container = engine.run("histograms-busy", &["--cpus=0.2"], BUSY);
    let exporter = Exporter::of(&engine);
    let Some(prometheus) = Prometheus::scraping_native(exporter.address) else { return };
    const SERIES: &str = "container_cpu_usage_cores{name='histograms-busy'}";
    let count = eventually("samples have been scraped", || {
        prometheus.value(&format!("histogram_count({SERIES})")).filter(|count| *count >= 8.0)
    });
    let above = prometheus.value(&format!("1 - histogram_fraction(0, 64, {SERIES})")).unwrap();
    assert!(above.abs() < 1e-9, "{above} of {count} samples lie above 64 cores");
    let average = prometheus.value(&format!("histogram_avg({SERIES})")).unwrap();
    assert!(average > 0.01, "a busy container uses {average} cores");
}
