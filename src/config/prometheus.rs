//! Where a Prometheus is, and how one is let in there.

use std::path::PathBuf;

use super::file;
use super::layers::{Layers, Origin};
use super::settings::{self, Setting};
use super::{ConfigError, folder_of};

/// How a Prometheus is asked. Secrets stay in their files until then.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prometheus {
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

/// Puts together how Prometheus is asked.
pub(super) fn prometheus(
    layers: &mut Layers<'_>,
    file: &file::Prometheus,
) -> Result<Prometheus, ConfigError> {
    let url = layers.one(&settings::PROMETHEUS_URL, file.url.as_ref(), url)?;
    let text = |text: &str| Ok(text.to_owned());
    let username = layers.one(&settings::PROMETHEUS_USERNAME, file.username.as_ref(), text)?;
    let password_file = path(layers, &settings::PROMETHEUS_PASSWORD_FILE, file.password_file.as_ref())?;
    let bearer_token_file =
        path(layers, &settings::PROMETHEUS_BEARER_TOKEN_FILE, file.bearer_token_file.as_ref())?;
    let ca_file = path(layers, &settings::PROMETHEUS_CA_FILE, file.ca_file.as_ref())?;
    let origin = |layers: &Layers<'_>, setting: &Setting| {
        layers.origins.get(setting.name()).cloned().unwrap_or_default()
    };
    if username.is_empty() != password_file.is_none() {
        let (there, missing) = match &password_file {
            Some(_) => (&settings::PROMETHEUS_PASSWORD_FILE, "`prometheus.username`"),
            None => (&settings::PROMETHEUS_USERNAME, "`prometheus.password_file`"),
        };
        return Err(origin(layers, there).refuse(format!("basic auth needs {missing}, too")));
    }
    if bearer_token_file.is_some() && password_file.is_some() {
        return Err(origin(layers, &settings::PROMETHEUS_BEARER_TOKEN_FILE)
            .refuse("a request carries a password or a bearer token, not both; leave one out"));
    }
    Ok(Prometheus { url, username, password_file, bearer_token_file, ca_file })
}

fn url(text: &str) -> Result<Option<String>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let rest = rest.ok_or_else(|| {
        format!("`{text}` is not the address of a Prometheus, such as `http://127.0.0.1:9090`")
    })?;
    let authority = rest.split('/').next().unwrap_or_default();
    if authority.contains('@') {
        // The text is not repeated: it holds the password.
        return Err("a password in an address ends up in logs; use `prometheus.username` and `prometheus.password_file`".to_owned());
    }
    if authority.is_empty()
        || rest.contains(['?', '#'])
        || text.chars().any(|c| c.is_whitespace() || c.is_control())
    {
        return Err(format!("`{text}` is not the address of a Prometheus, such as `http://127.0.0.1:9090`"));
    }
    Ok(Some(text.trim_end_matches('/').to_owned()))
}

/// A path; one in the file is meant from the file's folder.
fn path(
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
        assert_eq!(url("https://p.example/prom/").unwrap().as_deref(), Some("https://p.example/prom"));
        assert_eq!(url("").unwrap(), None);
        for text in ["localhost:9090", "ftp://x", "http://", "http://h?x=1", "http://a b"] {
            assert!(url(text).unwrap_err().contains("such as"), "{text}");
        }
        let refused = url("http://ann:secret@h:9090").unwrap_err();
        assert!(!refused.contains("secret"), "{refused}");
    }
}
