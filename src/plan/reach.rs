//! Whether one task needs another, through others if must be.

use crate::model::Dag;

/// Steps that all questions about one plan may take together. What lies beyond is taken as connected: these questions
/// only look for mistakes, and must never make a large plan slow.
const STEPS_MAX: usize = 20_000_000;

/// Answers questions about one dag, again and again.
pub(super) struct Reach<'a> {
    dag: &'a Dag,
    place: Vec<u32>,
    seen: Vec<u32>,
    question: u32,
    steps: usize,
}

impl<'a> Reach<'a> {
    pub(super) fn new(dag: &'a Dag) -> Self {
        let mut place = vec![0; dag.len()];
        for (at, task) in (0_u32..).zip(dag.order()) {
            place[*task as usize] = at;
        }
        Self { dag, place, seen: vec![0; dag.len()], question: 0, steps: 0 }
    }

    /// Whether `task` needs `wanted`, directly or through others. No task needs itself.
    pub(super) fn needs(&mut self, task: usize, wanted: usize) -> bool {
        // What stands behind the wanted task in the order cannot lead to it.
        if self.place[wanted] >= self.place[task] {
            return false;
        }
        self.question += 1;
        let mut open = vec![task];
        while let Some(at) = open.pop() {
            for &need in self.dag.needs(at) {
                let need = need as usize;
                if need == wanted {
                    return true;
                }
                self.steps += 1;
                if self.place[need] > self.place[wanted] && self.seen[need] != self.question {
                    self.seen[need] = self.question;
                    open.push(need);
                }
            }
            if self.steps > STEPS_MAX {
                return true;
            }
        }
        false
    }
}
