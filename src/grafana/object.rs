//! What there is in Grafana: kinds in the order in which they are made, keys, objects as they
//! are wanted and as they were found.

use std::fmt;

use serde_json::Value;

pub use crate::rules::grafana::MARK;

/// The beginning of every uid and name of ours that nothing else prescribes.
pub const PREFIX: &str = "dockmeter-";

/// The tag of every dashboard of ours.
pub const TAG: &str = "dockmeter";

/// What an object is, in the order in which objects are made; they are removed in reverse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A team, by name.
    Team,
    /// A folder, by uid.
    Folder,
    /// Who may do what in a folder, by the folder's uid. They go with it.
    Permissions,
    /// A data source, by uid.
    DataSource,
    /// A dashboard, by uid.
    Dashboard,
    /// A template of notifications, by name.
    Template,
    /// A mute timing, by name.
    MuteTiming,
    /// A contact point, by uid.
    ContactPoint,
    /// A group of rules, by `FOLDER/NAME`.
    RuleGroup,
    /// Our branches of the tree of notification policies; there is one such object.
    Policies,
}

impl Kind {
    /// All, as they are made.
    pub const ALL: [Kind; 10] = [
        Kind::Team,
        Kind::Folder,
        Kind::Permissions,
        Kind::DataSource,
        Kind::Dashboard,
        Kind::Template,
        Kind::MuteTiming,
        Kind::ContactPoint,
        Kind::RuleGroup,
        Kind::Policies,
    ];

    /// As people and the state file call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Team => "team",
            Kind::Folder => "folder",
            Kind::Permissions => "permissions",
            Kind::DataSource => "data source",
            Kind::Dashboard => "dashboard",
            Kind::Template => "template",
            Kind::MuteTiming => "mute timing",
            Kind::ContactPoint => "contact point",
            Kind::RuleGroup => "rule group",
            Kind::Policies => "notification policies",
        }
    }
}

/// An object's kind and what Grafana knows it by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// What it is.
    pub kind: Kind,
    /// Its uid or name.
    pub id: String,
}

impl Key {
    /// The key of an object.
    pub fn new(kind: Kind, id: impl Into<String>) -> Key {
        Key { kind, id: id.into() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.kind.as_str(), self.id)
    }
}

/// An object as it is to be.
///
/// The body has the shape that the kind is read in (`read.rs`), secrets included.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// Which object.
    pub key: Key,
    /// What people call it.
    pub title: String,
    /// What it is to be.
    pub body: Value,
    /// Values that Grafana never shows again, as `secureJsonData` of a data source.
    pub secrets: Option<Value>,
}

/// An object as it was found.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    pub(super) key: Key,
    pub(super) title: String,
    pub(super) body: Value,
    /// What a write needs of it: a numeric id, a version.
    pub(super) handle: Value,
    /// Whether it carries our mark.
    pub(super) marked: bool,
    /// Why it cannot be changed.
    pub(super) locked: Option<String>,
    /// Who saved it last and when, where that was among what was read.
    pub(super) saved: Saved,
}

/// Who saved an object last, and when; empty if Grafana does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    /// A user's or service account's name.
    pub by: String,
    /// RFC 3339.
    pub at: String,
}
