//! The first token: made with an administrator's login, kept in a file that only its owner reads.

use std::io;
use std::path::{Path, PathBuf};

use hyper::Method;
use serde_json::{Value, json};

use super::client::{Grafana, GrafanaError};
use super::read::items;
use super::state::replace;
use crate::config::Upstream;
use crate::prometheus::connection::form_encoded;

/// The service account's name.
const ACCOUNT: &str = "dockmeter";

/// What everybody may read who is let in.
const ANYTHING: &str = "/api/folders?limit=1";

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// Grafana would not.
    #[error(transparent)]
    Grafana(#[from] GrafanaError),
    /// It cannot be kept.
    #[error("could not write `{}`: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// There is a file already.
    #[error("`{}` is there already; remove it, or name another, to make a new token", path.display())]
    There {
        /// The file.
        path: PathBuf,
    },
    /// Grafana answered something else.
    #[error("Grafana made a token and did not show it")]
    Hidden,
}

/// A token that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Minted {
    /// The service account.
    pub account: String,
    /// The token's name there.
    pub token: String,
}

/// Whether the token in a file lets anybody in. `config` says where Grafana is.
///
/// # Errors
/// The file cannot be read, or Grafana does not answer.
pub async fn is_token_taken(config: &Upstream, path: &Path) -> Result<bool, GrafanaError> {
    let upstream = Upstream {
        username: String::new(),
        password_file: None,
        bearer_token_file: Some(path.to_owned()),
        ..config.clone()
    };
    match Grafana::new(&upstream)?.get(ANYTHING).await {
        Err(GrafanaError::Unauthorised { .. }) => Ok(false),
        Ok(_) | Err(GrafanaError::Forbidden { .. }) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Makes a service account, if there is none, and a token of it, and writes the token to a file.
/// `name` is the token's; a name that is taken gets a number. A file that is there is overwritten
/// only if `replace_it` says so.
///
/// # Errors
/// The file is there, or cannot be written; or Grafana refuses.
pub async fn mint_token(
    grafana: &Grafana,
    path: &Path,
    name: &str,
    replace_it: bool,
) -> Result<Minted, BootstrapError> {
    if path.exists() && !replace_it {
        return Err(BootstrapError::There { path: path.to_owned() });
    }
    let file = |error| BootstrapError::File { path: path.to_owned(), error };
    // A token is shown once: whether it can be kept is tried before it is made.
    replace(path, b"").and_then(|()| std::fs::remove_file(path)).map_err(file)?;
    let id = account(grafana).await?;
    let taken = grafana.get(&format!("/api/serviceaccounts/{id}/tokens")).await?;
    let is_taken = |name: &str| items(&taken).any(|token| token["name"] == name);
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    let name =
        std::iter::once(name.to_owned()).chain(numbered).find(|name| !is_taken(name)).unwrap_or_default();
    let path_of_tokens = format!("/api/serviceaccounts/{id}/tokens");
    let made = grafana.write(Method::POST, &path_of_tokens, Some(&json!({"name": name}))).await?;
    let key = made["key"].as_str().ok_or(BootstrapError::Hidden)?;
    replace(path, format!("{key}\n").as_bytes()).map_err(file)?;
    Ok(Minted { account: ACCOUNT.to_owned(), token: name })
}

async fn account(grafana: &Grafana) -> Result<Value, GrafanaError> {
    let path = format!("/api/serviceaccounts/search?perpage=100&page=1&query={}", form_encoded(ACCOUNT));
    let found = grafana.get(&path).await?;
    if let Some(one) = items(&found["serviceAccounts"]).find(|one| one["name"] == ACCOUNT) {
        return Ok(one["id"].clone());
    }
    let account = json!({"name": ACCOUNT, "role": "Admin", "isDisabled": false});
    Ok(grafana.write(Method::POST, "/api/serviceaccounts", Some(&account)).await?["id"].clone())
}
