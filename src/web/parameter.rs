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
