//! Where the route and the user of a request come from: extensions of the request, or of the
//! response where somebody further inside knows them.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use http::Extensions;

/// A route, for programs whose router has no type of its own for it: `/orders/{id}`, never a
/// path as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route(pub &'static str);

impl Route {
    /// The route as text.
    pub fn as_str(&self) -> &str {
        self.0
    }
}

/// The user of a request, for programs whose login has no type of its own for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User(Arc<str>);

impl User {
    /// A user by name.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        User(name.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

type Read = dyn for<'a> Fn(&'a Extensions) -> Option<&'a str> + Send + Sync;

/// Readers of extensions, the first that finds something counts.
#[derive(Clone, Default)]
pub(super) struct Sources(Vec<Arc<Read>>);

impl Sources {
    /// Adds a type of extension and how its text is read.
    pub(super) fn add<T, F>(&mut self, text: F)
    where
        T: Any + Send + Sync,
        F: Fn(&T) -> &str + Send + Sync + 'static,
    {
        self.0.push(Arc::new(move |extensions| extensions.get::<T>().map(&text)));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn find<'a>(&self, extensions: &'a Extensions) -> Option<&'a str> {
        self.0.iter().find_map(|read| read(extensions)).filter(|text| !text.is_empty())
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} sources", self.0.len())
    }
}
