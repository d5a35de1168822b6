//! Every event counts once, however it is sent and whatever becomes of who sends it.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::ingest::{Encoding, Origin, Receiver, Records};

/// Tells everybody of the same tallies.
#[derive(Debug)]
struct All(Vec<Arc<Tally>>);

impl Watcher for All {
    fn generation(&self) -> u64 {
        0
    }

    fn tallies(&self, _: &Tenant, _: &LabelValue, _: Option<ContainerId>) -> Vec<Arc<Tally>> {
        self.0.clone()
    }
}

/// A receiver with a tally of failures, one of what is slower than half a second, and one of jobs.
fn receiver() -> (Receiver, [Arc<Tally>; 3]) {
    let selector = |text| Selector::parse(text).unwrap();
    let ratio = Counted::Ratio {
        name: LabelValue::clean("jobs"),
        total: selector("watched_jobs_total"),
        bad: selector("watched_jobs_total{result=\"failed\"}"),
    };
    let slow = Counted::Latency(Duration::from_millis(500));
    let tallies = [Counted::Availability, slow, ratio].map(|counted| Arc::new(Tally::new(counted)));
    let receiver = Receiver::default();
    receiver.watched_by(Arc::new(All(tallies.to_vec())));
    (receiver, tallies)
}

fn events(tallies: &[Arc<Tally>; 3]) -> [(f64, f64); 3] {
    [0, 1, 2].map(|place| {
        let Events { all, bad } = tallies[place].events();
        (all, bad)
    })
}

/// Nanoseconds since 1970 so many seconds from now: programs begin after the receiver.
fn later(seconds: u64) -> u64 {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    u64::try_from((now + Duration::from_secs(seconds)).as_nanos()).unwrap()
}

/// A state of requests by status: how many took 0.1 s, and how many 2 s.
fn cumulative(instance: &str, (start, time): (u64, u64), series: &[(u16, u64, u64)]) -> String {
    let points: Vec<String> = series
        .iter()
        .map(|(status, fast, slow)| {
            format!(
                r#"{{"startTimeUnixNano":"{start}","timeUnixNano":"{time}","count":{},"sum":1,
                "explicitBounds":[0.1,0.5,1],"bucketCounts":[{fast},0,0,{slow}],
                "attributes":[{{"key":"http.response.status_code","value":{{"intValue":{status}}}}}]}}"#,
                fast + slow
            )
        })
        .collect();
    format!(
        r#"{{"resourceMetrics":[{{"resource":{{"attributes":[
        {{"key":"service.instance.id","value":{{"stringValue":"{instance}"}}}}]}},
        "scopeMetrics":[{{"metrics":[{{"name":"http.server.request.duration","unit":"s",
        "histogram":{{"aggregationTemporality":2,"dataPoints":[{}]}}}}]}}]}}]}}"#,
        points.join(",")
    )
}

fn origin() -> Origin {
    Origin::of(Tenant::claimed(Some("ann"), None, None))
}

fn send(receiver: &Receiver, body: &str, now: Instant) {
    let received = receiver.metrics(&origin(), Encoding::Json, body.as_bytes(), now).unwrap();
    assert_eq!(received.rejected, 0, "{received:?}");
}

#[test]
fn sums_since_a_program_s_start_count_by_what_they_gain() {
    let (receiver, tallies) = receiver();
    let (now, start) = (Instant::now(), later(10));
    let at = |second: u64| (start, start + second * 1_000_000_000);
    // It began after the receiver, so all that it has done is new.
    send(&receiver, &cumulative("a", at(1), &[(200, 10, 2)]), now);
    assert_eq!(events(&tallies)[..2], [(12.0, 0.0), (12.0, 2.0)]);
    let minute = now + Duration::from_secs(60);
    send(&receiver, &cumulative("a", at(61), &[(200, 15, 2), (503, 3, 1)]), minute);
    assert_eq!(events(&tallies)[..2], [(21.0, 4.0), (21.0, 3.0)]);
    // The same request once more.
    send(&receiver, &cumulative("a", at(61), &[(200, 15, 2), (503, 3, 1)]), minute);
    assert_eq!(events(&tallies)[..2], [(21.0, 4.0), (21.0, 3.0)]);
    // The program has restarted.
    let again = (at(100).1, at(121).1);
    send(&receiver, &cumulative("a", again, &[(200, 4, 0)]), now + Duration::from_secs(120));
    assert_eq!(events(&tallies)[..2], [(25.0, 4.0), (25.0, 3.0)]);
}

#[test]
fn what_a_program_did_before_it_was_known_does_not_count() {
    let (receiver, tallies) = receiver();
    let (now, start) = (Instant::now(), 1_000_000_000);
    send(&receiver, &cumulative("a", (start, later(1)), &[(200, 1_000, 0)]), now);
    assert_eq!(events(&tallies)[0], (0.0, 0.0));
    let minute = now + Duration::from_secs(60);
    // A series that comes later has begun since.
    send(&receiver, &cumulative("a", (start, later(61)), &[(200, 1_005, 0), (500, 2, 0)]), minute);
    assert_eq!(events(&tallies)[0], (7.0, 2.0));
}

#[test]
fn series_that_were_idle_and_come_back_do_not_count_again() {
    for silence in [400, 20_000] {
        let (receiver, tallies) = receiver();
        let (now, start) = (Instant::now(), later(10));
        let time = |second: u64| (start, start + second * 1_000_000_000);
        send(&receiver, &cumulative("a", time(1), &[(200, 10, 0)]), now);
        let back = now + Duration::from_secs(silence);
        receiver.expire(now + Duration::from_secs(silence - 5));
        receiver.expire(now + Duration::from_secs(silence - 5));
        send(&receiver, &cumulative("a", time(silence), &[(200, 11, 0)]), back);
        send(
            &receiver,
            &cumulative("a", time(silence + 60), &[(200, 14, 0)]),
            back + Duration::from_secs(60),
        );
        assert_eq!(events(&tallies)[0], (13.0, 0.0), "after {silence} s the first state is known in part");
    }
}

#[test]
fn plain_requests_and_counters_count_one_by_one() {
    let (receiver, tallies) = receiver();
    let plain = |records, body: &str| {
        let taken = receiver.plain(&origin(), records, body.as_bytes(), Instant::now()).unwrap();
        assert_eq!(taken.rejected, []);
    };
    let request = |status: &str, seconds: f64| {
        format!(r#"{{"method":"GET",{status}"duration_seconds":{seconds},"service":"api"}}"#)
    };
    let with = |status: u16| format!("\"status_code\":{status},");
    let all = [
        request(&with(200), 0.5),
        request(&with(404), 0.6),
        request(&with(500), 0.1),
        request(&with(599), 3.0),
    ];
    plain(Records::Http, &format!("[{}]", all.join(",")));
    assert_eq!(events(&tallies)[..2], [(4.0, 2.0), (4.0, 2.0)], "a threshold is itself fast enough");
    let job = |result: &str, value: u32| {
        format!(r#"{{"name":"watched_jobs_total","value":{value},"labels":{{"result":"{result}"}}}}"#)
    };
    let body = format!(
        r#"{{"define":[{{"name":"watched_jobs_total","type":"counter","help":"Jobs.","labels":["result"]}}],"record":[{},{}]}}"#,
        job("ok", 5),
        job("failed", 2)
    );
    plain(Records::Custom, &body);
    assert_eq!(events(&tallies)[2], (7.0, 2.0));
}

#[test]
fn a_program_that_measures_itself_does_not_count_again_what_its_spans_have_told() {
    let (receiver, tallies) = receiver();
    let span = |id: u32, status: u16| {
        format!(
            r#"{{"traceId":"{id:032x}","spanId":"{id:016x}","name":"GET","kind":2,
            "startTimeUnixNano":"1000000000","endTimeUnixNano":"1200000000","attributes":[
            {{"key":"http.request.method","value":{{"stringValue":"GET"}}}},
            {{"key":"http.response.status_code","value":{{"intValue":{status}}}}}]}}"#
        )
    };
    let body = format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[
        {{"key":"service.instance.id","value":{{"stringValue":"a"}}}}]}},
        "scopeSpans":[{{"spans":[{},{}]}}]}}]}}"#,
        span(1, 200),
        span(2, 500)
    );
    let now = Instant::now();
    receiver.traces(&origin(), Encoding::Json, body.as_bytes(), now).unwrap();
    assert_eq!(events(&tallies)[0], (2.0, 1.0));
    let (start, minute) = (later(10), now + Duration::from_secs(60));
    send(&receiver, &cumulative("a", (start, start + 1), &[(200, 1, 0), (500, 1, 0)]), minute);
    assert_eq!(events(&tallies)[0], (2.0, 1.0));
    let next = minute + Duration::from_secs(60);
    send(&receiver, &cumulative("a", (start, start + 2), &[(200, 3, 0), (500, 1, 0), (502, 1, 0)]), next);
    assert_eq!(events(&tallies)[0], (5.0, 2.0));
}

#[test]
fn native_histograms_are_good_up_to_their_last_bound_below_the_threshold() {
    let (receiver, tallies) = receiver();
    // At scale 0 buckets end at powers of two: (0.25, 0.5] is good, (0.5, 1] is not.
    let body = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"http.server.request.duration",
        "unit":"s","exponentialHistogram":{"aggregationTemporality":1,"dataPoints":[{"startTimeUnixNano":"5",
        "timeUnixNano":"9","count":7,"sum":2,"scale":0,"zeroCount":1,
        "positive":{"offset":-2,"bucketCounts":[2,4]}}]}}]}]}]}"#;
    send(&receiver, body, Instant::now());
    assert_eq!(events(&tallies)[..2], [(7.0, 0.0), (7.0, 4.0)]);
}

#[test]
fn what_has_no_bound_below_the_threshold_says_nothing_of_latency() {
    let (receiver, tallies) = receiver();
    let body = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"http.server.request.duration",
        "unit":"s","histogram":{"aggregationTemporality":1,"dataPoints":[{"startTimeUnixNano":"5",
        "timeUnixNano":"9","count":7,"sum":2,"explicitBounds":[1],"bucketCounts":[5,2]}]}}]}]}]}"#;
    send(&receiver, body, Instant::now());
    assert_eq!(events(&tallies)[..2], [(7.0, 0.0), (0.0, 0.0)]);
}

proptest! {
    /// Instances that go on, restart and come newly: what they have done while they were known is
    /// what is counted.
    #[test]
    fn whatever_instances_do_events_are_counted_once(
        steps in proptest::collection::vec((0..3_usize, 0..20_u64, 0..5_u64, any::<bool>()), 1..30)
    ) {
        let (receiver, tallies) = receiver();
        let (now, begin) = (Instant::now(), later(10));
        // Since when each instance counts, and what it has counted.
        let mut instances = [None::<(u64, u64, u64)>; 3];
        let (mut all, mut bad) = (0, 0);
        for (step, (instance, good, failed, restarts)) in (1..).zip(steps) {
            let time = begin + step * 1_000_000_000;
            let known = instances[instance].filter(|_| !restarts);
            let (start, mut ok, mut errors) = known.unwrap_or((time - 500_000_000, 0, 0));
            (ok, errors) = (ok + good, errors + failed);
            instances[instance] = Some((start, ok, errors));
            (all, bad) = (all + good + failed, bad + failed);
            let mut series = vec![(200, ok, 0)];
            if errors > 0 {
                series.push((500, errors, 0));
            }
            let name = instance.to_string();
            send(&receiver, &cumulative(&name, (start, time), &series), now + Duration::from_secs(step));
        }
        prop_assert_eq!(events(&tallies)[0], (all as f64, bad as f64));
    }
}
