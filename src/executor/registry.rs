//! The one list of the executors that are built in.

use std::sync::Arc;

use indexmap::IndexMap;

use super::Executor;
use super::terminal::{Spares, Terminal};
use crate::model::Limits;

/// The executors of this Spore, by the word authors write.
pub type Executors = IndexMap<&'static str, Arc<dyn Executor>>;

/// The words authors can write, and why a place cannot be used yet; `None` where it can.
pub const PLACES: [(&str, Option<&str>); 3] = [
    ("terminal", None),
    ("gke", Some("it is planned, and this Spore does not have it yet")),
    ("cloud-run", Some("it is planned, and this Spore does not have it yet")),
];

/// Every executor that is built in, with these limits. `spares` are supervisors that were started ahead.
#[must_use]
pub fn built_in(limits: Limits, spares: Option<Arc<Spares>>) -> Executors {
    let terminal: Arc<dyn Executor> = Arc::new(Terminal::new(limits).with_spares(spares));
    Executors::from([(terminal.name(), terminal)])
}
