//! Database calls: what is counted, under which words, and how they end.

use std::future::{Future as _, pending, ready};
use std::io;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::task::{Context, Waker};

use dockmeter::middleware::{DbMetrics, Names};
use futures_util::FutureExt as _;
use prometheus::Registry;

use crate::server::lines;

fn sorted(registry: &Registry, beginning: &str) -> Vec<String> {
    let mut lines = lines(registry, beginning);
    lines.sort();
    lines
}

fn failure() -> Result<(), io::Error> {
    Err(io::Error::other("the server closed the connection unexpectedly"))
}

#[tokio::test]
async fn calls_are_counted_by_type_and_table_whatever_their_end() {
    let registry = Registry::new();
    let db = DbMetrics::new("postgresql").names(Names::Both).service("shop").register(&registry).unwrap();
    let select = db.query("SELECT", "orders");

    assert_eq!(select.time(ready(Ok::<_, io::Error>(17))).await.unwrap(), 17);
    assert!(select.time(ready(failure())).await.is_err());
    let panicking = select.time(async { panic!("on purpose") as Result<(), io::Error> });
    assert!(AssertUnwindSafe(panicking).catch_unwind().await.is_err());
    {
        let mut given_up = pin!(select.time(pending::<Result<(), io::Error>>()));
        assert!(given_up.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    drop(select.time(ready(failure())));
    db.query("BEGIN", "").time(ready(Ok::<_, io::Error>(()))).await.unwrap();
    db.system("redis").query("SELECT", "orders").time(ready(Ok::<_, io::Error>(()))).await.unwrap();

    let classic = [
        r#"{query_type="BEGIN",service="shop"} 1"#,
        r#"{query_type="SELECT",service="shop",table="orders"} 5"#,
    ];
    assert_eq!(sorted(&registry, "db_queries_total"), classic);
    assert_eq!(sorted(&registry, "db_query_duration_seconds_count"), classic);
    let of = |error: &str, system: &str| {
        format!(
            r#"{{db_collection_name="orders",db_operation_name="SELECT",db_system_name="{system}",{error}service="shop"}} 1"#
        )
    };
    let otel = [
        of(r#"error_type="cancelled","#, "postgresql"),
        of(r#"error_type="error","#, "postgresql"),
        of(r#"error_type="panic","#, "postgresql"),
        of("", "postgresql"),
        of("", "redis"),
        r#"{db_operation_name="BEGIN",db_system_name="postgresql",service="shop"} 1"#.to_owned(),
    ];
    assert_eq!(sorted(&registry, "db_client_operation_duration_seconds_count"), otel);
}

#[tokio::test]
async fn a_call_may_be_somebodys() {
    let registry = Registry::new();
    let db = DbMetrics::new("postgresql").by_user().max_tables(2).register(&registry).unwrap();
    let fine = || ready(Ok::<_, io::Error>(()));
    db.query("SELECT", "a").user("ann").time(fine()).await.unwrap();
    db.query("SELECT", "a").time(fine()).await.unwrap();
    for table in ["b", "c", "d"] {
        db.query("SELECT", table).user("ann").time(fine()).await.unwrap();
    }
    let of = |table: &str, user: &str, count: u32| {
        format!(r#"{{query_type="SELECT",table="{table}",user="{user}"}} {count}"#)
    };
    let expected = [of("a", "ann", 1), of("a", "anonymous", 1), of("b", "ann", 1), of("other", "ann", 2)];
    assert_eq!(sorted(&registry, "db_queries_total"), expected);
}
