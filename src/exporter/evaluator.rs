//! Watches whether Grafana evaluates the rules that it was given, for `dockmeter_alert_evaluator`.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::config::Upstream;
use crate::grafana::{Evaluation, Grafana, GrafanaError};

/// How often Grafana is asked: as often as it evaluates.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(30);

/// Who evaluates tenants' alerts, as it was last seen.
#[derive(Clone, Debug, Default)]
pub struct Evaluator(Arc<AtomicBool>);

impl Evaluator {
    /// Whether Grafana does.
    pub fn is_grafana(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Watches a Grafana; never ends. Its files may come later, and be replaced.
    pub async fn watch(self, grafana: Upstream, mut evaluation: Evaluation) {
        let started = Instant::now();
        let mut entrance = Entrance { upstream: grafana, at: At::Outside };
        let mut look = tokio::time::interval(LOOKED_AT_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut complained = false;
        loop {
            look.tick().await;
            let answer = entrance.evaluated().await;
            if let Err(error) = &answer
                && !std::mem::replace(&mut complained, true)
            {
                tracing::warn!(%error, "Grafana does not tell whether it evaluates alerts; Prometheus does so");
            }
            complained &= answer.is_err();
            let is_grafana = evaluation.look(answer.ok().as_ref(), started.elapsed());
            if self.0.swap(is_grafana, Ordering::Relaxed) != is_grafana {
                let evaluator = if is_grafana { "grafana" } else { "prometheus" };
                tracing::info!(evaluator, "another one evaluates tenants' alerts");
            }
        }
    }
}

/// The way into a Grafana. A login that was refused is not tried again before it is another one,
/// since Grafana locks users out.
struct Entrance {
    upstream: Upstream,
    at: At,
}

/// How far one has come.
enum At {
    /// Nothing has been read yet, or not with success.
    Outside,
    /// With this secret, whether or not it is taken.
    Inside(Secret, Box<Grafana>),
    /// This secret was refused.
    Refused(Secret),
}

/// What the file of a login holds; none if there is no file.
type Secret = Option<Vec<u8>>;

impl Entrance {
    async fn evaluated(&mut self) -> Result<Value, GrafanaError> {
        let (secret, grafana) = match std::mem::replace(&mut self.at, At::Outside) {
            At::Inside(secret, grafana) => (secret, grafana),
            before => {
                let secret = self.secret();
                if matches!(&before, At::Refused(refused) if *refused == secret) {
                    self.at = before;
                    let url = self.upstream.url.clone().unwrap_or_default();
                    return Err(GrafanaError::Unauthorised { url });
                }
                (secret, Box::new(Grafana::new(&self.upstream)?))
            }
        };
        let answer = grafana.evaluated().await;
        self.at = match &answer {
            Err(GrafanaError::Unauthorised { .. }) => At::Refused(secret),
            _ => At::Inside(secret, grafana),
        };
        answer
    }

    /// What is not readable is told of by whoever uses it.
    fn secret(&self) -> Secret {
        let file = self.upstream.bearer_token_file.as_ref().or(self.upstream.password_file.as_ref())?;
        fs::read(file).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use axum::Router;
    use axum::http::{HeaderMap, StatusCode};

    use super::*;

    #[tokio::test]
    async fn a_login_may_come_later_and_a_refused_one_is_not_tried_twice() {
        let logins = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&logins);
        let app = Router::new().fallback(move |headers: HeaderMap| {
            let login = headers.get("authorization").unwrap().to_str().unwrap().to_owned();
            let status = if login == "Bearer right" { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
            seen.lock().unwrap().push(login);
            async move { (status, "{}") }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let upstream =
            Upstream { url: Some(url), bearer_token_file: Some(file.clone()), ..Upstream::default() };
        let mut entrance = Entrance { upstream, at: At::Outside };

        assert!(matches!(entrance.evaluated().await, Err(GrafanaError::File { .. })));
        fs::write(&file, "wrong\n").unwrap();
        for _ in 0..3 {
            assert!(matches!(entrance.evaluated().await, Err(GrafanaError::Unauthorised { .. })));
        }
        assert_eq!(*logins.lock().unwrap(), ["Bearer wrong"]);
        fs::write(&file, "right\n").unwrap();
        for _ in 0..2 {
            entrance.evaluated().await.unwrap();
        }
        assert_eq!(*logins.lock().unwrap(), ["Bearer wrong", "Bearer right", "Bearer right"]);
    }
}
