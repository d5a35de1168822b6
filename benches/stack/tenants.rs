//! Containers that each belong to a tenant of their own, and programs in them that send what
//! they measure.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dockmeter::config::TokenHash;
use dockmeter::inventory::Container;
use dockmeter::tenant::{LabelValue, Tenant};

use crate::bed::Bed;
use crate::engine::Engine;
use crate::program::Program;

/// How many teams there are, however many tenants.
pub(crate) const TEAMS: usize = 50;

/// How many programs send at most: a token each, and there may be a thousand.
const PROGRAMS: usize = 1000;

/// User, project and team of a tenant.
pub(crate) fn tenant(number: usize) -> [String; 3] {
    [format!("user-{number:04}"), format!("project-{number:04}"), team(number)]
}

/// A tenant's team.
pub(crate) fn team(number: usize) -> String {
    format!("team-{:02}", number % TEAMS)
}

/// Gives every container of a bed a tenant of its own, and a restart policy, which an uptime
/// has to have.
pub(crate) fn settle(bed: &mut Bed) {
    for (number, container) in bed.inventory.containers.values_mut().enumerate() {
        let [user, project, team] = tenant(number);
        let mut labels = container.labels.clone();
        for (label, value) in
            [("com.docker.compose.project", &project), ("dockmeter.user", &user), ("dockmeter.team", &team)]
        {
            labels.insert(label.to_owned(), value.clone());
        }
        *container = Arc::new(Container {
            name: LabelValue::clean(&format!("{project}-api-1")),
            tenant: Tenant::claimed(Some(&user), Some(&project), Some(&team)),
            labels,
            restart_policy: "unless-stopped".to_owned(),
            ..Container::clone(container)
        });
    }
}

/// A dockmeter with an objective for every tenant, and another one for those with a program.
pub(crate) struct Watched {
    pub(crate) dockmeter: Program,
    pub(crate) configuration: PathBuf,
    /// The first so many tenants have a program that sends.
    pub(crate) programs: usize,
    _engine: Engine,
}

impl Watched {
    /// Starts it over a bed whose containers are settled, with further flags.
    pub(crate) fn start(bed: &Bed, folder: &Path, flags: &[String]) -> io::Result<Self> {
        let programs = bed.inventory.containers.len().min(PROGRAMS);
        let configuration = folder.join("dockmeter.yml");
        fs::write(&configuration, settings(programs))?;
        let engine = Engine::start(&bed.inventory)?;
        let flags = [&[format!("--config.file={}", configuration.display())], flags].concat();
        let dockmeter = Program::dockmeter(&engine.host(), folder, &flags)?;
        Ok(Watched { dockmeter, configuration, programs, _engine: engine })
    }

    /// Every program tells of some requests, of which few fail.
    pub(crate) fn send(&self) -> io::Result<()> {
        // One that is not used for a minute is closed.
        let mut sender = self.dockmeter.connect()?;
        for number in 0..self.programs {
            let mut records = String::new();
            for (route, status, seconds) in [
                ("/", 200, 0.01 + number as f64 * 1e-5),
                ("/orders/{id}", if number % 10 == 0 { 500 } else { 200 }, 0.03),
            ] {
                let comma = if records.is_empty() { "" } else { "," };
                let _ = write!(
                    records,
                    "{comma}{{\"method\":\"GET\",\"route\":\"{route}\",\"status_code\":{status},\"duration_seconds\":{seconds},\"service\":\"api\"}}"
                );
            }
            let authorization = format!("Authorization: Bearer {}", token(number));
            let headers = [authorization.as_str(), "Content-Type: application/json"];
            sender.post("/api/metrics/http", &headers, format!("[{records}]").as_bytes())?;
        }
        Ok(())
    }
}

fn token(number: usize) -> String {
    format!("token-of-tenant-{number:04}")
}

fn settings(programs: usize) -> String {
    let mut text = String::from(
        "limits: {series_total: 400000, users: 10000, projects: 10000}\n\
         slo:\n  objectives:\n  - {slo: availability, objective: 99.9}\n  - {slo: uptime, objective: 99.5}\n\
         auth:\n  tokens:\n",
    );
    for number in 0..programs {
        let ([user, project, team], hash) = (tenant(number), TokenHash::of(token(number)));
        let _ = writeln!(
            text,
            "  - {{name: t{number}, hash: '{hash}', scopes: [write], user: {user}, project: {project}, team: {team}}}"
        );
    }
    text
}
