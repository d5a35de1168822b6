//! Which containers are looked at: `containers.include`, `containers.exclude` and the label
//! `dockmeter.ignore=true`.

use std::fmt;

use regex::Regex;

use crate::yaml::quoted;

/// The label with which a container takes itself out.
pub const IGNORE_LABEL: &str = "dockmeter.ignore";

/// What a container can be chosen by.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// Its name.
    Name(Regex),
    /// The image reference it was made from.
    Image(Regex),
    /// A Docker label, with any value if none is given.
    Label {
        /// The label's key.
        key: String,
        /// The whole value.
        value: Option<String>,
    },
}

impl Pattern {
    fn fits<'l>(&self, name: &str, image: &str, label: &impl Fn(&str) -> Option<&'l str>) -> bool {
        match self {
            Pattern::Name(regex) => regex.is_match(name),
            Pattern::Image(regex) => regex.is_match(image),
            Pattern::Label { key, value } => {
                label(key).is_some_and(|found| value.as_ref().is_none_or(|wanted| wanted == found))
            }
        }
    }
}

impl fmt::Display for Pattern {
    /// The pattern as it stands in `dockmeter.yml`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pattern::Name(regex) => write!(f, "{{name: {}}}", quoted(regex.as_str())),
            Pattern::Image(regex) => write!(f, "{{image: {}}}", quoted(regex.as_str())),
            Pattern::Label { key, value: None } => write!(f, "{{label: {}}}", quoted(key)),
            Pattern::Label { key, value: Some(value) } => {
                write!(f, "{{label: {}}}", quoted(&format!("{key}={value}")))
            }
        }
    }
}

/// Includes and excludes.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only containers that fit one of these; every container if empty.
    pub include: Vec<Pattern>,
    /// Never containers that fit one of these.
    pub exclude: Vec<Pattern>,
}

impl Filter {
    /// Whether a container is looked at. `label` gives those labels of the container that its
    /// image did not bring along: an image cannot take itself out.
    pub fn admits<'l>(&self, name: &str, image: &str, label: impl Fn(&str) -> Option<&'l str>) -> bool {
        let ignored = label(IGNORE_LABEL).is_some_and(|value| value.trim().eq_ignore_ascii_case("true"));
        let fits = |pattern: &Pattern| pattern.fits(name, image, &label);
        !ignored
            && (self.include.is_empty() || self.include.iter().any(fits))
            && !self.exclude.iter().any(fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<&'static str> {
        |wanted| pairs.iter().find(|(key, _)| *key == wanted).map(|(_, value)| *value)
    }

    fn filter(include: Vec<Pattern>, exclude: Vec<Pattern>) -> Filter {
        Filter { include, exclude }
    }

    fn name(pattern: &str) -> Pattern {
        Pattern::Name(Regex::new(pattern).unwrap())
    }

    #[test]
    fn everything_is_included_unless_something_is_said() {
        assert!(Filter::default().admits("shop", "shop:1", labels(&[])));
    }

    #[test]
    fn exclude_wins_over_include() {
        let filter = filter(vec![name("^shop")], vec![name("-test$")]);
        assert!(filter.admits("shop-api", "", labels(&[])));
        assert!(!filter.admits("shop-test", "", labels(&[])));
        assert!(!filter.admits("blog", "", labels(&[])));
    }

    #[test]
    fn images_and_labels_choose_too() {
        let image = filter(vec![Pattern::Image(Regex::new("^registry/").unwrap())], vec![]);
        assert!(image.admits("a", "registry/a:1", labels(&[])));
        assert!(!image.admits("a", "docker.io/registry/a:1", labels(&[])));
        let any = filter(vec![], vec![Pattern::Label { key: "ci".into(), value: None }]);
        assert!(!any.admits("a", "", labels(&[("ci", "")])));
        let one = filter(vec![], vec![Pattern::Label { key: "tier".into(), value: Some("test".into()) }]);
        assert!(!one.admits("a", "", labels(&[("tier", "test")])));
        assert!(one.admits("a", "", labels(&[("tier", "testing")])));
    }

    #[test]
    fn the_ignore_label_wins_over_everything() {
        let filter = filter(vec![name(".*")], vec![]);
        assert!(!filter.admits("a", "", labels(&[(IGNORE_LABEL, "True")])));
        assert!(filter.admits("a", "", labels(&[(IGNORE_LABEL, "false")])));
    }
}
