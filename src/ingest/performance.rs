//! What services do now: requests, latency, errors, throughput and database calls.

use std::time::{Duration, Instant};

use super::store::{Load, Role, Store, WINDOW};
use crate::tenant::{LabelValue, Tenant};

/// How far back "now" reaches for programs that send at least as often.
pub const PERFORMANCE_WINDOW: Duration = WINDOW;

/// Which share of requests the latency is told of that few exceed.
const MOST: f64 = 0.95;

/// One service, all its instances together.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// Whose it is.
    pub tenant: Tenant,
    /// What it calls itself; empty if it does not.
    pub service: LabelValue,
    /// Requests that it answers, if it tells of any.
    pub requests: Option<Rates>,
    /// Database calls that it makes, if it tells of any.
    pub calls: Option<Rates>,
    /// Bodies of requests in bytes per second, where their sizes are known.
    pub received: Option<f64>,
    /// Bodies of answers in bytes per second, where their sizes are known.
    pub sent: Option<f64>,
}

/// How many things there are, how long they take and how many fail.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    /// Things per second.
    pub per_second: f64,
    /// Of these, those that failed.
    pub errors_per_second: f64,
    /// Their mean duration in seconds, if there are any.
    pub mean_seconds: Option<f64>,
    /// Which duration 95 % do not exceed, as it is guessed from buckets.
    pub p95_seconds: Option<f64>,
}

/// What a service has of one kind, while its instances are gathered.
#[derive(Default)]
struct Sum {
    load: Load,
    per_second: f64,
    errors_per_second: f64,
    units_per_second: f64,
}

impl Sum {
    fn add(&mut self, load: &Load, over: Duration) {
        let over = over.as_secs_f64();
        self.per_second += load.count as f64 / over;
        self.errors_per_second += load.failed as f64 / over;
        self.units_per_second += load.sum / over;
        self.load.add(load);
    }

    fn rates(&self) -> Rates {
        Rates {
            per_second: self.per_second,
            errors_per_second: self.errors_per_second,
            mean_seconds: self.load.mean(),
            p95_seconds: self.load.quantile(MOST),
        }
    }
}

/// The services of tenants that are admitted, by tenant and name.
pub(super) fn services(store: &Store, now: Instant, admits: impl Fn(&Tenant) -> bool) -> Vec<Service> {
    let mut services: Vec<(Tenant, LabelValue, [Option<Sum>; 4])> = Vec::new();
    store.traffic(now, admits, &mut |sender, role, load, over| {
        let same = |(tenant, service, _): &&mut (Tenant, LabelValue, _)| {
            (tenant, service) == (&sender.tenant, &sender.service)
        };
        // Senders come in order, so that a service's instances follow each other.
        if services.last_mut().filter(same).is_none() {
            services.push((sender.tenant.clone(), sender.service.clone(), Default::default()));
        }
        if let Some((_, _, sums)) = services.last_mut() {
            sums[role as usize].get_or_insert_default().add(load, over);
        }
    });
    let of = |(tenant, service, sums): (Tenant, LabelValue, [Option<Sum>; 4])| {
        let sum = |role: Role| sums[role as usize].as_ref();
        Service {
            requests: sum(Role::Requests).map(Sum::rates),
            calls: sum(Role::Calls).map(Sum::rates),
            received: sum(Role::Received).map(|sum| sum.units_per_second),
            sent: sum(Role::Sent).map(|sum| sum.units_per_second),
            tenant,
            service,
        }
    };
    services.into_iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::{Encoding, Origin, Receiver, Records};

    fn origin(user: &str) -> Origin {
        Origin::of(Tenant::claimed(Some(user), None, None))
    }

    fn plain(receiver: &Receiver, user: &str, records: Records, body: &str, now: Instant) {
        let taken = receiver.plain(&origin(user), records, body.as_bytes(), now).unwrap();
        assert_eq!(taken.rejected, []);
    }

    #[test]
    fn services_are_told_by_tenant_with_their_instances_together() {
        let (receiver, now) = (Receiver::default(), Instant::now());
        let request = |instance: &str, status: u16, seconds: f64| {
            format!(
                r#"{{"method":"GET","status_code":{status},"duration_seconds":{seconds},"service":"api",
                "service_instance":"{instance}","response_bytes":600}}"#
            )
        };
        let of_ann = [request("a", 200, 0.1), request("a", 404, 0.1), request("b", 503, 0.4)].join(",");
        plain(&receiver, "ann", Records::Http, &format!("[{of_ann}]"), now);
        let call = r#"{"system":"redis","duration_seconds":0.002,"error":"timeout","service":"api"}"#;
        plain(&receiver, "ann", Records::Database, call, now);
        plain(&receiver, "bob", Records::Http, &request("a", 200, 1.0), now);
        let services = receiver.performance(now, |tenant| tenant.user.as_str() == "ann");
        let [service] = &*services else { panic!("{services:?}") };
        let requests = service.requests.unwrap();
        let close = |one: f64, other: f64| (one - other).abs() < 1e-9;
        assert!(close(requests.per_second, 3.0 / 60.0) && close(requests.errors_per_second, 1.0 / 60.0));
        assert!(close(requests.mean_seconds.unwrap(), 0.2), "{requests:?}");
        assert!((0.25..=0.5).contains(&requests.p95_seconds.unwrap()), "{requests:?}");
        let calls = service.calls.unwrap();
        assert!(close(calls.per_second, 1.0 / 60.0) && close(calls.errors_per_second, 1.0 / 60.0));
        assert_eq!((service.received, service.sent.map(f64::round)), (None, Some(30.0)));
        assert_eq!(receiver.performance(now, |_| true).len(), 2);
        let later = receiver.performance(now + Duration::from_secs(100), |_| true);
        assert_eq!(later[0].requests, Some(Rates::default()), "nothing is done now");
    }

    #[test]
    fn a_program_that_counts_since_its_start_is_taken_by_differences() {
        let (receiver, start) = (Receiver::default(), Instant::now());
        for (minute, count) in [(0, 1_000_000), (1, 1_000_600), (2, 1_001_200)] {
            let body = format!(
                r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"name":"http.server.request.duration",
                "unit":"s","histogram":{{"aggregationTemporality":2,"dataPoints":[{{"startTimeUnixNano":1,
                "timeUnixNano":{},"count":{count},"sum":{count},"explicitBounds":[1],
                "bucketCounts":[{count},0]}}]}}}}]}}]}}]}}"#,
                (minute + 1) * 60_000_000_000_u64
            );
            let now = start + Duration::from_secs(60 * minute);
            receiver.metrics(&origin("ann"), Encoding::Json, body.as_bytes(), now).unwrap();
            let requests = receiver.performance(now, |_| true)[0].requests.unwrap();
            let expected = if minute == 0 { 0.0 } else { 10.0 };
            assert!((requests.per_second - expected).abs() < 1e-9, "{minute}: {requests:?}");
        }
    }
}
