//! Peers, tokens, networks and hosts.

use axum::http::HeaderValue;

use super::*;
use crate::config::Scope;
use crate::web::fixture;

fn access() -> Access {
    Access::new(
        vec!["10.1.0.0/16".parse().unwrap(), "fd00::/8".parse().unwrap()],
        vec![fixture::token("first", &[Scope::Read]), fixture::token("second", &[Scope::Read])],
        vec!["Metrics.Example.org.".to_owned()],
    )
}

fn may_read(peer: &str, authorization: Option<&'static str>) -> bool {
    let mut headers = HeaderMap::new();
    headers.extend(authorization.map(|value| (header::AUTHORIZATION, HeaderValue::from_static(value))));
    access().caller(Peer::new(peer.parse().unwrap()), &headers, Timestamp::UNIX_EPOCH).is_ok()
}

#[test]
fn loopback_and_trusted_networks_read_without_a_token() {
    for peer in
        ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "10.1.255.255", "::ffff:10.1.0.7", "fd12::1"]
    {
        assert!(may_read(peer, None), "{peer}");
    }
    for peer in ["10.2.0.1", "192.0.2.1", "fe80::1", "0.0.0.0"] {
        assert!(!may_read(peer, None), "{peer}");
    }
}

#[test]
fn anybody_else_reads_with_a_token_of_ours() {
    for authorization in ["Bearer first", "bearer second", "Bearer  first "] {
        assert!(may_read("192.0.2.1", Some(authorization)), "{authorization}");
    }
    for authorization in ["Bearer third", "Bearer ", "Bearer", "Basic first", "first", "Bearer firs"] {
        assert!(!may_read("192.0.2.1", Some(authorization)), "{authorization}");
    }
}

#[test]
fn an_unknown_peer_is_trusted_with_nothing() {
    let everybody = Access::new(vec!["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()], vec![], vec![]);
    let caller = |peer| everybody.caller(peer, &HeaderMap::new(), Timestamp::UNIX_EPOCH);
    assert!(caller(Peer(None)).is_err());
    assert!(caller(Peer::new("192.0.2.1".parse().unwrap())).is_ok());
}

fn host_is_ours(host: &'static str) -> bool {
    let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static(host))]);
    access().check_host(&Uri::from_static("/metrics"), Version::HTTP_11, &headers).is_ok()
}

#[test]
fn a_host_that_is_not_ours_is_refused() {
    let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
    assert!(access().is_ours(&format!("{machine}:10417")), "{machine}");
    for host in [
        "127.0.0.1:10417",
        "192.0.2.7",
        "[::1]:10417",
        "localhost",
        "LOCALHOST:1",
        "shop.localhost:10417",
        "dockmeter:10417",
        "metrics.example.org",
        "metrics.example.org.:10417",
    ] {
        assert!(host_is_ours(host), "{host}");
    }
    for host in [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "notlocalhost",
        "a@127.0.0.1",
        "127.0.0.1/..",
        "[::1",
        "a b",
    ] {
        assert!(!host_is_ours(host), "{host}");
    }
}

#[test]
fn only_http_1_0_may_leave_the_host_out() {
    let check = |uri: &'static str, version| {
        access().check_host(&Uri::from_static(uri), version, &HeaderMap::new()).is_ok()
    };
    assert!(check("/metrics", Version::HTTP_10));
    assert!(!check("/metrics", Version::HTTP_11));
    assert!(check("http://127.0.0.1/metrics", Version::HTTP_11));
    assert!(!check("http://evil.example/metrics", Version::HTTP_10));
}

#[test]
fn an_expired_token_is_refused_from_the_moment_it_ends() {
    let end: Timestamp = "2027-01-31T00:00:00Z".parse().unwrap();
    let token = Token { expires: Some(end), ..fixture::token("first", &[Scope::Read]) };
    let access = Access::new(vec![], vec![token], vec![]);
    let headers = HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static("Bearer first"))]);
    let caller = |now: &str| {
        access.caller(Peer::new("127.0.0.1".parse().unwrap()), &headers, now.parse().unwrap()).is_ok()
    };
    assert!(caller("2027-01-30T23:59:59Z"));
    assert!(!caller("2027-01-31T00:00:00Z"), "not even on loopback, where it would see more without");
}

#[test]
fn a_login_counts_where_none_is_needed_and_a_foreign_scheme_is_none() {
    for peer in ["127.0.0.1", "10.1.0.7"] {
        assert!(!may_read(peer, Some("Bearer third")), "{peer}");
        assert!(may_read(peer, Some("Basic Zm9vOmJhcg==")), "a proxy's own login: {peer}");
    }
}
