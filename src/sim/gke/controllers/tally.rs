//! What a controller knows of each thing that its objects own.

use std::sync::Arc;

use serde_json::Value;

use super::super::Object;

/// One of them, as it was seen last.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) uid: Arc<str>,
    pub(super) namespace: Arc<str>,
    pub(super) name: Arc<str>,
    pub(super) version: u64,
    pub(super) phase: String,
    pub(super) is_ready: bool,
    pub(super) is_deleting: bool,
    pub(super) has_machine: bool,
    pub(super) grace_seconds: u64,
    /// Which of an indexed job's pods it is.
    pub(super) index: Option<u64>,
    /// How often its containers were started again.
    pub(super) restarts: u64,
    pub(super) object: Arc<Object>,
}

impl Member {
    pub(super) fn of(object: &Arc<Object>) -> Self {
        let value = object.value();
        let (spec, status) = (&value["spec"], &value["status"]);
        let index = &value["metadata"]["annotations"]["batch.kubernetes.io/job-completion-index"];
        let containers = status["containerStatuses"].as_array().into_iter().flatten();
        Self {
            uid: Arc::clone(&object.uid),
            namespace: Arc::clone(&object.namespace),
            name: Arc::clone(&object.name),
            version: object.version,
            phase: status["phase"].as_str().unwrap_or_default().to_owned(),
            is_ready: condition(status, "Ready") == Some("True"),
            is_deleting: object.deleting,
            has_machine: spec["nodeName"].as_str().is_some_and(|node| !node.is_empty()),
            grace_seconds: spec["terminationGracePeriodSeconds"].as_u64().unwrap_or(30),
            index: index.as_str().and_then(|index| index.parse().ok()),
            restarts: containers.filter_map(|container| container["restartCount"].as_u64()).sum(),
            object: Arc::clone(object),
        }
    }

    /// Whether it has succeeded.
    pub(super) fn has_succeeded(&self) -> bool {
        self.phase == "Succeeded"
    }

    /// Whether it has ended.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.phase.as_str(), "Succeeded" | "Failed")
    }

    /// Whether it goes on.
    pub(super) fn is_active(&self) -> bool {
        !self.is_over() && !self.is_deleting
    }
}

/// The status of a condition: `True`, `False` or `Unknown`.
pub(super) fn condition<'a>(status: &'a Value, name: &str) -> Option<&'a str> {
    let mut listed = status["conditions"].as_array()?.iter();
    listed.find(|condition| condition["type"] == name)?["status"].as_str()
}

/// Indexes as a job writes them: `0,2-4`.
pub(super) fn spans(indexes: impl IntoIterator<Item = u64>) -> String {
    let mut spans: Vec<(u64, u64)> = Vec::new();
    for index in indexes {
        match spans.last_mut() {
            Some((_, last)) if *last + 1 == index => *last = index,
            _ => spans.push((index, index)),
        }
    }
    let written = spans.into_iter().map(|(first, last)| match last - first {
        0 => first.to_string(),
        1 => format!("{first},{last}"),
        _ => format!("{first}-{last}"),
    });
    written.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_are_written_in_spans() {
        for (indexes, expected) in [(vec![], ""), (vec![1], "1"), (vec![0, 2, 3, 5, 6, 7], "0,2,3,5-7")] {
            assert_eq!(spans(indexes), expected);
        }
    }
}
