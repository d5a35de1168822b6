//! `dockmeter rules render`: what it makes is held against the programs that read it, of the
//! release and current ones.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::component::Component;
use crate::engine::done;
use crate::exporter::BINARY;

pub(crate) mod pages;
mod travel;
mod twins;

/// Two teams, one of which sleeps at night.
const TEAMS: &str = "\
alerting:
  smtp_smarthost: mail.example.com:587
  smtp_from: alerts@example.com
  smtp_username: alerts
  smtp_password_file: /run/secrets/smtp
  receivers:
    ops: {webhook: {url: 'http://127.0.0.1:9000/alerts', token_file: /run/secrets/hook}}
    core: {slack: {url_file: /run/secrets/slack, channel: '#core'}, email: {to: core@example.com}}
    shop: {alertmanager: {pagerduty_configs: [{routing_key_file: /run/secrets/pagerduty}]}}
  watchdog_receiver: ops
  teams:
    platform: {receiver: ops}
    core: {receiver: core, quiet_hours: {timezone: Europe/Berlin, times: [{from: '22:00', to: '07:00', days: ['monday:friday']}, {days: [sunday]}]}}
    it's \"shop\": {receiver: shop}
";

/// A folder with a configuration and what is rendered of it.
struct Folder(TempDir);

impl Folder {
    fn new(configuration: &str) -> Self {
        let folder = Folder(tempfile::tempdir().unwrap());
        fs::write(folder.path("dockmeter.yml"), configuration).unwrap();
        folder
    }

    fn rendered(configuration: &str) -> Self {
        let folder = Folder::new(configuration);
        let output = folder.render(&[]);
        assert!(output.status.success(), "{}", said(&output));
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn render(&self, flags: &[&str]) -> Output {
        let mut command = Command::new(BINARY);
        command.env_clear().args(["rules", "render"]).args(flags);
        command.arg(format!("--config.file={}", self.path("dockmeter.yml").display()));
        command.arg(format!("--output={}", self.path("out").display()));
        command.output().unwrap()
    }

    /// The files of a folder of what is rendered.
    fn files(&self, room: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path("out").join(room)).unwrap();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    }

    fn alertmanager(&self) -> PathBuf {
        self.path("out/alertmanager.yml")
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn every_rule_holds(promtool: &Path) {
    let folder = Folder::rendered("");
    done(Command::new(promtool).args(["check", "rules"]).args(folder.files("rules")));
    done(Command::new(promtool).args(["test", "rules"]).args(folder.files("tests")));
}

#[test]
fn every_alert_fires_clears_and_gives_way_in_prometheus() {
    let Some(promtool) = Component::Promtool.path() else { return };
    every_rule_holds(&promtool);
}

#[test]
fn every_alert_fires_clears_and_gives_way_in_a_current_prometheus() {
    let Some(promtool) = Component::Promtool3.path() else { return };
    every_rule_holds(&promtool);
}

/// What somebody changes is still valid, and the tests of the rest hold.
#[test]
fn changed_alerts_are_valid_rules() {
    let Some(promtool) = Component::Promtool.path() else { return };
    let folder = Folder::rendered(
        "alerting:\n  platform_team: 'the \"ops\"'\n  alerts:\n    ContainerCpuHigh: {fire: 0.5, for: 1m, severity: critical}\n    HostNetworkHigh: {enabled: false}\n",
    );
    done(Command::new(promtool).args(["check", "rules"]).args(folder.files("rules")));
    let rules = fs::read_to_string(folder.path("out/rules/containers.yml")).unwrap();
    assert!(rules.contains("(container:cpu_share:ratio) > 0.5"), "{rules}");
    assert!(
        !fs::read_to_string(folder.path("out/rules/host.yml")).unwrap().contains("alert: HostNetworkHigh")
    );
    assert!(
        !fs::read_to_string(folder.path("out/tests/containers.yml")).unwrap().contains("ContainerCpuHigh")
    );
}

#[test]
fn what_grafana_is_to_evaluate_stands_by_and_the_watchdog_never_does() {
    let Some(promtool) = Component::Promtool.path() else { return };
    let folder = Folder::rendered("grafana: {alerts: all}\n");
    done(Command::new(promtool).args(["test", "rules"]).args(folder.files("tests")));
    let tests: String = folder.files("tests").iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    for alert in ["ContainerCpuHigh", "HostCpuHigh", "DockmeterDown"] {
        assert!(tests.contains(&format!("{alert} gives way to Grafana")), "{alert}");
    }
    assert!(!tests.contains("Watchdog gives way to Grafana"));
}

#[test]
fn what_stands_in_the_tree_is_current() {
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("prometheus");
    let check = Command::new(BINARY)
        .env_clear()
        .args(["rules", "render", "--check"])
        .arg(format!("--output={}", tree.display()))
        .output()
        .unwrap();
    assert!(check.status.success(), "{}", said(&check));
}

#[test]
fn a_check_finds_what_is_stale_and_writes_nothing() {
    let folder = Folder::rendered("");
    assert_eq!(folder.render(&["--check"]).status.code(), Some(0));
    let rules = folder.path("out/rules/host.yml");
    fs::write(&rules, "groups: []\n").unwrap();
    let check = folder.render(&["--check"]);
    assert_eq!(check.status.code(), Some(2));
    assert_eq!(said(&check), format!("`{}` is stale; `dockmeter rules render` renews it\n", rules.display()));
    assert_eq!(fs::read_to_string(&rules).unwrap(), "groups: []\n");
    assert!(said(&folder.render(&[])).starts_with(&format!("wrote `{}`\n", rules.display())));
    assert_eq!(folder.render(&["--check"]).status.code(), Some(0));
}

#[test]
fn without_receivers_it_is_said_that_nobody_is_told() {
    let told = |configuration: &str| said(&Folder::new(configuration).render(&[]));
    assert!(told("").contains("nobody is told of alerts"));
    assert!(!told(TEAMS).contains("nobody is told"));
}

fn routes_hold(amtool: &Path) {
    let nobody = Folder::rendered("");
    done(Command::new(amtool).arg("check-config").arg(nobody.alertmanager()));
    let folder = Folder::rendered(TEAMS);
    done(Command::new(amtool).arg("check-config").arg(folder.alertmanager()));
    let reaches = |folder: &Folder, receiver: &str, labels: &[&str]| {
        let mut command = Command::new(amtool);
        command.args(["config", "routes", "test"]);
        command.arg(format!("--config.file={}", folder.alertmanager().display()));
        done(command.arg(format!("--verify.receivers={receiver}")).args(labels));
    };
    for (receiver, labels) in [
        ("core", vec!["team=core", "severity=critical", "alertname=ContainerOomKilled"]),
        ("core", vec!["team=core", "severity=warning", "project=shop"]),
        ("shop", vec!["team=\"it's \\\"shop\\\"\"", "severity=warning"]),
        ("nobody", vec!["team=core", "severity=info"]),
        ("ops", vec!["team=nobody-knows", "severity=warning"]),
        ("ops", vec!["team=unknown", "severity=critical"]),
        ("ops", vec!["severity=critical"]),
        ("ops", vec!["team=platform", "severity=warning"]),
        ("ops", vec!["alertname=Watchdog", "severity=info", "team=platform"]),
    ] {
        reaches(&folder, receiver, &labels);
    }
    reaches(&nobody, "nobody", &["team=core", "severity=critical"]);
    reaches(&folder, "core", &["team=core", "severity=info", "alertname=SlaReport"]);
    for name in ["title", "link", "color", "text", "html"] {
        done(
            Command::new(amtool)
                .args(["template", "render"])
                .arg(format!("--template.glob={}", folder.path("out/templates/*.tmpl").display()))
                .arg(format!("--template.text={{{{ template \"dockmeter.{name}\" . }}}}")),
        );
    }
}

#[test]
fn every_alert_reaches_a_receiver() {
    let Some(amtool) = Component::Amtool.path() else { return };
    routes_hold(&amtool);
}

#[test]
fn every_alert_reaches_a_receiver_in_a_current_alertmanager() {
    let Some(amtool) = Component::Amtool33.path() else { return };
    routes_hold(&amtool);
}

/// An alert that is right; each mistake changes one line of it.
const OWN: &str = "\
group: own
title: Ours
metrics: {orders_total: [user, project, team, state]}
alerts:
  - name: OrdersFail
    expr: sum by (user, project, team) (rate(orders_total{state=\"failed\"}[5m]))
    above: 1
    clear: 0.5
    for: 5m
    severity: warning
    audience: tenant
    labels: [user, project, team]
    unit: per_second
    summary: Orders of {project} fail, {value}
    description: More than {threshold} orders fail.
    actions: [Look at the shop's log.]
    dashboard: dockmeter-http
    panel: 1
    test: {series: 'orders_total{$tenant,state=\"failed\"}', rates: [0, 2, 0.7, 0], settle: 6m}
";

#[test]
fn an_alert_of_one_s_own_is_rendered_and_tried() {
    let Some(promtool) = Component::Promtool.path() else { return };
    let folder = Folder::new("alerting: {catalogue_directory: own}");
    fs::create_dir(folder.path("own")).unwrap();
    fs::write(folder.path("own/shop.yml"), OWN).unwrap();
    let output = folder.render(&[]);
    assert!(output.status.success(), "{}", said(&output));
    done(Command::new(&promtool).args(["check", "rules"]).arg(folder.path("out/rules/own.yml")));
    done(Command::new(&promtool).args(["test", "rules"]).arg(folder.path("out/tests/own.yml")));
}

#[test]
fn a_wrong_entry_is_one_line_and_leaves_the_old_files_alone() {
    let folder = Folder::new("alerting: {catalogue_directory: own}");
    fs::create_dir(folder.path("own")).unwrap();
    fs::write(folder.path("own/shop.yml"), OWN).unwrap();
    assert!(folder.render(&[]).status.success());
    let before = fs::read_to_string(folder.path("out/rules/own.yml")).unwrap();
    for (right, wrong, message) in [
        ("above: 1", "abov: 1", "7:5: unknown key `abov`, expected "),
        (
            "clear: 0.5",
            "clear: 2",
            "8:12: it clears at 2, which is above 1, where it fires; it would never clear",
        ),
        ("severity: warning", "severity: page", "10:15: `page` is not `info`, `warning` or `critical`"),
        ("audience: tenant", "audience: all", "11:15: `all` is not `platform` or `tenant`"),
        (
            "orders_total{state",
            "order_total{state",
            "6:11: there is no metric `order_total`, did you mean `orders_total`?",
        ),
        (
            "{state=\"failed\"}[5m]",
            "{stat=\"failed\"}[5m]",
            "6:11: `orders_total` has no label `stat`; it has ",
        ),
        ("[5m]))", "[5m])", "6:11: no PromQL: "),
        (
            "labels: [user, project, team]",
            "labels: [user, project, team, state]",
            "12:35: the expression does not keep the label `state`",
        ),
        (
            "by (user, project, team)",
            "by (user, project, team, state)",
            "12:13: the expression also keeps the label `state`; name it, or aggregate it away",
        ),
        (
            "Orders of {project}",
            "Orders of {state}",
            "14:14: the text names `{state}`, which the expression does not keep; expected ",
        ),
        (
            "    description: More than {threshold} orders fail.\n",
            "",
            "5:5: alert `OrdersFail` has no `description`",
        ),
        ("name: OrdersFail", "name: ContainerGone", "5:11: a second alert `ContainerGone`; keep one"),
        ("group: own", "group: host", "1:8: a second group `host`"),
        ("for: 5m", "for: long", "9:10: `long` is not a duration such as "),
        ("unit: per_second", "unit: furlongs", "13:11: `furlongs` is not `ratio`, "),
        (
            "rates: [0, 2, 0.7, 0]",
            "rates: [0, 2, 0]",
            "a test of an alert with two thresholds has four `levels` or `rates`: ",
        ),
    ] {
        assert!(OWN.contains(right), "{right}");
        fs::write(folder.path("own/shop.yml"), OWN.replacen(right, wrong, 1)).unwrap();
        let output = folder.render(&[]);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(1), "{wrong}: {said}");
        assert!(said.contains("own/shop.yml:") && said.contains(message), "{wrong}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert_eq!(fs::read_to_string(folder.path("out/rules/own.yml")).unwrap(), before, "{wrong}");
    }
}

#[test]
fn a_change_of_an_alert_that_cannot_be_is_refused_where_it_stands() {
    for (change, message) in [
        (
            "ContainerCpuHi: {fire: 0.5}",
            "dockmeter.yml:3:21: there is no alert `ContainerCpuHi`, did you mean `ContainerCpuHigh`?",
        ),
        (
            "ContainerCpuHigh: {clear: 0.9}",
            "dockmeter.yml:3:23: it clears at 0.9, which is above 0.7, where it fires; it would never clear",
        ),
    ] {
        let output = Folder::new(&format!("alerting:\n  alerts:\n    {change}\n")).render(&[]);
        assert_eq!(output.status.code(), Some(1));
        assert!(said(&output).contains(message), "{}", said(&output));
    }
}
