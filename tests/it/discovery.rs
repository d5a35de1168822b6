//! A real Prometheus that finds real containers by `/api/sd/prometheus` and scrapes them, with
//! the scrape job of `docs/discovery.md`.

use serde_json::Value;

use crate::engine::Engine;
use crate::exporter::Exporter;
use crate::poll::eventually;
use crate::prometheus::Prometheus;

/// The page with the scrape job that users copy.
const DOCS: &str = include_str!("../../docs/discovery.md");

/// What the container exposes: its own counter, under the name of another tenant, and what would
/// silence alerts if anybody believed it.
const PAGE: &str = "shop_orders_total{user=\"eve\"} 7\n\
                    dockmeter_alert_evaluator{evaluator=\"grafana\"} 1\n\
                    slo:objective:ratio 0\n";

/// The job as it is documented, with the address of this exporter and a shorter refresh.
fn configuration(address: &str) -> String {
    let begin = DOCS.find("scrape_configs:").expect("the documented job");
    let block = &DOCS[begin..];
    let block = &block[..block.find("```").expect("the end of the job")];
    let with = |text: String, from: &str, to: &str| {
        assert!(text.contains(from), "the documented job has no `{from}`: {text}");
        text.replace(from, to)
    };
    let block = with(block.to_owned(), "127.0.0.1:10417", address);
    let block = with(block, "refresh_interval: 15s", "refresh_interval: 1s");
    with(format!("global: {{scrape_interval: 1s}}\n{block}"), "honor_labels: false", "honor_labels: false")
}

fn row<'a>(targets: &'a Value, name: &str) -> Option<&'a Value> {
    let rows = targets.as_array().expect("a list");
    rows.iter().find(|row| row["labels"]["__meta_dockmeter_container_name"] == name)
}

#[test]
fn a_container_that_opts_in_is_scraped_under_its_tenants_labels_until_it_goes() {
    is_scraped_until_it_goes("discovery-1", Prometheus::configured);
}

#[test]
fn a_current_prometheus_scrapes_it_likewise() {
    is_scraped_until_it_goes("discovery-2", Prometheus::configured_current);
}

fn is_scraped_until_it_goes(name: &str, start: fn(&str) -> Option<Prometheus>) {
    let Some(engine) = Engine::shared() else { return };
    let exporter = Exporter::of(&engine);
    let Some(prometheus) = start(&configuration(&exporter.address.to_string())) else { return };
    // The ending gives the page a type, without which a current one does not take it.
    let command = format!("mkdir /www; printf '{PAGE}' > /www/m.txt; exec httpd -f -p 9100 -h /www");
    let command = command.replace('\n', "\\n");
    let tenant = ["user", "project", "team"].map(|label| format!("--label=dockmeter.{label}={name}-{label}"));
    let scrape =
        ["port=9100", "path=/m.txt", "interval=5s"].map(|label| format!("--label=dockmeter.scrape.{label}"));
    let options: Vec<&str> = tenant.iter().chain(&scrape).map(String::as_str).collect();
    let container = engine.run(name, &options, &["sh", "-c", &command]);
    let found = eventually("the container is found", || {
        let answer = exporter.get("/api/sd/prometheus");
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
        row(&answer.json(), name).cloned()
    });
    let address = engine.docker(&["inspect", "-f", "{{.NetworkSettings.IPAddress}}", name]);
    assert_eq!(found["targets"], serde_json::json!([format!("{}:9100", address.trim())]));

    let ours = format!("{{user=\"{name}-user\",project=\"{name}-project\",team=\"{name}-team\"}}");
    let orders = eventually("Prometheus scrapes it", || {
        prometheus.rows(&format!("shop_orders_total{ours}")).pop().map(|row| row["metric"].clone())
    });
    assert_eq!(orders["exported_user"], "eve", "what it says of itself is kept apart");
    assert_eq!((&orders["service"], &orders["job"]), (&Value::from(name), &Value::from("containers")));
    assert_eq!(orders["service_instance"], container.id[..12]);
    assert!(prometheus.rows("{user=\"eve\"}").is_empty());
    for forged in ["dockmeter_alert_evaluator", "slo:objective:ratio"] {
        assert!(prometheus.rows(forged).is_empty(), "{forged}");
    }

    drop(container);
    eventually("the target is gone", || prometheus.rows(&format!("up{ours}")).is_empty().then_some(()));
    assert!(row(&exporter.get("/api/sd/prometheus").json(), name).is_none());
}

#[test]
fn the_network_that_prometheus_is_in_decides_and_the_hosts_is_nobodys() {
    let Some(engine) = Engine::shared() else { return };
    let exporter = Exporter::with(&engine, &["--discovery.network=discovery-net"]);
    engine.docker(&["network", "create", "--subnet=10.213.7.0/24", "discovery-net"]);
    let label = "--label=dockmeter.scrape.port=80";
    let idle = crate::engine::IDLE;
    let inside = engine.run("discovery-in", &[label, "--network=discovery-net"], idle);
    let outside = engine.run("discovery-out", &[label], idle);
    let host = engine.run("discovery-host", &[label, "--network=host"], idle);
    let listed = || exporter.get("/api/sd/prometheus").json();
    let found = eventually("it is found", || row(&listed(), "discovery-in").cloned());
    assert!(found["targets"][0].as_str().expect("an address").starts_with("10.213.7."), "{found}");
    assert_eq!(found["labels"]["__meta_dockmeter_network"], "discovery-net");
    for name in ["discovery-out", "discovery-host"] {
        let known = || exporter.get(&format!("/api/containers/{name}/metrics/current")).status == 200;
        eventually("it is known", || known().then_some(()));
    }
    let now = listed();
    assert!(row(&now, "discovery-out").is_none() && row(&now, "discovery-host").is_none(), "{now}");
    engine.docker(&["network", "connect", "discovery-net", "discovery-out"]);
    eventually("it is found once it is in the network", || row(&listed(), "discovery-out").map(drop));
    drop((inside, outside, host));
    engine.docker(&["network", "rm", "discovery-net"]);
}

#[test]
fn one_prometheus_finds_the_dockmeters_of_many_hosts_by_a_file() {
    let exporters = [Exporter::alone(&[]), Exporter::alone(&[])];
    let folder = tempfile::tempdir().expect("a folder");
    let list = |exporters: &[Exporter]| {
        let targets: Vec<String> =
            exporters.iter().map(|exporter| format!("'{}'", exporter.address)).collect();
        let text = format!("- targets: [{}]\n  labels: {{site: berlin}}\n", targets.join(", "));
        // Whole at once: a half-written list would be an empty one.
        let new = folder.path().join("new");
        std::fs::write(&new, text).expect("a list");
        std::fs::rename(new, folder.path().join("berlin.yml")).expect("a list");
    };
    list(&exporters[..1]);
    let files = folder.path().join("*.yml");
    let job = format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n  - job_name: dockmeter\n    file_sd_configs:\n      \
         - {{files: ['{}'], refresh_interval: 1s}}\n",
        files.display()
    );
    let Some(prometheus) = Prometheus::configured(&job) else { return };
    let up = || prometheus.by("instance", "dockmeter_build_info{site=\"berlin\"} == 1");
    eventually("the first is scraped", || (up().len() == 1).then_some(()));
    list(&exporters);
    let both = eventually("the second, too, without a restart", || Some(up()).filter(|up| up.len() == 2));
    for exporter in &exporters {
        assert!(both.contains_key(&exporter.address.to_string()), "{both:?}");
    }
}
