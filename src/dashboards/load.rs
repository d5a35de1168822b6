//! From the files of `grafana/templates/` to [`Template`]s; every mistake is one line with file,
//! line and column.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::entry::{File, Panel, Row, Text};
use super::{annotations, layout, variables};
use crate::files::Source;
use crate::yaml::{self, Location, one_line};

/// Why there are no dashboards: a line for each mistake.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct Mistakes(pub Vec<String>);

/// How often a dashboard is drawn anew, and how far back it looks, if it does not say.
const REFRESH: &str = "30s";
const SINCE: &str = "now-3h";

/// What one dashboard is made of.
#[derive(Clone, Debug)]
pub(super) struct Template {
    pub(super) file: PathBuf,
    pub(super) uid: String,
    pub(super) title: String,
    pub(super) question: String,
    pub(super) reading: String,
    pub(super) tags: Vec<String>,
    pub(super) about: Option<String>,
    pub(super) refresh: String,
    pub(super) since: String,
    pub(super) variables: Vec<Text>,
    pub(super) source: String,
    pub(super) annotations: Vec<Text>,
    pub(super) rows: Vec<Row>,
}

impl Template {
    pub(super) fn has_variable(&self, name: &str) -> bool {
        self.variables.iter().any(|variable| variable.value == name)
    }

    /// A mistake at a place of its file.
    pub(super) fn mistake(&self, at: Location, message: impl AsRef<str>) -> String {
        mistake(&self.file, at, message)
    }
}

fn mistake(file: &Path, at: Location, message: impl AsRef<str>) -> String {
    let place = yaml::place(file, Some((at.line(), at.column())));
    format!("{place}{}", one_line(message.as_ref()))
}

/// Reads templates. Of two with one uid the later stands in the place of the earlier, unless
/// both are in one file.
///
/// # Errors
/// Every mistake that was found.
pub(super) fn load(sources: &[Source]) -> Result<Vec<Template>, Mistakes> {
    let (mut templates, mut mistakes) = (Vec::<Template>::new(), Vec::new());
    for Source { path, text } in sources {
        let files = match instances(path, text) {
            Ok(files) => files,
            Err(error) => {
                mistakes.push(error.to_string());
                continue;
            }
        };
        let mut own = BTreeSet::new();
        for file in files {
            let Some(template) = template(path, file, &mut mistakes) else { continue };
            if !own.insert(template.uid.clone()) {
                let place = yaml::place(path, None);
                mistakes.push(format!("{place}a second dashboard `{}`; keep one", template.uid));
            }
            match templates.iter_mut().find(|other| other.uid == template.uid) {
                Some(other) => *other = template,
                None => templates.push(template),
            }
        }
    }
    if mistakes.is_empty() { Ok(templates) } else { Err(Mistakes(mistakes)) }
}

/// The file once for each of its dashboards, with its words in their places.
fn instances(path: &Path, text: &str) -> Result<Vec<File>, yaml::YamlError> {
    let parse = |text: &str| yaml::parse::<File>(text.as_bytes(), path);
    let file = parse(text)?;
    if file.each.is_empty() {
        return Ok(vec![file]);
    }
    let filled = file.each.iter().map(|words| {
        let fill = |text: String, (key, word): (&String, &String)| text.replace(&format!("<{key}>"), word);
        parse(&words.iter().fold(text.to_owned(), fill))
    });
    filled.collect()
}

fn template(path: &Path, file: File, mistakes: &mut Vec<String>) -> Option<Template> {
    let before = mistakes.len();
    check(path, &file, mistakes);
    let (Some(uid), Some(title), Some(question)) = (file.uid, file.title, file.question) else {
        let place = yaml::place(path, Some((1, 1)));
        mistakes.push(format!("{place}a template has `uid`, `title` and `question`"));
        return None;
    };
    let template = Template {
        file: path.to_owned(),
        uid: uid.value,
        title: title.value,
        question: question.value.trim().to_owned(),
        reading: file.reading.unwrap_or_default().trim().to_owned(),
        tags: file.tags,
        about: file.about,
        refresh: file.refresh.unwrap_or_else(|| REFRESH.to_owned()),
        since: file.since.unwrap_or_else(|| SINCE.to_owned()),
        variables: file.variables,
        source: file.source.map_or_else(|| variables::SOURCE.to_owned(), |text| text.value),
        annotations: file.annotations,
        rows: file.rows,
    };
    (mistakes.len() == before).then_some(template)
}

/// What a file names is there, and what it needs is said.
fn check(path: &Path, file: &File, mistakes: &mut Vec<String>) {
    let mut say = |at: Location, message: String| mistakes.push(mistake(path, at, message));
    for name in &file.variables {
        if !variables::is_known(&name.value) {
            say(
                name.referenced,
                format!("there is no variable `{}`; it has {}", name.value, variables::names()),
            );
        }
    }
    for name in &file.annotations {
        if !annotations::is_known(&name.value) {
            say(name.referenced, format!("there is no annotation `{}`", name.value));
        }
    }
    let mut ids = BTreeSet::new();
    for panel in file.rows.iter().flat_map(|row| &row.panels) {
        let (at, panel) = (panel.referenced, &panel.value);
        if panel.id == 0 || panel.id >= layout::FIRST_ROW || !ids.insert(panel.id) {
            let first = layout::FIRST_ROW;
            say(at, format!("the id {} of a panel is not its own, from 1 to {}", panel.id, first - 1));
        }
        wrong(panel).into_iter().for_each(|message| say(at, message));
    }
}

/// What is wrong with a panel by itself.
pub(super) fn wrong(panel: &Panel) -> Vec<String> {
    let mut found = Vec::new();
    if panel.width == 0 || panel.width > layout::COLUMNS {
        found.push(format!("panel {} has no width from 1 to {}", panel.id, layout::COLUMNS));
    }
    if panel.expr.is_some() != panel.queries.is_empty() && panel.text.is_none() {
        found.push(format!("panel {} has either `expr` or `queries`", panel.id));
    }
    let levels = panel.look().levels.iter().chain(panel.queries.iter().flat_map(|query| query.look().levels));
    for (from, _) in levels {
        if from != "base" && from.parse::<f64>().is_err() {
            found.push(format!("panel {}: `{from}` in `levels` is not a number", panel.id));
        }
    }
    found
}
