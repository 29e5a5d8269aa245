//! What commits say: a line for people, and trailers in the form that `git interpret-trailers` reads.

use super::Written;
use crate::model::{RunId, RunStatus};

/// Characters of a commit's first line.
const SUBJECT_MAX: usize = 120;
/// The order in which a batch counts how its runs ended.
const COUNTED: [RunStatus; 6] = [
    RunStatus::Succeeded,
    RunStatus::Failed,
    RunStatus::TimedOut,
    RunStatus::Cancelled,
    RunStatus::Orphaned,
    RunStatus::Running,
];

/// What a commit says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message(String);

impl Message {
    /// A first line, and the trailers `Spore-Run` and `Spore-Source` (the file the run came from).
    #[must_use]
    pub fn of_run(subject: &str, run: RunId, source: &str) -> Self {
        let subject: String = line(subject).chars().take(SUBJECT_MAX).collect();
        Self(format!("{subject}\n\n{}", trailers(run, source)))
    }

    /// What the commit of these results says: a count, the runs, and the trailers of each.
    pub(super) fn of_results(results: &[&Written]) -> Self {
        if let [one] = results {
            return Self::of_run(&told(one), one.run, &one.source);
        }
        let counts = COUNTED.iter().filter_map(|status| {
            let count = results.iter().filter(|result| result.status == *status).count();
            (count > 0).then(|| format!("{count} {}", words(*status)))
        });
        let counts: Vec<String> = counts.collect();
        let mut text = format!("{} results: {}\n\n", results.len(), counts.join(", "));
        for result in results {
            text.extend(["- ", &told(result), " (", &result.run.to_string(), ")\n"]);
        }
        text.push('\n');
        text.extend(results.iter().map(|result| trailers(result.run, &result.source)));
        Self(text)
    }

    /// All of it.
    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// The line for people.
    pub(super) fn subject(&self) -> &str {
        self.0.lines().next().unwrap_or_default()
    }
}

fn told(result: &Written) -> String {
    line(&format!("{} {}", result.spore, words(result.status)))
}

fn words(status: RunStatus) -> String {
    status.word().replace('_', " ")
}

fn trailers(run: RunId, source: &str) -> String {
    format!("Spore-Run: {run}\nSpore-Source: {}\n", line(source))
}

/// On one line: a line end in a name would let the name write trailers of its own.
fn line(text: &str) -> String {
    text.split(char::is_control).collect::<Vec<_>>().join(" ").trim().to_owned()
}
