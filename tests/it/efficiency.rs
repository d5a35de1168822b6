//! What a service does with its cores: of a real program in a container, which names its instance
//! itself, and over two months that a Prometheus holds.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use dockmeter::analysis::efficiency::Standing;
use dockmeter::config;
use dockmeter::history::{Upstream, Whom};
use dockmeter::prometheus::Client;
use dockmeter::report::efficiency::efficiency;
use dockmeter::tenant::{Dimension, Narrowing};

use crate::engine::{Engine, done};
use crate::exporter::{BINARY, Exporter};
use crate::poll::eventually;
use crate::prometheus::Prometheus;
use crate::truth::load::Load;
use crate::whose::on;

const HOUR: i64 = 3600;
const WEEK: i64 = 7 * 24 * HOUR;

/// 2026-03-01T00:00:00Z, the end of the eight weeks.
const END: i64 = 1_772_323_200;

/// A request that a program has answered, told by itself.
fn answered(service: &str, instance: &str) -> String {
    let body = format!(
        r#"[{{"method":"GET","route":"/","status_code":200,"duration_seconds":0.1,"service":"{service}","service_instance":"{instance}"}}]"#
    );
    format!(
        "POST /api/metrics/http HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A Prometheus that scrapes an exporter and evaluates all rules every second.
fn prometheus(exporter: &Exporter, folder: &Path) -> Option<Prometheus> {
    let output = format!("--output={}", folder.display());
    done(Command::new(BINARY).env_clear().args(["rules", "render", &output]));
    for entry in fs::read_dir(folder.join("rules")).unwrap() {
        let file = entry.unwrap().path();
        let rules = fs::read_to_string(&file).unwrap();
        fs::write(&file, rules.replace("interval: 5m", "interval: 1s")).unwrap();
    }
    Prometheus::configured(&format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
         rule_files: ['{}/rules/*.yml']\n\
         scrape_configs: [{{job_name: dockmeter, static_configs: [{{targets: ['{}']}}]}}]\n",
        folder.display(),
        exporter.address
    ))
}

#[test]
fn a_program_s_requests_are_held_against_the_cores_of_its_own_container() {
    let Some(engine) = Engine::shared() else { return };
    let address = on(&engine, "bridge").to_string();
    let exporter = Exporter::with(&engine, &[&format!("--ingest.listen-address={address}")]);
    let folder = tempfile::tempdir().unwrap();
    let Some(prometheus) = prometheus(&exporter, folder.path()) else { return };
    let start = |name: &str| Load::start(&engine, name, &["--label=dockmeter.user=efficiency"]);
    let Some(mut till) = start("efficiency-till") else { return };
    let mut shared = start("efficiency-shared").unwrap();
    let tell = |load: &mut Load<'_>, service: &str| {
        let id = load.container.id.clone();
        let program = [("service", service), ("service_instance", "one"), ("container_id", &*id)];
        load.sends(&address, &answered(service, "one"), || {
            exporter.page().value("dockmeter_ingest_program_info", &program) == Some(1.0)
        });
    };
    eventually("what the service does with its cores is recorded", || {
        tell(&mut till, "efficiency-till");
        tell(&mut shared, "efficiency-first");
        tell(&mut shared, "efficiency-second");
        let served = "program:served_requests:per_second5m{service=\"efficiency-till\"} > 0";
        let cores = "program:cpu_usage:cores5m{service=\"efficiency-till\"}";
        prometheus.value(served).and(prometheus.value(cores))
    });
    // Which of two services in one container used its cores nobody knows.
    let both = "count(program:container:info{service=~\"efficiency-first|efficiency-second\"})";
    assert_eq!(prometheus.value(both), Some(2.0));
    assert_eq!(prometheus.value("count(program:cpu_usage:cores5m{user=\"efficiency\"})"), Some(1.0));
}

/// Eight weeks of what rules record each hour: in the last one `slower` answers half as much with
/// the same cores.
fn openmetrics() -> String {
    let mut text = String::new();
    for (family, is_served) in
        [("program:served_requests:per_second1h", true), ("program:cpu_usage:cores1h", false)]
    {
        let _ = writeln!(text, "# TYPE {family} gauge");
        for (project, service) in [("shop", "slower"), ("blog", "steady")] {
            for time in (END - 8 * WEEK + HOUR / 2..END).step_by(HOUR as usize) {
                let is_slow = service == "slower" && time > END - WEEK;
                let value = match is_served {
                    true if is_slow => 10.0,
                    true => 20.0,
                    false => 0.5,
                };
                let _ = writeln!(
                    text,
                    "{family}{{user=\"ann\",project=\"{project}\",team=\"core\",service=\"{service}\"}} {value} {time}"
                );
            }
        }
    }
    text + "# EOF\n"
}

#[tokio::test]
async fn weeks_of_a_service_are_told_from_what_rules_have_recorded() {
    let Some(prometheus) = Prometheus::holding(&openmetrics()) else { return };
    let settings = config::Upstream { url: Some(prometheus.url()), ..config::Upstream::default() };
    let query = Upstream::new(Client::new(&settings).unwrap());
    let to = jiff::Timestamp::from_second(END + HOUR).unwrap();

    let all = efficiency(&query, &Whom::default(), to).await.unwrap();
    let Standing::Low(found) = &all[0].standing else { panic!("{all:?}") };
    assert_eq!(all[0].scope.service.as_deref(), Some("slower"));
    assert_eq!((found.requests_per_core_second, found.ratio, found.weeks), (20.0, 0.5, 8));
    let Standing::Good(found) = &all[1].standing else { panic!("{all:?}") };
    assert_eq!((found.requests_per_core_second, found.ratio), (40.0, 1.0));

    let blog = Narrowing::default().to(Dimension::Project, ["blog".to_owned()]);
    let own = efficiency(&query, &Whom { tenants: blog, ..Whom::default() }, to).await.unwrap();
    assert_eq!(own.iter().map(|one| one.scope.service.as_deref()).collect::<Vec<_>>(), [Some("steady")]);
}
