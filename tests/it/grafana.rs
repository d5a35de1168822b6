//! `dockmeter grafana` against a stand-in that answers as Grafana does.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::exporter::BINARY;
use standin::{Manners, Standin};

mod interrupted;
mod made;
mod real;
mod schema;
pub(crate) mod standin;
mod world;

/// Two teams, one of whose members has never logged in, and everything that alerting has.
const CONFIGURATION: &str = "\
prometheus: {url: 'http://prometheus:9090'}
alertmanager: {url: 'http://alertmanager:9093'}
grafana:
  teams:
    core: {members: [ann@example.org, new@example.org]}
    shop: {}
  contact_points:
    ops: {type: webhook, settings: {url: 'http://ops', password: hunter2}}
  mute_timings:
    nights: [{times: [{start_time: '22:00', end_time: '24:00'}]}]
  templates:
    short: \"{{ define \\\"short\\\" }}{{ .Status }}{{ end }}\\n\"
  policies:
    - {receiver: ops, mute_time_intervals: [nights], object_matchers: [[severity, '=', critical]]}
";

/// A dashboard about tenants, and one about hosts.
fn dashboards() -> [Value; 2] {
    [
        json!({
            "uid": "user-performance", "title": "Users", "tags": ["dockmeter"], "schemaVersion": 42,
            "templating": {"list": [{"name": "team", "type": "query", "query": "label_values(team)"}]},
            "panels": [{"id": 1, "title": "CPU", "type": "timeseries",
                "targets": [{"refId": "A", "expr": "sum(container_cpu_usage_cores{team=~\"$team\"})"}]}],
        }),
        json!({
            "uid": "dockmeter-host", "title": "Host", "tags": ["dockmeter"], "schemaVersion": 42,
            "panels": [{"id": 1, "title": "Load", "type": "timeseries", "targets": [{"refId": "A", "expr": "node_load1"}]}],
        }),
    ]
}

/// A folder with a configuration and dashboards, beside a stand-in.
struct Bed {
    standin: Standin,
    folder: TempDir,
}

impl Bed {
    fn new(manners: Manners, configuration: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("dashboards")).unwrap();
        let bed = Bed { standin: Standin::start(manners), folder };
        bed.configure(configuration);
        for dashboard in dashboards() {
            bed.save(&dashboard);
        }
        bed
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn configure(&self, configuration: &str) {
        fs::write(self.path("dockmeter.yml"), configuration).unwrap();
    }

    fn save(&self, dashboard: &Value) {
        let name = format!("{}.json", dashboard["uid"].as_str().unwrap());
        fs::write(self.path("dashboards").join(name), dashboard.to_string()).unwrap();
    }

    fn run(&self, command: &str, flags: &[&str]) -> Output {
        self.command(command, flags).output().unwrap()
    }

    fn command(&self, command: &str, flags: &[&str]) -> Command {
        let mut dockmeter = Command::new(BINARY);
        dockmeter.env_clear().args(["grafana", command]);
        dockmeter.arg(format!("--config.file={}", self.path("dockmeter.yml").display()));
        dockmeter.arg(format!("--grafana.url={}", self.standin.url()));
        dockmeter.arg(format!("--grafana.state-file={}", self.path("state.json").display()));
        if matches!(command, "plan" | "apply") {
            dockmeter.arg(format!("--dashboards={}", self.path("dashboards").display()));
        }
        dockmeter.args(flags);
        dockmeter
    }

    /// Runs a command that has to end with this status, and returns what it said.
    fn says(&self, status: i32, command: &str, flags: &[&str]) -> String {
        let output = self.run(command, flags);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(status), "{said}");
        said
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn an_empty_grafana_is_filled_once_and_destroy_leaves_what_was_not_ours() {
    let bed = Bed::new(Manners::default(), CONFIGURATION);
    let before = bed.standin.with(|world| world.clone());
    let planned = bed.says(2, "plan", &[]);
    assert!(planned.contains("+ folder `dockmeter-platform` (dockmeter)"), "{planned}");
    assert!(planned.contains("new@example.org (team core)"), "{planned}");
    assert!(bed.standin.calls().iter().all(|call| call.method == "GET"), "a plan writes nothing");
    bed.says(0, "apply", &[]);
    let teams = bed.standin.with(|world| world.teams.clone());
    let members = |name: &str| teams.values().find(|team| team.name == name).unwrap().members.clone();
    assert_eq!(members("core"), ["ann@example.org".to_owned()].into());
    bed.standin.with(|world| {
        assert_eq!(world.folders.len(), 3);
        let of_users = world.dashboards.keys().filter(|uid| uid.ends_with("user-performance")).count();
        assert_eq!(of_users, 3, "one, and a copy for each team");
        assert_eq!(world.tree["receiver"], "empty", "the tree is as it was but for our branch");
        assert_eq!(world.tree["routes"].as_array().unwrap().len(), 1);
        assert!(world.tree["provenance"].is_null(), "the tree stays editable");
        let defaults = world.sources.iter().filter(|(_, source)| source["isDefault"] == true);
        let defaults: Vec<&String> = defaults.map(|(uid, _)| uid).collect();
        assert_eq!(defaults, ["dockmeter-prometheus"], "what can be asked is what Explore begins with");
    });
    bed.standin.calls();
    let again = bed.says(0, "apply", &[]);
    assert!(again.contains("nothing to change"), "{again}");
    let calls = bed.standin.calls();
    assert!(calls.iter().all(|call| call.method == "GET"), "{calls:?}");
    bed.says(0, "plan", &[]);

    // Somebody else has a dashboard in a team's folder.
    bed.standin.with(|world| {
        let mut theirs = world.dashboards["dockmeter-host"].clone();
        theirs.json["tags"] = json!([]);
        theirs.folder = "dockmeter-team-core".to_owned();
        world.dashboards.insert("theirs".to_owned(), theirs);
    });
    let planned = bed.says(2, "destroy", &[]);
    assert!(planned.contains("nothing was removed"), "{planned}");
    assert!(
        planned.contains(
            "`dockmeter-team-core` (dockmeter: core) is left alone: it holds what is not ours: 1 of dashboard"
        ),
        "{planned}"
    );
    bed.says(2, "destroy", &["--yes"]);
    bed.standin.with(|world| {
        assert_eq!(world.dashboards.keys().collect::<Vec<_>>(), ["theirs"]);
        assert_eq!(world.folders.keys().collect::<Vec<_>>(), ["dockmeter-team-core"]);
        world.dashboards.clear();
    });
    bed.says(0, "destroy", &["--yes"]);
    bed.standin.with(|world| {
        assert_eq!(world.points, before.points);
        assert!(world.folders.is_empty() && world.teams.is_empty() && world.sources.is_empty());
        assert!(world.templates.is_empty() && world.timings.is_empty());
        assert_eq!(world.tree["routes"], json!([]));
    });
}

#[test]
fn an_unchanged_plan_reads_a_dashboard_once_and_a_folder_twice_at_most() {
    for teams in [0, 1, 3] {
        let names: Vec<String> = (0..teams).map(|team| format!("team-{team}: {{}}")).collect();
        let configuration = format!(
            "prometheus: {{url: 'http://p:9090'}}\nalertmanager: {{url: 'http://a:9093'}}\ngrafana: {{teams: {{{}}}}}\n",
            names.join(", ")
        );
        let bed = Bed::new(Manners::default(), &configuration);
        bed.says(0, "apply", &[]);
        bed.standin.calls();
        bed.says(0, "plan", &[]);
        let calls = bed.standin.calls();
        assert!(calls.iter().all(|call| call.method == "GET"));
        let mut paths: Vec<String> = calls.into_iter().map(|call| call.path).collect();
        let count = paths.len();
        paths.sort();
        paths.dedup();
        assert_eq!(paths.len(), count, "nothing is read twice");
        let (dashboards, folders) = bed.standin.with(|world| (world.dashboards.len(), world.folders.len()));
        assert!(
            count <= 10 + dashboards + 2 * folders,
            "{count} reads of {dashboards} dashboards in {folders} folders"
        );
        assert!(teams > 1 || count < 40, "{count} reads with {teams} teams");
    }
}

#[test]
fn a_change_made_in_grafana_is_shown_with_its_author_and_undone() {
    let bed = Bed::new(Manners::default(), CONFIGURATION);
    bed.says(0, "apply", &[]);
    bed.standin.with(|world| {
        let there = world.dashboards.get_mut("dockmeter-host").unwrap();
        there.json["panels"][0]["title"] = json!("Mine");
        (there.version, there.by) = (2, "ann".to_owned());
        let folder = world.folders.get_mut("dockmeter-team-core").unwrap();
        folder.rights.insert(world::Who::Role("Viewer".to_owned()), 1);
    });
    let planned = bed.says(2, "plan", &[]);
    assert!(
        planned.contains("~ dashboard `dockmeter-host` (Host): changed in Grafana by ann at 2026-"),
        "{planned}"
    );
    assert!(
        planned.contains("dashboard.panels[Mine].title") || planned.contains("dashboard.panels[Load].title"),
        "{planned}"
    );
    assert!(planned.contains("role Viewer: - \"View\""), "{planned}");
    bed.says(0, "apply", &[]);
    bed.standin.with(|world| {
        assert_eq!(world.dashboards["dockmeter-host"].json["panels"][0]["title"], "Load");
        assert_eq!(world.folders["dockmeter-team-core"].rights.len(), 1);
    });
    bed.says(0, "plan", &[]);
}

#[test]
fn what_is_not_wanted_any_more_goes_and_more_than_is_allowed_never() {
    let bed = Bed::new(Manners::default(), CONFIGURATION);
    bed.says(0, "apply", &[]);
    bed.configure("prometheus: {url: 'http://prometheus:9090'}\n");
    let refused = bed.says(1, "apply", &["--max-deletes=2"]);
    assert!(refused.contains("objects would be removed, and 2 may be"), "{refused}");
    bed.says(0, "apply", &["--max-deletes=100"]);
    bed.standin.with(|world| {
        assert_eq!(world.folders.keys().collect::<Vec<_>>(), ["dockmeter-platform"]);
        assert!(world.teams.is_empty());
        assert!(world.points.is_empty());
        assert!(world.dashboards.values().all(|one| one.folder == "dockmeter-platform"));
    });
    bed.says(0, "plan", &[]);
}

#[test]
fn what_was_there_before_is_left_alone_until_it_is_taken_over() {
    let bed = Bed::new(Manners::default(), CONFIGURATION);
    bed.standin.with(|world| {
        let body = json!({"dashboard": {"uid": "user-performance", "title": "Theirs", "panels": []}, "folderUid": ""});
        let saved = world.answer(&"POST".parse().unwrap(), &["api", "dashboards", "db"], &Default::default(), &body, false);
        assert_eq!(saved.0, 200);
    });
    let told = bed.says(2, "apply", &[]);
    assert!(told.contains("! dashboard `user-performance` (Theirs) is left alone"), "{told}");
    assert_eq!(
        bed.standin.with(|world| world.dashboards["user-performance"].json["title"].clone()),
        "Theirs"
    );
    bed.says(2, "destroy", &[]);
    bed.says(0, "apply", &["--adopt"]);
    assert_eq!(bed.standin.with(|world| world.dashboards["user-performance"].json["title"].clone()), "Users");
}

#[test]
fn what_comes_from_files_of_grafana_is_left_alone() {
    let bed = Bed::new(Manners::default(), CONFIGURATION);
    bed.says(0, "apply", &[]);
    bed.standin.with(|world| {
        let source = world.sources.get_mut("dockmeter-prometheus").unwrap();
        source["readOnly"] = json!(true);
        source["url"] = json!("http://elsewhere:9090");
        world.tree = json!({"receiver": "empty", "provenance": "file"});
    });
    let told = bed.says(2, "apply", &[]);
    assert!(
        told.contains("notification policies `branches` (our branches) is left alone: it comes from a file"),
        "{told}"
    );
    assert!(
        told.contains("`dockmeter-prometheus` (dockmeter Prometheus) is left alone: it comes from a file"),
        "{told}"
    );
    assert!(told.contains("which has another `url`"), "{told}");
}

#[test]
fn a_data_source_from_a_file_that_leads_to_the_same_server_is_as_good_as_ours() {
    let bed = Bed::new(Manners::default(), CONFIGURATION);
    // The uid, name and address of the stack's own file.
    let theirs = json!({"uid": "dockmeter-prometheus", "name": "Prometheus", "type": "prometheus", "access": "proxy",
        "url": "http://prometheus:9090", "isDefault": true, "jsonData": {"timeInterval": "7s"}});
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/grafana/provisioning/datasources/prometheus.yml");
    let file = fs::read_to_string(file).unwrap();
    for field in ["uid", "name", "type", "url"] {
        assert!(file.contains(&format!("{field}: {}\n", theirs[field].as_str().unwrap())), "{field}: {file}");
    }
    bed.standin.with(|world| world.provision_source(&theirs));
    let told = bed.says(0, "apply", &[]);
    assert!(!told.contains("dockmeter-prometheus`"), "it is nothing to tell of: {told}");
    let again = bed.says(0, "apply", &[]);
    assert!(again.contains("nothing to change"), "{again}");
    bed.says(0, "plan", &[]);
    let there = bed.standin.with(|world| world.sources["dockmeter-prometheus"].clone());
    assert_eq!((&there["name"], &there["jsonData"]["timeInterval"]), (&json!("Prometheus"), &json!("7s")));
    bed.says(0, "destroy", &["--yes"]);
    assert!(bed.standin.with(|world| world.sources.contains_key("dockmeter-prometheus")), "it stays");
}

#[test]
fn somebody_elses_save_in_between_is_a_conflict_that_one_more_look_solves() {
    for version in [11, 12, 13] {
        let bed = Bed::new(Manners { version, ..Manners::default() }, CONFIGURATION);
        bed.says(0, "apply", &[]);
        let [mut users, _] = dashboards();
        users["title"] = json!("People");
        bed.save(&users);
        bed.configure(&CONFIGURATION.replace("http://prometheus:9090", "http://other:9090"));
        bed.standin.behave(Manners { version, race: true, ..Manners::default() });
        bed.standin.calls();
        bed.says(0, "apply", &[]);
        let conflicts =
            bed.standin.calls().iter().filter(|call| [409, 412].contains(&call.status.as_u16())).count();
        assert!(conflicts >= 2, "a dashboard and a data source were saved in between");
        assert_eq!(
            bed.standin.with(|world| world.dashboards["user-performance"].json["title"].clone()),
            "People"
        );
        bed.says(0, "plan", &[]);
    }
}

#[test]
fn a_busy_server_and_alerting_that_starts_late_are_waited_for() {
    let bed = Bed::new(Manners { busy: 2, late_alerting: 1, ..Manners::default() }, CONFIGURATION);
    bed.says(0, "apply", &[]);
    bed.says(0, "plan", &[]);
}

#[test]
fn a_wrong_password_is_tried_once() {
    let login = Some(("admin".to_owned(), "right".to_owned()));
    let bed = Bed::new(Manners { login, ..Manners::default() }, CONFIGURATION);
    fs::write(bed.path("password"), "wrong\n").unwrap();
    let flags =
        ["--grafana.username=admin", &format!("--grafana.password-file={}", bed.path("password").display())];
    let told = bed.says(1, "apply", &flags);
    assert!(told.contains("refused the login"), "{told}");
    assert_eq!(bed.standin.calls().len(), 1);
}

#[test]
fn a_token_is_made_once_kept_for_its_owner_and_lets_us_in() {
    use std::os::unix::fs::PermissionsExt as _;
    let login = Some(("admin".to_owned(), "right".to_owned()));
    let bed = Bed::new(Manners { login, ..Manners::default() }, CONFIGURATION);
    fs::write(bed.path("password"), "right\n").unwrap();
    let password = format!("--grafana.password-file={}", bed.path("password").display());
    let output = format!("--output={}", bed.path("token").display());
    bed.says(0, "token", &["--grafana.username=admin", &password, &output]);
    assert_eq!(fs::metadata(bed.path("token")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(bed.standin.with(|world| world.role("dockmeter")).as_deref(), Some("Admin"));
    let refused = bed.says(1, "token", &["--grafana.username=admin", &password, &output]);
    assert!(refused.contains("is there already"), "{refused}");
    let second = format!("--output={}", bed.path("token2").display());
    bed.says(0, "token", &["--grafana.username=admin", &password, &second]);
    let token = format!("--grafana.token-file={}", bed.path("token").display());
    bed.says(0, "apply", &[&token]);
}

#[test]
fn a_token_is_renewed_only_where_grafana_takes_it_no_more() {
    let login = Some(("admin".to_owned(), "right".to_owned()));
    let bed = Bed::new(Manners { login, ..Manners::default() }, CONFIGURATION);
    fs::write(bed.path("password"), "right\n").unwrap();
    let password = format!("--grafana.password-file={}", bed.path("password").display());
    let output = format!("--output={}", bed.path("token").display());
    let renew = || bed.says(0, "token", &["--grafana.username=admin", &password, &output, "--renew"]);
    let token = || fs::read_to_string(bed.path("token")).unwrap();
    renew();
    let first = token();
    bed.standin.calls();
    let told = renew();
    assert!(told.contains("it was kept"), "{told}");
    assert_eq!(token(), first);
    assert!(bed.standin.calls().iter().all(|call| call.method == "GET"), "nothing was made");

    bed.standin.with(|world| world.forget_tokens());
    fs::write(bed.path("token"), "glsa_of_another_life\n").unwrap();
    let told = renew();
    assert!(told.contains("wrote the token"), "{told}");
    bed.says(0, "apply", &[&format!("--grafana.token-file={}", bed.path("token").display())]);
}

#[test]
fn who_waits_begins_when_the_token_is_there_and_grafana_is_up() {
    let login = Some(("admin".to_owned(), "right".to_owned()));
    let bed = Bed::new(Manners { starting: 2, login: login.clone(), ..Manners::default() }, CONFIGURATION);
    let token = format!("--grafana.token-file={}", bed.path("token").display());
    let mut apply = bed.command("apply", &[&token, "--wait=10m"]);
    let mut apply = apply.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(apply.stderr.take().unwrap()).lines().map_while(Result::ok);
    let first = lines.next().unwrap();
    assert!(first.contains("waiting, at most 10m: could not read") && first.contains("token"), "{first}");
    assert!(bed.standin.calls().is_empty(), "without a token nobody knocks");

    fs::write(bed.path("password"), "right\n").unwrap();
    let password = format!("--grafana.password-file={}", bed.path("password").display());
    let output = format!("--output={}", bed.path("token").display());
    bed.says(0, "token", &["--grafana.username=admin", &password, &output, "--wait=10m"]);
    let rest: Vec<String> = lines.collect();
    assert!(apply.wait().unwrap().success(), "{rest:?}");
    bed.standin.with(|world| assert!(world.dashboards.contains_key("system-overview")));
    let health = |status: u16| {
        let calls = bed.standin.calls();
        calls.iter().filter(|call| call.path == "/api/health" && call.status == status).count()
    };
    assert_eq!(health(503), 2, "it was not up at first");
    let refused = bed.says(1, "apply", &["--wait=0s"]);
    assert!(refused.contains("is not from 1s to 1h"), "{refused}");
}

#[test]
fn another_secret_is_sent_once() {
    let bed = Bed::new(Manners::default(), CONFIGURATION);
    bed.says(0, "apply", &[]);
    bed.configure(&CONFIGURATION.replace("hunter2", "hunter3"));
    let planned = bed.says(2, "plan", &[]);
    assert!(planned.contains("~ contact point `dockmeter-ops`") && !planned.contains("hunter"), "{planned}");
    bed.says(0, "apply", &[]);
    assert_eq!(
        bed.standin.with(|world| world.points["dockmeter-ops"]["settings"]["password"].clone()),
        "hunter3"
    );
    bed.says(0, "plan", &[]);
    assert!(!fs::read_to_string(bed.path("state.json")).unwrap().contains("hunter"));
}
