//! A tenant's token cannot see, guess or write another tenant's series on any route, present or
//! added later: the test walks what `/api/openapi.json` describes.

mod walk;

use std::collections::BTreeSet;
use std::fs;

use dockmeter::config::TokenHash;
use serde_json::Value;

use crate::alertmanager::{self, Alertmanager};
use crate::engine::{Container, Engine};
use crate::exporter::{Exporter, bearer};
use crate::http::{self, Response};
use walk::Request;

/// A memory limit that nobody else has, in bytes.
const THEIR_LIMIT: u64 = 71_303_168;

/// A command that nobody else runs.
const THEIR_COMMAND: &[&str] = &["sh", "-c", "echo isolation-xray-log; sleep 918273"];

const OUR_COMMAND: &[&str] = &["sh", "-c", "echo isolation-ours; sleep 645"];

/// The image of the other tenant.
const THEIR_IMAGE: &str = "isolation-vault";

/// A container of a user in a project and a team, as its labels say, that exposes metrics.
fn labels(user: &str, project: &str, team: &str) -> [String; 4] {
    [("user", user), ("project", project), ("team", team), ("scrape.port", "9100")]
        .map(|(label, value)| format!("--label=dockmeter.{label}={value}"))
}

/// An Alertmanager in which an alert of each tenant fires, the other's silenced; the stories go on where there is none.
fn alerts() -> Option<Alertmanager> {
    let server = Alertmanager::silent()?;
    let of = |user: &str, project: &str, team: &str| {
        let labels = [("user", user), ("project", project), ("team", team), ("severity", "info")];
        alertmanager::alert("Isolated", &labels)
    };
    let alerts = [
        of("isolation-olga", "isolation-garden", "isolation-shared"),
        of("isolation-xenia", "isolation-vault-project", "isolation-night"),
    ];
    alertmanager::wait(alertmanager::client(server.url()).post(&alerts)).unwrap();
    server.silence("user", "isolation-xenia");
    Some(server)
}

/// Two tenants who share a team, of whom the first has a token.
struct Host<'e> {
    exporter: Exporter,
    _folder: tempfile::TempDir,
    _alertmanager: Option<Alertmanager>,
    ours: Container<'e>,
    theirs: [Container<'e>; 2],
}

/// The tokens that are bound to the first tenant, each by another part.
const BOUND: [(&str, &str); 3] = [
    ("by-user", "user: isolation-olga"),
    ("by-project", "project: isolation-garden"),
    ("by-both", "user: isolation-olga, team: isolation-shared"),
];

/// The token that sees everything.
const OPERATOR: &str = "operator";

impl<'e> Host<'e> {
    fn new(engine: &'e Engine) -> Self {
        engine.build(THEIR_IMAGE, "FROM dockmeter-test\n");
        let ours = labels("isolation-olga", "isolation-garden", "isolation-shared");
        let ours = engine.run("isolation-ours", &ours.each_ref().map(String::as_str), OUR_COMMAND);
        let limit = format!("--memory={THEIR_LIMIT}");
        let run = |name: &str, team: &str| {
            let labels = labels("isolation-xenia", "isolation-vault-project", team);
            let options = [&limit, &labels[0], &labels[1], &labels[2], &labels[3]].map(String::as_str);
            engine.run_image(THEIR_IMAGE, name, &options, THEIR_COMMAND)
        };
        let theirs =
            [run("isolation-xray-1", "isolation-shared"), run("isolation-xray-2", "isolation-night")];
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("dockmeter.yml");
        let entry = |name: &str, rest: &str| {
            format!("  - {{name: {name}, hash: '{}', scopes: [read, write]{rest}}}\n", TokenHash::of(name))
        };
        let bound: String = BOUND.iter().map(|(name, to)| entry(name, &format!(", {to}"))).collect();
        fs::write(&file, format!("auth:\n  tokens:\n{}{bound}", entry(OPERATOR, ""))).unwrap();
        let alertmanager = alerts();
        let mut flags = vec![format!("--config.file={}", file.display())];
        flags.extend(alertmanager.as_ref().map(|server| format!("--alertmanager.url={}", server.url())));
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let exporter = Exporter::with(engine, &flags);
        exporter.until("both tenants are on the page", |page| {
            let named = ["isolation-ours", "isolation-xray-1", "isolation-xray-2"];
            let read = |name| page.value("container_cpu_usage_percent", &[("name", name)]).is_some();
            let users = ["isolation-olga", "isolation-xenia"];
            let known = |user| page.all("container_info", &[("user", user)]).next().is_some();
            (named.into_iter().all(read) && users.into_iter().all(known)).then_some(())
        });
        Host { exporter, _folder: folder, _alertmanager: alertmanager, ours, theirs }
    }

    fn ask(&self, token: &str, request: &Request) -> Response {
        let login = bearer(token);
        let headers: Vec<&str> = std::iter::once(login.as_str()).chain(request.accept.as_deref()).collect();
        http::request(self.exporter.address, request.method, &request.uri, &headers)
            .expect("dockmeter answers")
    }

    fn document(&self, token: &str) -> Value {
        self.exporter.get_as(token, "/api/openapi.json").json()
    }

    /// Everything of the other tenant, as it would stand in an answer.
    fn secrets(&self) -> Vec<Vec<u8>> {
        let mut secrets: Vec<Vec<u8>> =
            ["isolation-xenia", "isolation-xray-1", "isolation-xray-2", "isolation-night"]
                .into_iter()
                .chain(["isolation-vault-project", THEIR_IMAGE, "918273", "isolation-xray-log"])
                .map(|text| text.as_bytes().to_vec())
                .collect();
        secrets.extend(self.theirs.iter().map(|theirs| theirs.id.as_bytes()[..12].to_vec()));
        secrets.push(THEIR_LIMIT.to_string().into_bytes());
        secrets
    }

    /// The ids of all that is not ours, those of other tests among them.
    fn foreign_ids(&self) -> BTreeSet<String> {
        let listed = self.exporter.get_as(OPERATOR, "/api/containers").json();
        let ids = listed.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned());
        ids.filter(|id| *id != self.ours.id).collect()
    }

    /// What somebody who guesses would put in place of a parameter, and for each the same of
    /// nobody, as long.
    fn guesses(&self) -> Vec<(String, String)> {
        let foreign = self.foreign_ids();
        let theirs = &self.theirs[1].id;
        let own = &self.ours.id;
        let apart = (1..64).find(|length| theirs[..*length] != own[..*length]).unwrap();
        let ids = [64, 12, 8.max(apart)].map(|length| theirs[..length].to_owned());
        let ids = ids.map(|id| {
            let taken = |nobody: &str| foreign.iter().chain([own]).any(|id| id.starts_with(nobody));
            let nobody = (0..u32::MAX)
                .map(|number| format!("{number:08x}{}", &id[8..]))
                // Digits alone could be a number that somewhere is asked for.
                .find(|nobody| nobody[..8].contains(char::is_alphabetic) && !taken(nobody))
                .unwrap();
            (id, nobody)
        });
        let names = ["isolation-xray-2", "/isolation-xray-2", "isolation-xenia", "isolation-vault-project"];
        let names = names.into_iter().chain(["isolation-night", THEIR_IMAGE]);
        let names = names.map(|name| (name.to_owned(), name.replace("isolation-", "nobodyiso-")));
        ids.into_iter().chain(names).collect()
    }
}

fn holds(answer: &Response, secret: &[u8]) -> bool {
    let (head, body) = (answer.head().as_bytes(), answer.body.as_slice());
    [head, body].iter().any(|part| memchr::memmem::find(part, secret).is_some())
}

#[test]
fn a_tenants_token_cannot_see_guess_or_write_another_tenants_series_on_any_route() {
    let Some(engine) = Engine::shared() else { return };
    let host = Host::new(&engine);
    who_is_not_bound_finds_everything(&host);
    a_tenant_finds_its_own(&host);
    a_tenant_sees_and_guesses_nothing_of_another(&host);
    a_prefix_that_only_another_shares_is_not_ambiguous(&host, &engine);
}

fn a_tenant_sees_and_guesses_nothing_of_another(host: &Host<'_>) {
    let secrets = host.secrets();
    for (token, _) in BOUND {
        let document = host.document(token);
        assert_eq!(document, host.document(OPERATOR), "the description is the same for all");
        for request in walk::requests(&document, "isolation-ours", None) {
            let answer = host.ask(token, &request);
            for secret in
                secrets.iter().cloned().chain(host.foreign_ids().into_iter().map(String::into_bytes))
            {
                let secret_text = String::from_utf8_lossy(&secret);
                assert!(!holds(&answer, &secret), "{token}: {request:?} tells of {secret_text}");
            }
        }
        for (theirs, nobodys) in host.guesses() {
            guess(host, token, &document, &theirs, &nobodys, &secrets);
        }
    }
}

/// Puts something of the other tenant wherever something can be put, and something of nobody:
/// the answers have to be the same.
fn guess(host: &Host<'_>, token: &str, document: &Value, theirs: &str, nobodys: &str, secrets: &[Vec<u8>]) {
    let asked = |value| walk::requests(document, "isolation-ours", Some(value));
    let pairs = asked(theirs).into_iter().zip(asked(nobodys));
    for (of_theirs, of_nobody) in pairs {
        let (one, other) = (host.ask(token, &of_theirs), host.ask(token, &of_nobody));
        let without = |answer: &Response, value: &str| {
            let text = [answer.head().as_bytes(), &answer.body].concat();
            walk::without(&String::from_utf8_lossy(&text), value)
        };
        let (one, other) = (without(&one, theirs), without(&other, nobodys));
        assert_eq!(one, other, "{token}: {of_theirs:?} is told from {of_nobody:?}");
        for secret in secrets {
            let secret = String::from_utf8_lossy(secret);
            // A guess that is part of another is said again by the one who made it.
            let guessed = theirs.contains(&*secret);
            assert!(guessed || !one.contains(&*secret), "{token}: {of_theirs:?} tells of {secret}: {one}");
        }
    }
}

/// The walk can find what it looks for, so that finding nothing means something.
fn who_is_not_bound_finds_everything(host: &Host<'_>) {
    let document = host.document(OPERATOR);
    let requests = walk::requests(&document, "isolation-xray-1", None);
    let answers: Vec<Response> = requests.iter().map(|request| host.ask(OPERATOR, request)).collect();
    for secret in host.secrets() {
        let found = answers.iter().any(|answer| holds(answer, &secret));
        assert!(found, "the walk cannot find {}", String::from_utf8_lossy(&secret));
    }
}

fn a_tenant_finds_its_own(host: &Host<'_>) {
    let document = host.document(OPERATOR);
    for (token, _) in BOUND {
        for request in walk::requests(&document, "isolation-ours", None) {
            let answer = host.ask(token, &request);
            if request.method == "GET" && request.uri.starts_with("/api/containers") {
                assert_eq!(answer.status, 200, "{token}: {request:?}: {}", answer.text());
                assert!(answer.text().contains("isolation-ours"), "{token}: {request:?}");
            }
        }
    }
}

fn a_prefix_that_only_another_shares_is_not_ambiguous(host: &Host<'_>, engine: &Engine) {
    let first = &host.ours.id[..1];
    // Containers that are never started, until one of them shares the first digit.
    let mut others: Vec<Created<'_>> = Vec::new();
    while others.last().is_none_or(|other| !other.id.starts_with(first)) {
        let name = format!("isolation-prefix-{}", others.len());
        others.push(Created { engine, id: engine.docker(&["create", "--name", &name, "dockmeter-test"]) });
        assert!(others.len() < 500, "no id begins with {first}");
    }
    let path = format!("/api/containers/{first}/metrics/current");
    crate::poll::eventually("the prefix is ambiguous to the operator", || {
        (host.exporter.get_as(OPERATOR, &path).status == 409).then_some(())
    });
    assert_eq!(host.exporter.get_as("by-user", &path).json()["name"], "isolation-ours");
}

/// A container that is removed when dropped, and was never started.
struct Created<'e> {
    engine: &'e Engine,
    id: String,
}

impl Drop for Created<'_> {
    fn drop(&mut self) {
        self.engine.try_docker(&["rm", "-f", &self.id]);
    }
}
