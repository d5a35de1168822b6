//! `GET /api/metrics/performance`: what services do now.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;

use super::Context;
use super::current::Time;
use super::problem::Problem;
use super::view::View;
use crate::ingest::{PERFORMANCE_WINDOW, Rates, Service};
use crate::tenant::LabelValue;

/// The answer.
#[derive(Debug, Serialize)]
pub(super) struct Performance {
    timestamp: Time,
    window_seconds: u64,
    services: Vec<Row>,
}

/// One service of one tenant. What nobody has told of it is `null`.
#[derive(Debug, Serialize)]
struct Row {
    user: LabelValue,
    project: LabelValue,
    team: LabelValue,
    service: LabelValue,
    requests: Option<Requests>,
    latency: Option<Latency>,
    errors: Option<Errors>,
    throughput: Option<Throughput>,
    queries: Option<Queries>,
}

#[derive(Debug, Serialize)]
struct Requests {
    per_second: f64,
}

#[derive(Debug, Serialize)]
struct Latency {
    mean_seconds: Option<f64>,
    p95_seconds: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Errors {
    per_second: f64,
    /// Of all requests or calls; `null` while there are none.
    ratio: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Throughput {
    receive_bytes_per_second: Option<f64>,
    transmit_bytes_per_second: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Queries {
    per_second: f64,
    latency: Latency,
    errors: Errors,
}

impl From<Rates> for Latency {
    fn from(rates: Rates) -> Self {
        Latency { mean_seconds: rates.mean_seconds, p95_seconds: rates.p95_seconds }
    }
}

impl From<Rates> for Errors {
    fn from(rates: Rates) -> Self {
        let ratio = (rates.per_second > 0.0).then(|| rates.errors_per_second / rates.per_second);
        Errors { per_second: rates.errors_per_second, ratio }
    }
}

impl From<Service> for Row {
    fn from(service: Service) -> Self {
        let Service { tenant, service, requests, calls, received, sent } = service;
        let sizes = received.is_some() || sent.is_some();
        Row {
            user: tenant.user,
            project: tenant.project,
            team: tenant.team,
            service,
            requests: requests.map(|rates| Requests { per_second: rates.per_second }),
            latency: requests.map(Latency::from),
            errors: requests.map(Errors::from),
            throughput: sizes.then_some(Throughput {
                receive_bytes_per_second: received,
                transmit_bytes_per_second: sent,
            }),
            queries: calls.map(|rates| Queries {
                per_second: rates.per_second,
                latency: rates.into(),
                errors: rates.into(),
            }),
        }
    }
}

/// `GET /api/metrics/performance?user=&project=&team=`
pub(super) async fn performance(
    State(context): State<Arc<Context>>,
    view: View,
) -> Result<Json<Performance>, Problem> {
    let (receiver, _) = context.programs()?;
    let services = receiver.performance(Instant::now(), |tenant| view.narrowing().admits(tenant));
    Ok(Json(Performance {
        timestamp: Time(Timestamp::now()),
        window_seconds: PERFORMANCE_WINDOW.as_secs(),
        services: services.into_iter().map(Row::from).collect(),
    }))
}
