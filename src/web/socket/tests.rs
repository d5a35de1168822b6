//! Openings as browsers and programs send them.

use axum::body::Body;

use super::*;

/// Headers by name and value.
fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
}

fn shown(protocols: &str) -> Option<String> {
    let login = login(&headers(&[("sec-websocket-protocol", protocols)])).unwrap();
    login.map(|login| {
        assert!(login.is_sensitive());
        login.to_str().unwrap().to_owned()
    })
}

#[test]
fn a_key_is_accepted_as_in_the_standard() {
    // RFC 6455, 1.3.
    let key = HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ==");
    assert!(is_key(&key));
    assert_eq!(accept(&key), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert!(!is_key(&HeaderValue::from_static("c2hvcnQ=")) && !is_key(&HeaderValue::from_static("?")));
}

#[test]
fn a_login_may_stand_among_the_protocols() {
    let token = crate::config::token_of([0xab; 32]);
    let of_tokens = format!("dockmeter, dockmeter.bearer.{token}");
    assert_eq!(shown(&of_tokens).unwrap(), format!("Bearer {token}"));
    // `ann:pä>?` needs the other alphabet of base64.
    let password = BASE64_URL_SAFE_NO_PAD.encode("ann:pä>?");
    let basic = shown(&format!("dockmeter.basic.{password}")).unwrap();
    assert_eq!(basic, format!("Basic {}", BASE64_STANDARD.encode("ann:pä>?")));
    assert_eq!(shown("dockmeter, soap"), None);
    let wrong = login(&headers(&[("sec-websocket-protocol", "dockmeter.basic.a:b")])).unwrap_err();
    assert!(wrong.parts().1.contains("base64url"), "{wrong:?}");
}

#[test]
fn a_page_of_another_server_is_refused_but_for_those_that_are_named() {
    let access = Access::default().with_origins(vec!["https://dash.example.com".to_owned()]);
    let check = |host: &str, origin: &str| {
        check_origin(&access, &headers(&[("host", host), ("origin", origin)])).is_ok()
    };
    assert!(check_origin(&access, &headers(&[("host", "localhost")])).is_ok(), "a program sends none");
    let ours = [
        ("localhost:10417", "http://localhost:10417"),
        ("Localhost:10417", "http://localhost:10417"),
        ("metrics.example.com", "https://metrics.example.com"),
        ("metrics.example.com:443", "https://metrics.example.com"),
        ("[::1]:10417", "http://[::1]:10417"),
        ("10.0.0.7:10417", "https://dash.example.com"),
    ];
    for (host, origin) in ours {
        assert!(check(host, origin), "{origin} at {host}");
    }
    let foreign = [
        "http://localhost:3000",
        "http://localhost",
        "http://127.0.0.1:10417",
        "https://evil.example.com",
        "https://dash.example.com:444",
        "http://dash.example.com",
        "file://localhost:10417",
        "null",
        "",
    ];
    for origin in foreign {
        assert!(!check("localhost:10417", origin), "{origin}");
    }
    let two = headers(&[("host", "a"), ("origin", "http://a"), ("origin", "http://b")]);
    assert!(check_origin(&access, &two).is_err());
}

#[test]
fn what_is_no_opening_is_told_how_to_open() {
    for (http2, advice) in [(false, "`ws://` or `wss://`"), (true, "without HTTP/2")] {
        let problem = Opening::of(&mut Request::new(Body::empty()), http2).err().unwrap();
        assert!(problem.parts().1.contains(advice), "{problem:?}");
        assert_eq!(problem.into_response().status(), 426);
    }
}
