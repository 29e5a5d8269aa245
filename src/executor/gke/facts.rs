//! What is written down of a run in its own folder, so that a later engine knows what this one has put into the cluster.
//!
//! A line is one fact, sealed with a checksum; only the engine that holds the run writes. The names of Jobs follow from their
//! attempts, so that little has to be known: that a Job was made, so that one that is gone is not made once more.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::model::{AttemptId, TaskId};
use crate::os::{file, seal};

/// The file, in the folder of a run.
const NAME: &str = "gke.jsonl";

/// A fact.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Fact {
    /// An engine begins its work.
    Engine {},
    /// The Job of an attempt is in the cluster.
    Created {
        task: TaskId,
        number: u32,
        uid: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        context: Option<String>,
        namespace: String,
    },
    /// An instance of the run is about to be launched in a place.
    Lodged {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        context: Option<String>,
        namespace: String,
    },
}

/// The facts of a run.
#[derive(Debug)]
pub(super) struct Facts {
    file: File,
    /// What carries out each attempt, by its uid: a Job, or the pod of an instance.
    created: HashMap<(TaskId, u32), String>,
    /// Places of the Jobs: context and namespace.
    places: HashSet<(Option<String>, String)>,
    /// Places of instances.
    lodged: HashSet<(Option<String>, String)>,
    /// Which engine of the run this is, from 1.
    epoch: u32,
}

impl Facts {
    /// Reads what earlier engines have written, and says that there is a new one.
    pub(super) fn open(run_dir: &Path) -> io::Result<Self> {
        let path = run_dir.join(NAME);
        let bytes = match std::fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            bytes => bytes?,
        };
        // What was not written whole was never acted upon.
        let whole = memchr::memrchr(b'\n', &bytes).map_or(0, |end| end + 1);
        let file = file::append(&path)?;
        file.set_len(whole as u64)?;
        let mut facts =
            Self { file, created: HashMap::new(), places: HashSet::new(), lodged: HashSet::new(), epoch: 1 };
        for line in bytes[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            match seal::unseal(line).and_then(|text| serde_json::from_str(&format!("{text}}}")).ok()) {
                Some(Fact::Engine {}) => facts.epoch += 1,
                Some(Fact::Created { task, number, uid, context, namespace }) => {
                    facts.created.insert((task, number), uid);
                    facts.places.insert((context, namespace));
                }
                Some(Fact::Lodged { context, namespace }) => {
                    facts.lodged.insert((context, namespace));
                }
                None => {}
            }
        }
        facts.write(&Fact::Engine {})?;
        Ok(facts)
    }

    /// Writes that the Job of an attempt is there.
    pub(super) fn created(
        &mut self,
        attempt: &AttemptId,
        uid: &str,
        context: Option<&str>,
        namespace: &str,
    ) -> io::Result<()> {
        let (task, number) = (attempt.task.clone(), attempt.number);
        self.places.insert((context.map(str::to_owned), namespace.to_owned()));
        if self.created.insert((task.clone(), number), uid.to_owned()).as_deref() == Some(uid) {
            return Ok(());
        }
        let (uid, context) = (uid.to_owned(), context.map(str::to_owned));
        self.write(&Fact::Created { task, number, uid, context, namespace: namespace.to_owned() })
    }

    /// Whether its Job was in the cluster.
    pub(super) fn was_created(&self, attempt: &AttemptId) -> bool {
        self.created_in(attempt).is_some()
    }

    /// The uid of what carries the attempt out, if it was begun.
    pub(super) fn created_in(&self, attempt: &AttemptId) -> Option<&str> {
        self.created.get(&(attempt.task.clone(), attempt.number)).map(String::as_str)
    }

    /// Writes that an instance is to be in that place.
    pub(super) fn lodged(&mut self, context: Option<&str>, namespace: &str) -> io::Result<()> {
        let (context, namespace) = (context.map(str::to_owned), namespace.to_owned());
        if !self.lodged.insert((context.clone(), namespace.clone())) {
            return Ok(());
        }
        self.write(&Fact::Lodged { context, namespace })
    }

    /// Where Jobs of the run are.
    pub(super) fn places(&self) -> impl Iterator<Item = &(Option<String>, String)> {
        self.places.iter()
    }

    /// Where instances of the run are.
    pub(super) fn lodgings(&self) -> impl Iterator<Item = &(Option<String>, String)> {
        self.lodged.iter()
    }

    pub(super) fn epoch(&self) -> u32 {
        self.epoch
    }

    fn write(&mut self, fact: &Fact) -> io::Result<()> {
        let mut line = Vec::new();
        serde_json::to_writer(&mut line, fact)?;
        seal::seal(&mut line, 0);
        self.file.write_all(&line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RunId;

    #[test]
    fn a_later_engine_knows_what_was_made() {
        let folder = tempfile::tempdir().expect("a folder");
        let attempt = AttemptId { run: RunId::from_parts(1, 1), task: TaskId::new("a").expect("an id"), number: 2 };
        let mut facts = Facts::open(folder.path()).expect("opened");
        assert!(!facts.was_created(&attempt));
        facts.created(&attempt, "uid", None, "default").expect("written");
        facts.lodged(None, "default").expect("written");
        facts.file.write_all(b"{\"created\":{\"ta").expect("torn");
        let facts = Facts::open(folder.path()).expect("opened");
        assert_eq!((facts.epoch(), facts.was_created(&attempt)), (2, true));
        assert_eq!((facts.created_in(&attempt), facts.places().count()), (Some("uid"), 1));
        assert_eq!(facts.lodgings().collect::<Vec<_>>(), [&(None, "default".to_owned())]);
    }
}
