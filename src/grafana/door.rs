//! The way into a Grafana whose login may come later and be replaced, for as long as a program
//! runs.

use std::fs;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::client::{Grafana, GrafanaError};
use crate::config::Upstream;

/// Opens for whoever asks Grafana something.
#[derive(Debug)]
pub struct Door {
    upstream: Upstream,
    pause: Option<Duration>,
    inside: Mutex<Option<(Secret, Grafana)>>,
}

/// What the file of a login holds; none if there is no file.
type Secret = Option<Vec<u8>>;

impl Door {
    /// To a Grafana that need not be there yet, and neither need its login.
    pub fn new(upstream: Upstream) -> Door {
        Door { upstream, pause: None, inside: Mutex::default() }
    }

    /// The same with another pause before something is tried again.
    #[must_use]
    pub fn pausing(self, pause: Duration) -> Door {
        Door { pause: Some(pause), ..self }
    }

    /// That Grafana with the login of this moment. It is the same for all until the login is
    /// another one, so a login that was refused once is not tried again.
    ///
    /// # Errors
    /// No address is configured, or a file cannot be read.
    pub fn open(&self) -> Result<Grafana, GrafanaError> {
        let secret = self.secret();
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((with, grafana)) = &*inside
            && *with == secret
        {
            return Ok(grafana.clone());
        }
        let mut grafana = Grafana::new(&self.upstream)?;
        if let Some(pause) = self.pause {
            grafana = grafana.pausing(pause);
        }
        *inside = Some((secret, grafana.clone()));
        Ok(grafana)
    }

    /// What is not readable is told of by whoever uses it.
    fn secret(&self) -> Secret {
        let file = self.upstream.bearer_token_file.as_ref().or(self.upstream.password_file.as_ref())?;
        fs::read(file).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

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
        let door = Door::new(Upstream {
            url: Some(url),
            bearer_token_file: Some(file.clone()),
            ..Upstream::default()
        });

        assert!(matches!(door.open(), Err(GrafanaError::File { .. })));
        fs::write(&file, "wrong\n").unwrap();
        for _ in 0..3 {
            let answer = door.open().unwrap().get("/api/org").await;
            assert!(matches!(answer, Err(GrafanaError::Unauthorised { .. })));
        }
        assert_eq!(*logins.lock().unwrap(), ["Bearer wrong"]);
        fs::write(&file, "right\n").unwrap();
        for _ in 0..2 {
            door.open().unwrap().get("/api/org").await.unwrap();
        }
        assert_eq!(*logins.lock().unwrap(), ["Bearer wrong", "Bearer right", "Bearer right"]);
    }
}
