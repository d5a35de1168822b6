//! Parameters of a query.

use super::problem::{Kind, Problem};

/// The value of a parameter; given twice, it is refused rather than half ignored.
pub(super) fn one<'q>(query: &'q [(String, String)], name: &str) -> Result<Option<&'q str>, Problem> {
    let mut values = query.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let first = values.next();
    match values.next() {
        Some(_) => {
            Err(Problem::new(Kind::BadRequest, format!("`{name}` is given more than once; give it once")))
        }
        None => Ok(first),
    }
}

/// How many of something are wanted: as many as usual if nobody says, and at most so many.
pub(super) fn number(
    query: &[(String, String)],
    name: &str,
    usual: usize,
    most: usize,
) -> Result<usize, Problem> {
    let Some(text) = one(query, name)? else { return Ok(usual) };
    text.parse().ok().filter(|number| (1..=most).contains(number)).ok_or_else(|| {
        let detail = format!("`{name}` is `{text}`, which is no whole number from 1 to {most}");
        Problem::new(Kind::BadRequest, detail)
    })
}

/// Whether a parameter is `true`; it is not unless somebody says so.
pub(super) fn flag(query: &[(String, String)], name: &str) -> Result<bool, Problem> {
    match one(query, name)? {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => {
            let detail = format!("`{name}` is `{other}`, which is not `true` or `false`");
            Err(Problem::new(Kind::BadRequest, detail))
        }
    }
}
