//! Statements that an index would help.

use super::lines::{Labels, only};
use super::{Looked, Told};
use crate::analysis::advice::statement;
use crate::analysis::finding::Scope;
use crate::analysis::recommendation::Kind;
use crate::history::insight;
use crate::sql::{Dialect, sanitise};

/// By what a statement is known, whichever database it is called in.
const STATEMENT: [&str; 5] = ["user", "project", "team", "server", "queryid"];

pub(super) fn look(told: &Told) -> Looked {
    let mut looked = Looked::default();
    let (seconds, texts) = (told.of(&insight::CALL_SECONDS), told.of(&insight::TEXTS));
    for labels in seconds.labels() {
        let calls = told.of(&insight::CALLS).total(labels);
        let Some(window) = seconds.window(labels).filter(|_| calls > 0.0) else { continue };
        let own = only(labels, &STATEMENT);
        let is_of_it = |other: &&Labels| own.iter().all(|(name, value)| other.get(name) == Some(value));
        // Without a text nothing can be said of it.
        let Some(text) = texts.labels().find(is_of_it).and_then(|labels| labels.get("query")) else {
            continue;
        };
        let label = |name: &str| labels.get(name).cloned().unwrap_or_default();
        let facts = statement::Facts {
            scope: Scope::of(labels),
            query_id: label("queryid"),
            place: Some([label("server"), label("datname")]),
            tables: sanitise(text, Dialect::PostgreSql).tables,
            text: text.clone(),
            calls,
            total_seconds: seconds.total(labels),
            rows: Some(told.of(&insight::ROWS).total(labels)).filter(|rows| *rows > 0.0),
            window,
        };
        looked.note(Kind::QueryIndex, &facts.scope, Some(&facts.subject()), facts.total_seconds / calls);
        looked.answers.extend(statement::recommend(&facts));
    }
    looked
}
