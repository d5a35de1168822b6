//! What somebody asks for when he makes a dashboard or makes it anew.

use serde_json::Value;

use crate::dashboards::{Customisation, Fault};

/// The most characters of a name.
const NAME_CHARS: usize = 200;

/// A request, read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Request {
    pub(super) template: Option<String>,
    pub(super) customisation: Customisation,
    /// A folder's uid or title.
    pub(super) folder: Option<String>,
    /// Whom it is to be pinned to; `Some(None)` is nobody, `None` says nothing of it.
    pub(super) team: Option<Option<String>>,
    /// The version that whoever asks has seen.
    pub(super) version: Option<u64>,
    pub(super) overwrite: bool,
}

impl Request {
    /// Reads the body of a request; `again` is one for a dashboard that is there.
    ///
    /// # Errors
    /// The first thing that cannot be understood.
    pub(super) fn read(body: &Value, again: bool) -> Result<Request, Fault> {
        let body = body.as_object().ok_or_else(|| Fault::new("", "an object is wanted as the body"))?;
        let mut keys = vec!["template", "folder", "team"];
        keys.extend(Customisation::KEYS);
        keys.extend(again.then_some(["version", "overwrite"]).into_iter().flatten());
        if let Some(key) = body.keys().find(|key| !keys.contains(&key.as_str())) {
            let known = crate::yaml::one_of(&keys);
            let at = format!("/{}", key.replace('~', "~0").replace('/', "~1"));
            return Err(Fault::new(at, format!("no such key is known; there is {known}")));
        }
        let said = |key: &str| body.get(key).filter(|value| !value.is_null());
        let name = |key: &str| said(key).map(|value| name(value, key)).transpose();
        let version = said("version").map(|version| {
            version.as_u64().ok_or_else(|| Fault::new("/version", "the number of a version is wanted here"))
        });
        let overwrite = said("overwrite").map(|overwrite| {
            overwrite.as_bool().ok_or_else(|| Fault::new("/overwrite", "true or false is wanted here"))
        });
        Ok(Request {
            template: name("template")?,
            folder: name("folder")?,
            team: match body.contains_key("team") {
                true => Some(name("team")?),
                false => None,
            },
            version: version.transpose()?,
            overwrite: overwrite.transpose()?.unwrap_or(false),
            customisation: Customisation::read(body)?,
        })
    }
}

fn name(value: &Value, key: &str) -> Result<String, Fault> {
    let text = value.as_str().map(str::trim).unwrap_or_default();
    if text.is_empty() || text.chars().count() > NAME_CHARS || text.chars().any(char::is_control) {
        let reason = format!("a name of 1 to {NAME_CHARS} characters is wanted here");
        return Err(Fault::new(format!("/{key}"), reason));
    }
    Ok(text.to_owned())
}
