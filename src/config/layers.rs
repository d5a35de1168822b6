//! Which of flag, environment, file and default speaks for a setting.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::file::{List, Text};
use super::settings::{Arity, Setting, env_name};
use super::{ConfigError, Sources};
use crate::yaml::{Location, Spanned, one_line};

/// Where a value comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    #[default]
    Default,
    /// A flag, by its name without dashes.
    Flag(String),
    /// An environment variable.
    Env(String),
    /// A place in the file.
    File {
        /// The file as it was named.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// Column, from 1.
        column: u64,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::Flag(flag) => write!(f, "--{flag}"),
            Origin::Env(variable) => f.write_str(variable),
            Origin::File { path, line, column } => write!(f, "{}:{line}:{column}", path.display()),
        }
    }
}

impl Origin {
    /// The refusal of what was said here.
    pub(crate) fn refuse(&self, message: impl Into<String>) -> ConfigError {
        ConfigError::Value { origin: self.clone(), message: one_line(&message.into()) }
    }
}

/// A text with its origin.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) text: String,
    pub(super) origin: Origin,
}

impl Given {
    /// What the text means, or a refusal that says where it stands.
    pub(super) fn parse<T>(&self, parse: impl FnOnce(&str) -> Result<T, String>) -> Result<T, ConfigError> {
        parse(&self.text).map_err(|message| self.origin.refuse(message))
    }
}

/// All sources, asked setting by setting; remembers who answered.
pub(super) struct Layers<'a> {
    sources: &'a Sources,
    file: &'a Path,
    pub(super) origins: BTreeMap<&'static str, Origin>,
}

impl<'a> Layers<'a> {
    /// `file` names the file for the origins.
    pub(super) fn new(sources: &'a Sources, file: &'a Path) -> Self {
        Layers { sources, file, origins: BTreeMap::new() }
    }

    /// The same for another file, beside the configuration's.
    pub(super) fn of_another<'b>(&self, file: &'b Path) -> Layers<'b>
    where
        'a: 'b,
    {
        Layers::new(self.sources, file)
    }

    /// The place of something in the file.
    pub(super) fn place(&self, at: Location) -> Origin {
        Origin::File { path: self.file.to_owned(), line: at.line(), column: at.column() }
    }

    /// A text of the file.
    pub(super) fn given(&self, text: &Text) -> Given {
        Given { text: text.value.clone(), origin: self.place(text.referenced) }
    }

    /// The value of a setting that has one value.
    pub(super) fn one<T>(
        &mut self,
        setting: &'static Setting,
        in_file: Option<&Text>,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, ConfigError> {
        let outside = self.outside(setting).and_then(|mut values| values.pop());
        let given = outside.or_else(|| in_file.map(|text| self.given(text))).unwrap_or_else(|| Given {
            text: setting.default.first().copied().unwrap_or_default().to_owned(),
            origin: Origin::Default,
        });
        self.origins.insert(setting.name(), given.origin.clone());
        given.parse(parse)
    }

    /// The values of a setting that may have several.
    pub(super) fn many<T>(
        &mut self,
        setting: &'static Setting,
        in_file: &List<Text>,
        parse: impl FnMut(&Given) -> Result<T, ConfigError>,
    ) -> Result<Vec<T>, ConfigError> {
        let listed = |list: &Spanned<Vec<Text>>| list.value.iter().map(|text| self.given(text)).collect();
        let default = |text: &&str| Given { text: (*text).to_owned(), origin: Origin::Default };
        let (values, origin): (Vec<Given>, Origin) = match (self.outside(setting), in_file) {
            (Some(values), _) => {
                let origin = values.first().map(|given| given.origin.clone()).unwrap_or_default();
                (values, origin)
            }
            (None, Some(list)) => (listed(list), self.place(list.referenced)),
            (None, None) => (setting.default.iter().map(default).collect(), Origin::Default),
        };
        self.origins.insert(setting.name(), origin);
        values.iter().map(parse).collect()
    }

    /// Notes that a setting of the file alone was said there.
    pub(super) fn note<T>(&mut self, setting: &'static Setting, list: &Option<Spanned<T>>) {
        if let Some(list) = list {
            self.origins.insert(setting.name(), self.place(list.referenced));
        }
    }

    /// Whether a switch is on, by its flag or variable.
    pub(super) fn switch(&self, flag: &str) -> Option<Given> {
        self.flag(flag).or_else(|| self.variable(&env_name(flag), Arity::One))?.pop()
    }

    /// What flags and environment say of a setting.
    fn outside(&self, setting: &Setting) -> Option<Vec<Given>> {
        let variables = || setting.variables().into_iter();
        self.flag(setting.flag?)
            .or_else(|| variables().find_map(|variable| self.variable(&variable, setting.arity)))
    }

    fn flag(&self, flag: &str) -> Option<Vec<Given>> {
        let values = self.sources.flags.get(flag)?;
        Some(
            values
                .iter()
                .map(|text| Given { text: text.clone(), origin: Origin::Flag(flag.into()) })
                .collect(),
        )
    }

    fn variable(&self, variable: &str, arity: Arity) -> Option<Vec<Given>> {
        let whole = self.sources.env.get(variable).filter(|value| !value.is_empty())?;
        let given = |text: &str| Given { text: text.to_owned(), origin: Origin::Env(variable.to_owned()) };
        Some(match arity {
            Arity::One => vec![given(whole)],
            Arity::Many => whole.split(',').map(|text| given(text.trim())).collect(),
        })
    }
}
