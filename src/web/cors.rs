//! Which pages of other servers may read here (`--web.cors-origin`), by the Fetch standard's CORS
//! protocol: reading alone, of the origins that are named, never of all, and without cookies.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::access::Access;

/// What a page may do.
const METHODS: &str = "GET, HEAD";

/// Headers that a page may send.
const HEADERS: &str = "Authorization, Content-Type, Last-Event-ID";

/// How long a browser may remember that, in seconds.
const REMEMBERED: &str = "600";

/// What a request means for who may read its answer.
#[derive(Debug, Default)]
pub(super) struct Crossing {
    /// The origin that may.
    allowed: Option<HeaderValue>,
    /// Whether it is only asked what may be done.
    preflight: bool,
    /// Whether the answer depends on who asks.
    varies: bool,
}

impl Crossing {
    /// Reads it off a request.
    pub(super) fn of(access: &Access, request: &Request) -> Self {
        let (headers, method) = (request.headers(), request.method());
        let reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
        let named = |origin: &&HeaderValue| origin.to_str().is_ok_and(|origin| access.names_origin(origin));
        let allowed = headers.get(header::ORIGIN).filter(named).filter(|_| reads).cloned();
        let asks = headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        let preflight = allowed.is_some() && *method == Method::OPTIONS && asks;
        Crossing { allowed, preflight, varies: access.names_origins() }
    }

    /// The answer to a question what may be done, if it is one.
    pub(super) fn answer(&self) -> Option<Response> {
        self.preflight.then(|| {
            let mut response = StatusCode::NO_CONTENT.into_response();
            let headers = response.headers_mut();
            let may = [
                (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
                (header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
                (header::ACCESS_CONTROL_MAX_AGE, REMEMBERED),
            ];
            headers.extend(may.map(|(name, value)| (name, HeaderValue::from_static(value))));
            response
        })
    }

    /// Says in an answer who may read it.
    pub(super) fn mark(self, headers: &mut HeaderMap) {
        if self.varies {
            headers.append(header::VARY, HeaderValue::from_static("origin"));
        }
        if let Some(origin) = self.allowed {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::body::Body;

    use super::*;
    use crate::config::Scope;
    use crate::web::Context;
    use crate::web::fixture::{self, Answer, send};

    const OURS: &str = "https://dash.example.com";

    fn context(origins: &[&str]) -> Arc<Context> {
        let context = fixture::context();
        let tokens = vec![fixture::token("secret", &[Scope::Read])];
        let origins = origins.iter().map(|origin| (*origin).to_owned()).collect();
        context.set_access(Access::new(vec![], tokens, vec![]).with_origins(origins));
        context
    }

    async fn ask(context: &Arc<Context>, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let request = Request::builder().method(method).uri(path).header("host", "localhost");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        send(context, "127.0.0.1", request.body(Body::empty()).unwrap()).await
    }

    #[tokio::test]
    async fn a_page_that_is_named_may_read_and_no_other() {
        let context = context(&[OURS]);
        for (origin, allowed) in [(OURS, OURS), ("https://evil.example.com", ""), ("null", "")] {
            let answer = ask(&context, "GET", "/api/containers", &[("origin", origin)]).await;
            assert_eq!((answer.status.as_u16(), answer.header("vary")), (200, "origin"));
            assert_eq!(answer.header("access-control-allow-origin"), allowed, "{origin}");
            assert_eq!(answer.header("access-control-allow-credentials"), "");
        }
        let answer = ask(&context, "POST", "/-/reload", &[("origin", OURS)]).await;
        assert_eq!(answer.header("access-control-allow-origin"), "", "reading alone");
        // What is refused can be read, too: the page is to tell its user why.
        let login = [("origin", OURS), ("authorization", "Bearer wrong")];
        let answer = ask(&context, "GET", "/api/containers", &login).await;
        assert_eq!((answer.status.as_u16(), answer.header("access-control-allow-origin")), (401, OURS));
    }

    #[tokio::test]
    async fn a_browser_is_told_what_such_a_page_may_do() {
        let question = |origin| [("origin", origin), ("access-control-request-method", "GET")];
        let named = context(&[OURS]);
        let answer = ask(&named, "OPTIONS", "/api/queries/slow", &question(OURS)).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (204, ""));
        let names = ["allow-origin", "allow-methods", "allow-headers", "max-age"];
        let said = names.map(|name| answer.header(&format!("access-control-{name}")).to_owned());
        assert_eq!(said, [OURS, METHODS, HEADERS, REMEMBERED]);
        let other = ask(&named, "OPTIONS", "/api/queries/slow", &question("http://a.example")).await;
        assert_eq!((other.status.as_u16(), other.header("access-control-allow-methods")), (405, ""));
        let nobody = ask(&context(&[]), "OPTIONS", "/api/queries/slow", &question(OURS)).await;
        assert_eq!((nobody.status.as_u16(), nobody.header("vary")), (405, ""));
    }
}
