//! What stands behind the `?` of a request.

use axum::http::Uri;

/// Names and values, in order; a name may come several times.
#[derive(Clone, Debug, Default)]
pub(in crate::sim::gke) struct Query(Vec<(String, String)>);

impl Query {
    /// Of an address. What cannot be read is not there.
    pub(super) fn of(uri: &Uri) -> Self {
        let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri);
        Self(pairs.map(|pairs| pairs.0).unwrap_or_default())
    }

    /// The first value of `name`, unless it is empty.
    pub(in crate::sim::gke) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, value)| other == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// Every value of `name`.
    pub(in crate::sim::gke) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Whether `name` is said to be so.
    pub(in crate::sim::gke) fn is(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| matches!(value, "true" | "1" | "True"))
    }
}
