//! `--only`, `--from` and what an earlier run has done.

use serde_json::json;
use spore::model::{Disposition, Spore};
use spore::plan::Options;

use super::{child, dispositions, from, group, id, matrix, only, planned_with, remarks, spore, task, words};

/// a ← b ← c, a ← x, and the rest beside them.
fn line_of_tasks() -> Spore {
    let mut spore = spore(vec![
        task(1, "a", &[]),
        task(2, "b", &["a"]),
        task(3, "c", &["b", "side"]),
        task(4, "x", &["a"]),
        task(5, "side", &[]),
        group(6, "g", &[]),
        child("g", task(7, "g.1", &[])),
        child("g", matrix(task(8, "g.2", &[]), &[("n", json!([1, 2]))])),
    ]);
    spore.finally = vec![task(9, "clean", &[])];
    spore
}

#[test]
fn only_takes_what_is_needed_along() {
    use Disposition::{Group, Run, Skip};
    let run = |names: &[&str]| dispositions(&planned_with(&line_of_tasks(), &only(names)));
    let kinds = |names: &[&str]| run(names).into_iter().map(|(_, kind)| kind).collect::<Vec<_>>();
    assert_eq!(kinds(&["b"]), [Run, Run, Skip, Skip, Skip, Skip, Skip, Skip, Skip, Run]);
    assert_eq!(kinds(&["g"]), [Skip, Skip, Skip, Skip, Skip, Group, Run, Run, Run, Run]);
    assert_eq!(kinds(&["g.2"]), [Skip, Skip, Skip, Skip, Skip, Skip, Skip, Run, Run, Run]);
    assert_eq!(kinds(&["g.2[2]", "x"]), [Run, Skip, Skip, Run, Skip, Skip, Skip, Skip, Run, Run]);
    assert_eq!(kinds(&["clean"]), [Skip, Skip, Skip, Skip, Skip, Skip, Skip, Skip, Skip, Run]);
    let planned = planned_with(&line_of_tasks(), &only(&["b"]));
    let plan = planned.plan.as_ref().expect("a plan");
    assert_eq!(plan.tasks[2].explanation, "not selected by --only");
    assert_eq!(plan.waves, [vec![0], vec![1], vec![9]]);
    let unknown = planned_with(&line_of_tasks(), &only(&["sied"]));
    assert_eq!(
        remarks(&unknown.diagnostics),
        ["error unknown-task 1: no task is called `sied` (did you mean `side`?)"]
    );
}

#[test]
fn from_counts_what_lies_before_as_done() {
    let planned = planned_with(&line_of_tasks(), &from("b"));
    assert_eq!(
        words(&planned),
        [
            "a done: before `b`, where --from starts: counts as done",
            "b run: needs `a`, which is done: starts at once",
            "c run: needs `b` and `side`",
            "x skip: does not depend on `b`, where --from starts",
            "side done: before `b`, where --from starts: counts as done",
            "g skip: does not depend on `b`, where --from starts",
            "g.1 skip: does not depend on `b`, where --from starts",
            "g.2[1] skip: does not depend on `b`, where --from starts",
            "g.2[2] skip: does not depend on `b`, where --from starts",
            "clean run: runs when all others have ended, whatever became of them",
            "| b",
            "| c",
            "| clean",
            "> b c clean",
        ]
    );
    let both = Options { only: vec!["b".into()], ..from("b") };
    let both = planned_with(&line_of_tasks(), &both);
    assert_eq!(both.plan.expect("a plan").waves, [vec![1], vec![9]]);
}

#[test]
fn tasks_of_an_earlier_run_count_as_done() {
    let options = Options { done: [(id("a"), "succeeded in run 1".to_owned())].into(), ..Options::default() };
    let planned = planned_with(&line_of_tasks(), &options);
    assert_eq!(
        words(&planned)[..2],
        ["a done: succeeded in run 1", "b run: needs `a`, which is done: starts at once",]
    );
}
