//! Programs in containers send without a token: whose it is, is told by the connection, whatever
//! they say.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::engine::{Container, Engine};
use crate::exporter::{BINARY, Exporter};
use crate::exposition::{Dialect, Page};
use crate::http;
use crate::poll::eventually;
use crate::prometheus::free_address;
use crate::running::exists;
use crate::truth::load::Load;

/// A request of one point that claims to be somebody else's in every way there is.
pub(crate) fn request(metric: &str, value: u32, instance: Option<&str>) -> String {
    let text = |key: &str, value: &str| format!(r#"{{"key":"{key}","value":{{"stringValue":"{value}"}}}}"#);
    let mut resource =
        vec![text("service.name", "api"), text("user", "eve"), text("container.id", &"e".repeat(64))];
    resource.extend(instance.map(|instance| text("service.instance.id", instance)));
    let (resource, point) = (resource.join(","), [text("user", "eve"), text("project", "bank")].join(","));
    let body = format!(
        r#"{{"resourceMetrics":[{{"resource":{{"attributes":[{resource}]}},"scopeMetrics":[{{"metrics":[
            {{"name":"{metric}","sum":{{"aggregationTemporality":2,"isMonotonic":true,
            "dataPoints":[{{"asInt":"{value}","timeUnixNano":"{value}","attributes":[{point}]}}]}}}}]}}]}}]}}"#
    );
    format!(
        "POST /v1/metrics HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nForwarded: for=172.17.0.2\r\n\
         X-Forwarded-For: 172.17.0.2\r\nX-Scope-OrgID: bank\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The gateway of a network: this machine, as its containers reach it.
fn gateway(engine: &Engine, network: &str) -> String {
    engine.docker(&["network", "inspect", network, "-f", "{{(index .IPAM.Config 0).Gateway}}"])
}

/// An address of this machine on a network of the engine, with a port that nobody listens on.
pub(crate) fn on(engine: &Engine, network: &str) -> SocketAddr {
    format!("{}:{}", gateway(engine, network), free_address().port()).parse().unwrap()
}

/// A network of a test's own, removed when dropped. Subnets lie where neither the engine nor its
/// bridge takes them by itself.
pub(crate) struct Network<'e> {
    engine: &'e Engine,
    name: &'static str,
    pub(crate) prefix: String,
}

impl<'e> Network<'e> {
    pub(crate) fn new(engine: &'e Engine, name: &'static str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        // Other trees on this machine run the same stories.
        let prefix = eventually("a subnet is free", || {
            let number = std::process::id().wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed) * 7919) % 4096;
            let prefix = format!("10.{}.{}", 208 + number / 256, number % 256);
            // Older engines tell of a gateway only what was asked for.
            let [subnet, gateway] = [format!("--subnet={prefix}.0/24"), format!("--gateway={prefix}.1")];
            let created = engine.try_docker(&["network", "create", &subnet, &gateway, name]);
            created.status.success().then_some(prefix)
        });
        Network { engine, name, prefix }
    }

    pub(crate) fn option(&self) -> String {
        format!("--network={}", self.name)
    }
}

impl Drop for Network<'_> {
    fn drop(&mut self) {
        self.engine.try_docker(&["network", "rm", self.name]);
    }
}

impl Load<'_> {
    /// Sends over new connections to an address until what it has sent is shown as it should be.
    /// On a busy machine an engine may tell of a container so late that its first request is
    /// refused for now, as OpenTelemetry's programs know it, or nobody's.
    pub(crate) fn sends(&mut self, to: &str, request: &str, shown: impl Fn() -> bool) {
        self.write("request", request.as_bytes());
        eventually("what is sent is shown as whose it is", || {
            self.ask(&format!("connect {to}"));
            let answer = self.ask("send /truth/request 1");
            let status = answer.number("status");
            assert!(status == 200.0 || status == 503.0, "{status}: {}", answer.words("body"));
            (status == 200.0 && shown()).then_some(())
        });
    }
}

/// The value of a counter by labels.
fn whose(page: &Page, metric: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let name = format!("{}_total", metric.replace('.', "_"));
    page.value(&name, labels)
}

/// Whether a page shows a counter of a user with this value.
fn shows(exporter: &Exporter, metric: &str, user: &str, value: u32) -> bool {
    whose(&exporter.page(), metric, &[("user", user)]) == Some(f64::from(value))
}

/// # Panics
/// A counter is shown of somebody else than these users and nobody.
fn only_of(page: &Page, metric: &str, users: &[&str]) {
    for sample in page.all(&format!("{}_total", metric.replace('.', "_")), &[]) {
        let user = sample.label("user").unwrap_or_default();
        assert!(user == "unattributed" || users.contains(&user), "{user} has it");
    }
}

fn exporter(engine: &Engine, listen: &[String]) -> Exporter {
    let flags: Vec<String> =
        listen.iter().map(|address| format!("--ingest.listen-address={address}")).collect();
    Exporter::with(engine, &flags.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn programs_in_containers_are_known_by_their_address_and_replicas_stay_apart() {
    let Some(engine) = Engine::shared() else { return };
    let address = on(&engine, "bridge");
    let exporter = exporter(&engine, &[address.to_string()]);
    let to = address.to_string();
    let network = Network::new(&engine, "whose-net");
    let networked = network.option();
    let start = |name: &str, options: &[&str]| Load::start(&engine, name, options);
    let Some(mut ann) = start("whose-ann", &["--label=dockmeter.user=whose-ann"]) else { return };
    let mut again = start("whose-ann-2", &["--label=dockmeter.user=whose-ann"]).unwrap();
    let mut bob = start("whose-bob", &["--label=dockmeter.user=whose-bob", &networked]).unwrap();
    let metric = "whose.address";
    let of = |user: &'static str, load: &Load<'_>, value: f64| {
        let instance = load.container.id[..12].to_owned();
        let exporter = &exporter;
        move || {
            let labels = [("user", user), ("service_instance", &*instance)];
            whose(&exporter.page(), metric, &labels) == Some(value)
        }
    };
    let shown = of("whose-ann", &ann, 3.0);
    ann.sends(&to, &request(metric, 3, None), shown);
    let shown = of("whose-ann", &again, 4.0);
    again.sends(&to, &request(metric, 4, None), shown);
    // Of two that count the same under one name neither overwrites the other, whoever is ahead.
    let shown = of("whose-ann", &ann, 6.0);
    ann.sends(&to, &request(metric, 6, None), shown);
    let shown = of("whose-ann", &again, 5.0);
    again.sends(&to, &request(metric, 5, None), shown);
    // From another network the way leads to the same machine.
    let shown = of("whose-bob", &bob, 5.0);
    bob.sends(&to, &request(metric, 5, None), shown);
    let page = exporter.page();
    only_of(&page, metric, &["whose-ann", "whose-bob"]);
    for (load, user, value) in
        [(&ann, "whose-ann", 6.0), (&again, "whose-ann", 5.0), (&bob, "whose-bob", 5.0)]
    {
        let labels = [
            ("user", user),
            ("project", "unknown"),
            ("service", "api"),
            ("service_instance", &load.container.id[..12]),
            ("exported_user", "eve"),
            ("exported_project", "bank"),
        ];
        assert_eq!(whose(&page, metric, &labels), Some(value), "{user}");
    }
    assert!(page.value("dockmeter_ingest_requests_total", &[("origin", "address")]) >= Some(3.0));

    // Who names the instance is shown by that name.
    bob.sends(&to, &request("whose.named", 5, Some("worker-7")), || {
        let labels = [("user", "whose-bob"), ("service_instance", "worker-7")];
        whose(&exporter.page(), "whose.named", &labels) == Some(5.0)
    });

    // Nothing but sending is open to them, and only where programs send.
    let read = |target: SocketAddr, path: &str| http::get(target, path, &[]).unwrap().status;
    assert_eq!(read(address, "/metrics"), 404);

    // They go with their container, those of its replica stay.
    drop(ann);
    let first = [("user", "whose-ann")];
    exporter.until("its series have gone", |page| {
        (page.all("whose_address_total", &first).count() == 1).then_some(())
    });
}

#[test]
fn programs_are_known_by_the_process_that_connects_a_socket() {
    let Some(engine) = Engine::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("ingest.sock");
    let exporter = exporter(&engine, &[format!("unix:{}", socket.display())]);
    let mount = format!("--volume={}:/ingest", folder.path().display());
    let start =
        |name: &str, options: &[&str]| Load::start(&engine, name, &[&[mount.as_str()], options].concat());
    let Some(mut ann) = start("whose-socket-ann", &["--label=dockmeter.user=whose-ann", "--network=none"])
    else {
        return;
    };
    let host = ["--label=dockmeter.user=whose-bob", "--network=host"];
    let mut bob = start("whose-socket-bob", &host).unwrap();
    let metric = "whose.socket";
    let to = "unix:/ingest/ingest.sock";
    ann.sends(to, &request(metric, 3, None), || shows(&exporter, metric, "whose-ann", 3));
    bob.sends(to, &request(metric, 4, None), || shows(&exporter, metric, "whose-bob", 4));
    // A process of the host itself.
    let mut stream = std::os::unix::net::UnixStream::connect(&socket).unwrap();
    std::io::Write::write_all(&mut stream, request(metric, 5, None).as_bytes()).unwrap();
    exporter
        .until("what the host has sent is shown", |page| whose(page, metric, &[("user", "unattributed")]));
    let page = exporter.page();
    for (user, instance, value) in
        [("whose-ann", &ann.container.id[..12], 3.0), ("whose-bob", &bob.container.id[..12], 4.0)]
    {
        assert_eq!(
            whose(&page, metric, &[("user", user), ("service_instance", instance)]),
            Some(value),
            "{user}"
        );
    }
    let nobody = [("user", "unattributed"), ("project", "unattributed"), ("team", "unattributed")];
    assert_eq!(whose(&page, metric, &nobody), Some(5.0));
}

#[test]
fn an_address_that_another_container_takes_over_is_never_the_former_ones() {
    let Some(engine) = Engine::shared() else { return };
    let network = Network::new(&engine, "whose-replaced");
    let address = on(&engine, network.name);
    let exporter = exporter(&engine, &[address.to_string()]);
    let to = address.to_string();
    let (networked, ip) = (network.option(), format!("--ip={}.77", network.prefix));
    let start = |name: &str, user: &str| {
        let label = format!("--label=dockmeter.user={user}");
        Load::start(&engine, name, &[&networked, &ip, &label])
    };
    let value = |user: &str| whose(&exporter.page(), "whose.replaced", &[("user", user)]);
    for round in 0..3 {
        // Each at once after the other, and as soon as it runs.
        let Some(mut odd) = start("whose-replaced", "whose-odd") else { return };
        let sent = request("whose.replaced", 2 * round + 1, Some("one"));
        odd.sends(&to, &sent, || value("whose-odd") == Some(f64::from(2 * round + 1)));
        assert!(value("whose-even").is_none_or(|value| value == f64::from(2 * round)));
        drop(odd);
        let mut even = start("whose-replaced", "whose-even").unwrap();
        let sent = request("whose.replaced", 2 * round + 2, Some("one"));
        even.sends(&to, &sent, || value("whose-even") == Some(f64::from(2 * round + 2)));
        assert!(value("whose-odd").is_none_or(|value| value == f64::from(2 * round + 1)));
    }

    // One loses its address to another while it runs and holds a connection, and gets it back.
    let metric = "whose.held";
    let mut held = start("whose-held", "whose-held").unwrap();
    held.sends(&to, &request(metric, 1, Some("one")), || shows(&exporter, metric, "whose-held", 1));
    held.ask(&format!("connect {to}"));
    assert_eq!(held.ask("send /truth/request 5").number("status"), 200.0, "a connection is known once");
    engine.docker(&["network", "disconnect", network.name, &held.container.id]);
    let mut thief = start("whose-thief", "whose-thief").unwrap();
    thief.sends(&to, &request(metric, 7, Some("one")), || shows(&exporter, metric, "whose-thief", 7));
    assert!(shows(&exporter, metric, "whose-held", 1));
    drop(thief);
    engine.docker(&["network", "connect", &ip, network.name, &held.container.id]);
    held.sends(&to, &request(metric, 2, Some("one")), || shows(&exporter, metric, "whose-held", 2));
    let thiefs = whose(&exporter.page(), metric, &[("user", "whose-thief")]);
    assert!(thiefs.is_none_or(|value| value == 7.0), "{thiefs:?}");
}

#[test]
fn what_comes_through_a_published_port_or_from_the_host_or_a_shared_network_is_nobodys() {
    let Some(engine) = Engine::shared() else { return };
    let network = Network::new(&engine, "whose-published");
    let published = on(&engine, network.name);
    let page_at = on(&engine, network.name);
    let inside = inside(&engine, &network, published, page_at);
    let page = || {
        let answer = http::get(page_at, "/metrics", &[]).ok()?;
        Page::parse(&answer.body, Dialect::Text).ok()
    };
    eventually("dockmeter answers in its container", page);
    let networked = network.option();
    let start = |name: &str, options: &[&str]| Load::start(&engine, name, options);
    let Some(mut ann) = start("whose-direct", &["--label=dockmeter.user=whose-ann", &networked]) else {
        return;
    };
    let shared = format!("--network=container:{}", ann.container.id);
    let own =
        inside.inspect(&format!("{{{{(index .NetworkSettings.Networks \"{}\").IPAddress}}}}", network.name));
    let metric = "whose.published";
    let shows = |user: &str, instance: &str, value: f64| {
        let labels = [("user", user), ("service_instance", instance)];
        page().is_some_and(|page| whose(&page, metric, &labels) == Some(value))
    };
    // On the network that both are on, then through the port of the host.
    let direct = format!("{own}:4318");
    ann.sends(&direct, &request(metric, 1, Some("direct")), || shows("whose-ann", "direct", 1.0));
    let (published, nobody) = (published.to_string(), "unattributed");
    ann.sends(&published, &request(metric, 2, Some("published")), || shows(nobody, "published", 2.0));
    let mut host = start("whose-host", &["--label=dockmeter.user=whose-bob", "--network=host"]).unwrap();
    host.sends(&published, &request(metric, 3, Some("host")), || shows(nobody, "host", 3.0));
    // Whose it is can no more be told once somebody else is in the same network.
    let mut guest = start("whose-guest", &["--label=dockmeter.user=whose-bob", &shared]).unwrap();
    eventually("both of one network are known", || {
        page()?.value("container_start_time_seconds", &[("name", "whose-guest")])
    });
    guest.sends(&direct, &request(metric, 4, Some("shared")), || shows(nobody, "shared", 4.0));
    for sample in page().unwrap().all("whose_published_total", &[]) {
        let of_ann = sample.label("user") == Some("whose-ann");
        assert!(!of_ann || sample.label("service_instance") == Some("direct"), "{sample:?}");
    }
}

/// Runs dockmeter in a container of a network, with the port for programs published on one address
/// of this machine and the page on another.
fn inside<'e>(
    engine: &'e Engine,
    network: &Network<'e>,
    published: SocketAddr,
    page: SocketAddr,
) -> Container<'e> {
    let socket = format!("--volume={}:/var/run/docker.sock", engine.socket().display());
    let binary = format!("--volume={BINARY}:/dockmeter:ro");
    let (published, page) = (format!("--publish={published}:4318"), format!("--publish={page}:10417"));
    let networked = network.option();
    let mut options = vec![&*networked, "--volume=/proc:/host/proc:ro", &socket, &binary, &published, &page];
    // The test binary is linked to the host's C library, which the image does not have.
    let libraries = ["/lib", "/lib64", "/usr/lib"].map(|path| format!("--volume={path}:{path}:ro"));
    options.extend(libraries.iter().filter(|volume| exists(volume)).map(String::as_str));
    let trusted = format!("--web.trust-network={}.0/24", network.prefix);
    let command = [
        "/dockmeter",
        "--path.procfs=/host/proc",
        "--web.listen-address=0.0.0.0:10417",
        "--ingest.listen-address=0.0.0.0:4318",
        &trusted,
    ];
    engine.run("whose-inside", &options, &command)
}
