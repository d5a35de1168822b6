//! A stand-in for Grafana 12.4: a real HTTP server that answers each call that we make as that
//! version does (status codes, versions, what it adds and hides, whom it refuses), with switches
//! for what is known to differ in 11 and 13 and for what goes wrong now and then.
//!
//! What it does was read from Grafana's source and tried against the real program.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{Method, Response, StatusCode};
use base64::Engine as _;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::schema;
use super::world::World;

/// How it behaves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Manners {
    /// 11, 12 or 13; 12 if it is 0.
    pub(crate) version: u32,
    /// So many calls to alerting are answered by 500, as for an organisation that is new.
    pub(crate) late_alerting: usize,
    /// So often it says that it is not up yet.
    pub(crate) starting: usize,
    /// So many calls are answered by 503.
    pub(crate) busy: usize,
    /// Just before each first write of an object somebody else saves it.
    pub(crate) race: bool,
    /// At which write the line is cut, and whether that is before or after it was carried out.
    pub(crate) cut: Option<(usize, Cut)>,
    /// Only this login is taken.
    pub(crate) login: Option<(String, String)>,
}

/// Where the line is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The write never arrives.
    Before,
    /// Its answer never comes.
    After,
}

/// A call that was answered.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// With its query.
    pub(crate) path: String,
    pub(crate) status: StatusCode,
}

/// A Grafana that is none; stops when dropped.
pub(crate) struct Standin {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    _runtime: tokio::runtime::Runtime,
}

struct Shared {
    inner: Mutex<Inner>,
    cut: Notify,
}

struct Inner {
    world: World,
    manners: Manners,
    calls: Vec<Call>,
    writes: usize,
    /// What is against Grafana's description of itself.
    problems: Vec<String>,
}

impl Standin {
    /// Starts an empty one.
    pub(crate) fn start(manners: Manners) -> Self {
        Self::listening("127.0.0.1:0", manners)
    }

    /// Starts an empty one at an address.
    pub(crate) fn listening(address: &str, manners: Manners) -> Self {
        let world = World::new(manners.version);
        let inner = Inner { world, manners, calls: Vec::new(), writes: 0, problems: Vec::new() };
        let shared = Arc::new(Shared { inner: Mutex::new(inner), cut: Notify::new() });
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind(address)).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::clone(&shared);
        let app = Router::new().fallback(move |request: Request| answer(Arc::clone(&state), request));
        runtime.spawn(async move { axum::serve(listener, app).await });
        Standin { address, shared, _runtime: runtime }
    }

    /// Its address, as `--grafana.url` wants it.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What is in it, to look at and to change as somebody else would.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        look(&mut self.inner().world)
    }

    /// Other manners from now on.
    pub(crate) fn behave(&self, manners: Manners) {
        let mut inner = self.inner();
        inner.writes = 0;
        inner.world.raced.clear();
        inner.manners = manners;
    }

    /// The calls so far, and forgets them.
    pub(crate) fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.inner().calls)
    }

    /// Waits until the line is cut.
    pub(crate) async fn cut(&self) {
        self.shared.cut.notified().await;
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.shared.inner.lock().unwrap()
    }
}

impl Drop for Standin {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let problems = std::mem::take(&mut self.inner().problems);
            assert!(problems.is_empty(), "against Grafana's description of itself:\n{}", problems.join("\n"));
        }
    }
}

async fn answer(shared: Arc<Shared>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, 16 << 20).await.unwrap();
    let body: Value =
        if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap_or(Value::Null) };
    let query: BTreeMap<String, String> =
        form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let path: Vec<String> = head
        .uri
        .path()
        .split('/')
        .skip(1)
        .map(|part| {
            form_urlencoded::parse(format!("x={}", part.replace('+', "%2B")).as_bytes())
                .next()
                .unwrap()
                .1
                .into_owned()
        })
        .collect();
    let unprovenanced = head.headers.contains_key("x-disable-provenance");
    let authorization =
        head.headers.get("authorization").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let answered = {
        let mut inner = shared.inner.lock().unwrap();
        inner.answer(&head.method, &path, &query, &body, unprovenanced, authorization)
    };
    let Some((status, json)) = answered else {
        shared.cut.notify_one();
        return std::future::pending().await;
    };
    let status = StatusCode::from_u16(status).unwrap();
    shared.inner.lock().unwrap().calls.push(Call { method: head.method, path: head.uri.to_string(), status });
    let body = if json.is_null() && status == StatusCode::NO_CONTENT {
        Body::empty()
    } else {
        Body::from(json.to_string())
    };
    Response::builder().status(status).header("content-type", "application/json").body(body).unwrap()
}

impl Inner {
    /// Status and body; `None` where the line is cut.
    fn answer(
        &mut self,
        method: &Method,
        path: &[String],
        query: &BTreeMap<String, String>,
        body: &Value,
        unprovenanced: bool,
        authorization: Option<String>,
    ) -> Option<(u16, Value)> {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let said = |status: u16, message: &str| Some((status, json!({"message": message})));
        if path == ["api", "health"] && self.manners.starting > 0 {
            self.manners.starting -= 1;
            return Some((503, json!({"database": "failing", "version": self.world.version_text()})));
        }
        if path == ["api", "health"] {
            return Some((
                200,
                json!({"database": "ok", "version": self.world.version_text(), "commit": "standin"}),
            ));
        }
        if let Some((user, password)) = &self.manners.login {
            let basic = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
            let known = authorization.is_some_and(|given| {
                given == format!("Basic {basic}")
                    || given.strip_prefix("Bearer ").is_some_and(|token| self.world.is_token(token))
            });
            if !known {
                return said(401, "Invalid username or password");
            }
        }
        // Described elsewhere than the rest.
        if path == ["api", "prometheus", "grafana", "api", "v1", "rules"] {
            return Some((200, self.world.evaluated()));
        }
        if self.manners.busy > 0 {
            self.manners.busy -= 1;
            return said(503, "database is locked");
        }
        let alerting = path.starts_with(&["api", "v1", "provisioning"]);
        if alerting && self.manners.late_alerting > 0 {
            self.manners.late_alerting -= 1;
            return said(500, "Alertmanager is not ready for the organisation");
        }
        let writes = *method != Method::GET;
        let cut = self.manners.cut.filter(|(at, _)| writes && *at <= self.writes).map(|(_, cut)| cut);
        if cut == Some(Cut::Before) {
            return None;
        }
        if writes {
            self.writes += 1;
            if self.manners.race {
                self.world.race(&path, body);
            }
        }
        let answered = self.world.answer(method, &path, query, body, unprovenanced);
        let (status, said) = &answered;
        self.problems.extend(schema::problems(method.as_str(), &path, body, *status, said));
        if cut == Some(Cut::After) { None } else { Some(answered) }
    }
}
