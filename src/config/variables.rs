//! Environment variables that begin as ours do and mean nothing.
//!
//! One that is close to a setting's is a slip and refused, as an unknown flag is. Others are
//! told of only: an orchestrator names variables after its services, so that an exporter beside
//! a service `dockmeter` finds `DOCKMETER_PORT` and `DOCKMETER_SERVICE_HOST`.

use std::collections::BTreeMap;

use super::ConfigError;
use super::layers::Origin;
use super::settings::{ALL, COLLECTOR_FLAG, ENV_PREFIX, env_name};
use crate::metrics::catalogue::{COLLECTORS, host};

/// Letters that may be wrong, missing, too many or swapped in a slip.
const SLIPS: usize = 3;

/// Looks through the variables; answers a sentence for each that is not known.
///
/// # Errors
/// A variable that is nearly a setting's.
pub(super) fn check(env: &BTreeMap<String, String>) -> Result<Vec<String>, ConfigError> {
    let known = known();
    let unknown = env
        .iter()
        .filter(|(name, value)| name.starts_with(ENV_PREFIX) && !value.is_empty() && !known.contains(name));
    unknown.map(|(name, _)| look(name, &known)).collect()
}

fn look(name: &str, known: &[String]) -> Result<String, ConfigError> {
    let nearest = known.iter().map(|other| (strsim::osa_distance(name, other), other)).min();
    let (distance, nearest) = nearest.unwrap_or((usize::MAX, &known[0]));
    if distance <= SLIPS {
        let message = format!("there is no such variable; did you mean `{nearest}`?");
        return Err(Origin::Env(name.to_owned()).refuse(message));
    }
    Ok(format!("the variable `{name}` means nothing to dockmeter; the nearest that does is `{nearest}`"))
}

/// The variables of all settings and switches.
fn known() -> Vec<String> {
    let settings = ALL.iter().filter_map(|setting| setting.flag).map(env_name);
    let switches = COLLECTORS.iter().copied().chain([host::GROUP]);
    settings.chain(switches.map(|name| env_name(&format!("{COLLECTOR_FLAG}{name}")))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(names: &[&str]) -> Result<Vec<String>, String> {
        let env = names.iter().map(|name| ((*name).to_owned(), "x".to_owned())).collect();
        check(&env).map_err(|error| error.to_string())
    }

    #[test]
    fn a_slip_is_refused_with_the_name_that_was_meant() {
        for (slip, meant) in [
            ("DOCKMETER_WEB_LISTEN_ADDRES", "DOCKMETER_WEB_LISTEN_ADDRESS"),
            ("DOCKMETER_LOG_LEVLE", "DOCKMETER_LOG_LEVEL"),
            ("DOCKMETER_DOCKERHOST", "DOCKMETER_DOCKER_HOST"),
            ("DOCKMETER_WEB_TRUST_NETWORKS", "DOCKMETER_WEB_TRUST_NETWORK"),
            ("DOCKMETER_COLLECTOR_CONTAINER_CPUS", "DOCKMETER_COLLECTOR_CONTAINER_CPU"),
        ] {
            let expected = format!("{slip}: there is no such variable; did you mean `{meant}`?");
            assert_eq!(checked(&[slip]), Err(expected));
        }
    }

    #[test]
    fn what_an_orchestrator_says_of_a_service_is_only_told_of() {
        let told = checked(&["DOCKMETER_SERVICE_HOST", "DOCKMETER_PORT_10417_TCP_PROTO", "PATH"]).unwrap();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[1].starts_with("the variable `DOCKMETER_SERVICE_HOST` means nothing"), "{told:?}");
    }

    #[test]
    fn every_variable_of_the_reference_is_known_and_an_empty_one_is_unset() {
        let known = known();
        let names: Vec<&str> = known.iter().map(String::as_str).collect();
        assert_eq!(checked(&names), Ok(vec![]));
        let unset = BTreeMap::from([("DOCKMETER_LOG_LEVLE".to_owned(), String::new())]);
        assert!(check(&unset).is_ok_and(|told| told.is_empty()));
    }
}
