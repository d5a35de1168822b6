//! The ordered rules that find a container's user, project and team.
//!
//! Every dimension has a list; the first rule that yields a value which is not empty wins.
//! A `map` rule looks up the value of another dimension, so that one is found first;
//! [`Rules::new`] refuses lists that wait for each other.

use std::fmt;
use std::path::{Path, PathBuf};

use regex::Regex;

use crate::yaml::quoted;

/// One of the three tenancy labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dimension {
    /// `user`
    User,
    /// `project`
    Project,
    /// `team`
    Team,
}

impl Dimension {
    /// All three, in the order of the labels.
    pub const ALL: [Dimension; 3] = [Dimension::User, Dimension::Project, Dimension::Team];

    /// The name of the label.
    pub fn as_str(self) -> &'static str {
        match self {
            Dimension::User => "user",
            Dimension::Project => "project",
            Dimension::Team => "team",
        }
    }

    /// The dimension of a label's name.
    pub fn from_name(name: &str) -> Option<Dimension> {
        Dimension::ALL.into_iter().find(|dimension| dimension.as_str() == name)
    }
}

/// How the text that a rule found becomes the value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Decode {
    /// As it is.
    #[default]
    Plain,
    /// JupyterHub's escaping of user names is undone. Containers that Compose made yield
    /// nothing: no spawner names those, and a Compose project may be called `jupyter`.
    Jupyter,
    /// The last segment of a path, of Unix or Windows.
    Basename,
}

impl Decode {
    /// Every way, with its name in the configuration.
    pub const NAMED: [(&'static str, Decode); 3] =
        [("plain", Decode::Plain), ("jupyter", Decode::Jupyter), ("basename", Decode::Basename)];

    fn name(self) -> &'static str {
        Decode::NAMED.iter().find(|(_, decode)| *decode == self).map_or("plain", |(name, _)| name)
    }
}

/// One rule.
#[derive(Clone, Debug)]
pub enum Rule {
    /// The value of a Docker label.
    Label {
        /// The label's key.
        key: String,
        /// What is done with its value.
        decode: Decode,
    },
    /// A part of the container's name.
    Name {
        /// Its first named group is the value, else its first group.
        pattern: NamePattern,
        /// What is done with that part.
        decode: Decode,
    },
    /// The owner of the directory that Compose was run in, by name where the host's
    /// `/etc/passwd` has one, else by number.
    ComposeDirOwner,
    /// The user whose slice a rootless engine put the container in.
    CgroupUser,
    /// The value that a file gives for another dimension's value.
    Map {
        /// The dimension that is looked up.
        from: Dimension,
        /// The YAML file, a mapping from text to text.
        file: PathBuf,
    },
    /// Always this value.
    Value(String),
}

impl Rule {
    /// The value of a Docker label, as it is.
    pub fn label(key: &str) -> Rule {
        Rule::Label { key: key.to_owned(), decode: Decode::Plain }
    }

    /// Whether whoever starts containers cannot choose what the rule yields by labelling or naming one.
    fn is_beyond_labels(&self) -> bool {
        matches!(self, Rule::CgroupUser | Rule::Map { .. })
    }
}

impl fmt::Display for Rule {
    /// The rule as it stands in `dockmeter.yml`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decoded = |decode: &Decode| match decode {
            Decode::Plain => String::new(),
            decode => format!(", decode: {}", decode.name()),
        };
        match self {
            Rule::Label { key, decode } => write!(f, "{{label: {}{}}}", quoted(key), decoded(decode)),
            Rule::Name { pattern, decode } => {
                write!(f, "{{name: {}{}}}", quoted(pattern.regex.as_str()), decoded(decode))
            }
            Rule::ComposeDirOwner => f.write_str("{compose_dir_owner: true}"),
            Rule::CgroupUser => f.write_str("{cgroup_user: true}"),
            Rule::Map { from, file } => {
                write!(f, "{{map: {{from: {}, file: {}}}}}", from.as_str(), quoted(&file.to_string_lossy()))
            }
            Rule::Value(value) => write!(f, "{{value: {}}}", quoted(value)),
        }
    }
}

/// A regular expression that takes a value out of a name.
#[derive(Clone, Debug)]
pub struct NamePattern {
    regex: Regex,
    /// Index of the group that is the value.
    group: usize,
}

/// Why a text cannot take a value out of names.
#[derive(Debug, thiserror::Error)]
pub enum NamePatternError {
    /// It is no regular expression.
    #[error(transparent)]
    Regex(#[from] regex::Error),
    /// Nothing says which part of the name is the value; put it in parentheses.
    #[error("`{0}` has no group; put the part that is the value in parentheses")]
    NoGroup(String),
}

impl NamePattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// It is no regular expression, or it has no group.
    pub fn new(pattern: &str) -> Result<Self, NamePatternError> {
        let regex = Regex::new(pattern)?;
        if regex.captures_len() < 2 {
            return Err(NamePatternError::NoGroup(pattern.to_owned()));
        }
        let group = regex.capture_names().position(|name| name.is_some()).unwrap_or(1);
        Ok(NamePattern { regex, group })
    }

    /// The value in a name.
    pub(super) fn value<'n>(&self, name: &'n str) -> Option<&'n str> {
        self.regex.captures(name)?.get(self.group).map(|found| found.as_str())
    }
}

/// The rules of all three dimensions.
#[derive(Clone, Debug)]
pub struct Rules {
    lists: [Vec<Rule>; 3],
    /// Every dimension after those it maps from.
    order: [Dimension; 3],
    strict: bool,
}

/// Two dimensions are each mapped from the other, or one from itself.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{}` is mapped from `{}`, which is itself found by way of `{}`; take one of the two `map` rules out", .0.as_str(), .1.as_str(), .0.as_str())]
pub struct MapCycle(pub Dimension, pub Dimension);

impl Rules {
    /// Takes the three lists.
    ///
    /// # Errors
    /// `map` rules go round in a circle.
    pub fn new(user: Vec<Rule>, project: Vec<Rule>, team: Vec<Rule>) -> Result<Self, MapCycle> {
        let lists = [user, project, team];
        let order = order(&lists)?;
        Ok(Rules { lists, order, strict: false })
    }

    /// What is used for a dimension whose list is not configured: dockmeter's own label, then
    /// those of the platforms that say it, then what the machine itself knows.
    ///
    /// Coolify and Coder stand before Compose, because they use Compose underneath with
    /// project names that they generate.
    pub fn built_in(dimension: Dimension) -> Vec<Rule> {
        let own = Rule::Label { key: format!("dockmeter.{}", dimension.as_str()), decode: Decode::Plain };
        let platform = match dimension {
            Dimension::User => {
                let mut rules = vec![Rule::label("coder.owner"), Rule::ComposeDirOwner];
                // DockerSpawner's name template is `{prefix}-{username}--{servername}`.
                rules.extend(
                    NamePattern::new("^jupyter-(.+?)(?:--.*)?$")
                        .map(|pattern| Rule::Name { pattern, decode: Decode::Jupyter }),
                );
                rules.push(Rule::CgroupUser);
                rules
            }
            Dimension::Project => vec![
                Rule::label("coolify.projectName"),
                Rule::label("coder.workspace_name"),
                Rule::label("com.docker.compose.project"),
                Rule::label("com.docker.stack.namespace"),
                Rule::label("com.dokku.app-name"),
                Rule::Label { key: "devcontainer.local_folder".into(), decode: Decode::Basename },
            ],
            Dimension::Team => Vec::new(),
        };
        std::iter::once(own).chain(platform).collect()
    }

    /// The same rules with those that a label cannot sway before all others (`tenancy.strict`).
    pub fn strict(mut self) -> Self {
        self.strict = true;
        for list in &mut self.lists {
            list.sort_by_key(|rule| match rule {
                Rule::CgroupUser => 0,
                rule if rule.is_beyond_labels() => 1,
                _ => 2,
            });
        }
        self
    }

    /// Whether [`Rules::strict`] has been applied.
    pub fn is_strict(&self) -> bool {
        self.strict
    }

    /// The list of a dimension.
    pub fn list(&self, dimension: Dimension) -> &[Rule] {
        &self.lists[dimension as usize]
    }

    /// The dimensions in the order in which they can be found.
    pub(super) fn order(&self) -> [Dimension; 3] {
        self.order
    }

    /// The map files that the rules name.
    pub(super) fn map_files(&self) -> impl Iterator<Item = &Path> {
        self.lists.iter().flatten().filter_map(|rule| match rule {
            Rule::Map { file, .. } => Some(file.as_path()),
            _ => None,
        })
    }
}

impl Default for Rules {
    fn default() -> Self {
        // The built-in lists have no `map` rule, so their order is that of the labels.
        Rules { lists: Dimension::ALL.map(Rules::built_in), order: Dimension::ALL, strict: false }
    }
}

/// Puts every dimension after those it is mapped from.
fn order(lists: &[Vec<Rule>; 3]) -> Result<[Dimension; 3], MapCycle> {
    let sources = |dimension: Dimension| {
        lists[dimension as usize].iter().filter_map(|rule| match rule {
            Rule::Map { from, .. } => Some(*from),
            _ => None,
        })
    };
    let mut order = Dimension::ALL;
    for place in 0..order.len() {
        let ready =
            |dimension: &Dimension| sources(*dimension).all(|source| order[..place].contains(&source));
        match order[place..].iter().position(ready) {
            Some(found) => order[place..=place + found].rotate_right(1),
            None => return Err(cycle(&order[place..], sources)),
        }
    }
    Ok(order)
}

/// Names two dimensions of a circle among those that are left.
fn cycle<S: Iterator<Item = Dimension>>(left: &[Dimension], sources: impl Fn(Dimension) -> S) -> MapCycle {
    let step =
        |dimension: Dimension| sources(dimension).find(|source| left.contains(source)).unwrap_or(dimension);
    // After as many steps as there are dimensions every walk is inside a circle.
    let inside = Dimension::ALL.iter().fold(left[0], |dimension, _| step(dimension));
    MapCycle(inside, step(inside))
}
