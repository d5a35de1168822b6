//! Which tenants somebody sees: what a token is bound to, and what a request narrows to.

use std::collections::BTreeSet;

use super::{Dimension, LabelValue, Tenant, UNKNOWN};

/// What a login is bound to: any part of user, project and team. Without a part it is bound
/// to nothing and sees everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Binding {
    /// This user's series only.
    pub user: Option<LabelValue>,
    /// This project's series only.
    pub project: Option<LabelValue>,
    /// This team's series only.
    pub team: Option<LabelValue>,
}

impl Binding {
    /// The part of a dimension.
    pub fn of(&self, dimension: Dimension) -> Option<&LabelValue> {
        match dimension {
            Dimension::User => self.user.as_ref(),
            Dimension::Project => self.project.as_ref(),
            Dimension::Team => self.team.as_ref(),
        }
    }

    /// Whose series a login writes; what is not bound is unknown.
    pub fn tenant(&self) -> Tenant {
        let part = |part: &Option<LabelValue>| part.clone().unwrap_or_else(|| LabelValue::clean(UNKNOWN));
        Tenant { user: part(&self.user), project: part(&self.project), team: part(&self.team) }
    }

    /// Whether it binds to nothing.
    pub fn is_empty(&self) -> bool {
        *self == Binding::default()
    }

    /// What is seen through it.
    pub fn narrowing(&self) -> Narrowing {
        Narrowing::of(Dimension::ALL.map(|dimension| self.of(dimension).map(LabelValue::as_str)))
    }
}

/// The tenants that are let through: in every dimension that is narrowed, one of its values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Narrowing([Option<BTreeSet<String>>; 3]);

impl Narrowing {
    /// Lets through only what has these values of user, project and team; what is not named is any.
    pub fn of(values: [Option<&str>; 3]) -> Self {
        Narrowing(values.map(|value| value.map(|value| BTreeSet::from([value.to_owned()]))))
    }

    /// Lets through one tenant.
    pub fn of_tenant(Tenant { user, project, team }: &Tenant) -> Self {
        Narrowing::of([user, project, team].map(|value| Some(value.as_str())))
    }

    /// Lets through only what has one of these values, and was let through before: a second
    /// call for the same dimension leaves what both name, perhaps nothing.
    #[must_use]
    pub fn to(mut self, dimension: Dimension, values: impl IntoIterator<Item = String>) -> Self {
        let mut values: BTreeSet<String> = values.into_iter().collect();
        let wanted = &mut self.0[dimension as usize];
        if let Some(before) = wanted {
            values.retain(|value| before.contains(value));
        }
        *wanted = Some(values);
        self
    }

    /// Whether everything is let through.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    /// The values that are let through in a dimension; `None` is any.
    pub fn values(&self, dimension: Dimension) -> Option<&BTreeSet<String>> {
        self.0[dimension as usize].as_ref()
    }

    /// Whether what names itself by these values is let through; what it does not name is
    /// nobody's, also where that is called `unknown`.
    pub fn admits_named(&self, values: [Option<&str>; 3]) -> bool {
        let fits = |(wanted, value): (&Option<BTreeSet<String>>, Option<&str>)| {
            wanted.as_ref().is_none_or(|wanted| value.is_some_and(|value| wanted.contains(value)))
        };
        self.0.iter().zip(values).all(fits)
    }

    /// Whether a tenant is let through.
    pub fn admits(&self, tenant: &Tenant) -> bool {
        let values = [&tenant.user, &tenant.project, &tenant.team];
        self.0
            .iter()
            .zip(values)
            .all(|(wanted, value)| wanted.as_ref().is_none_or(|wanted| wanted.contains(value.as_str())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(user: &str, project: &str) -> Tenant {
        Tenant::claimed(Some(user), Some(project), None)
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn nothing_said_lets_everything_through() {
        assert!(Narrowing::default().is_empty() && Narrowing::default().admits(&Tenant::unknown()));
        assert!(Binding::default().is_empty() && Binding::default().narrowing().is_empty());
    }

    #[test]
    fn values_of_one_dimension_are_alternatives_and_dimensions_hold_together() {
        let narrowing = Narrowing::default()
            .to(Dimension::User, words(&["ann", "bob"]))
            .to(Dimension::Project, words(&["shop"]));
        assert!(narrowing.admits(&tenant("ann", "shop")) && narrowing.admits(&tenant("bob", "shop")));
        assert!(!narrowing.admits(&tenant("eve", "shop")) && !narrowing.admits(&tenant("ann", "mail")));
    }

    #[test]
    fn a_request_never_widens_a_binding() {
        let bound = Binding { project: Some(LabelValue::clean("shop")), ..Binding::default() };
        let asks = |projects: &[&str]| bound.narrowing().to(Dimension::Project, words(projects));
        assert!(asks(&["shop", "mail"]).admits(&tenant("ann", "shop")));
        assert!(!asks(&["shop", "mail"]).admits(&tenant("ann", "mail")));
        let outside = asks(&["mail"]);
        assert!(!outside.is_empty(), "nothing is left, which is not everything");
        assert!(!outside.admits(&tenant("ann", "shop")) && !outside.admits(&tenant("ann", "mail")));
    }
}
