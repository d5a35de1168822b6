//! Scrapes: what is asked for, in which form, and what a reading that hangs costs.

use std::io::Read;
use std::time::Instant;

use flate2::read::GzDecoder;

use super::*;
use crate::web::access::Access;
use crate::web::fixture::{self, Fixed, get, request, send};

#[tokio::test]
async fn a_scrape_gets_text_by_default_and_openmetrics_on_request() {
    let context = fixture::context();
    let text = get(&context, "/metrics", &[]).await;
    assert_eq!(text.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(text.header("vary"), "Accept, Accept-Encoding");
    assert!(text.text().contains("# TYPE container_memory_usage_bytes gauge\n"), "{}", text.text());
    assert!(text.text().contains("name=\"shop-api-1\""), "{}", text.text());

    let accept = [("accept", "application/openmetrics-text;version=1.0.0")];
    let open_metrics = get(&context, "/api/metrics/prometheus", &accept).await;
    assert_eq!(
        open_metrics.header("content-type"),
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    assert!(open_metrics.text().ends_with("# EOF\n"));
}

/// What a Prometheus sends that takes native histograms.
const PROTOBUF: (&str, &str) = (
    "accept",
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,*/*;q=0.2",
);

#[tokio::test]
async fn protobuf_has_the_same_series_compressed_chosen_and_narrowed_like_text() {
    let access = Access::new(vec!["192.0.2.0/24".parse().unwrap()], vec![], vec![]);
    let source = Fixed { hangs: false, latest: Some(Arc::new(fixture::snapshot())) };
    let context = fixture::context_of(source, access, 0);
    let whole = get(&context, "/metrics", &[PROTOBUF]).await;
    assert_eq!(
        whole.header("content-type"),
        "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
    );
    let has = |page: &[u8], text: &str| memchr::memmem::find(page, text.as_bytes()).is_some();
    for text in ["container_memory_usage_bytes", "machine_cpu_cores", "shop-api-1", "shop-db-1"] {
        assert!(has(&whole.body, text), "{text}");
    }

    let packed =
        send(&context, "192.0.2.1", request("/metrics", &[PROTOBUF, ("accept-encoding", "gzip")])).await;
    assert_eq!(packed.header("content-encoding"), "gzip");
    let mut page = Vec::new();
    GzDecoder::new(packed.body.as_ref()).read_to_end(&mut page).unwrap();
    assert!(has(&page, "machine_cpu_cores"));

    let machine = get(&context, "/metrics?collect[]=machine", &[PROTOBUF]).await;
    assert!(has(&machine.body, "machine_cpu_cores") && !has(&machine.body, "container_memory_usage_bytes"));
    let bobs = get(&context, "/metrics?user=bob", &[PROTOBUF]).await;
    assert!(has(&bobs.body, "shop-db-1") && !has(&bobs.body, "shop-api-1"));
}

#[tokio::test]
async fn a_page_is_compressed_for_remote_peers_and_for_local_ones_that_take_nothing_else() {
    let access = Access::new(vec!["192.0.2.0/24".parse().unwrap()], vec![], vec![]);
    let source = Fixed { hangs: false, latest: Some(Arc::new(fixture::snapshot())) };
    let context = fixture::context_of(source, access, 0);
    let plain = get(&context, "/metrics?collect[]=machine", &[("accept-encoding", "gzip")]).await;
    assert_eq!(plain.header("content-encoding"), "");
    assert!(plain.text().contains("machine_cpu_cores 4\n"));

    let only_gzip = [("accept-encoding", "gzip, identity;q=0")];
    for (peer, headers) in [("192.0.2.1", &[("accept-encoding", "gzip")]), ("127.0.0.1", &only_gzip)] {
        let packed = send(&context, peer, request("/metrics", headers)).await;
        assert_eq!(packed.header("content-encoding"), "gzip", "{peer}");
        let mut page = String::new();
        GzDecoder::new(packed.body.as_ref()).read_to_string(&mut page).unwrap();
        assert!(page.contains("machine_cpu_cores 4\n"), "{page}");
    }
}

#[tokio::test]
async fn collect_and_exclude_choose_collectors_and_refuse_unknown_ones() {
    let context = fixture::context();
    let only = get(&context, "/metrics?collect[]=machine&collect%5B%5D=machine", &[]).await;
    assert!(only.text().contains("machine_cpu_cores") && !only.text().contains("container_memory_usage"));
    let but = get(&context, "/metrics?exclude[]=machine", &[]).await;
    assert!(!but.text().contains("machine_cpu_cores") && but.text().contains("container_memory_usage"));

    let unknown = get(&context, "/metrics?collect[]=machine&collect[]=gpu", &[]).await;
    assert_eq!(unknown.problem(400), "no collector `gpu` runs here; there are `container_memory`, `machine`");
    let both = get(&context, "/metrics?collect[]=machine&exclude[]=container_memory", &[]).await;
    assert!(both.problem(400).contains("cannot be given together"));
}

#[tokio::test]
async fn a_scrape_can_be_narrowed_to_a_tenant() {
    let context = fixture::context();
    let bobs = get(&context, "/metrics?user=bob&project=shop", &[]).await;
    let series: Vec<&str> = bobs.text().lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(series.len(), 1, "{series:?}");
    assert!(series[0].contains("shop-db-1"), "{series:?}");
    assert!(get(&context, "/metrics?user=", &[]).await.problem(400).contains("`user` is empty"));
    let two = get(&context, "/metrics?user=bob&user=ann&user=eve", &[]).await;
    assert!(two.text().contains("shop-db-1") && two.text().contains("shop-api-1"), "{}", two.text());
    assert_eq!(get(&context, "/metrics?user=eve", &[]).await.text(), "");
}

#[tokio::test]
async fn a_reading_that_hangs_is_answered_with_the_last_numbers_in_time() {
    let source = Fixed { hangs: true, latest: Some(Arc::new(fixture::snapshot())) };
    let context = fixture::context_of(source, Access::default(), 0);
    let started = Instant::now();
    let page = get(&context, "/metrics", &[("x-prometheus-scrape-timeout-seconds", "0.6")]).await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains("machine_cpu_cores 4\n"));
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_reading_that_hangs_before_the_first_numbers_is_unavailable() {
    let context = fixture::context_of(Fixed { hangs: true, latest: None }, Access::default(), 0);
    let page = get(&context, "/metrics", &[("x-prometheus-scrape-timeout-seconds", "0.1")]).await;
    assert!(page.problem(503).contains("100ms"));
    assert_eq!(page.header("retry-after"), "1");
}

#[test]
fn a_reading_gets_the_scrapers_patience_less_a_reserve_within_bounds() {
    let of = |value: &'static str| {
        deadline(&HeaderMap::from_iter([(SCRAPE_TIMEOUT.parse().unwrap(), HeaderValue::from_static(value))]))
    };
    assert_eq!(deadline(&HeaderMap::new()), FRESH_DEADLINE);
    let cases =
        [("3", 2_500), ("10.000000", 9_500), ("0.2", 100), ("600", 10_000), ("-1", 5_000), ("NaN", 5_000)];
    for (value, milliseconds) in cases {
        assert_eq!(of(value), Duration::from_millis(milliseconds), "{value}");
    }
}

#[tokio::test]
async fn whole_pages_share_memory_and_narrowed_ones_stay_out_of_it() {
    let context = fixture::context();
    drop(get(&context, "/metrics", &[]).await);
    let kept = context.pages.take();
    assert!(kept.capacity() > 0);
    drop(get(&context, "/metrics?user=ann", &[]).await);
    assert_eq!(context.pages.take().capacity(), 0);
}
