//! Who a request is from, and whose each of its points is.
//!
//! A sender's points are its tenant's, whatever they say. Only a delegate, a service that
//! reports for those who use it, names the user of each point by the attribute `user`; its
//! project and team stay its own.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use super::allowance::{Allowance, Spent};
use super::otlp::model::{AnyValue, Attribute, Metric};
use crate::inventory::ContainerId;
use crate::tenant::{LabelValue, MAX_LABEL_BYTES, OTHER, Tenant};

/// Users that the delegates of one project and team may name; the series of any more are
/// those of `other`.
pub(super) const MOST_USERS: usize = 1_000;

/// The attribute by which a delegate names the user.
const USER: &str = "user";

/// The attribute by which a program says in which container it runs.
const CONTAINER: &str = "container.id";

/// Who a request is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Whose program it is.
    pub tenant: Tenant,
    /// Which program of its like, where it does not say so itself; empty if nothing is known.
    pub instance: LabelValue,
    /// Whether it may name the user of each point.
    pub delegate: bool,
    /// The container that it runs in, where that is known: its series go when it has gone.
    pub container: Option<ContainerId>,
}

impl Origin {
    /// A program of a tenant of which nothing else is known.
    pub fn of(tenant: Tenant) -> Self {
        Origin { tenant, instance: LabelValue::clean(""), delegate: false, container: None }
    }

    /// The same of a program in a container, whose id tells it from others of its like.
    #[must_use]
    pub fn within(self, container: ContainerId) -> Self {
        let instance = LabelValue::clean(&container.short());
        Origin { instance, container: Some(container), ..self }
    }

    /// The container whose work a program of a request is: not that of a delegate, which reports the
    /// work of others, nor one that only passes on what a program elsewhere has sent.
    pub(super) fn home(&self, attributes: &[Attribute<'_>]) -> Option<ContainerId> {
        let said = attributes.iter().find(|attribute| attribute.key == CONTAINER);
        let is_elsewhere = |id: &ContainerId| {
            said.is_some_and(|said| !said.value.as_text().eq_ignore_ascii_case(&id.to_string()))
        };
        self.container.filter(|id| !self.delegate && !is_elsewhere(id))
    }
}

/// The users that delegates have named, by the tenant of the delegate. A user once known stays
/// so: its series have been shown.
#[derive(Debug, Default)]
pub(super) struct Users(Mutex<HashMap<Tenant, HashSet<LabelValue>>>);

impl Users {
    /// The metrics of a request of an origin, by whose they are.
    ///
    /// # Errors
    /// They take more memory than they may.
    pub(super) fn shares<'a>(
        &self,
        origin: &Origin,
        metrics: Vec<Metric<'a>>,
        allowance: &Allowance,
    ) -> Result<Vec<(Tenant, Vec<Metric<'a>>)>, Spent> {
        if !origin.delegate {
            allowance.take(size_of::<(Tenant, Vec<Metric<'_>>)>())?;
            return Ok(vec![(origin.tenant.clone(), metrics)]);
        }
        let mut shares: BTreeMap<Tenant, Vec<Metric<'a>>> = BTreeMap::new();
        for Metric { name, description, unit, data } in metrics {
            for (user, data) in data.apart(&mut take_user, allowance)? {
                allowance.take(2 * MAX_LABEL_BYTES)?;
                let tenant = self.tenant(origin, user.as_deref());
                if !shares.contains_key(&tenant) {
                    allowance.entry(size_of::<(Tenant, Vec<Metric<'_>>)>(), shares.len())?;
                }
                let copy = |text: &Cow<'a, str>| {
                    allowance.take(if matches!(text, Cow::Owned(_)) { text.len() } else { 0 })?;
                    Ok(text.clone())
                };
                let (name, description, unit) = (copy(&name)?, copy(&description)?, copy(&unit)?);
                let metric = Metric { name, description, unit, data };
                allowance.push(shares.entry(tenant).or_default(), metric)?;
            }
        }
        allowance.take(shares.len() * size_of::<(Tenant, Vec<Metric<'_>>)>())?;
        Ok(shares.into_iter().collect())
    }

    /// Whose something is that a delegate says is of `user`.
    pub(super) fn tenant(&self, origin: &Origin, user: Option<&str>) -> Tenant {
        if !origin.delegate {
            return origin.tenant.clone();
        }
        let named = origin.tenant.used_by(user);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.entry(origin.tenant.clone()).or_default();
        if known.len() < MOST_USERS {
            known.insert(named.user.clone());
        }
        if known.contains(&named.user) { named } else { Tenant { user: LabelValue::clean(OTHER), ..named } }
    }
}

/// Takes the user out of the attributes of a point.
fn take_user<'a>(attributes: &mut Vec<Attribute<'a>>) -> Option<Cow<'a, str>> {
    let place = attributes.iter().position(|attribute| attribute.key == USER)?;
    Some(match attributes.remove(place).value {
        AnyValue::Text(text) => text,
        AnyValue::Json(json) => Cow::Owned(json),
        other => Cow::Owned(other.as_text().into_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::otlp::model::{Data, Number, Point};

    fn point(user: Option<&str>, value: i64) -> Point<'static, Number> {
        let user = user.map(|user| Attribute::text("user", user.to_owned()));
        let attributes = [Attribute::text("plan", "gold")].into_iter().chain(user).collect();
        Point { attributes, value: Number::Int(value), ..Point::default() }
    }

    fn shares(
        origin: &Origin,
        users: &Users,
        points: Vec<Point<'static, Number>>,
    ) -> Vec<(String, usize, usize)> {
        let metric = Metric { name: "origin.test".into(), data: Data::Gauge(points), ..Metric::default() };
        let shares = users.shares(origin, vec![metric], &Allowance::new(u64::MAX)).unwrap();
        let described = shares.iter().map(|(tenant, metrics)| {
            assert_eq!(tenant.project, origin.tenant.project);
            let points = metrics.iter().flat_map(|metric| {
                let Data::Gauge(points) = &metric.data else { panic!("{metrics:?}") };
                points
            });
            let attributes = points.clone().map(|point| point.attributes.len());
            (tenant.user.to_string(), points.count(), attributes.max().unwrap_or(0))
        });
        described.collect()
    }

    fn shop(delegate: bool) -> Origin {
        Origin { delegate, ..Origin::of(Tenant::claimed(None, Some("shop"), None)) }
    }

    #[test]
    fn a_delegate_names_the_user_of_each_point_and_nobody_else_does() {
        let points =
            || vec![point(Some("bob"), 1), point(None, 2), point(Some("bob"), 3), point(Some("other"), 4)];
        let of = |name: &str, points, attributes| (name.to_owned(), points, attributes);
        let users = Users::default();
        let named = shares(&shop(true), &users, points());
        assert_eq!(named, [of("anonymous", 1, 1), of("bob", 2, 1), of("other_", 1, 1)]);
        assert_eq!(shares(&shop(false), &users, points()), [of("unknown", 4, 2)]);
    }

    #[test]
    fn a_program_runs_in_its_container_unless_it_reports_for_others_or_says_where_it_is() {
        let id: ContainerId = "a".repeat(64).parse().unwrap();
        let says = |id: &str| [Attribute::text("container.id", id.repeat(64))];
        let program = shop(false).within(id);
        assert_eq!(program.home(&[]), Some(id));
        assert_eq!(program.home(&says("A")), Some(id));
        assert_eq!(program.home(&says("b")), None, "that one only passes it on");
        assert_eq!(shop(true).within(id).home(&[]), None);
        assert_eq!(shop(false).home(&says("a")), None, "whoever says so may be anywhere");
    }

    #[test]
    fn a_delegate_that_names_too_many_users_has_the_rest_in_one() {
        let users = Users::default();
        let name = |from: usize, count: usize| {
            (from..from + count).map(|n| point(Some(&format!("user-{n}")), 1)).collect::<Vec<_>>()
        };
        assert_eq!(shares(&shop(true), &users, name(0, MOST_USERS)).len(), MOST_USERS);
        let late = shares(&shop(true), &users, name(MOST_USERS - 1, 3));
        assert_eq!(late, [("other".to_owned(), 2, 1), (format!("user-{}", MOST_USERS - 1), 1, 1)]);
        let bank = Origin { delegate: true, ..Origin::of(Tenant::claimed(None, Some("bank"), None)) };
        assert_eq!(shares(&bank, &users, name(5_000, 1))[0].0, "user-5000", "another project has its own");
    }
}
