//! A small host for the tests of this room: `shop-api-1` of ann with limits (the example of
//! the documentation), `shop-db-1` of bob without any, `idle-1` which has exited and belongs
//! to nobody known, and `old-1` which was removed and lingers.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::BodyExt;
use jiff::{SignedDuration, Timestamp};

use crate::collect::{CollectError, Collector};
use crate::health::{Monitor, Wanted};
use crate::history::{History, SystemSample};
use crate::ingest::Receiver;
use crate::inventory::{Container, ContainerId, Engine, Health, Inventory, Network, State, Status};
use crate::live::{Hub, LogHub, Steps};
use crate::metrics::{LabelBlock, Sink, Value, catalogue};
use crate::snapshot::host::{Host, NetDevice};
use crate::snapshot::{
    self, LogError, LogFlow, LogLine, LogQuery, LogSource, LogStream, Machine, Process, ProcessError,
    ProcessList, ProcessQuery, ProcessSource, Rates, Reading, Snapshot, Source, Stats,
};
use crate::sql::slow::{self, Caller, Calls};
use crate::sql::{Dialect, sanitise};
use crate::tenant::{Binding, LabelValue, Tenant};

use tower::ServiceExt;

use super::access::{Access, Peer};
use super::connection::Line;
use super::{Context, Surroundings};
use crate::config::{Scope, Sources, Token, TokenHash};
use crate::dashboards::Shelf;
use crate::grafana::Workshop;
use crate::rules::Rulebook;

/// How long a body of a program may be.
pub(super) const BODY_BYTES: usize = 4096;

pub(super) fn container(id: &str, name: &str, tenant: Tenant) -> Container {
    let id: ContainerId = id.repeat(32).parse().unwrap();
    Container {
        name: LabelValue::clean(name),
        image: LabelValue::clean("shop/api:1"),
        image_id: format!("sha256:{}", "0".repeat(64)),
        labels: [("secret".to_owned(), "in a label".to_owned())].into(),
        tenant,
        created_at: Some("2025-12-31T23:59:59Z".parse().unwrap()),
        state: State {
            pid: Some(4711),
            started_at: Some("2026-01-01T00:00:00Z".parse().unwrap()),
            ..State::new(Status::Running)
        },
        network: Network { mode: "bridge".to_owned(), ..Network::default() },
        restart_policy: "no".to_owned(),
        runtime: "runc".to_owned(),
        ..Container::new(id, Status::Created)
    }
}

pub(super) fn containers() -> Vec<Container> {
    let mut idle = container("1d", "idle-1", Tenant::claimed(Some("bob"), None, None));
    idle.state.status = Status::Exited;
    (idle.state.pid, idle.state.exit_code) = (None, Some(137));
    let mut api = container("3f", "shop-api-1", Tenant::claimed(Some("ann"), Some("shop"), Some("core")));
    api.state.health = Some(Health::Healthy);
    let db = container("3a", "shop-db-1", Tenant::claimed(Some("bob"), Some("shop"), Some("core")));
    let mut old = container("0d", "old-1", Tenant::unknown());
    old.removed_at = Some("2026-01-01T00:59:30Z".parse().unwrap());
    vec![idle, old, api, db]
}

fn limited() -> Stats {
    let traffic = |bytes| snapshot::Traffic { bytes, ..Default::default() };
    let interface =
        snapshot::Interface { name: "eth0".into(), receive: traffic(1_048_576), transmit: traffic(524_288) };
    Stats {
        cpu: Some(snapshot::Cpu { usage_ns: 1_250_000_000_000, user_ns: None, system_ns: None }),
        throttling: None,
        cpu_limits: Some(snapshot::CpuLimits {
            quota_us: Some(50_000),
            period_us: Some(100_000),
            shares: Some(1024),
        }),
        memory: Some(snapshot::Memory {
            usage: 536_870_912,
            working_set: 500_000_000,
            rss: Some(400_000_000),
            cache: Some(100_000_000),
            swap: Some(0),
            limit: Some(2_147_483_648),
            limit_known: true,
            ..Default::default()
        }),
        io: Some(vec![snapshot::DeviceIo {
            device: "/dev/sda".into(),
            read_bytes: 10_485_760,
            write_bytes: 5_242_880,
            reads: Some(10),
            writes: Some(5),
        }]),
        network: Some(snapshot::Network { interfaces: vec![interface], tcp_established: Some(3) }),
        pressure: snapshot::Pressure::default(),
        processes: snapshot::Processes { processes: Some(15), threads: Some(40), threads_max: Some(1024) },
    }
}

fn unlimited() -> Stats {
    Stats {
        memory: Some(snapshot::Memory { usage: 1 << 30, working_set: 1 << 29, ..Default::default() }),
        ..Stats::default()
    }
}

fn reading(container: Container) -> Reading {
    let (stats, usage_cores, rates) = match container.name.as_str() {
        "shop-api-1" => {
            let rates = Rates {
                receive_bytes: Some(1024.0),
                transmit_bytes: Some(512.0),
                read_bytes: Some(1024.0),
                write_bytes: Some(512.0),
                throttled_periods_ratio: Some(0.02),
                cpu_waiting_ratio: Some(0.01),
                memory_stalled_ratio: Some(0.0),
                io_stalled_ratio: Some(0.0),
            };
            (Some(limited()), Some(0.125), Some(rates))
        }
        "shop-db-1" => (Some(unlimited()), Some(2.0), None),
        _ => (Some(limited()), Some(1.0), None),
    };
    Reading {
        labels: Arc::new(LabelBlock::of_tenant(&container.tenant, [("name", container.name.as_str())])),
        cgroup: format!("/docker/{}", container.id).into(),
        container: Arc::new(container),
        stats: stats.map(Arc::new),
        fast: None,
        disk: None,
        oom_kills: 0,
        ended: false,
        usage_cores,
        rates,
    }
}

pub(super) fn snapshot() -> Snapshot {
    Snapshot {
        taken_at: "2026-01-01T01:00:00Z".parse::<Timestamp>().unwrap(),
        published_at: "2026-01-01T01:00:00Z".parse::<Timestamp>().unwrap(),
        containers: containers().into_iter().map(|container| Arc::new(reading(container))).collect(),
        tenants: Vec::new(),
        operations: Vec::new(),
        engine: Arc::default(),
        lookups: (0, 0),
        read_errors: Vec::new(),
        read_duration_ns: 0,
        overruns: 0,
        machine: Machine { cpu_cores: Some(4), memory_bytes: Some(8 << 30) },
        storage: Arc::default(),
        facts: Arc::default(),
        activity: Default::default(),
        disk_walk_ns: None,
        sources: snapshot::Sources::default(),
        host: None,
    }
}

pub(super) fn inventory() -> Arc<Inventory> {
    let inventory = Arc::new(Inventory::default());
    inventory.update(|snapshot| {
        for container in containers() {
            snapshot.containers.insert(container.id, Arc::new(container));
        }
        snapshot.engine = Arc::new(Engine {
            connected: true,
            ever_connected: true,
            version: Some("Docker Engine 28.5.2".to_owned()),
            ..Engine::default()
        });
    });
    inventory
}

/// Answers at once, or never.
pub(super) struct Fixed {
    pub(super) hangs: bool,
    pub(super) latest: Option<Arc<Snapshot>>,
}

impl Source for Fixed {
    fn fresh(&self) -> BoxFuture<'_, Arc<Snapshot>> {
        match &self.latest {
            Some(snapshot) if !self.hangs => Box::pin(std::future::ready(snapshot.clone())),
            _ => Box::pin(std::future::pending()),
        }
    }

    fn latest(&self) -> Option<Arc<Snapshot>> {
        self.latest.clone()
    }
}

/// Memory use of every container.
struct MemoryUse;

impl Collector for MemoryUse {
    fn name(&self) -> &'static str {
        "container_memory"
    }

    fn collect(&self, snapshot: &Snapshot, sink: &mut dyn Sink) -> Result<(), CollectError> {
        sink.family(&catalogue::MEMORY_USAGE);
        for reading in &snapshot.containers {
            if let Some(memory) = reading.stats.as_ref().and_then(|stats| stats.memory) {
                sink.sample(&reading.labels, &[], Value::Int(memory.usage));
            }
        }
        Ok(())
    }
}

/// Size of the machine.
struct Cores;

impl Collector for Cores {
    fn name(&self) -> &'static str {
        "machine"
    }

    fn collect(&self, snapshot: &Snapshot, sink: &mut dyn Sink) -> Result<(), CollectError> {
        sink.family(&catalogue::MACHINE_CPU_CORES);
        let cores = snapshot.machine.cpu_cores.unwrap_or_default();
        sink.sample(&LabelBlock::default(), &[], Value::Int(cores.into()));
        Ok(())
    }
}

/// Two processes of every container but `shop-db-1`, which cannot be looked into.
struct TwoProcesses;

impl ProcessSource for TwoProcesses {
    fn list<'s>(
        &'s self,
        container: &'s Container,
        query: ProcessQuery,
    ) -> BoxFuture<'s, Result<ProcessList, ProcessError>> {
        let process = |pid: u32, cpu_ns: u64, rss: u64| Process {
            pid,
            container_pid: Some(pid - 10),
            parent_pid: (pid > 11).then_some(11),
            name: Some("api".to_owned()),
            command: Some("/bin/api --password=x".to_owned()),
            command_cut: false,
            uid: Some(1000),
            state: "sleeping".to_owned(),
            threads: 1,
            cpu_ns,
            rss,
            started_at: Some(Timestamp::UNIX_EPOCH),
        };
        let mut shown = vec![process(11, 1_500_000_000, 4096), process(12, 0, 8192)];
        query.order.sort(&mut shown);
        shown.truncate(query.limit);
        Box::pin(std::future::ready(match container.name.as_str() {
            "shop-db-1" => Err(ProcessError::OutOfReach("too far away".to_owned())),
            _ => Ok(ProcessList { total: 2, shown }),
        }))
    }
}

/// Three lines of every container but `shop-db-1`, whose log cannot be read, and `old-1`.
struct ThreeLines;

impl LogSource for ThreeLines {
    fn lines<'s>(
        &'s self,
        container: &'s Container,
        query: LogQuery,
    ) -> BoxFuture<'s, Result<Vec<LogLine>, LogError>> {
        let lines = ["GET /", "GET /favicon.ico", "out of luck"];
        let line = |(number, line): (usize, &str)| LogLine {
            stream: if number == 2 { LogStream::Stderr } else { LogStream::Stdout },
            timestamp: format!("2026-01-01T00:00:0{number}Z").parse().ok(),
            line: line.to_owned(),
        };
        let wanted = |line: &LogLine| query.wanted.as_ref().is_none_or(|wanted| wanted(&line.line));
        let lines: Vec<LogLine> = lines.into_iter().enumerate().map(line).filter(wanted).collect();
        Box::pin(std::future::ready(match container.name.as_str() {
            "shop-db-1" => Err(LogError::OutOfReach("no such driver".to_owned())),
            "old-1" => Err(LogError::Gone),
            _ => Ok(lines[lines.len().saturating_sub(query.tail)..].to_vec()),
        }))
    }

    /// Nothing more.
    fn follow(&self, _: ContainerId, _: Option<Timestamp>) -> BoxFuture<'_, Result<LogFlow, LogError>> {
        Box::pin(std::future::ready(Ok(Box::pin(futures_util::stream::pending()) as LogFlow)))
    }
}

pub(super) fn collectors() -> Vec<Box<dyn Collector>> {
    vec![Box::new(MemoryUse), Box::new(Cores)]
}

pub(super) fn context_of(source: Fixed, access: Access, max_requests: usize) -> Arc<Context> {
    let collectors = Arc::new(collectors());
    let context = Context::new(Arc::new(source), inventory(), collectors, access, max_requests);
    let monitor = Monitor::new(inventory(), Arc::default(), Box::new(|| false), Wanted::default());
    let context = context.with_monitor(Arc::new(monitor)).with_history(Some(history())).with_hub(hub());
    let context = context.with_programs(Arc::new(receiver()), BODY_BYTES).with_rulebook(rulebook());
    let dashboards = Some(Workshop::new(shelf(), None, ""));
    context.set_surroundings(Surroundings { dashboards, ..Surroundings::default() });
    let logs = Arc::new(ThreeLines);
    let context = context.with_log_hub(LogHub::new(logs.clone(), inventory(), 3)).with_logs(logs);
    let context = context.with_processes(Arc::new(TwoProcesses));
    // Whatever this program was built with.
    Arc::new(Context { files: &[], ..context })
}

/// Knows the containers; nothing has been read of them.
fn hub() -> Arc<Hub> {
    let steps = Steps { fast: Duration::from_millis(250), full: Duration::from_secs(5) };
    Hub::of(&inventory(), steps)
}

/// The last ten minutes of the machine and the containers, and of one of ann's and one of bob's that are gone.
fn history() -> History {
    let now = Timestamp::now();
    let moment = |n: i64| {
        let mut snapshot = snapshot();
        snapshot.taken_at = now - SignedDuration::from_secs(600 - n * 5);
        let mut uplink = NetDevice { device: "eth0".to_owned(), ..NetDevice::default() };
        uplink.columns[0] = n as u64 * 5_000;
        let (loadavg, netdev) = (Some([0.5, 0.0, 0.0]), Some(vec![uplink]));
        snapshot.host = Some(Arc::new(Host { loadavg, netdev, ..Host::default() }));
        if n < 60 {
            let gone = [("9a", "gone-1", "ann"), ("9b", "gone-2", "bob")];
            let gone =
                gone.map(|(id, name, user)| container(id, name, Tenant::claimed(Some(user), None, None)));
            snapshot.containers.extend(gone.map(|container| Arc::new(reading(container))));
        }
        for reading in &mut snapshot.containers {
            let mut moved = reading.as_ref().clone();
            let mut stats = moved.stats.as_deref().cloned().unwrap_or_default();
            if let Some(cpu) = &mut stats.cpu {
                cpu.usage_ns += n as u64 * 2_500_000_000;
            }
            moved.stats = Some(Arc::new(stats));
            *reading = Arc::new(moved);
        }
        snapshot
    };
    let snapshots: Vec<Snapshot> = (0..120).map(moment).collect();
    let sick = |snapshot: &Snapshot| SystemSample {
        status: 1,
        warnings: 2,
        domains: [None, Some((1, 2)), None, None, None, Some((0, 0)), None, None],
        shares: [Some(0.25), Some(snapshot.containers.len() as f64 / 100.0), None],
    };
    History::of(&snapshots, Box::new(sick))
}

/// The templates that are delivered, read once for all tests.
pub(super) fn shelf() -> Arc<Shelf> {
    static SHELF: OnceLock<Arc<Shelf>> = OnceLock::new();
    let read = || {
        let config = Sources::default().load().unwrap();
        Arc::new(Shelf::new(config.alerting, config.slo.period))
    };
    SHELF.get_or_init(read).clone()
}

/// The alerts that are delivered, read once for all tests.
fn rulebook() -> Arc<Rulebook> {
    static RULEBOOK: OnceLock<Arc<Rulebook>> = OnceLock::new();
    RULEBOOK.get_or_init(|| Arc::new(Rulebook::new(Sources::default().load().unwrap()))).clone()
}

/// Has slow statements of ann's and bob's.
fn receiver() -> Receiver {
    let receiver = Receiver::new(100, 100, 1 << 20);
    let calls = [
        ("ann", "SELECT * FROM orders WHERE id = 7", 2.5),
        ("ann", "SELECT * FROM orders WHERE id = 8", 1.5),
        ("ann", "UPDATE carts SET note = 'secret'", 3.0),
        ("bob", "SELECT * FROM pages", 5.0),
    ];
    for (user, text, seconds) in calls {
        let tenant = Tenant::claimed(Some(user), Some("shop"), None);
        let source = slow::Source::Program { service: LabelValue::clean("api") };
        let caller = Caller { sender: &tenant, tenant: &tenant, source: &source, system: "postgresql" };
        let statement = sanitise(text, Dialect::PostgreSql);
        receiver.slow_queries().note(caller, &statement, Calls::one(seconds), Timestamp::now());
    }
    receiver
}

/// A token of this text, bound to nobody.
pub(super) fn token(text: &str, scopes: &[Scope]) -> Token {
    Token {
        name: text.to_owned(),
        hash: TokenHash::of(text),
        scopes: scopes.iter().copied().collect(),
        binding: Binding::default(),
        delegate: false,
        expires: None,
    }
}

/// Tokens: `secret` reads, `writer` and `admin` do not, and `bound` reads what is ann's.
pub(super) fn context() -> Arc<Context> {
    let bound = Binding { user: Some(LabelValue::clean("ann")), ..Binding::default() };
    let tokens = vec![
        token("secret", &[Scope::Read]),
        token("writer", &[Scope::Write]),
        token("admin", &[Scope::Admin]),
        Token { binding: bound, ..token("bound", &[Scope::Read]) },
    ];
    let access = Access::new(vec![], tokens, vec![]);
    context_of(Fixed { hangs: false, latest: Some(Arc::new(snapshot())) }, access, 0)
}

/// An answer, read to its end.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The `detail` of a problem; fails if the answer is none.
    pub(super) fn problem(&self, status: u16) -> String {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/problem+json");
        let body = self.json();
        assert_eq!(body["status"], status);
        assert!(body["type"].is_string() && body["title"].is_string());
        body["detail"].as_str().unwrap().to_owned()
    }
}

/// Sends a request to the router as a peer of this address.
pub(super) async fn send(context: &Arc<Context>, peer: &str, request: Request<Body>) -> Answer {
    let mut request = request;
    request.extensions_mut().insert(Peer::new(peer.parse().unwrap()));
    // Streams end at once.
    let line = Line::default();
    line.stop.cancel();
    request.extensions_mut().insert(line);
    let response = super::router::router(context.clone()).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer { status: parts.status, headers: parts.headers, body }
}

/// A `GET` with headers, `Host` included.
pub(super) fn request(path: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let request = Request::get(path).header("host", "localhost:10417");
    headers
        .iter()
        .fold(request, |request, (name, value)| request.header(*name, *value))
        .body(Body::empty())
        .unwrap()
}

/// `GET` from loopback.
pub(super) async fn get(context: &Arc<Context>, path: &str, headers: &[(&str, &str)]) -> Answer {
    send(context, "127.0.0.1", request(path, headers)).await
}

/// Lets time pass, for a client that is slow on purpose.
#[allow(clippy::disallowed_methods, reason = "a slow client can only be slow")]
pub(super) fn pause(time: std::time::Duration) {
    std::thread::sleep(time);
}
