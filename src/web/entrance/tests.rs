//! What a look at the files comes to.

use super::*;

const HASH: &str = "$2y$04$abcdefghijklmnopqrstuu5Lo0g67CiD3M4RpN1BmBb4Crp5w7dbK";

struct Watching {
    folder: tempfile::TempDir,
    entrance: Entrance,
}

impl Watching {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("web.yml"), text).unwrap();
        let prepared = Prepared::read(Some(&folder.path().join("web.yml"))).unwrap();
        Watching { entrance: Entrance::new(prepared, [0; 32]), folder }
    }

    /// Puts another text in the file's place, as editors and deployment tools do.
    fn write(&self, text: &str) {
        let (new, file) = (self.folder.path().join("new"), self.folder.path().join("web.yml"));
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, file).unwrap();
    }

    fn users(&self) -> Vec<String> {
        self.entrance.rules().users.keys().cloned().collect()
    }
}

#[test]
fn a_file_is_read_again_only_when_it_has_changed() {
    let watching = Watching::new(&format!("basic_auth_users: {{ann: '{HASH}'}}"));
    assert!(matches!(watching.entrance.look(), Looked::Same));
    watching.write(&format!("basic_auth_users: {{ann: '{HASH}', bob: '{HASH}'}}"));
    assert!(matches!(watching.entrance.look(), Looked::Changed));
    assert_eq!(watching.users(), ["ann", "bob"]);
    assert!(matches!(watching.entrance.look(), Looked::Same));
}

#[test]
fn a_broken_file_keeps_the_old_in_force_and_is_told_of_once() {
    let watching = Watching::new(&format!("basic_auth_users: {{ann: '{HASH}'}}"));
    for broken in ["basic_auth_users: {ann: hunter2}", "basic_auth", "x: y"] {
        watching.write(broken);
        let looked = watching.entrance.look();
        let Looked::Refused(error) = looked else { panic!("{broken}: {looked:?}") };
        assert!(error.to_string().contains("web.yml:1:"), "{error}");
        assert!(matches!(watching.entrance.look(), Looked::Same), "{broken}");
        assert_eq!(watching.users(), ["ann"]);
    }
    std::fs::remove_file(watching.folder.path().join("web.yml")).unwrap();
    assert!(matches!(watching.entrance.look(), Looked::Refused(_)));
    assert!(matches!(watching.entrance.look(), Looked::Same));
    watching.write(&format!("basic_auth_users: {{bob: '{HASH}'}}"));
    assert!(matches!(watching.entrance.look(), Looked::Changed));
    assert_eq!(watching.users(), ["bob"]);
}

#[test]
fn a_file_that_is_found_empty_lets_nobody_in_until_somebody_says_so() {
    let watching = Watching::new(&format!("basic_auth_users: {{ann: '{HASH}'}}"));
    watching.write("");
    assert!(matches!(watching.entrance.look(), Looked::Waits("no users any more")));
    assert!(matches!(watching.entrance.look(), Looked::Same));
    assert!(watching.entrance.rules().demand_login());
    watching.entrance.install(Prepared::read(Some(&watching.folder.path().join("web.yml"))).unwrap());
    assert!(!watching.entrance.rules().demand_login(), "a reload takes it");
}

#[test]
fn configured_headers_are_on_every_answer_and_ours_stand() {
    let text = "http_server_config: {headers: {X-XSS-Protection: '1', Content-Security-Policy: theirs, X-Frame-Options: ''}}";
    let watching = Watching::new(text);
    let mut headers = HeaderMap::new();
    headers.insert("content-security-policy", HeaderValue::from_static("ours"));
    watching.entrance.rules().add_headers(&mut headers);
    assert_eq!(headers["content-security-policy"], "ours");
    assert_eq!(headers["x-xss-protection"], "1");
    assert!(!headers.contains_key("x-frame-options"), "an empty one is unset");
}

#[test]
fn a_limit_of_requests_says_when_to_come_back() {
    let watching = Watching::new("rate_limit: {interval: 1h, burst: 2}");
    let rules = watching.entrance.rules();
    assert!(rules.take_request().is_ok() && rules.take_request().is_ok());
    let answer = axum::response::IntoResponse::into_response(rules.take_request().unwrap_err());
    assert_eq!(answer.status(), 429);
    assert_eq!(answer.headers()["retry-after"], "3600");
}
