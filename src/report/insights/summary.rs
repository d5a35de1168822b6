//! How it went: requests, response times, errors and throughput of services, and what containers
//! took for it.

use serde::Serialize;

use super::Options;
use super::gather::{Gathered, Labels};
use crate::analysis::finding::Scope;
use crate::history::{Measure, insight};

/// All together, and service by service.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// All requests together; `None` where no program tells of any.
    pub requests: Option<Requests>,
    /// Containers of which something is known.
    pub containers: usize,
    /// Cores that they used, on average.
    pub cpu_usage_cores: f64,
    /// Memory in use, on average.
    pub memory_working_set_bytes: f64,
    /// What they received and sent.
    pub network_bytes_per_second: f64,
    /// What they read and wrote.
    pub disk_bytes_per_second: f64,
    /// Each service, that with the most time in answers first.
    pub services: Vec<Service>,
}

/// How requests went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Requests {
    /// How many there were, by the mean rate.
    pub count: f64,
    /// How many a second.
    pub per_second: f64,
    /// What they took on average; `None` without any.
    pub average_response_seconds: Option<f64>,
    /// The share that failed.
    pub error_ratio: Option<f64>,
}

/// A service.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Service {
    /// Whose it is.
    #[serde(flatten)]
    pub scope: Scope,
    /// How its requests went.
    #[serde(flatten)]
    pub requests: Requests,
}

/// Requests, failures and seconds in answers, each second.
#[derive(Clone, Copy, Debug, Default)]
struct Rates {
    requests: f64,
    failures: f64,
    busy: f64,
}

impl Rates {
    fn and(self, other: Rates) -> Rates {
        Rates {
            requests: self.requests + other.requests,
            failures: self.failures + other.failures,
            busy: self.busy + other.busy,
        }
    }

    fn over(self, seconds: f64) -> Requests {
        let by_requests = |value: f64| (self.requests > 0.0).then(|| value / self.requests);
        Requests {
            count: (self.requests * seconds).round(),
            per_second: self.requests,
            average_response_seconds: by_requests(self.busy),
            error_ratio: by_requests(self.failures),
        }
    }
}

impl Summary {
    /// Of whom is meant, in the time that is meant.
    pub(super) fn of(gathered: &Gathered, options: &Options, step_s: i64) -> Summary {
        let (from, to) = (options.period.from.as_millisecond(), options.period.to.as_millisecond());
        let steps = (options.period.seconds() as f64 / step_s as f64).max(1.0);
        // Where there is nothing there is no rate, and nothing was done.
        let mean = |measure: &Measure, labels: &Labels| {
            let points = gathered.points(measure, labels).iter();
            points.filter(|(at, _)| *at > from && *at <= to).map(|(_, value)| value).sum::<f64>() / steps
        };
        let seconds = options.period.seconds() as f64;
        let mut services: Vec<(Scope, Rates)> = gathered
            .all(&insight::REQUESTS)
            .map(|(labels, _)| {
                let rates = Rates {
                    requests: mean(&insight::REQUESTS, labels),
                    failures: mean(&insight::FAILURES, labels),
                    busy: mean(&insight::BUSY, labels),
                };
                (Scope::of(labels), rates)
            })
            .filter(|(scope, rates)| options.means_service(scope) && rates.requests > 0.0)
            .collect();
        services.sort_by(|(_, a), (_, b)| b.busy.total_cmp(&a.busy));
        let all = services.iter().map(|(_, rates)| *rates).reduce(Rates::and);
        let containers: Vec<&Labels> = gathered
            .all(&insight::CPU)
            .map(|(labels, _)| labels)
            .filter(|labels| options.means_container(&Scope::of(labels)))
            .collect();
        let sum = |measures: &[&Measure]| {
            let of = |labels: &&Labels| measures.iter().map(|measure| mean(measure, labels)).sum::<f64>();
            // A sum of nothing is less than nothing by its sign.
            containers.iter().map(of).sum::<f64>() + 0.0
        };
        Summary {
            requests: all.map(|rates| rates.over(seconds)),
            containers: containers.len(),
            cpu_usage_cores: sum(&[&insight::CPU]),
            memory_working_set_bytes: sum(&[&insight::MEMORY]),
            network_bytes_per_second: sum(&[&insight::RECEIVED, &insight::SENT]),
            disk_bytes_per_second: sum(&[&insight::READ, &insight::WRITTEN]),
            services: services
                .into_iter()
                .map(|(scope, rates)| Service { scope, requests: rates.over(seconds) })
                .collect(),
        }
    }
}
