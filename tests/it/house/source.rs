//! A source file as tokens: enough of Rust's grammar to tell code from comments, texts and
//! test modules, and to find the paths in it.

use std::collections::VecDeque;
use std::fs;
use std::path::Path;

/// What a rule looks at.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A name, keyword or number.
    Word(String),
    /// The inside of a string literal, escapes as written.
    Text(String),
    /// Any other character; a lifetime's apostrophe among them.
    Mark(char),
}

/// One file of the program.
#[derive(Debug)]
pub(super) struct Source {
    /// Its path from the project's root.
    pub(super) file: String,
    /// The modules that lead to it: `src/web/api.rs` is `["web", "api"]`.
    pub(super) module: Vec<String>,
    /// Its code with line numbers, without what is compiled only for tests.
    pub(super) tokens: Vec<(usize, Token)>,
    /// Modules declared here that are compiled only for tests.
    tests: Vec<String>,
}

/// Every Rust file below a folder, with its path from the root, in a fixed order.
pub(super) fn files(root: &Path, folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = VecDeque::from([root.join(folder)]);
    while let Some(folder) = folders.pop_front() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.expect("an entry of a folder").path();
            if path.is_dir() {
                folders.push_back(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source file");
                let file = path.strip_prefix(root).expect("a path below the root");
                found.push((file.to_str().expect("UTF-8").to_owned(), text));
            }
        }
    }
    found.sort();
    found
}

/// The files that the program is built from, without those that only tests use.
pub(super) fn built(root: &Path) -> Vec<Source> {
    let sources: Vec<_> =
        files(root, "src").into_iter().map(|(file, text)| Source::read(&file, &text)).collect();
    let tests: Vec<Vec<String>> = sources
        .iter()
        .flat_map(|source| {
            source.tests.iter().map(|name| [&source.module[..], std::slice::from_ref(name)].concat())
        })
        .collect();
    sources.into_iter().filter(|source| !tests.iter().any(|test| source.module.starts_with(test))).collect()
}

impl Source {
    /// Reads the text of a file.
    pub(super) fn read(file: &str, text: &str) -> Self {
        let inside = file.trim_start_matches("src/").trim_end_matches(".rs");
        let mut module: Vec<String> = inside.split('/').map(str::to_owned).collect();
        module.pop_if(|last| last == "mod");
        if module == ["lib"] {
            module.clear();
        }
        let (tokens, tests) = without_tests(&lex(text));
        Source { file: file.to_owned(), module, tokens, tests }
    }

    /// The room that it belongs to; the root of the library belongs to none.
    pub(super) fn room(&self) -> Option<&str> {
        self.module.first().map(String::as_str)
    }

    /// The word at an index.
    pub(super) fn word(&self, index: usize) -> Option<&str> {
        match self.tokens.get(index) {
            Some((_, Token::Word(word))) => Some(word),
            _ => None,
        }
    }

    /// The lines on which a word stands.
    pub(super) fn lines_of(&self, word: &str) -> impl Iterator<Item = usize> {
        self.tokens
            .iter()
            .filter(move |(_, token)| *token == Token::Word(word.to_owned()))
            .map(|(line, _)| *line)
    }

    /// The lines on which a path begins, written out or as a branch of a `use` tree.
    pub(super) fn lines_of_path(&self, path: &[&str]) -> Vec<usize> {
        let Some((first, rest)) = path.split_first() else { return Vec::new() };
        let begins = |index: &usize| self.word(*index) == Some(first);
        let roots = (0..self.tokens.len()).filter(begins);
        let Some(next) = rest.first() else { return roots.map(|index| self.tokens[index].0).collect() };
        let below = roots.flat_map(|index| self.after(index));
        below.filter(|(_, word)| word == next).map(|(line, _)| line).collect()
    }

    /// The rooms that it names, with the lines: `crate::room`, `crate::{room, other}`,
    /// `super::super::room`; the binary says `dockmeter::room`.
    pub(super) fn imports(&self) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        for index in 0..self.tokens.len() {
            let own_name = self.module == ["main"];
            match self.word(index) {
                Some("crate") => found.extend(self.after(index)),
                Some("dockmeter") if own_name => found.extend(self.after(index)),
                Some("super") if self.climbs_to_the_root(index) => found.extend(self.after(index)),
                _ => {}
            }
        }
        found
    }

    /// Whether the `super` at an index is the one that reaches the root of the library.
    fn climbs_to_the_root(&self, index: usize) -> bool {
        let before = (1..).take_while(|step| {
            index
                .checked_sub(3 * step)
                .is_some_and(|place| self.word(place) == Some("super") && self.is_colons(place + 1))
        });
        before.count() + 1 == self.module.len()
    }

    fn is_colons(&self, index: usize) -> bool {
        let colon =
            |index: usize| self.tokens.get(index).is_some_and(|(_, token)| *token == Token::Mark(':'));
        colon(index) && colon(index + 1)
    }

    /// The names that follow `word::` at an index: one, or the first of each branch in braces.
    fn after(&self, index: usize) -> Vec<(usize, String)> {
        if !self.is_colons(index + 1) {
            return Vec::new();
        }
        let mut names = Vec::new();
        let (mut depth, mut expected) = (0_usize, true);
        for (line, token) in &self.tokens[index + 3..] {
            match token {
                Token::Mark('{') => depth += 1,
                Token::Mark('}') => depth = depth.saturating_sub(1),
                Token::Mark(',') if depth == 1 => expected = true,
                Token::Word(name) if expected && depth <= 1 => {
                    names.push((*line, name.clone()));
                    expected = false;
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
        names
    }
}

type Lines = Vec<(usize, Token)>;

/// Leaves out every item under `#[cfg(test)]`, and names the modules among them that have a
/// file of their own.
fn without_tests(tokens: &[(usize, Token)]) -> (Lines, Vec<String>) {
    let attribute: Lines = lex("#[cfg(test)]");
    let (mut kept, mut modules) = (Vec::new(), Vec::new());
    let mut index = 0;
    while index < tokens.len() {
        let here = tokens[index..].iter().map(|(_, token)| token);
        if !attribute.iter().map(|(_, token)| token).eq(here.take(attribute.len())) {
            kept.push(tokens[index].clone());
            index += 1;
            continue;
        }
        let item = &tokens[index + attribute.len()..];
        let length = item_length(item);
        if let Some(name) = module_in_a_file(&item[..length]) {
            modules.push(name);
        }
        index += attribute.len() + length;
    }
    (kept, modules)
}

/// How many tokens an item has: to its `;`, or to the brace that closes its body.
fn item_length(tokens: &[(usize, Token)]) -> usize {
    let mut depth = 0_usize;
    for (index, (_, token)) in tokens.iter().enumerate() {
        match token {
            Token::Mark('{' | '(' | '[') => depth += 1,
            Token::Mark(closing @ ('}' | ')' | ']')) => {
                depth = depth.saturating_sub(1);
                if depth == 0 && *closing == '}' {
                    return index + 1;
                }
            }
            Token::Mark(';') if depth == 0 => return index + 1,
            _ => {}
        }
    }
    tokens.len()
}

/// The name in `mod name;`, whatever stands before it.
fn module_in_a_file(item: &[(usize, Token)]) -> Option<String> {
    match item {
        [.., (_, Token::Word(keyword)), (_, Token::Word(name)), (_, Token::Mark(';'))]
            if keyword == "mod" =>
        {
            Some(name.clone())
        }
        _ => None,
    }
}

/// Splits a text into tokens with the lines on which they begin.
fn lex(text: &str) -> Lines {
    let mut tokens = Vec::new();
    let (mut rest, mut line) = (text, 1);
    while let Some(first) = rest.chars().next() {
        let (length, token) = next(rest, first);
        tokens.extend(token.map(|token| (line, token)));
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    tokens
}

/// The token at the beginning of a text, none for a space or a comment, and its length.
fn next(rest: &str, first: char) -> (usize, Option<Token>) {
    if rest.starts_with("//") {
        return (rest.find('\n').unwrap_or(rest.len()), None);
    }
    if rest.starts_with("/*") {
        return (comment_length(rest), None);
    }
    if let Some((length, inside)) = raw_text(rest).or_else(|| text(rest)) {
        return (length, Some(Token::Text(inside.to_owned())));
    }
    if let Some(length) = character_length(rest) {
        return (length, None);
    }
    if first.is_alphanumeric() || first == '_' {
        let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        return (length, Some(Token::Word(rest[..length].to_owned())));
    }
    (first.len_utf8(), (!first.is_whitespace()).then_some(Token::Mark(first)))
}

/// Comments of this form can hold one another.
fn comment_length(rest: &str) -> usize {
    let (mut depth, mut index) = (0_usize, 0);
    while index < rest.len() {
        let here = &rest.as_bytes()[index..];
        if here.starts_with(b"/*") {
            (depth, index) = (depth + 1, index + 2);
        } else if here.starts_with(b"*/") {
            (depth, index) = (depth - 1, index + 2);
            if depth == 0 {
                return index;
            }
        } else {
            index += 1;
        }
    }
    rest.len()
}

/// `"…"`, `b"…"`, `c"…"`.
fn text(rest: &str) -> Option<(usize, &str)> {
    let prefix = usize::from(rest.starts_with(['b', 'c']));
    let inside = rest[prefix..].strip_prefix('"')?;
    let mut escaped = false;
    let end = inside.find(|character: char| {
        let closes = character == '"' && !escaped;
        escaped = character == '\\' && !escaped;
        closes
    })?;
    Some((prefix + 1 + end + 1, &inside[..end]))
}

/// `r"…"`, `r#"…"#`, `br"…"`, ….
fn raw_text(rest: &str) -> Option<(usize, &str)> {
    let after = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'))?;
    let inside = after.trim_start_matches('#');
    let closing = format!("\"{}", "#".repeat(after.len() - inside.len()));
    let inside = inside.strip_prefix('"')?;
    let end = inside.find(&closing)?;
    Some((rest.len() - inside.len() + end + closing.len(), &inside[..end]))
}

/// `'x'`, `'\n'`, `'\u{7f}'`; a lifetime is none.
fn character_length(rest: &str) -> Option<usize> {
    let inside = rest.strip_prefix('\'')?;
    let mut characters = inside.char_indices();
    let (_, first) = characters.next()?;
    if first == '\\' {
        // The character after the backslash may be an apostrophe itself.
        characters.next();
        return characters.find(|(_, character)| *character == '\'').map(|(index, _)| index + 2);
    }
    characters.next().filter(|(_, character)| *character == '\'').map(|(index, _)| index + 2)
}
