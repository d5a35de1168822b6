//! Writing YAML: a tree of nodes to text that people read and every parser reads back.
//!
//! Mappings keep their order. Texts are plain where no parser could take them for anything else,
//! in JSON's quotes where one could, and blocks where they have several lines.

use super::quoted;

/// The widest list that stands on one line.
const WIDTH: usize = 100;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// A text.
    Text(String),
    /// A number or a word such as `true`, written as it is.
    Plain(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order in which it is written.
    Map(Vec<(String, Node)>),
}

impl Node {
    /// A mapping.
    pub fn map<K: Into<String>>(entries: impl IntoIterator<Item = (K, Node)>) -> Node {
        Node::Map(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }

    /// A list.
    pub fn list(items: impl IntoIterator<Item = Node>) -> Node {
        Node::List(items.into_iter().collect())
    }

    /// A list of texts.
    pub fn texts<T: Into<String>>(items: impl IntoIterator<Item = T>) -> Node {
        Node::List(items.into_iter().map(|item| Node::Text(item.into())).collect())
    }

    /// A number or a word such as `true`.
    pub fn plain(value: impl ToString) -> Node {
        Node::Plain(value.to_string())
    }

    /// The document as text, with a line feed at its end.
    pub fn document(&self) -> String {
        let mut out = String::new();
        match self {
            Node::Map(_) | Node::List(_) if !self.is_empty() => self.block(0, &mut out),
            _ => {
                out.push_str(&self.inline());
                out.push('\n');
            }
        }
        out
    }

    fn is_empty(&self) -> bool {
        match self {
            Node::List(items) => items.is_empty(),
            Node::Map(entries) => entries.is_empty(),
            _ => false,
        }
    }

    /// A list or mapping over several lines, each behind `indent` spaces.
    fn block(&self, indent: usize, out: &mut String) {
        let margin = " ".repeat(indent);
        match self {
            Node::List(items) => {
                for item in items {
                    let before = out.len();
                    match item {
                        Node::Map(entries) if !entries.is_empty() => {
                            item.block(indent + 2, out);
                            out.replace_range(before..before + indent + 2, &format!("{margin}- "));
                        }
                        _ => {
                            out.push_str(&format!("{margin}-"));
                            item.behind(indent, out);
                        }
                    }
                }
            }
            Node::Map(entries) => {
                for (key, value) in entries {
                    out.push_str(&format!("{margin}{}:", text(key)));
                    value.behind(indent, out);
                }
            }
            Node::Text(_) | Node::Plain(_) => {}
        }
    }

    /// A value behind a key or a dash, and the line feed after it.
    fn behind(&self, indent: usize, out: &mut String) {
        let inline = self.inline();
        match self {
            Node::Text(value) if is_block(value) => {
                out.push_str(if value.ends_with('\n') { " |\n" } else { " |-\n" });
                for line in value.lines() {
                    let margin = if line.is_empty() { 0 } else { indent + 2 };
                    out.push_str(&format!("{}{line}\n", " ".repeat(margin)));
                }
            }
            Node::List(items) if !(items.is_empty() || self.is_flat() && inline.len() <= WIDTH) => {
                out.push('\n');
                self.block(indent + 2, out);
            }
            Node::Map(entries) if !entries.is_empty() => {
                out.push('\n');
                self.block(indent + 2, out);
            }
            _ => out.push_str(&format!(" {inline}\n")),
        }
    }

    /// Whether it is a list of single values.
    fn is_flat(&self) -> bool {
        matches!(self, Node::List(items) if items.iter().all(|item| matches!(item, Node::Text(_) | Node::Plain(_))))
    }

    fn inline(&self) -> String {
        match self {
            Node::Text(value) => text(value),
            Node::Plain(value) => value.clone(),
            Node::List(items) => {
                format!("[{}]", items.iter().map(Node::inline).collect::<Vec<_>>().join(", "))
            }
            Node::Map(entries) => {
                let entries = entries.iter().map(|(key, value)| format!("{}: {}", text(key), value.inline()));
                format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

impl From<&str> for Node {
    fn from(text: &str) -> Self {
        Node::Text(text.to_owned())
    }
}

impl From<String> for Node {
    fn from(text: String) -> Self {
        Node::Text(text)
    }
}

impl From<&serde_json::Value> for Node {
    fn from(value: &serde_json::Value) -> Self {
        use serde_json::Value;
        match value {
            Value::Null => Node::plain("null"),
            Value::Bool(value) => Node::plain(value),
            Value::Number(number) => Node::plain(number),
            Value::String(text) => Node::Text(text.clone()),
            Value::Array(items) => Node::list(items.iter().map(Node::from)),
            Value::Object(entries) => Node::map(entries.iter().map(|(key, value)| (key, Node::from(value)))),
        }
    }
}

/// Whether a text is better read as a block: several lines that a block keeps as they are.
fn is_block(value: &str) -> bool {
    let plain = |c: char| c == '\n' || !c.is_control();
    value.trim_end_matches('\n').contains('\n')
        && !value.starts_with([' ', '\n'])
        && !value.ends_with("\n\n")
        && value.chars().all(plain)
}

/// A text, in quotes where it could be taken for something else.
fn text(value: &str) -> String {
    const WORDS: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    let simple = |c: char| c.is_ascii_alphanumeric() || "_./-() :".contains(c);
    let begins_as_word = value.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '/'));
    let is_plain = (begins_as_word || is_duration(value))
        && !value.ends_with([' ', ':'])
        && !value.contains(": ")
        && value.chars().all(simple)
        && !WORDS.contains(&value.to_ascii_lowercase().as_str());
    let is_single = value.contains('"')
        && !value.contains('\'')
        && !value.chars().any(|c| c.is_control() || !c.is_ascii());
    match (is_plain, is_single) {
        (true, _) => value.to_owned(),
        (false, true) => format!("'{value}'"),
        (false, false) => quoted(value),
    }
}

/// A number with a unit of time, which no parser takes for a number.
fn is_duration(value: &str) -> bool {
    let unit = value.trim_start_matches(|c: char| c.is_ascii_digit());
    unit.len() < value.len() && matches!(unit, "ms" | "s" | "m" | "h" | "d")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Default, serde::Deserialize)]
    #[serde(default)]
    struct Document {
        text: String,
        list: Vec<String>,
        nested: Vec<std::collections::BTreeMap<String, String>>,
    }

    #[test]
    fn a_document_reads_as_people_write_it() {
        let node = Node::map([
            (
                "groups",
                Node::list([Node::map([("name", Node::from("a b")), ("expr", Node::from("up\n== 0\n"))])]),
            ),
            ("matchers", Node::texts(["team=\"core\"", "x"])),
            ("count", Node::plain(3)),
            ("empty", Node::List(Vec::new())),
        ]);
        let text = "groups:\n  - name: a b\n    expr: |\n      up\n      == 0\n\
                    matchers: ['team=\"core\"', x]\ncount: 3\nempty: []\n";
        assert_eq!(node.document(), text);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(value in "\\PC*|[a-z: #\n-]*|true|no|1e3|~|", other in any::<String>()) {
            let node = Node::map([
                ("text", Node::from(value.as_str())),
                ("list", Node::texts([value.as_str(), other.as_str()])),
                ("nested", Node::list([Node::map([(value.clone(), Node::from(other.as_str()))])])),
            ]);
            let read: Document =
                crate::yaml::parse(node.document().as_bytes(), std::path::Path::new("f.yml")).unwrap();
            prop_assert_eq!(&read.text, &value);
            prop_assert_eq!(&read.list, &vec![value.clone(), other.clone()]);
            prop_assert_eq!(read.nested[0].get(&value), Some(&other));
        }
    }
}
