//! Tasks and needs, acyclic by construction. Tasks are numbers here: their places in the list they came from.

use std::collections::VecDeque;

/// A cycle: each task needs the next, the last needs the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle(pub Vec<usize>);

/// A graph without cycles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dag {
    needs: Vec<Vec<u32>>,
    dependents: Vec<Vec<u32>>,
    order: Vec<u32>,
}

impl Dag {
    /// Builds the graph in which task `i` needs the tasks `needs[i]`. Repeated needs count once.
    ///
    /// # Errors
    /// The shortest cycle through some task of a cycle, when there is one.
    ///
    /// # Panics
    /// When a need points outside the list: that is for the caller to diagnose first.
    pub fn new(mut needs: Vec<Vec<u32>>) -> Result<Self, Cycle> {
        let mut dependents = vec![Vec::new(); needs.len()];
        for (task, list) in needs.iter_mut().enumerate() {
            list.sort_unstable();
            list.dedup();
            for need in list {
                dependents[*need as usize].push(index(task));
            }
        }
        let mut missing: Vec<usize> = needs.iter().map(Vec::len).collect();
        let mut ready: VecDeque<u32> = (0..needs.len()).filter(|task| missing[*task] == 0).map(index).collect();
        let mut order = Vec::with_capacity(needs.len());
        while let Some(task) = ready.pop_front() {
            order.push(task);
            for dependent in &dependents[task as usize] {
                missing[*dependent as usize] -= 1;
                if missing[*dependent as usize] == 0 {
                    ready.push_back(*dependent);
                }
            }
        }
        if order.len() == needs.len() {
            return Ok(Self { needs, dependents, order });
        }
        Err(shortest_cycle(&needs, &missing))
    }

    /// How many tasks there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.needs.len()
    }

    /// Whether there is no task.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.needs.is_empty()
    }

    /// What `task` needs, ascending.
    #[must_use]
    pub fn needs(&self, task: usize) -> &[u32] {
        &self.needs[task]
    }

    /// What needs `task`, ascending.
    #[must_use]
    pub fn dependents(&self, task: usize) -> &[u32] {
        &self.dependents[task]
    }

    /// Every task, each after all it needs.
    #[must_use]
    pub fn order(&self) -> &[u32] {
        &self.order
    }

    /// The tasks in waves: each wave needs only earlier ones. Tasks for which `counts` is false take part in no wave
    /// and cost none.
    #[must_use]
    pub fn waves(&self, counts: impl Fn(usize) -> bool) -> Vec<Vec<usize>> {
        let mut level = vec![0_usize; self.len()];
        let mut waves: Vec<Vec<usize>> = Vec::new();
        for &task in &self.order {
            let task = task as usize;
            let after = |need: &u32| level[*need as usize] + usize::from(counts(*need as usize));
            level[task] = self.needs[task].iter().map(after).max().unwrap_or(0);
            if counts(task) {
                if waves.len() <= level[task] {
                    waves.resize_with(level[task] + 1, Vec::new);
                }
                waves[level[task]].push(task);
            }
        }
        for wave in &mut waves {
            wave.sort_unstable();
        }
        waves
    }

    /// A longest chain of needs under `weight`, first task first. Tasks of weight 0 are left out of it.
    #[must_use]
    pub fn longest_path(&self, weight: impl Fn(usize) -> u64) -> Vec<usize> {
        let mut longest = vec![0_u64; self.len()];
        let mut before: Vec<Option<u32>> = vec![None; self.len()];
        let mut last: Option<u32> = None;
        for &task in &self.order {
            let at = task as usize;
            for &need in &self.needs[at] {
                if before[at].is_none_or(|best| longest[need as usize] > longest[best as usize]) {
                    before[at] = Some(need);
                }
            }
            longest[at] = weight(at) + before[at].map_or(0, |need| longest[need as usize]);
            if last.is_none_or(|best| longest[at] > longest[best as usize]) {
                last = Some(task);
            }
        }
        let mut path: Vec<usize> = std::iter::successors(last, |task| before[*task as usize])
            .map(|task| task as usize)
            .filter(|task| weight(*task) > 0)
            .collect();
        path.reverse();
        path
    }
}

fn index(task: usize) -> u32 {
    u32::try_from(task).expect("task limits keep indices far below 2^32")
}

/// The shortest cycle through the first task that is left over on a cycle: a breadth-first search along the needs
/// that are themselves left over.
fn shortest_cycle(needs: &[Vec<u32>], missing: &[usize]) -> Cycle {
    // Following needs among the leftovers never ends, so after as many steps as there are tasks one stands on a cycle.
    let left_over = |task: &u32| missing[*task as usize] > 0;
    let mut start = missing.iter().position(|count| *count > 0).map_or(0, index);
    for _ in 0..needs.len() {
        start = *needs[start as usize].iter().find(|need| left_over(need)).expect("a leftover needs a leftover");
    }
    let mut came_from: Vec<Option<u32>> = vec![None; needs.len()];
    let mut queue = VecDeque::from([start]);
    while let Some(task) = queue.pop_front() {
        for need in needs[task as usize].iter().filter(|need| left_over(need)) {
            if *need == start {
                let mut path: Vec<usize> =
                    std::iter::successors(Some(task), |at| came_from[*at as usize]).map(|at| at as usize).collect();
                path.reverse();
                return Cycle(path);
            }
            if came_from[*need as usize].is_none() {
                came_from[*need as usize] = Some(task);
                queue.push_back(*need);
            }
        }
    }
    unreachable!("a task on a cycle is reached from itself")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waves_follow_needs() {
        let dag = Dag::new(vec![vec![], vec![0], vec![0, 0], vec![1, 2]]).expect("acyclic");
        assert_eq!(dag.waves(|_| true), vec![vec![0], vec![1, 2], vec![3]]);
        assert_eq!(dag.waves(|task| task != 0), vec![vec![1, 2], vec![3]]);
        assert_eq!(dag.dependents(0), &[1, 2]);
    }

    #[test]
    fn longest_path_skips_what_weighs_nothing() {
        let dag = Dag::new(vec![vec![], vec![0], vec![], vec![1, 2]]).expect("acyclic");
        assert_eq!(dag.longest_path(|_| 1), vec![0, 1, 3]);
        assert_eq!(dag.longest_path(|task| u64::from(task != 1)), vec![0, 3]);
        assert_eq!(dag.longest_path(|task| if task == 2 { 9 } else { 1 }), vec![2, 3]);
        assert_eq!(Dag::new(Vec::new()).expect("empty").longest_path(|_| 1), Vec::<usize>::new());
    }

    #[test]
    fn cycles_are_named_in_order_and_without_what_hangs_on_them() {
        let cycle = Dag::new(vec![vec![1], vec![2], vec![3], vec![1], vec![]]).expect_err("a cycle");
        let Cycle(mut tasks) = cycle;
        let first = tasks.iter().position(|task| *task == 1).expect("1 is on it");
        tasks.rotate_left(first);
        assert_eq!(tasks, vec![1, 2, 3]);
        assert_eq!(Dag::new(vec![vec![0]]), Err(Cycle(vec![0])));
    }

    #[test]
    fn long_chains_need_no_deep_stack() {
        let chain = (0..100_000_u32).map(|task| if task == 0 { vec![] } else { vec![task - 1] }).collect();
        assert_eq!(Dag::new(chain).expect("acyclic").longest_path(|_| 1).len(), 100_000);
    }
}
