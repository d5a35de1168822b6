//! `GET /api/whoami`: who asks, what he may do, and what there is here to be asked for, so that
//! the page offers nothing that would be refused.
//!
//! Who is bound to a tenant is told nothing of the host: not its name, its engine, or where the
//! stack's servers are.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde::Serialize;

use super::Context;
use super::caller::{Caller, Login, Need};
use crate::config::Scope;
use crate::history::{Query, Step};
use crate::tenant::Dimension;

/// The answer.
#[derive(Debug, Serialize)]
pub(super) struct Whoami {
    login: &'static str,
    /// Of the token or the user.
    name: Option<String>,
    scopes: Vec<&'static str>,
    user: Option<String>,
    project: Option<String>,
    team: Option<String>,
    version: &'static str,
    host: Option<String>,
    engine: Option<String>,
    grafana_url: Option<String>,
    can: Can,
    history: Option<Kept>,
}

/// What would be answered, and not refused or missing.
#[derive(Debug, Serialize)]
struct Can {
    logs: bool,
    processes: bool,
    slow_queries: bool,
    alerts: bool,
    dashboards: bool,
    write: bool,
    admin: bool,
}

/// What is known of the past.
#[derive(Debug, Serialize)]
struct Kept {
    /// Who is asked first.
    source: &'static str,
    /// How long each step is kept here.
    retention_seconds: BTreeMap<&'static str, u64>,
}

/// `GET /api/whoami`
pub(super) async fn whoami(State(context): State<Arc<Context>>, caller: Caller) -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "no-store")], Json(Whoami::new(&context, &caller)))
}

impl Whoami {
    fn new(context: &Context, caller: &Caller) -> Self {
        let surroundings = context.surroundings();
        let part = |dimension| Some(caller.binding().of(dimension)?.as_str().to_owned());
        // The host is somebody else's for who is bound to a tenant.
        let host = caller.binding().is_empty();
        let may = |scope| caller.may(Need::Login(scope)).is_ok();
        let reads = may(Scope::Read);
        let (login, name) = of_login(caller.login());
        Whoami {
            login,
            name,
            scopes: caller.scopes().iter().map(Scope::as_str).collect(),
            user: part(Dimension::User),
            project: part(Dimension::Project),
            team: part(Dimension::Team),
            version: env!("CARGO_PKG_VERSION"),
            host: host.then(|| rustix::system::uname().nodename().to_string_lossy().into_owned()),
            engine: host.then(|| context.inventory.snapshot().engine.version.clone()).flatten(),
            grafana_url: surroundings
                .grafana_url
                .clone()
                .or_else(|| surroundings.grafana_server.clone().filter(|_| host)),
            can: Can {
                logs: reads && context.logs.is_some(),
                processes: reads && context.processes.is_some(),
                slow_queries: reads && context.programs.is_some(),
                alerts: surroundings.alertmanager.is_some(),
                dashboards: reads && surroundings.dashboards.as_ref().is_some_and(|all| all.check().is_ok()),
                write: may(Scope::Write),
                admin: may(Scope::Admin),
            },
            history: context.history.as_ref().map(|embedded| {
                let retention = embedded.retention();
                let seconds = |step| (retention.milliseconds(step) / 1000).unsigned_abs();
                Kept {
                    source: surroundings
                        .history
                        .as_ref()
                        .map_or(embedded.name(), |elsewhere| elsewhere.name()),
                    retention_seconds: Step::ALL.map(|step| (step.as_str(), seconds(step))).into(),
                }
            }),
        }
    }
}

/// The word for how somebody came in, and the name that he has there.
fn of_login(login: &Login) -> (&'static str, Option<String>) {
    match login {
        Login::Loopback => ("loopback", None),
        Login::TrustedNetwork => ("trusted-network", None),
        Login::Token(name) => ("token", Some(name.to_string())),
        Login::User(name) => ("user", Some(name.to_string())),
        Login::Certificate => ("certificate", None),
        // These come in where programs send, and nobody reads there.
        Login::Container(name, _) => ("container", Some(name.to_string())),
        Login::Nobody => ("nobody", None),
    }
}

#[cfg(test)]
mod tests;
