//! What gRPC says of a call over HTTP: always 200 in the head, and the truth in the trailers.
//!
//! Source: "gRPC over HTTP2" for where the status is, `google/rpc/code.proto` for which status of
//! HTTP is equivalent to it.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};

/// A status that a server answers for a method it does not have; any client can cause it with
/// any path.
pub(super) const UNIMPLEMENTED: u8 = 12;

/// What a call without a readable status is.
pub(super) const UNKNOWN: u8 = 2;

/// Number by number: the name, and the equivalent status of HTTP.
const CODES: [(&str, u16); 17] = [
    ("OK", 200),
    ("CANCELLED", 499),
    ("UNKNOWN", 500),
    ("INVALID_ARGUMENT", 400),
    ("DEADLINE_EXCEEDED", 504),
    ("NOT_FOUND", 404),
    ("ALREADY_EXISTS", 409),
    ("PERMISSION_DENIED", 403),
    ("RESOURCE_EXHAUSTED", 429),
    ("FAILED_PRECONDITION", 400),
    ("ABORTED", 409),
    ("OUT_OF_RANGE", 400),
    ("UNIMPLEMENTED", 501),
    ("INTERNAL", 500),
    ("UNAVAILABLE", 503),
    ("DATA_LOSS", 500),
    ("UNAUTHENTICATED", 401),
];

/// Whether the head is one of gRPC. gRPC-Web is not: its trailers are inside the body.
pub(super) fn speaks(headers: &HeaderMap) -> bool {
    let Some(rest) =
        headers.get(CONTENT_TYPE).and_then(|kind| kind.as_bytes().strip_prefix(b"application/grpc"))
    else {
        return false;
    };
    matches!(rest.first(), None | Some(b'+' | b';'))
}

/// The status in trailers, or in the head of an answer that has no body.
pub(super) fn status(headers: &HeaderMap) -> Option<u8> {
    headers.get("grpc-status").map(read)
}

fn read(value: &HeaderValue) -> u8 {
    let number = value.to_str().ok().and_then(|text| text.parse::<u8>().ok());
    number.filter(|number| usize::from(*number) < CODES.len()).unwrap_or(UNKNOWN)
}

/// The equivalent status of HTTP, and the name of the error where it is the server's.
pub(super) fn outcome(code: u8) -> (u16, &'static str) {
    let (name, status) = CODES.get(usize::from(code)).copied().unwrap_or(CODES[usize::from(UNKNOWN)]);
    (status, if status >= 500 { name } else { "" })
}

/// The path as a route, if it has the form `/package.Service/Method`.
pub(super) fn method(path: &str) -> Option<&str> {
    let (service, method) = path.strip_prefix('/')?.split_once('/')?;
    let word = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"._".contains(&b))
    };
    (path.len() <= crate::label::MAX_LABEL_BYTES && word(service) && word(method)).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name.parse().unwrap(), HeaderValue::from_static(value))])
    }

    #[test]
    fn only_what_has_trailers_is_read_as_grpc() {
        for kind in ["application/grpc", "application/grpc+proto", "application/grpc;charset=x"] {
            assert!(speaks(&headers("content-type", kind)), "{kind}");
        }
        for kind in ["application/grpc-web", "application/grpc-web+proto", "application/json"] {
            assert!(!speaks(&headers("content-type", kind)), "{kind}");
        }
    }

    #[test]
    fn a_status_that_is_none_is_unknown() {
        for (text, code) in [("0", 0), ("14", 14), ("16", 16), ("17", 2), ("-1", 2), ("999", 2), ("", 2)] {
            assert_eq!(status(&headers("grpc-status", text)), Some(code), "{text}");
        }
        assert_eq!(status(&headers("content-type", "application/grpc")), None);
    }

    #[test]
    fn only_errors_of_the_server_are_named() {
        assert_eq!(outcome(0), (200, ""));
        assert_eq!(outcome(5), (404, ""));
        assert_eq!(outcome(14), (503, "UNAVAILABLE"));
        assert_eq!(outcome(200), (500, "UNKNOWN"));
    }

    #[test]
    fn only_a_service_and_a_method_make_a_route() {
        assert_eq!(method("/shop.v1.Orders/Place"), Some("/shop.v1.Orders/Place"));
        for path in ["", "/", "/a", "/a/", "//b", "/a/b/c", "/a b/c", "/a/b?c", "a/b"] {
            assert_eq!(method(path), None, "{path}");
        }
    }
}
