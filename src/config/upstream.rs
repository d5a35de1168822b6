//! Where a server of the stack is (Prometheus, Alertmanager), and how one is let in there.

use std::path::PathBuf;

use super::file;
use super::layers::{Layers, Origin};
use super::settings::{self, Setting};
use super::{ConfigError, folder_of};

/// How a server of the stack is asked. Secrets stay in their files until then.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Upstream {
    /// `http://HOST:PORT`, with a path where it is served below one, without a `/` at the end;
    /// `None` if nobody said.
    pub url: Option<String>,
    /// The user of basic auth; empty without.
    pub username: String,
    /// The file with that user's password.
    pub password_file: Option<PathBuf>,
    /// The file with a bearer token.
    pub bearer_token_file: Option<PathBuf>,
    /// Certificates of the authorities that its certificate has to come from; the system's
    /// if none is named.
    pub ca_file: Option<PathBuf>,
}

/// The settings of one server, and how it is spoken of.
#[derive(Debug)]
pub(super) struct Kind {
    /// As in `the address of …`.
    what: &'static str,
    /// An address that it usually has.
    example: &'static str,
    pub(super) url: &'static Setting,
    pub(super) username: &'static Setting,
    pub(super) password_file: &'static Setting,
    pub(super) bearer_token_file: &'static Setting,
    pub(super) ca_file: &'static Setting,
}

/// Where reports come from.
pub(super) static PROMETHEUS: Kind = Kind {
    what: "a Prometheus",
    example: "http://127.0.0.1:9090",
    url: &settings::PROMETHEUS_URL,
    username: &settings::PROMETHEUS_USERNAME,
    password_file: &settings::PROMETHEUS_PASSWORD_FILE,
    bearer_token_file: &settings::PROMETHEUS_BEARER_TOKEN_FILE,
    ca_file: &settings::PROMETHEUS_CA_FILE,
};

/// Where alerts go.
pub(super) static ALERTMANAGER: Kind = Kind {
    what: "an Alertmanager",
    example: "http://127.0.0.1:9093",
    url: &settings::ALERTMANAGER_URL,
    username: &settings::ALERTMANAGER_USERNAME,
    password_file: &settings::ALERTMANAGER_PASSWORD_FILE,
    bearer_token_file: &settings::ALERTMANAGER_BEARER_TOKEN_FILE,
    ca_file: &settings::ALERTMANAGER_CA_FILE,
};

/// Where dashboards go.
pub(super) static GRAFANA: Kind = Kind {
    what: "a Grafana",
    example: "http://127.0.0.1:3000",
    url: &settings::GRAFANA_URL,
    username: &settings::GRAFANA_USERNAME,
    password_file: &settings::GRAFANA_PASSWORD_FILE,
    bearer_token_file: &settings::GRAFANA_TOKEN_FILE,
    ca_file: &settings::GRAFANA_CA_FILE,
};

/// Puts together how a server is asked.
pub(super) fn upstream(
    layers: &mut Layers<'_>,
    kind: &'static Kind,
    file: &file::Upstream,
) -> Result<Upstream, ConfigError> {
    let url = layers.one(kind.url, file.url.as_ref(), |text| url(kind, text))?;
    let text = |text: &str| Ok(text.to_owned());
    let username = layers.one(kind.username, file.username.as_ref(), text)?;
    let password_file = path(layers, kind.password_file, file.password_file.as_ref())?;
    let bearer_token_file = path(layers, kind.bearer_token_file, file.bearer_token_file.as_ref())?;
    let ca_file = path(layers, kind.ca_file, file.ca_file.as_ref())?;
    let origin = |layers: &Layers<'_>, setting: &Setting| {
        layers.origins.get(setting.name()).cloned().unwrap_or_default()
    };
    if username.is_empty() != password_file.is_none() {
        let (there, missing) = match &password_file {
            Some(_) => (kind.password_file, kind.username),
            None => (kind.username, kind.password_file),
        };
        return Err(origin(layers, there).refuse(format!("basic auth needs `{}`, too", missing.name())));
    }
    if bearer_token_file.is_some() && password_file.is_some() {
        return Err(origin(layers, kind.bearer_token_file)
            .refuse("a request carries a password or a bearer token, not both; leave one out"));
    }
    Ok(Upstream { url, username, password_file, bearer_token_file, ca_file })
}

pub(super) fn url(kind: &Kind, text: &str) -> Result<Option<String>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let none = || format!("`{text}` is not the address of {}, such as `{}`", kind.what, kind.example);
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let rest = rest.ok_or_else(none)?;
    let authority = rest.split('/').next().unwrap_or_default();
    if authority.contains('@') {
        // The text is not repeated: it holds the password.
        return Err(format!(
            "a password in an address ends up in logs; use `{}` and `{}`",
            kind.username.name(),
            kind.password_file.name()
        ));
    }
    if authority.is_empty()
        || rest.contains(['?', '#'])
        || text.chars().any(|c| c.is_whitespace() || c.is_control())
    {
        return Err(none());
    }
    Ok(Some(text.trim_end_matches('/').to_owned()))
}

/// A path; one in the file is meant from the file's folder.
pub(super) fn path(
    layers: &mut Layers<'_>,
    setting: &'static Setting,
    in_file: Option<&file::Text>,
) -> Result<Option<PathBuf>, ConfigError> {
    let named = layers.one(setting, in_file, |text| Ok(PathBuf::from(text)))?;
    if named.as_os_str().is_empty() {
        return Ok(None);
    }
    Ok(Some(match layers.origins.get(setting.name()) {
        Some(Origin::File { path, .. }) => folder_of(path).join(named),
        _ => named,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_kept_without_its_last_slash_and_never_with_a_password() {
        assert_eq!(
            url(&PROMETHEUS, "https://p.example/prom/").unwrap().as_deref(),
            Some("https://p.example/prom")
        );
        assert_eq!(url(&PROMETHEUS, "").unwrap(), None);
        for text in ["localhost:9090", "ftp://x", "http://", "http://h?x=1", "http://a b"] {
            assert!(url(&ALERTMANAGER, text).unwrap_err().contains("such as"), "{text}");
        }
        let refused = url(&PROMETHEUS, "http://ann:secret@h:9090").unwrap_err();
        assert!(!refused.contains("secret"), "{refused}");
    }
}
