//! Errors as `application/problem+json` (RFC 9457): `type`, `title`, `status`, `detail`.
//!
//! `type` is a word that programs can compare; `detail` is for people and says what to do.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

use crate::inventory::FindError;

/// What kinds of errors there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The request cannot be understood.
    BadRequest,
    /// A token is needed and was not given, or is not ours.
    Unauthorized,
    /// Who asks is known, and may not.
    Forbidden,
    /// There is no such page or container.
    NotFound,
    /// Nobody has configured what it would come from.
    NotConfigured,
    /// The page is there, but not for this method.
    MethodNotAllowed,
    /// It is not as who asks believes.
    Conflict,
    /// The name fits more than one container.
    Ambiguous,
    /// The request is for a host that this server is not.
    Misdirected,
    /// It is not spoken over HTTP as it was asked for.
    Upgrade,
    /// The body is of a type, or packed in a way, that is not known here.
    MediaType,
    /// A request has a body that is larger than it may be.
    TooLarge,
    /// More requests than are allowed in some time; there is room again after this.
    TooMany(Duration),
    /// The configuration that was to be read again is refused.
    Configuration,
    /// Our own fault.
    Internal,
    /// What is asked for cannot be seen from here.
    OutOfReach,
    /// It may work in a moment.
    Unavailable,
    /// Who asks may be known in a moment, over another connection.
    NotYetKnown,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::BadRequest => "bad-request",
            Kind::Unauthorized => "unauthorized",
            Kind::Forbidden => "forbidden",
            Kind::NotFound => "not-found",
            Kind::NotConfigured => "not-configured",
            Kind::MethodNotAllowed => "method-not-allowed",
            Kind::Conflict => "conflict",
            Kind::Ambiguous => "ambiguous",
            Kind::Misdirected => "misdirected",
            Kind::Upgrade => "upgrade-required",
            Kind::MediaType => "media-type",
            Kind::TooLarge => "too-large",
            Kind::TooMany(_) => "too-many-requests",
            Kind::Configuration => "configuration-refused",
            Kind::Internal => "internal",
            Kind::OutOfReach => "out-of-reach",
            Kind::Unavailable | Kind::NotYetKnown => "unavailable",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Kind::BadRequest => StatusCode::BAD_REQUEST,
            Kind::Unauthorized => StatusCode::UNAUTHORIZED,
            Kind::Forbidden => StatusCode::FORBIDDEN,
            Kind::NotFound | Kind::NotConfigured => StatusCode::NOT_FOUND,
            Kind::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Kind::Ambiguous | Kind::Conflict => StatusCode::CONFLICT,
            Kind::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Kind::Upgrade => StatusCode::UPGRADE_REQUIRED,
            Kind::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Kind::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            // As Prometheus answers it.
            Kind::Configuration => StatusCode::INTERNAL_SERVER_ERROR,
            Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Kind::OutOfReach => StatusCode::NOT_IMPLEMENTED,
            Kind::Unavailable | Kind::NotYetKnown => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// One error, ready to be answered.
#[derive(Debug)]
pub(super) struct Problem {
    kind: Kind,
    detail: String,
    more: Map<String, Value>,
}

impl Problem {
    /// A problem of a kind, with what was tried and what to do about it.
    pub(super) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Problem { kind, detail: detail.into(), more: Map::new() }
    }

    /// The same with more members, as RFC 9457 allows them.
    pub(super) fn with(self, more: Map<String, Value>) -> Self {
        Problem { more, ..self }
    }

    /// Its `type`.
    pub(super) fn word(&self) -> &'static str {
        self.kind.word()
    }

    /// Its status and detail, for answers in another form.
    pub(super) fn parts(&self) -> (StatusCode, &str) {
        (self.kind.status(), &self.detail)
    }

    /// After how many seconds it may work, if who asks is to try again.
    pub(super) fn retry_after(&self) -> Option<u64> {
        match self.kind {
            Kind::Unavailable | Kind::NotYetKnown => Some(1),
            Kind::TooMany(wait) => Some(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)),
            _ => None,
        }
    }

    /// More requests at once than `--web.max-requests` allows.
    pub(super) fn too_many_requests() -> Self {
        let detail = "too many requests at once; try again, or raise `--web.max-requests`";
        Problem::new(Kind::Unavailable, detail)
    }

    /// Nothing has been read yet, and reading takes too long.
    pub(super) fn no_numbers(deadline: Duration) -> Self {
        let detail = format!("the first reading did not end within {deadline:?}; try again in a moment");
        Problem::new(Kind::Unavailable, detail)
    }
}

impl From<FindError> for Problem {
    fn from(error: FindError) -> Self {
        let kind = match error {
            FindError::Unknown(_) => Kind::NotFound,
            FindError::Ambiguous(..) => Kind::Ambiguous,
        };
        Problem::new(kind, error.to_string())
    }
}

/// The body, as RFC 9457 names its fields.
#[derive(serde::Serialize)]
struct Body {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    #[serde(flatten)]
    more: Map<String, Value>,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.kind.status();
        let retry_after = self.retry_after();
        let closes = self.kind == Kind::NotYetKnown;
        let upgrade = self.kind == Kind::Upgrade;
        let body = Body {
            r#type: self.kind.word(),
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            detail: self.detail,
            more: self.more,
        };
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.kind == Kind::Unauthorized {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if upgrade {
            // Over HTTP/2, which knows none of them, hyper leaves out the first two.
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        if closes {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
