//! Whose a container is: `user`, `project` and `team`, always all three and never empty.
//!
//! This room knows nothing of Docker but a map of labels. [`Tenant`] cannot hold a
//! value that is unsafe to expose, because it is built from [`LabelValue`] only.
//! [`Resolver`] finds a container's tenant by ordered [`Rules`] and decides by a [`Filter`]
//! whether the container is looked at.

mod attribution;
mod caps;
mod decode;
mod filter;
mod host_users;
mod hygiene;
mod maps;
mod narrowing;
mod resolver;
mod resources;
mod rules;

pub use attribution::{Attribution, EngineResources, Facts};
pub use caps::Caps;
pub use filter::{Filter, IGNORE_LABEL, Pattern};
pub use hygiene::{LabelValue, MAX_LABEL_BYTES};
pub use narrowing::{Binding, Narrowing};
pub use resolver::{Policy, Resolver};
pub(crate) use resources::bytes;
pub use resources::{CPU_RESERVATION_LABEL, MEMORY_RESERVATION_LABEL, Resources, misunderstood};
pub use rules::{Decode, Dimension, MapCycle, NamePattern, NamePatternError, Rule, Rules};

use crate::label;
pub use crate::label::{ANONYMOUS, OTHER, RESERVED};

/// The value of a tenancy label about which nothing is known.
pub const UNKNOWN: &str = "unknown";

/// The tenant of what is used on the machine outside containers.
pub const SYSTEM: &str = "system";

/// The tenant of what nobody has used or reserved.
pub const IDLE: &str = "idle";

/// The tenant of what containers without a known tenant have used.
pub const UNATTRIBUTED: &str = "unattributed";

/// Who a container, a request or a share of the machine belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tenant {
    /// The person, `unknown` where no rule names one.
    pub user: LabelValue,
    /// The project, `unknown` where no rule names one.
    pub project: LabelValue,
    /// The team, `unknown` where no rule names one.
    pub team: LabelValue,
}

impl Tenant {
    /// A tenant of which nothing is known.
    pub fn unknown() -> Self {
        let unknown = LabelValue::clean(UNKNOWN);
        Tenant { user: unknown.clone(), project: unknown.clone(), team: unknown }
    }

    /// One of [`SYSTEM`], [`IDLE`] and [`UNATTRIBUTED`]: no container's, and called so in all
    /// three labels.
    pub fn pseudo(name: &'static str) -> Self {
        let name = LabelValue::clean(name);
        Tenant { user: name.clone(), project: name.clone(), team: name }
    }

    /// Whether nothing at all is known of it.
    pub fn is_unknown(&self) -> bool {
        [&self.user, &self.project, &self.team].iter().all(|value| value.as_str() == UNKNOWN)
    }

    /// A tenant from values that a label, a name or a map file claims: made safe,
    /// reserved words marked, and `unknown` where a claim is absent or empty.
    pub fn claimed(user: Option<&str>, project: Option<&str>, team: Option<&str>) -> Self {
        Tenant { user: claim(user), project: claim(project), team: claim(team) }
    }

    /// The same with the user that a service names, [`ANONYMOUS`] where it names none.
    #[must_use]
    pub fn used_by(&self, user: Option<&str>) -> Tenant {
        let named = user.map(|user| claim(Some(user))).filter(|user| user.as_str() != UNKNOWN);
        Tenant { user: named.unwrap_or_else(|| LabelValue::clean(ANONYMOUS)), ..self.clone() }
    }
}

/// One claimed value: safe, never empty, never a reserved word.
fn claim(raw: Option<&str>) -> LabelValue {
    let claimed = raw.and_then(label::claimed).unwrap_or(UNKNOWN.into());
    LabelValue::clean(&claimed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_always_has_all_three_labels() {
        let tenant = Tenant::claimed(Some("ann"), Some("  "), None);
        assert_eq!(tenant.user.as_str(), "ann");
        assert_eq!(tenant.project.as_str(), "unknown");
        assert_eq!(tenant.team.as_str(), "unknown");
    }

    #[test]
    fn a_claimed_reserved_word_gets_a_trailing_underscore() {
        for word in RESERVED {
            assert_eq!(Tenant::claimed(Some(word), None, None).user.as_str(), format!("{word}_"));
        }
    }
}
