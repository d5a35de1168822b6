//! `dockmeter report insights` from a real Prometheus that holds an evening: after a deploy the shop
//! is held back by its limit of cores, mail's pool of connections is used up, and the blog is well.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::exporter::BINARY;
use crate::prometheus::Prometheus;

/// 2026-01-08T00:00:00Z, the end of what is looked at.
const END: i64 = 1_767_225_600 + 7 * 86_400;

const SCRAPES: i64 = 15;
const MINUTE: i64 = 60;
const BEGIN: i64 = END - 250 * MINUTE;

/// A deploy of the shop, and what has been wrong since.
const DEPLOY: i64 = END - 62 * MINUTE;
const WRONG: i64 = END - 60 * MINUTE;

/// Upper bounds of response times, in seconds.
const BOUNDS: [f64; 10] = [0.065, 0.07, 0.08, 0.09, 0.1, 2.5, 2.8, 3.1, 3.4, 3.7];

/// Some tenths more or less, differently each five minutes.
fn noise(time: i64, number: i64) -> f64 {
    let mixed = (time / (5 * MINUTE) * 2_654_435_761 + number * 40_503).rem_euclid(1000);
    1.0 + (mixed as f64 / 1000.0 - 0.5) * 0.4
}

/// An evening as it is written for promtool: lines by family.
#[derive(Default)]
struct Evening(BTreeMap<String, Vec<String>>);

impl Evening {
    fn gauge(&mut self, name: &str, labels: &str, value: impl Fn(i64) -> f64) {
        let lines = self.0.entry(name.to_owned()).or_default();
        let times = (BEGIN..=END).step_by(SCRAPES as usize);
        lines.extend(times.map(|time| format!("{name}{{{labels}}} {} {time}", value(time))));
    }

    /// A counter, by how much it grows a second.
    fn counter(&mut self, name: &str, labels: &str, rate: impl Fn(i64) -> f64) {
        let mut total = 0.0;
        let lines = self.0.entry(name.to_owned()).or_default();
        for time in (BEGIN..=END).step_by(SCRAPES as usize) {
            total += rate(time) * SCRAPES as f64;
            lines.push(format!("{name}{{{labels}}} {total} {time}"));
        }
    }

    /// A container that is held back in some share of its periods.
    fn container(&mut self, labels: &str, number: i64, throttled: impl Fn(i64) -> f64) {
        self.counter("container_cpu_usage_seconds_total", labels, |time| 0.3 * noise(time, number));
        self.counter("container_cpu_cfs_periods_total", labels, |_| 10.0);
        self.counter("container_cpu_cfs_throttled_periods_total", labels, |time| 10.0 * throttled(time));
        self.gauge("container_memory_working_set_bytes", labels, |_| 2e8);
        self.gauge("container_memory_rss", labels, |_| 1.8e8);
        self.gauge("container_spec_memory_limit_bytes", labels, |_| 5e8);
    }

    /// Requests of a service that take so many seconds each.
    fn requests(&mut self, labels: &str, rate: impl Fn(i64) -> f64, seconds: impl Fn(i64) -> f64) {
        let labels = format!("{labels},method=\"GET\",route=\"/orders/{{id}}\"");
        self.counter("http_requests_total", &format!("{labels},status_code=\"200\""), &rate);
        self.counter("http_request_duration_seconds_sum", &labels, |time| rate(time) * seconds(time));
        self.counter("http_request_duration_seconds_count", &labels, &rate);
        for bound in BOUNDS {
            let bucket = format!("{labels},le=\"{bound}\"");
            let within = |time| if seconds(time) <= bound { rate(time) } else { 0.0 };
            self.counter("http_request_duration_seconds_bucket", &bucket, within);
        }
        let all = format!("{labels},le=\"+Inf\"");
        self.counter("http_request_duration_seconds_bucket", &all, &rate);
    }

    fn shop() -> Self {
        let mut evening = Evening::default();
        let is_wrong = |time: i64| time > WRONG;
        let tenant = "user=\"ann\",project=\"shop\",team=\"core\",instance=\"a:10417\"";
        let container = format!("{tenant},name=\"shop-api-1\"");
        // Who is held back more answers later.
        let held_back = |time| noise(time, 2) * if is_wrong(time) { 0.6 } else { 0.05 };
        evening.container(&container, 1, held_back);
        let service = format!("{tenant},service=\"api\"");
        let slower = |time| noise(time, 2) * if is_wrong(time) { 3.0 } else { 0.08 };
        evening.requests(&service, |time| if is_wrong(time) { 9.0 } else { 4.0 }, slower);
        // The new version asks for more at once.
        let statement = format!("{tenant},server=\"db:5432\",datname=\"shop\",queryid=\"42\"");
        evening.counter("pg_stat_statements_calls_total", &statement, |_| 2.0);
        let call = |time| if is_wrong(time) { 0.3 } else { 0.04 };
        evening.counter("pg_stat_statements_seconds_total", &statement, |time| 2.0 * call(time));
        evening.counter("pg_stat_statements_rows_total", &statement, |_| 60.0);
        let text = format!(
            "{tenant},server=\"db:5432\",queryid=\"42\",query=\"SELECT * FROM orders WHERE user_id = $1\""
        );
        evening.gauge("pg_stat_statements_query_id", &text, |_| 1.0);
        for (version, begun, until) in [("1", BEGIN - 86_400, DEPLOY), ("2", DEPLOY, END)] {
            let run = format!("{container},id=\"/shop-{version}\"");
            let info = format!("{run},image=\"shop/api:{version}\",image_id=\"sha256:{version}\"");
            for (name, labels, value) in
                [("container_start_time_seconds", run, begun as f64), ("container_info", info, 1.0)]
            {
                let lines = evening.0.entry(name.to_owned()).or_default();
                let times = (begun.max(BEGIN)..until).step_by(SCRAPES as usize);
                lines.extend(times.map(|time| format!("{name}{{{labels}}} {value} {time}")));
            }
        }
        evening
    }

    fn mail_and_blog(&mut self) {
        let mail = "user=\"bob\",project=\"mail\",team=\"core\",instance=\"a:10417\"";
        self.container(&format!("{mail},name=\"mail-web-1\""), 4, |_| 0.0);
        let pool = format!("{mail},service=\"web\",db_client_connection_pool_name=\"main\"");
        self.gauge("db_connections_active", &pool, |time| if time > WRONG { 10.0 } else { 4.0 });
        self.gauge("db_connections_max", &pool, |_| 10.0);
        self.gauge("db_connections_pending", &pool, |time| if time > WRONG { 3.0 } else { 0.0 });
        let blog = "user=\"carl\",project=\"blog\",team=\"media\",instance=\"a:10417\"";
        self.container(&format!("{blog},name=\"blog-web-1\""), 5, |_| 0.02);
        self.requests(&format!("{blog},service=\"web\""), |_| 1.0, |time| 0.07 * noise(time, 6));
    }

    fn openmetrics(&self) -> String {
        let mut text = String::new();
        self.0.values().flatten().for_each(|line| {
            let _ = writeln!(text, "{line}");
        });
        text + "# EOF\n"
    }
}

fn told(prometheus: &Prometheus, flags: &[&str]) -> String {
    let address = format!("--prometheus.url={}", prometheus.url());
    let always = ["report", "insights", "--to=2026-01-08T00:00:00Z", "--last=2h", &address];
    let output = Command::new(BINARY).args(always).args(flags).env_clear().output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_deploy_that_is_held_back_is_told_first_with_what_may_be_behind_it() {
    let mut evening = Evening::shop();
    evening.mail_and_blog();
    let Some(prometheus) = Prometheus::holding(&evening.openmetrics()) else { return };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = root.join("tests/golden/insights.txt");
    let everybody = told(&prometheus, &[]);
    if std::env::var_os("DOCKMETER_RENEW_GOLDEN").is_some() {
        fs::write(&file, &everybody).unwrap();
    }
    assert_eq!(everybody, fs::read_to_string(file).unwrap());

    // What is documented is what is told.
    let documented = fs::read_to_string(root.join("docs/analysis.md")).unwrap();
    assert!(documented.contains(&format!("```text\n{everybody}```")), "docs/analysis.md shows another page");

    let blog = told(&prometheus, &["--project=blog"]);
    assert!(blog.starts_with("Nothing holds requests up; 7200 requests"), "{blog}");
    let mail = told(&prometheus, &["--user=bob"]);
    assert!(mail.starts_with("1 finding") && !mail.contains("shop"), "{mail}");
}
