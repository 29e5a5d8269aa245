//! Which run wrote a file that arrived. Nobody can tell for certain: the system says that a file changed, not by whom.
//!
//! What is certain is that a run which was not under way did not write it. Of those that were, one that names the file, or
//! writes a spore of that name, most likely did; so most chains in which runs write one another's files are seen, and end.
//! A file that merely came while something ran begins no chain: else a person who drops one file after the other
//! would be taken for one.

use std::collections::VecDeque;
use std::path::Path;

use crate::model::{RunId, Ticket};

/// Runs that are over and still remembered.
const OVER_MAX: usize = 1_000;
/// Bytes of its text that are kept of a run that is over.
const TEXT_BYTES_MAX: usize = 16 << 10;
/// How much earlier than a run a file it wrote may seem to be: the kernel's clock for files ticks this slowly.
const TICK_MS: i64 = 10;

/// A run, as far as it may have written a file.
#[derive(Clone, Debug)]
pub(super) struct Life {
    run: RunId,
    path: String,
    depth: u32,
    /// From when to when it was under way, on the wall.
    began: i64,
    ended: i64,
    text: String,
}

/// The runs that may have written what arrives.
#[derive(Debug, Default)]
pub(super) struct Lineage {
    under_way: Vec<Life>,
    over: VecDeque<Life>,
}

impl Lineage {
    /// A run begins, from a file with this text.
    pub(super) fn begin(&mut self, ticket: &Ticket, text: &str, now: i64) {
        let mut end = text.len().min(TEXT_BYTES_MAX);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let life = Life {
            run: ticket.run,
            path: ticket.path.clone(),
            depth: ticket.depth,
            began: now,
            ended: i64::MAX,
            text: text[..end].to_owned(),
        };
        self.under_way.push(life);
    }

    /// A run is over.
    pub(super) fn end(&mut self, run: RunId, now: i64) {
        let Some(place) = self.under_way.iter().position(|life| life.run == run) else { return };
        let life = self.under_way.swap_remove(place);
        self.over.push_back(Life { ended: now, ..life });
        self.over.drain(..self.over.len().saturating_sub(OVER_MAX));
    }

    /// The run that wrote the file at `path`, which holds `spores` and was written at `written`, and how many runs wrote one
    /// another's files before it.
    pub(super) fn writer(&self, path: &str, spores: &[&str], written: i64) -> (Option<RunId>, u32) {
        let all = self.under_way.iter().chain(&self.over);
        let lives: Vec<&Life> = all.filter(|life| life.began - TICK_MS <= written && written <= life.ended).collect();
        let deepest = lives.iter().filter(|life| life.writes(path, spores)).max_by_key(|life| (life.depth, life.began));
        if let Some(life) = deepest {
            return (Some(life.run), life.depth + 1);
        }
        match lives.iter().min_by_key(|life| (life.depth, life.began)) {
            Some(life) => (Some(life.run), life.depth),
            None => (None, 0),
        }
    }
}

impl Life {
    /// Whether it seems to write this file.
    fn writes(&self, path: &str, spores: &[&str]) -> bool {
        let name = Path::new(path).file_name().unwrap_or_default().to_string_lossy();
        let names_file = self.path == path || self.text.contains(&*name);
        let mut named = spores.iter().map(|spore| format!("spore: {spore}"));
        // Its own name stands there once.
        names_file || named.any(|line| self.text.matches(&line).count() > usize::from(self.text.starts_with(&line)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Cause, Digest, Timestamp};

    fn lineage(lives: &[(u128, &str, u32, i64, i64, &str)]) -> Lineage {
        let mut lineage = Lineage::default();
        for &(number, path, depth, began, ended, text) in lives {
            let ticket = Ticket {
                run: RunId::from_parts(1, number),
                at: Timestamp(0),
                path: path.to_owned(),
                spore: String::new(),
                digest: Digest::of(text.as_bytes()),
                cause: Cause::Drop,
                priority: 0,
                written_by: None,
                event: None,
                depth,
            };
            lineage.begin(&ticket, text, began);
            lineage.end(ticket.run, ended);
        }
        lineage
    }

    #[test]
    fn who_names_a_file_wrote_it() {
        let run = |number| Some(RunId::from_parts(1, number));
        let known = lineage(&[
            (1, "person.yaml", 0, 100, 900, "spore: person\n"),
            (2, "maker.yaml", 3, 100, 500, "spore: maker\ntasks: {a: 'make made.yaml'}\n"),
            (3, "next.yaml", 2, 600, 800, "spore: next\ntasks: {a: 'echo \"spore: next\" > $(date).yaml'}\n"),
        ]);
        assert_eq!(known.writer("in/made.yaml", &["x"], 300), (run(2), 4));
        assert_eq!(known.writer("in/made.yaml", &["x"], 550), (run(1), 0), "its maker was over");
        assert_eq!(known.writer("monday.yaml", &["next"], 700), (run(3), 3));
        assert_eq!(known.writer("next.yaml", &["other"], 700), (run(3), 3), "itself");
        assert_eq!(known.writer("person2.yaml", &["person"], 700), (run(1), 0), "its own name says nothing");
        assert_eq!(known.writer("in/made.yaml", &["x"], 1_000), (None, 0));
    }
}
