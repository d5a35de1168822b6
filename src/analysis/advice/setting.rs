//! Health checks and restart policies that are missing.

use super::super::finding::{Scope, Severity, Window};
use super::super::recommendation::{
    Action, Answer, Confidence, Effect, Effort, Kind, NotEnoughData, Recommendation, Verify, expiry, id,
};
use super::super::words::{called, seconds, selector};
use super::evidence;

/// What has run for less may be a job that is meant to end.
pub const LEAST_SECONDS: f64 = 3_600.0;

/// What is known of a running container.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Whose it is; `container` is its name.
    pub scope: Scope,
    /// Its service in the Compose file: the label `com.docker.compose.service`.
    pub compose_service: Option<String>,
    /// How long it has run: now less `container_start_time_seconds`.
    pub running_seconds: f64,
    /// Whether there is a `container_health_status`.
    pub has_health_check: bool,
    /// `container_info{restart_policy}`.
    pub restart_policy: String,
    /// `HostConfig.AutoRemove`: Docker takes no restart policy beside it.
    pub is_removed_at_end: bool,
    /// `container_exit_code` of an earlier run, if there was one.
    pub last_exit_code: Option<i64>,
    /// A TCP port that it listens at: of `dockmeter_docker_published_port_info{container_port}`, or
    /// `Config.ExposedPorts`.
    pub port: Option<u16>,
    /// Now.
    pub at: i64,
}

impl Facts {
    fn window(&self) -> Window {
        let length = (self.running_seconds * 1000.0) as i64;
        Window { from: self.at.saturating_sub(length), to: self.at }
    }

    fn place(&self) -> Option<String> {
        Some(self.compose_service.as_deref().map_or_else(
            || "the container's service in its Compose file, beside `image:`".to_owned(),
            |service| format!("`services.{service}` in the Compose file, beside `image:`"),
        ))
    }
}

/// Both, as far as they are missing.
pub fn recommend(facts: &Facts) -> Vec<Answer> {
    if !facts.running_seconds.is_finite() || facts.running_seconds < LEAST_SECONDS {
        return Vec::new();
    }
    [health_check(facts), restart_policy(facts)].into_iter().flatten().collect()
}

fn health_check(facts: &Facts) -> Option<Answer> {
    if facts.has_health_check {
        return None;
    }
    let Some(port) = facts.port else {
        let missing = vec!["a port that it listens at (`EXPOSE` in its image, or `ports:`)".to_owned()];
        let answer = NotEnoughData::new(Kind::HealthCheck, &facts.scope, None, missing);
        return Some(Answer::NotEnoughData(answer));
    };
    // Images with busybox have `nc`, those of Debian have bash; few have curl.
    let test = format!("nc -z 127.0.0.1 {port} || bash -c '</dev/tcp/127.0.0.1/{port}'");
    let lines = vec![
        "healthcheck:".to_owned(),
        format!("  test: [\"CMD-SHELL\", \"{test}\"]"),
        "  interval: 30s".to_owned(),
        "  timeout: 5s".to_owned(),
        "  retries: 3".to_owned(),
        "  start_period: 30s".to_owned(),
    ];
    let steps = vec![
        format!("let the engine look every 30 s whether port {port} answers"),
        "take the program's own check instead if it has one, such as `/healthz`: an open port says little"
            .to_owned(),
    ];
    let effect = Effect::new(
        "a program that hangs is told of within 2 min, and what depends on it waits until it is ready",
        "detected_seconds = interval_seconds * retries + timeout_seconds",
        [("detected_seconds", 95.0), ("interval_seconds", 30.0), ("retries", 3.0), ("timeout_seconds", 5.0)],
    );
    let what = format!(
        "{} has run for {} without a health check, so nobody is told if it hangs: add one",
        called(&facts.scope),
        seconds(facts.running_seconds)
    );
    let verify = Verify {
        promql: format!("max(container_health_state{{{}}})", selector(&facts.scope)),
        expect: "1".to_owned(),
    };
    let action = Action { steps, place: facts.place(), lines, command: None };
    let risk = "a check that fails without a reason keeps what depends on it from starting";
    let parts =
        Parts { severity: Severity::Low, sentence: what, metric: "container_health_state", value: -1.0 };
    Some(made(facts, Kind::HealthCheck, parts, action, effect, risk, verify).into())
}

fn restart_policy(facts: &Facts) -> Option<Answer> {
    let has_none = matches!(facts.restart_policy.as_str(), "" | "no");
    if !has_none || facts.is_removed_at_end {
        return None;
    }
    let failed = facts.last_exit_code.filter(|code| *code != 0);
    let before = failed.map_or_else(String::new, |code| format!(" and has ended with status {code} before"));
    let sentence = format!(
        "{} has run for {}{before}, and stays down when it ends or the host restarts: give it a restart policy",
        called(&facts.scope),
        seconds(facts.running_seconds)
    );
    let command = facts
        .scope
        .container
        .as_deref()
        .map(|container| format!("docker update --restart unless-stopped {container}"));
    let action = Action {
        steps: vec!["set `restart` to `unless-stopped`".to_owned()],
        place: facts.place(),
        lines: vec!["restart: unless-stopped".to_owned()],
        command,
    };
    let effect = Effect::new(
        "it is up again within seconds after it ends, and after a restart of the host",
        "down_seconds = 0.1 * 2^restarts, as the engine waits, until it has run for 10 s",
        [("first_wait_seconds", 0.1)],
    );
    let risk = "a program that ends at once is started again and again; `container_restarts_total` shows it";
    let verify = Verify {
        promql: format!("group by (restart_policy) (container_info{{{}}})", selector(&facts.scope)),
        expect: "`restart_policy=\"unless-stopped\"`".to_owned(),
    };
    let severity = if failed.is_some() { Severity::Medium } else { Severity::Low };
    let parts = Parts { severity, sentence, metric: "container_info{restart_policy=\"no\"}", value: 1.0 };
    Some(made(facts, Kind::RestartPolicy, parts, action, effect, risk, verify).into())
}

/// What is seen, and how much it matters.
struct Parts {
    severity: Severity,
    sentence: String,
    metric: &'static str,
    value: f64,
}

fn made(
    facts: &Facts,
    kind: Kind,
    parts: Parts,
    action: Action,
    effect: Effect,
    risk: &str,
    verify: Verify,
) -> Recommendation {
    let window = facts.window();
    Recommendation {
        id: id(kind, &facts.scope, None),
        kind,
        severity: parts.severity,
        scope: facts.scope.clone(),
        sentence: parts.sentence,
        evidence: vec![evidence(parts.metric, parts.value, None, window, 1)],
        change: None,
        action,
        effect,
        effort: Effort::Low,
        confidence: Confidence::certain(),
        risk: risk.to_owned(),
        verify,
        expires_at_ms: expiry(window),
    }
}
