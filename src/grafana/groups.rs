//! The groups of rules that Grafana is given, made of the catalogue.

use std::time::Duration;

use super::desired::{PLATFORM_FOLDER, PROMETHEUS_DATA_SOURCE, RuleGroup, team_folder, teams};
use super::evaluator::Evaluation;
use super::object::PREFIX;
use crate::config::Config;
use crate::rules::grafana::{GrafanaGroup, Scope, Surroundings, groups};
use crate::rules::{Catalogue, RulesError, catalogue};

/// The alerts that Grafana evaluates, if there is a data source for them.
///
/// # Errors
/// Something in the catalogue is wrong.
pub fn rule_groups(config: &Config) -> Result<Vec<RuleGroup>, RulesError> {
    Ok(with_catalogue(config)?.0)
}

/// What tells whether Grafana evaluates them; none if it has none.
///
/// # Errors
/// Something in the catalogue is wrong.
pub fn evaluation(config: &Config) -> Result<Option<Evaluation>, RulesError> {
    let (groups, catalogue) = with_catalogue(config)?;
    let longest = catalogue.alerts().map(|alert| alert.hold).max().unwrap_or(Duration::ZERO);
    Ok((!groups.is_empty()).then(|| Evaluation::new(&groups, longest)))
}

fn with_catalogue(config: &Config) -> Result<(Vec<RuleGroup>, Catalogue), RulesError> {
    let catalogue = catalogue(&config.alerting, config.slo.period)?;
    let asked = config.grafana.prometheus_url.as_ref();
    let Some((scope, _)) = Scope::of(config.grafana.alerts).zip(asked) else {
        return Ok((Vec::new(), catalogue));
    };
    let teams: Vec<&str> = teams(config).into_iter().collect();
    let surroundings = Surroundings { data_source: PROMETHEUS_DATA_SOURCE, prefix: PREFIX };
    let group = |group: GrafanaGroup| RuleGroup {
        folder: group.team.map_or_else(|| PLATFORM_FOLDER.to_owned(), |team| team_folder(&team)),
        name: group.name,
        interval_seconds: group.interval_seconds,
        rules: group.rules,
    };
    let groups = groups(&catalogue, &config.alerting, scope, &teams, &surroundings);
    Ok((groups.into_iter().map(group).collect(), catalogue))
}
