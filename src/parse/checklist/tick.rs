//! Ticking off: the one change that Spore makes to an author's file, where it says `checklist: update`.

use std::collections::HashMap;

use crate::model::{Span, Task, TaskId, Work};

/// The open boxes of every task that is done now that some have `succeeded`: theirs, and those of the parents that have
/// no open part left.
pub fn boxes_done(tasks: &[Task], succeeded: impl Fn(&TaskId) -> bool) -> Vec<Span> {
    let places: HashMap<&TaskId, usize> = tasks.iter().enumerate().map(|(at, task)| (&task.id, at)).collect();
    let parents: Vec<Option<usize>> =
        tasks.iter().map(|task| task.parent.as_ref().and_then(|parent| places.get(parent).copied())).collect();
    let mut open_parts = vec![0_usize; tasks.len()];
    let mut has_parts = vec![false; tasks.len()];
    for parent in parents.iter().flatten() {
        open_parts[*parent] += 1;
        has_parts[*parent] = true;
    }
    let did_own = |at: usize| {
        let task = &tasks[at];
        task.done || succeeded(&task.id) || (has_parts[at] && task.work == Work::Group)
    };
    let mut ended: Vec<usize> = (0..tasks.len()).filter(|at| open_parts[*at] == 0 && did_own(*at)).collect();
    let mut boxes = Vec::new();
    while let Some(at) = ended.pop() {
        boxes.extend(&tasks[at].open_boxes);
        if let Some(parent) = parents[at] {
            open_parts[parent] -= 1;
            if open_parts[parent] == 0 && did_own(parent) {
                ended.push(parent);
            }
        }
    }
    boxes
}

/// `text` with an `x` at each of `boxes`, which are the places between the brackets; everything else byte for byte.
#[must_use]
pub fn tick(text: &str, boxes: &[Span]) -> String {
    let mut boxes = boxes.to_vec();
    boxes.sort_unstable();
    boxes.dedup();
    let mut ticked = String::with_capacity(text.len() + boxes.len());
    let mut kept = 0;
    for place in boxes {
        ticked.push_str(text.get(kept..place.start as usize).unwrap_or_default());
        ticked.push('x');
        kept = place.end as usize;
    }
    ticked.push_str(text.get(kept..).unwrap_or_default());
    ticked
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Limits, Source};
    use crate::parse::parse;

    /// Ticks every box that is open in `text`.
    fn tick_all(text: &str) -> String {
        let parsed = parse(&Source::new("tasks.md", text), &Limits::DEFAULT);
        let boxes: Vec<Span> =
            parsed.spores.iter().flat_map(|spore| &spore.tasks).flat_map(|task| task.open_boxes.clone()).collect();
        tick(text, &boxes)
    }

    #[test]
    fn only_the_marks_of_open_boxes_change() {
        let text = "\u{feff}# Tasks\r\n\r\n- [ ] **1.1 \u{4e00}** \r\n  - [ ] a step\r\n- [x] 1.2 done\r\n* [-]* 1.3 in doubt\r\n- [] 1.4\r\n";
        let ticked = "\u{feff}# Tasks\r\n\r\n- [x] **1.1 \u{4e00}** \r\n  - [ ] a step\r\n- [x] 1.2 done\r\n* [x]* 1.3 in doubt\r\n- [x] 1.4\r\n";
        assert_eq!(tick_all(text), ticked);
        assert_eq!(tick_all(ticked), ticked, "what is ticked off stays as it is");
    }

    #[test]
    fn a_heading_is_ticked_off_by_its_steps() {
        let text = "# Tasks\n\n### Task 1: Build\n\n- [X] one\n- [ ] two\n\n### Task 2: Test\n\n- [ ] three\n";
        assert_eq!(tick_all(text), text.replace("[ ]", "[x]"));
    }

    #[test]
    fn boxes_in_fences_are_text() {
        let text = "# Tasks\n\n- [ ] 1. Build\n\n  ```text\n  - [ ] 2. no\n  ```\n";
        assert_eq!(tick_all(text), text.replacen("[ ]", "[x]", 1));
    }
}
