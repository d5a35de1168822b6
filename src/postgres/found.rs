//! Which servers are read: those that the configuration names, and those in containers that say
//! so by their labels.
//!
//! Whoever starts a container chooses its labels, so these name no address, no path and no
//! tenant: the address is the container's own, the password lies in a folder that the
//! configuration names, and is shown only in a form that is of no use to who sees it (`guard`).

use crate::config::{Authority, DatabaseUrl, Postgres};
use crate::inventory::{Container, Snapshot, Status};

use super::Target;

/// Says by `true` that a PostgreSQL server is in the container.
pub const LABEL: &str = "dockmeter.postgres";

/// The role, `dockmeter` if nothing is said.
pub const USER_LABEL: &str = "dockmeter.postgres.user";

/// The database, `postgres` if nothing is said.
pub const DATABASE_LABEL: &str = "dockmeter.postgres.database";

/// The port in the container, 5432 if nothing is said.
pub const PORT_LABEL: &str = "dockmeter.postgres.port";

/// The name of the file with the password, `postgres` if nothing is said.
pub const PASSWORD_FILE_LABEL: &str = "dockmeter.postgres.password_file";

const USER: &str = "dockmeter";
const DATABASE: &str = "postgres";
const PORT: u16 = 5432;
const PASSWORD_FILE: &str = "postgres";

/// Servers in containers that are read; each has a task, a connection and hundreds of series.
const MOST: usize = 100;

/// The longest name of a role, a database or a file.
const LONGEST_NAME: usize = 63;

/// The servers, each address once, and what is wrong with labels.
pub(super) fn targets(config: &Postgres, snapshot: &Snapshot) -> (Vec<Target>, Vec<String>) {
    let mut targets: Vec<Target> = config
        .servers
        .iter()
        .map(|server| Target {
            server: server.url.server.to_string(),
            url: server.url.clone(),
            addresses: None,
            password_file: server.password_file.clone(),
            ca_file: server.ca_file.clone(),
            tenant: server.tenant.clone(),
            interval: server.interval,
            timeout: server.timeout,
            is_named: true,
        })
        .collect();
    let mut problems = Vec::new();
    let mut found = 0;
    for container in snapshot.containers.values().filter(|container| runs_a_server(container)) {
        match target(config, container) {
            Ok(target) if targets.iter().any(|other| other.server == target.server) => {}
            Ok(_) if found >= MOST => {
                problems.push(format!(
                    "more than {MOST} containers with PostgreSQL servers; the rest is not read"
                ));
                break;
            }
            Ok(target) => {
                found += 1;
                targets.push(target);
            }
            Err(problem) => problems.push(problem),
        }
    }
    (targets, problems)
}

/// Whether a container says so, is up, and is known well enough to say whose it is.
fn runs_a_server(container: &Container) -> bool {
    container.labels.get(LABEL).is_some_and(|value| value == "true")
        // A frozen server is down, not away.
        && matches!(container.state.status, Status::Running | Status::Paused)
        && container.removed_at.is_none()
        && container.tenant_known
}

fn target(config: &Postgres, container: &Container) -> Result<Target, String> {
    let refuse = |what: &str| format!("container `{}`: {what}", container.name);
    let directory = config.password_directory.as_ref().ok_or_else(|| {
        refuse(&format!(
            "`{LABEL}` has no effect without a folder with passwords; name one by `--postgres.password-directory`"
        ))
    })?;
    let label = |key: &str, default: &str| -> Result<String, String> {
        let value = container.labels.get(key).map_or(default, String::as_str);
        match value.is_empty() || value.len() > LONGEST_NAME || value.contains(char::is_control) {
            true => Err(refuse(&format!("`{key}` is no name"))),
            false => Ok(value.to_owned()),
        }
    };
    let port = label(PORT_LABEL, &PORT.to_string())?;
    let port = port.parse().ok().filter(|port| *port > 0);
    let port = port.ok_or_else(|| refuse(&format!("`{PORT_LABEL}` is no port")))?;
    let file = label(PASSWORD_FILE_LABEL, PASSWORD_FILE)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if file.starts_with('.') || !file.chars().all(plain) {
        return Err(refuse(&format!(
            "`{PASSWORD_FILE_LABEL}` is not the name of a file: letters, digits, `.`, `_` and `-`, not a `.` first"
        )));
    }
    let (user, database) = (label(USER_LABEL, USER)?, label(DATABASE_LABEL, DATABASE)?);
    let server = Authority { host: container.name.as_str().to_owned(), port };
    let addresses = match container.network.mode.as_str() {
        "host" => vec![std::net::Ipv4Addr::LOCALHOST.into()],
        _ => container.network.addresses.clone(),
    };
    Ok(Target {
        server: server.to_string(),
        url: DatabaseUrl::new(server, &user, &database),
        addresses: Some(addresses),
        password_file: Some(directory.join(file)),
        ca_file: None,
        tenant: container.tenant.clone(),
        interval: config.interval,
        timeout: config.timeout,
        is_named: false,
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::config::PostgresServer;
    use crate::tenant::{LabelValue, Tenant};

    fn config() -> Postgres {
        Postgres {
            servers: Vec::new(),
            password_directory: Some("/run/secrets".into()),
            interval: Duration::from_secs(15),
            timeout: Duration::from_secs(5),
        }
    }

    fn container(name: &str, labels: &[(&str, &str)]) -> Container {
        let id = format!("{:064x}", name.len()).parse().unwrap();
        let mut container = Container::new(id, Status::Running);
        container.name = LabelValue::clean(name);
        container.labels =
            labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        container.network.addresses = vec!["172.17.0.2".parse().unwrap()];
        container.tenant = Tenant::claimed(None, Some("shop"), None);
        container
    }

    fn snapshot(containers: impl IntoIterator<Item = Container>) -> Snapshot {
        let containers = containers.into_iter().map(|one| (one.id, Arc::new(one))).collect();
        Snapshot { containers, ..Snapshot::default() }
    }

    #[test]
    fn a_container_with_the_label_is_a_server_of_its_tenant() {
        let (targets, problems) =
            targets(&config(), &snapshot([container("db", &[(LABEL, "true")]), container("web", &[])]));
        assert!(problems.is_empty(), "{problems:?}");
        let [target] = targets.as_slice() else { panic!("{targets:?}") };
        assert_eq!(target.url.to_string(), "postgres://dockmeter@db:5432/postgres?sslmode=prefer");
        assert_eq!(target.addresses, Some(vec!["172.17.0.2".parse().unwrap()]));
        assert_eq!(target.password_file, Some(PathBuf::from("/run/secrets/postgres")));
        assert_eq!((target.tenant.project.as_str(), target.is_named), ("shop", false));
    }

    #[test]
    fn labels_say_as_whom_and_where_within_the_container() {
        let labels = [
            (LABEL, "true"),
            (USER_LABEL, "m"),
            (DATABASE_LABEL, "app"),
            (PORT_LABEL, "6000"),
            (PASSWORD_FILE_LABEL, "shop-pg"),
        ];
        let (targets, _) = targets(&config(), &snapshot([container("db", &labels)]));
        assert_eq!(targets[0].url.to_string(), "postgres://m@db:6000/app?sslmode=prefer");
        assert_eq!(targets[0].password_file, Some(PathBuf::from("/run/secrets/shop-pg")));
    }

    #[test]
    fn a_label_reaches_no_file_outside_the_folder() {
        for name in ["../shadow", "/etc/shadow", "..", ".hidden", "a/b", "", "a b"] {
            let labels = [(LABEL, "true"), (PASSWORD_FILE_LABEL, name)];
            let (targets, problems) = targets(&config(), &snapshot([container("db", &labels)]));
            assert!(targets.is_empty() && problems.len() == 1, "{name}");
        }
        for port in ["0", "65536", "x"] {
            let labels = [(LABEL, "true"), (PORT_LABEL, port)];
            assert!(targets(&config(), &snapshot([container("db", &labels)])).0.is_empty(), "{port}");
        }
    }

    #[test]
    fn without_a_folder_for_passwords_nothing_is_read() {
        let config = Postgres { password_directory: None, ..config() };
        let (targets, problems) = targets(&config, &snapshot([container("db", &[(LABEL, "true")])]));
        assert!(targets.is_empty() && problems[0].contains("--postgres.password-directory"));
    }

    #[test]
    fn what_the_configuration_names_goes_before_a_container() {
        let named = PostgresServer {
            url: DatabaseUrl::parse("postgres://ann@db/app").unwrap(),
            password_file: None,
            ca_file: None,
            tenant: Tenant::unknown(),
            interval: Duration::from_secs(15),
            timeout: Duration::from_secs(5),
        };
        let config = Postgres { servers: vec![named], ..config() };
        let (targets, _) = targets(&config, &snapshot([container("db", &[(LABEL, "true")])]));
        assert!(targets.len() == 1 && targets[0].is_named);
    }
}
