//! The same against a real Grafana, where one is given: `DOCKMETER_TEST_GRAFANA` is its address,
//! and `admin` with the password `admin` lets us in. What it does otherwise than the stand-in is
//! to be written into the stand-in.

use std::fs;
use std::time::Duration;

use dockmeter::config::{Sources, Upstream};
use dockmeter::grafana::{Grafana, Options, Plan, State, Wanted, apply, known_members, make_plan, wanted};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::CONFIGURATION;
use super::interrupted::bundle;

struct Real {
    url: String,
    folder: TempDir,
    runtime: tokio::runtime::Runtime,
}

impl Real {
    fn given() -> Option<Self> {
        let Ok(url) = std::env::var("DOCKMETER_TEST_GRAFANA") else {
            println!("skipped: DOCKMETER_TEST_GRAFANA names no Grafana");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("password"), "admin").unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Some(Real { url, folder, runtime })
    }

    fn grafana(&self) -> Grafana {
        let upstream = Upstream {
            url: Some(self.url.clone()),
            username: "admin".to_owned(),
            password_file: Some(self.folder.path().join("password")),
            ..Upstream::default()
        };
        Grafana::new(&upstream).unwrap()
    }

    fn state(&self) -> State {
        State::read(&self.folder.path().join("state.json"), &self.url).unwrap()
    }

    fn wanted(&self, text: &str) -> Vec<Wanted> {
        let file = self.folder.path().join("dockmeter.yml");
        fs::write(&file, text).unwrap();
        let config = Sources { default_file: Some(file), ..Sources::default() }.load().unwrap();
        let mut wanted = wanted(&config, &bundle()).unwrap();
        self.runtime.block_on(known_members(&self.grafana(), &mut wanted)).unwrap();
        wanted
    }

    fn apply(&self, wanted: &[Wanted]) {
        let (grafana, mut state) = (self.grafana(), self.state());
        let tell = &mut |_: dockmeter::grafana::Progress<'_>| {};
        let outcome =
            self.runtime.block_on(apply(&grafana, wanted, &mut state, Options::default(), tell)).unwrap();
        assert!(outcome.failed.is_empty() && outcome.blocked.is_empty(), "{outcome:?}");
    }

    fn plan(&self, wanted: &[Wanted]) -> Plan {
        let (grafana, state) = (self.grafana(), self.state());
        self.runtime.block_on(make_plan(&grafana, wanted, &state, Options::default(), &mut |_| {})).unwrap()
    }

    /// Changes something as its administrator would.
    fn call(&self, method: &str, path: &str, change: impl FnOnce(&mut Value)) {
        let url = format!("{}{path}", self.url);
        let curl = |arguments: &[&str]| {
            let output = std::process::Command::new("curl")
                .args([
                    "--silent",
                    "--fail",
                    "--user",
                    "admin:admin",
                    "--header",
                    "Content-Type: application/json",
                ])
                .args(arguments)
                .arg(&url)
                .output()
                .unwrap();
            assert!(output.status.success(), "{arguments:?} {url}");
            serde_json::from_slice::<Value>(&output.stdout).unwrap_or_default()
        };
        let mut body = curl(&[]);
        change(&mut body);
        curl(&["--request", method, "--header", "X-Disable-Provenance: true", "--data", &body.to_string()]);
    }
}

#[test]
fn a_real_grafana_is_filled_keeps_what_it_is_given_and_is_emptied() {
    let Some(real) = Real::given() else { return };
    let text = CONFIGURATION.replace("ann@example.org", "admin@localhost");
    let wanted = real.wanted(&text);
    // Begin anew, whatever the last run left.
    real.apply(&wanted);
    real.apply(&[]);
    assert_eq!(real.plan(&[]), Plan::default());

    // Cut off at moments that fall on every kind of object.
    for wait in [10, 40, 90, 200, 400, 700, 1000] {
        let (grafana, mut state) = (real.grafana(), real.state());
        let tell = &mut |_: dockmeter::grafana::Progress<'_>| {};
        real.runtime.block_on(async {
            let limit = Duration::from_millis(wait);
            let _ =
                tokio::time::timeout(limit, apply(&grafana, &wanted, &mut state, Options::default(), tell))
                    .await;
        });
    }
    real.apply(&wanted);
    assert!(real.plan(&wanted).is_empty(), "{:#?}", real.plan(&wanted));

    // Without the state only what is never shown is sent again.
    fs::remove_file(real.folder.path().join("state.json")).unwrap();
    let plan = real.plan(&wanted);
    let paths: Vec<&str> =
        plan.actions.iter().flat_map(|action| &action.changes).map(|change| change.path.as_str()).collect();
    assert_eq!(paths, ["secrets"], "{plan:#?}");
    real.apply(&wanted);

    // Somebody changes a data source and a rule.
    real.call("PUT", "/api/datasources/uid/dockmeter-prometheus", |source| {
        source["jsonData"]["timeInterval"] = json!("1h");
    });
    let plan = real.plan(&wanted);
    let paths: Vec<&str> =
        plan.actions.iter().flat_map(|action| &action.changes).map(|change| change.path.as_str()).collect();
    assert_eq!(paths, ["jsonData.timeInterval"], "{plan:#?}");
    real.apply(&wanted);
    assert!(real.plan(&wanted).is_empty(), "{:#?}", real.plan(&wanted));

    let fewer = real.wanted("prometheus: {url: 'http://prometheus:9090'}\n");
    let fewer: Vec<Wanted> = fewer
        .into_iter()
        .filter(|one| !one.key.id.contains("team-core") && one.key.kind.as_str() != "rule group")
        .collect();
    real.apply(&fewer);
    assert!(real.plan(&fewer).is_empty(), "{:#?}", real.plan(&fewer));
    real.apply(&[]);
    assert_eq!(real.plan(&[]), Plan::default());
}
