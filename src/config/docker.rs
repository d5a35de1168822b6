//! How the engine is reached: its address, and the certificates of an engine behind TLS, as
//! Docker's own command reads them from `DOCKER_HOST`, `DOCKER_TLS_VERIFY` and
//! `DOCKER_CERT_PATH`.

use std::path::PathBuf;

use super::endpoint::EndpointError;
use super::file::File;
use super::layers::{Given, Layers, Origin};
use super::settings::{self, DOCKER_CONFIG_VARIABLE, DOCKER_TLS_VARIABLE, RUNTIME_VARIABLE};
use super::{ConfigError, Endpoint, Sources, folder_of, value};

/// How the engine is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Docker {
    /// Where it listens.
    pub host: Endpoint,
    /// Sockets that are looked for, in this order, while that of `host` does not exist; empty
    /// if somebody has said where the engine is.
    pub elsewhere: Vec<PathBuf>,
    /// Whether TLS is spoken with an engine at `tcp://`, with verification of both sides.
    pub tls_verify: bool,
    /// The folder of the certificates; empty where none is named and none is needed.
    pub cert_path: PathBuf,
}

/// The files of TLS, under the names that Docker gives them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificates of the authorities that the engine's certificate has to come from.
    pub ca: PathBuf,
    /// Our certificate, which the engine asks for.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Docker {
    /// The files of TLS, if it is to be spoken.
    pub fn tls(&self) -> Option<TlsFiles> {
        let file = |name| self.cert_path.join(name);
        let wanted = self.tls_verify && matches!(self.host, Endpoint::Tcp(_));
        wanted.then(|| TlsFiles { ca: file("ca.pem"), certificate: file("cert.pem"), key: file("key.pem") })
    }
}

/// Sockets of rootless engines and of Podman's Docker-compatible service.
fn elsewhere(sources: &Sources) -> Vec<PathBuf> {
    let runtime = sources.env.get(RUNTIME_VARIABLE).filter(|folder| folder.starts_with('/'));
    let own = |name: &str| runtime.map(|folder| PathBuf::from(folder).join(name));
    let podman = Some(PathBuf::from("/run/podman/podman.sock"));
    [own("docker.sock"), podman, own("podman/podman.sock")].into_iter().flatten().collect()
}

/// Puts together how the engine is reached.
pub(super) fn docker(layers: &mut Layers<'_>, file: &File, sources: &Sources) -> Result<Docker, ConfigError> {
    let (tls_verify, asked_by) = tls_verify(layers, file)?;
    let host = layers.one(&settings::DOCKER_HOST, file.docker.host.as_ref(), |text: &str| {
        Endpoint::parse(text, tls_verify).map_err(|error: EndpointError| error.to_string())
    })?;
    let said = layers.origins.get(settings::DOCKER_HOST.name()).is_some_and(|o| *o != Origin::Default);
    let cert_path = cert_path(layers, file, sources)?;
    if tls_verify && matches!(host, Endpoint::Tcp(_)) && cert_path.as_os_str().is_empty() {
        return Err(asked_by.refuse(
            "TLS needs `ca.pem`, `cert.pem` and `key.pem`; name their folder with `--docker.cert-path` or `DOCKER_CERT_PATH`",
        ));
    }
    let docker_asked = matches!(&asked_by, Origin::Env(variable) if variable == DOCKER_TLS_VARIABLE);
    if tls_verify && !docker_asked && !matches!(host, Endpoint::Tcp(_)) {
        return Err(
            asked_by.refuse(format!("TLS is spoken over `tcp://` only, and the engine is at `{host}`"))
        );
    }
    let elsewhere = if said { Vec::new() } else { elsewhere(sources) };
    Ok(Docker { host, elsewhere, tls_verify, cert_path })
}

/// Whether TLS is asked for, and by whom. Docker's own variable says so with any value.
fn tls_verify(layers: &mut Layers<'_>, file: &File) -> Result<(bool, Origin), ConfigError> {
    let setting = &settings::DOCKER_TLS_VERIFY;
    let text = layers.one(setting, file.docker.tls_verify.as_ref(), |text| Ok(text.to_owned()))?;
    let origin = layers.origins.get(setting.name()).cloned().unwrap_or_default();
    if matches!(&origin, Origin::Env(variable) if variable == DOCKER_TLS_VARIABLE) {
        return Ok((true, origin));
    }
    let given = Given { text, origin };
    Ok((given.parse(value::boolean)?, given.origin))
}

/// The folder that is named, else that of Docker's own configuration.
fn cert_path(layers: &mut Layers<'_>, file: &File, sources: &Sources) -> Result<PathBuf, ConfigError> {
    let setting = &settings::DOCKER_CERT_PATH;
    let named = layers.one(setting, file.docker.cert_path.as_ref(), |text| Ok(PathBuf::from(text)))?;
    if !named.as_os_str().is_empty() {
        // A path in the file is meant from the file's folder.
        return Ok(match layers.origins.get(setting.name()) {
            Some(Origin::File { path, .. }) => folder_of(path).join(named),
            _ => named,
        });
    }
    let variable = |name| sources.env.get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    Ok(variable(DOCKER_CONFIG_VARIABLE)
        .or_else(|| variable(settings::HOME_VARIABLE).map(|home| home.join(".docker")))
        .unwrap_or_default())
}
