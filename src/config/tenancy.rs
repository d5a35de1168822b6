//! The policy of `tenant` from the sections `tenancy`, `containers` and `limits`.

use std::ops::RangeInclusive;
use std::path::Path;

use super::ConfigError;
use super::file::{File, List, MapEntry, PatternEntry, RuleEntry};
use super::layers::{Layers, Origin};
use super::settings::{self, Setting};
use super::value;
use crate::tenant::{
    Caps, Decode, Dimension, Filter, NamePattern, NamePatternError, Pattern, Policy, RESERVED, Rule, Rules,
};
use crate::yaml::{Spanned, one_of};

/// Builds the policy. `folder` is what relative paths of map files are meant from.
pub(super) fn policy(
    layers: &mut Layers<'_>,
    file: &File,
    folder: &Path,
    caps: RangeInclusive<usize>,
) -> Result<Policy, ConfigError> {
    let (tenancy, limits) = (&file.tenancy, &file.limits);
    let user = rules(layers, &settings::TENANCY_USER, &tenancy.user, Dimension::User, folder)?;
    let project = rules(layers, &settings::TENANCY_PROJECT, &tenancy.project, Dimension::Project, folder)?;
    let team = rules(layers, &settings::TENANCY_TEAM, &tenancy.team, Dimension::Team, folder)?;
    let rules = Rules::new(user, project, team).map_err(|cycle| {
        let setting = [&settings::TENANCY_USER, &settings::TENANCY_PROJECT, &settings::TENANCY_TEAM];
        let origin = layers.origins.get(setting[cycle.0 as usize].name()).cloned().unwrap_or_default();
        origin.refuse(cycle.to_string())
    })?;
    let strict = layers.one(&settings::TENANCY_STRICT, tenancy.strict.as_ref(), value::boolean)?;
    let cap = |text: &str| value::count(text, caps.clone());
    Ok(Policy {
        rules: if strict { rules.strict() } else { rules },
        ignore_image_labels: layers.one(
            &settings::TENANCY_IGNORE_IMAGE_LABELS,
            tenancy.ignore_image_labels.as_ref(),
            value::boolean,
        )?,
        limits_as_reservations: layers.one(
            &settings::TENANCY_LIMITS_AS_RESERVATIONS,
            tenancy.limits_as_reservations.as_ref(),
            value::boolean,
        )?,
        caps: Caps {
            users: layers.one(&settings::LIMITS_USERS, limits.users.as_ref(), cap)?,
            projects: layers.one(&settings::LIMITS_PROJECTS, limits.projects.as_ref(), cap)?,
            teams: layers.one(&settings::LIMITS_TEAMS, limits.teams.as_ref(), cap)?,
        },
        filter: Filter {
            include: patterns(layers, &settings::CONTAINERS_INCLUDE, &file.containers.include)?,
            exclude: patterns(layers, &settings::CONTAINERS_EXCLUDE, &file.containers.exclude)?,
        },
    })
}

/// The list of a dimension, the built-in one if none is configured.
fn rules(
    layers: &mut Layers<'_>,
    setting: &'static Setting,
    list: &List<Spanned<RuleEntry>>,
    dimension: Dimension,
    folder: &Path,
) -> Result<Vec<Rule>, ConfigError> {
    layers.note(setting, list);
    match list {
        None => Ok(Rules::built_in(dimension)),
        Some(list) => list.value.iter().map(|entry| rule(layers, entry, folder)).collect(),
    }
}

fn rule(layers: &Layers<'_>, entry: &Spanned<RuleEntry>, folder: &Path) -> Result<Rule, ConfigError> {
    let (place, entry) = (layers.place(entry.referenced), &entry.value);
    let decode = match &entry.decode {
        None => Decode::Plain,
        Some(_) if entry.label.is_none() && entry.name.is_none() => {
            return Err(place.refuse("`decode` belongs to a `label` or a `name`"));
        }
        Some(text) => layers.given(text).parse(|text| value::word(text, &Decode::NAMED))?,
    };
    let parsed = [
        entry
            .label
            .as_ref()
            .map(|text| layers.given(text).parse(|text| Ok(Rule::Label { key: not_empty(text)?, decode }))),
        entry.name.as_ref().map(|text| {
            layers.given(text).parse(|text| Ok(Rule::Name { pattern: name_pattern(text)?, decode }))
        }),
        entry
            .compose_dir_owner
            .as_ref()
            .map(|text| layers.given(text).parse(|text| on(text, Rule::ComposeDirOwner))),
        entry.cgroup_user.as_ref().map(|text| layers.given(text).parse(|text| on(text, Rule::CgroupUser))),
        entry.map.as_ref().map(|map| map_rule(layers, map, folder)),
        entry.value.as_ref().map(|text| layers.given(text).parse(fixed_value)),
        entry.default.as_ref().map(|text| layers.given(text).parse(fixed_value)),
    ];
    let keys = ["label", "name", "compose_dir_owner", "cgroup_user", "map", "value", "default"];
    only(parsed, "a rule", &keys, &place)
}

fn map_rule(layers: &Layers<'_>, map: &MapEntry, folder: &Path) -> Result<Rule, ConfigError> {
    let from = layers
        .given(&map.from)
        .parse(|text| value::word(text, &Dimension::ALL.map(|dimension| (dimension.as_str(), dimension))))?;
    let file = layers.given(&map.file).parse(not_empty)?;
    Ok(Rule::Map { from, file: folder.join(file) })
}

fn patterns(
    layers: &mut Layers<'_>,
    setting: &'static Setting,
    list: &List<Spanned<PatternEntry>>,
) -> Result<Vec<Pattern>, ConfigError> {
    layers.note(setting, list);
    list.iter().flat_map(|list| &list.value).map(|entry| pattern(layers, entry)).collect()
}

fn pattern(layers: &Layers<'_>, entry: &Spanned<PatternEntry>) -> Result<Pattern, ConfigError> {
    let (place, entry) = (layers.place(entry.referenced), &entry.value);
    let label = |text: &str| {
        let (key, value) = text.split_once('=').map_or((text, None), |(key, value)| (key, Some(value)));
        Ok(Pattern::Label { key: not_empty(key)?, value: value.map(str::to_owned) })
    };
    let parsed = [
        entry.name.as_ref().map(|text| layers.given(text).parse(value::regex).map(Pattern::Name)),
        entry.image.as_ref().map(|text| layers.given(text).parse(value::regex).map(Pattern::Image)),
        entry.label.as_ref().map(|text| layers.given(text).parse(label)),
    ];
    only(parsed, "a pattern", &["name", "image", "label"], &place)
}

/// The one that is given.
fn only<T, const N: usize>(
    parsed: [Option<Result<T, ConfigError>>; N],
    what: &str,
    keys: &[&str; N],
    place: &Origin,
) -> Result<T, ConfigError> {
    let mut given = parsed.into_iter().flatten();
    match (given.next(), given.next()) {
        (Some(one), None) => one,
        _ => Err(place.refuse(format!("{what} has exactly one of {}", one_of(keys)))),
    }
}

fn name_pattern(text: &str) -> Result<NamePattern, String> {
    NamePattern::new(text).map_err(|error| match error {
        NamePatternError::Regex(error) => value::bad_regex(text, &error),
        error => error.to_string(),
    })
}

/// A rule that is only ever switched on.
fn on(text: &str, rule: Rule) -> Result<Rule, String> {
    if value::boolean(text)? { Ok(rule) } else { Err("leave the rule out instead of `false`".to_owned()) }
}

/// A value that the file itself gives.
fn fixed_value(text: &str) -> Result<Rule, String> {
    let text = not_empty(text)?;
    if RESERVED.contains(&text.as_str()) {
        return Err(format!("`{text}` has a meaning of its own; give another value, or leave the rule out"));
    }
    Ok(Rule::Value(text))
}

fn not_empty(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("an empty text names nothing".to_owned()),
        text => Ok(text.to_owned()),
    }
}
