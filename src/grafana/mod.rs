//! Grafana as it should be: what is wanted is compared with what is there and with what was done
//! last, and made so, one object at a time.
//!
//! - [`wanted`]: folders, data sources, dashboards, teams and all that, from configuration and
//!   dashboards;
//! - [`make_plan`], [`apply`]: what is to be done, and doing it;
//! - [`State`]: what was done;
//! - [`Workshop`]: dashboards that somebody makes of a template, which are his from then on;
//! - [`show_plan`]: a plan as text.
//!
//! Invariants: nothing is changed or removed but what carries our mark or was made by us; a plan
//! writes nothing; an interrupted run is finished by the next one.

mod apply;
mod bootstrap;
mod client;
mod desired;
mod diff;
mod door;
mod evaluator;
mod folder;
mod groups;
mod made;
mod normal;
mod object;
mod plan;
mod read;
mod show;
mod state;
mod write;

pub use apply::{ApplyError, Options, Outcome, Progress, apply, known_members, make_plan};
pub use bootstrap::{BootstrapError, Minted, is_token_taken, mint_token};
pub use client::{Calls, Grafana, GrafanaError};
pub use desired::{
    ALERTMANAGER_CONTACT_POINT, ALERTMANAGER_DATA_SOURCE, Bundle, CONTRACT_UIDS, Dashboard, DesiredError,
    PLATFORM_FOLDER, PROMETHEUS_DATA_SOURCE, RuleGroup, TENANT_TAG, team_dashboard, team_folder, teams,
    wanted,
};
pub use diff::Change;
pub use door::Door;
pub use evaluator::Evaluation;
pub use folder::{FolderError, dashboards};
pub use groups::{evaluation, rule_groups};
pub use made::{Listed, MADE_PREFIX, MADE_TAG, Made, MadeError, Who, Workshop};
pub use object::{Key, Kind, MARK, PREFIX, Saved, TAG, Wanted};
pub use plan::{Action, Blocked, Cause, Plan, Verb};
pub use show::{Palette, action as show_action, plan as show_plan};
pub use state::{State, StateError};
