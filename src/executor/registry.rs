//! The one list of the executors that are built in.

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value;

use super::Executor;
#[cfg(feature = "gke")]
use super::gke;
use super::terminal::{Spares, Terminal};
use crate::model::Limits;

/// The executors of this Spore, by the word authors write.
pub type Executors = IndexMap<&'static str, Arc<dyn Executor>>;

/// The settings of executors that a folder has, by their names.
pub type Defaults = IndexMap<String, IndexMap<String, Value>>;

/// Says what is wrong with settings, each in a sentence of its own.
type Check = fn(&IndexMap<String, Value>) -> Vec<String>;

/// A word that authors can write, and what is behind it.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The word.
    pub name: &'static str,
    /// Why it cannot be used; `None` where it can.
    pub missing: Option<&'static str>,
    /// How to look at settings, where it has any.
    pub with: Option<Check>,
}

const TERMINAL: Place = Place { name: "terminal", missing: None, with: None };
#[cfg(feature = "gke")]
const GKE: Place = Place { name: "gke", missing: None, with: Some(gke::problems) };
#[cfg(not(feature = "gke"))]
const GKE: Place = Place { name: "gke", missing: Some("this Spore was built without it (feature `gke`)"), with: None };

/// The words authors can write.
pub const PLACES: [Place; 3] = [
    TERMINAL,
    GKE,
    Place { name: "cloud-run", missing: Some("it is planned, and this Spore does not have it yet"), with: None },
];

/// Every executor that is built in, with these limits, and the settings that the folder has for it. `spares` are
/// supervisors that were started ahead.
#[must_use]
pub fn built_in(limits: Limits, defaults: &Defaults, spares: Option<Arc<Spares>>) -> Executors {
    let executors: [Arc<dyn Executor>; _] = [
        Arc::new(Terminal::new(limits).with_spares(spares)),
        #[cfg(feature = "gke")]
        Arc::new(gke::Gke::new(limits).with_defaults(defaults.get(GKE.name))),
    ];
    executors.into_iter().map(|executor| (executor.name(), executor)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_language_has_its_place() {
        assert_eq!(PLACES.map(|place| place.name), crate::model::EXECUTORS);
    }
}
