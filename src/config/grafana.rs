//! Where Grafana is, and what is to be there beside the dashboards: the section `grafana`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use super::file::{self, Named, Text};
use super::layers::Layers;
use super::upstream::{self, Upstream, path, url};
use super::{ConfigError, settings, value};

/// What is done in Grafana.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grafana {
    /// Where it is.
    pub upstream: Upstream,
    /// Prometheus as Grafana reaches it.
    pub prometheus_url: Option<String>,
    /// Alertmanager as Grafana reaches it.
    pub alertmanager_url: Option<String>,
    /// Which alerts Grafana evaluates.
    pub alerts: GrafanaAlerts,
    /// Teams with a folder, by the value of the label `team`.
    pub teams: BTreeMap<String, GrafanaTeam>,
    /// Contact points by name, in Grafana's form: `type` and `settings`.
    pub contact_points: BTreeMap<String, Value>,
    /// Mute timings by name: lists of Grafana's time intervals.
    pub mute_timings: BTreeMap<String, Value>,
    /// Texts of notification templates by name.
    pub templates: BTreeMap<String, String>,
    /// Branches of the tree of notification policies, in Grafana's form.
    pub policies: Vec<Value>,
    /// Where it is noted what was made.
    pub state_file: PathBuf,
}

/// Which alerts Grafana evaluates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GrafanaAlerts {
    /// Those about tenants.
    #[default]
    Tenants,
    /// All.
    All,
    /// None.
    None,
}

impl GrafanaAlerts {
    const WORDS: [(&'static str, GrafanaAlerts); 3] =
        [("tenants", GrafanaAlerts::Tenants), ("all", GrafanaAlerts::All), ("none", GrafanaAlerts::None)];

    /// As it is written in the configuration.
    pub fn as_str(self) -> &'static str {
        Self::WORDS.iter().find_map(|(word, which)| (*which == self).then_some(*word)).unwrap_or_default()
    }
}

/// A team of Grafana.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrafanaTeam {
    /// E-mail addresses of who is in it; `None` if that is left to Grafana.
    pub members: Option<Vec<String>>,
}

/// Puts everything together.
pub(super) fn grafana(
    layers: &mut Layers<'_>,
    section: &file::Grafana,
    prometheus: &Upstream,
    alertmanager: &Upstream,
) -> Result<Grafana, ConfigError> {
    let server = file::Upstream {
        url: section.url.clone(),
        username: section.username.clone(),
        password_file: section.password_file.clone(),
        bearer_token_file: section.token_file.clone(),
        ca_file: section.ca_file.clone(),
    };
    let prometheus_url = layers
        .one(&settings::GRAFANA_PROMETHEUS_URL, section.prometheus_url.as_ref(), |text| {
            url(&upstream::PROMETHEUS, text)
        })?
        .or_else(|| prometheus.url.clone());
    let alertmanager_url = layers
        .one(&settings::GRAFANA_ALERTMANAGER_URL, section.alertmanager_url.as_ref(), |text| {
            url(&upstream::ALERTMANAGER, text)
        })?
        .or_else(|| alertmanager.url.clone());
    layers.note(&settings::GRAFANA_TEAMS, &section.teams);
    layers.note(&settings::GRAFANA_CONTACT_POINTS, &section.contact_points);
    layers.note(&settings::GRAFANA_MUTE_TIMINGS, &section.mute_timings);
    layers.note(&settings::GRAFANA_TEMPLATES, &section.templates);
    layers.note(&settings::GRAFANA_POLICIES, &section.policies);
    let is_contact_point = |value: &Value| value["type"].is_string() && value["settings"].is_object();
    Ok(Grafana {
        upstream: upstream::upstream(layers, &upstream::GRAFANA, &server)?,
        prometheus_url,
        alertmanager_url,
        alerts: layers.one(&settings::GRAFANA_ALERTS, section.alerts.as_ref(), |text| {
            value::word(text, &GrafanaAlerts::WORDS)
        })?,
        teams: teams(layers, section)?,
        contact_points: shaped(
            layers,
            &section.contact_points,
            is_contact_point,
            "a contact point has a `type`, such as `webhook`, and `settings`",
        )?,
        mute_timings: shaped(
            layers,
            &section.mute_timings,
            Value::is_array,
            "a mute timing is a list of intervals, such as `[{weekdays: [saturday, sunday]}]`",
        )?,
        templates: shaped(layers, &section.templates, Value::is_string, "a template is a text")?
            .into_iter()
            .map(|(name, text)| (name, text.as_str().unwrap_or_default().to_owned()))
            .collect(),
        policies: policies(layers, section)?,
        state_file: path(layers, &settings::GRAFANA_STATE_FILE, section.state_file.as_ref())?
            .unwrap_or_default(),
    })
}

fn teams(layers: &Layers<'_>, section: &file::Grafana) -> Result<BTreeMap<String, GrafanaTeam>, ConfigError> {
    let mut teams = BTreeMap::new();
    for (name, entry) in section.teams.iter().flat_map(|list| &list.value) {
        if name.trim().is_empty() {
            return Err(layers.place(entry.referenced).refuse("a team needs a name"));
        }
        let address = |text: &Text| {
            layers.given(text).parse(|text| match text.trim() {
                "" => Err("an empty text is nobody's address or login".to_owned()),
                address => Ok(address.to_owned()),
            })
        };
        let members = entry.value.members.as_ref();
        let members = members.map(|list| list.value.iter().map(address).collect::<Result<Vec<_>, _>>());
        teams.insert(name.clone(), GrafanaTeam { members: members.transpose()? });
    }
    Ok(teams)
}

/// Entries that are in Grafana's own form, which only Grafana knows; `is_one` catches what is
/// none at first sight.
fn shaped(
    layers: &Layers<'_>,
    list: &Named<Value>,
    is_one: impl Fn(&Value) -> bool,
    what: &str,
) -> Result<BTreeMap<String, Value>, ConfigError> {
    let mut entries = BTreeMap::new();
    for (name, entry) in list.iter().flat_map(|list| &list.value) {
        if !is_one(&entry.value) {
            return Err(layers.place(entry.referenced).refuse(format!("`{name}`: {what}")));
        }
        entries.insert(name.clone(), entry.value.clone());
    }
    Ok(entries)
}

fn policies(layers: &Layers<'_>, section: &file::Grafana) -> Result<Vec<Value>, ConfigError> {
    let one = |entry: &crate::yaml::Spanned<Value>| match entry.value["receiver"].is_string() {
        true => Ok(entry.value.clone()),
        false => Err(layers.place(entry.referenced).refuse(
            "a policy names its `receiver`, a contact point of `grafana.contact_points` or of Grafana",
        )),
    };
    section.policies.iter().flat_map(|list| &list.value).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Sources};
    use super::*;

    fn load(text: &str) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("dockmeter.yml");
        std::fs::write(&file, text).unwrap();
        let sources = Sources { default_file: Some(file), ..Sources::default() };
        sources.load().map_err(|error| error.to_string())
    }

    #[test]
    fn grafana_reaches_the_same_prometheus_unless_it_is_said_otherwise() {
        let config = load("prometheus: {url: 'http://p:9090'}\ngrafana: {url: 'http://g:3000/'}").unwrap();
        assert_eq!(config.grafana.upstream.url.as_deref(), Some("http://g:3000"));
        assert_eq!(config.grafana.prometheus_url.as_deref(), Some("http://p:9090"));
        assert_eq!(config.grafana.alerts, GrafanaAlerts::Tenants);
        let text =
            "prometheus: {url: 'http://p:9090'}\ngrafana: {prometheus_url: 'http://q:9090', alerts: none}";
        let config = load(text).unwrap();
        assert_eq!(config.grafana.prometheus_url.as_deref(), Some("http://q:9090"));
        assert_eq!(config.grafana.alerts, GrafanaAlerts::None);
    }

    #[test]
    fn who_is_in_a_team_is_ours_only_if_it_is_listed() {
        let config = load("grafana: {teams: {core: {members: [ann@example.org]}, web: {}}}").unwrap();
        let members = |team: &str| config.grafana.teams[team].members.clone();
        assert_eq!(members("core"), Some(vec!["ann@example.org".to_owned()]));
        assert_eq!(members("web"), None);
    }

    #[test]
    fn what_grafana_would_refuse_at_first_sight_is_refused_with_its_place() {
        for (text, said) in [
            ("grafana: {contact_points: {ops: {settings: {}}}}", "has a `type`"),
            ("grafana: {mute_timings: {nights: 22}}", "list of intervals"),
            ("grafana: {policies: [{routes: []}]}", "names its `receiver`"),
            ("grafana: {alerts: some}", "`tenants`"),
        ] {
            let refused = load(text).unwrap_err();
            assert!(refused.contains(said) && refused.contains("dockmeter.yml:1:"), "{text}: {refused}");
        }
    }
}
