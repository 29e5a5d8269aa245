//! What must hold of every plan, whatever its spore.

use proptest::prelude::*;
use spore::model::{Disposition, NeedTarget, Plan, Task, Template};
use spore::plan::{Options, condition, evaluate};

use super::template::scope;
use super::{env, from, id, only, planned, planned_with, spore, task};

/// Needs for each of up to 40 tasks, anywhere.
fn edges(count: usize) -> impl Strategy<Value = Vec<Vec<usize>>> {
    proptest::collection::vec(proptest::collection::vec(0..count, 0..4), count)
}

fn generated(edges: &[Vec<usize>], acyclic: bool, done: &[bool]) -> Vec<Task> {
    let names: Vec<String> = (0..edges.len()).map(|at| format!("t{at}")).collect();
    let mut tasks = Vec::new();
    for (at, needs) in edges.iter().enumerate() {
        let needs: Vec<&str> = needs
            .iter()
            .filter(|need| if acyclic { **need < at } else { **need != at })
            .map(|need| names[*need].as_str())
            .collect();
        let mut task = task(at + 1, &names[at], &needs);
        task.done = done.get(at).copied().unwrap_or(false);
        tasks.push(task);
    }
    // The author's order says nothing about needs.
    tasks.reverse();
    tasks
}

proptest! {
    #[test]
    fn every_task_stands_in_one_wave_after_its_needs(edges in edges(30), done in proptest::collection::vec(any::<bool>(), 30)) {
        let planned = planned(generated(&edges, true, &done));
        prop_assert!(planned.diagnostics.is_empty());
        let plan = planned.plan.expect("a plan");
        let mut wave_of = vec![None; plan.tasks.len()];
        for (wave, tasks) in plan.waves.iter().enumerate() {
            for task in tasks {
                prop_assert_eq!(wave_of[*task].replace(wave), None);
            }
        }
        for (at, task) in plan.tasks.iter().enumerate() {
            prop_assert_eq!(wave_of[at].is_some(), task.disposition == Disposition::Run);
            for need in plan.dag.needs(at) {
                let earlier = wave_of[*need as usize].is_none_or(|need| wave_of[at].is_none_or(|wave| need < wave));
                prop_assert!(earlier, "{} in a wave before its need", task.id);
            }
        }
        prop_assert!(plan.critical_path.len() <= plan.waves.len().max(1));
    }

    #[test]
    fn named_cycles_are_real(edges in edges(12)) {
        let tasks = generated(&edges, false, &[]);
        let planned = planned(tasks.clone());
        prop_assert_eq!(planned.plan.is_none(), planned.diagnostics.iter().any(|it| it.code == "cycle"));
        for cycle in &planned.diagnostics {
            let names: Vec<&str> = cycle.message.split('`').skip(1).step_by(2).collect();
            prop_assert!(names.len() > 2 && names.first() == names.last());
            for pair in names.windows(2) {
                let task = tasks.iter().find(|task| task.id.as_str() == pair[0]).expect("a task");
                let need = NeedTarget::Task(id(pair[1]));
                prop_assert!(task.needs.iter().any(|it| it.target == need), "{} does not need {}", pair[0], pair[1]);
            }
        }
    }

    #[test]
    fn selections_are_closed(edges in edges(20), only_at in 0_usize..20, from_at in 0_usize..20) {
        let tasks = generated(&edges, true, &[]);
        let plan_of = |options: &Options| planned_with(&spore(tasks.clone()), options).plan.expect("a plan");
        let runs = |plan: &Plan, at: usize| plan.tasks[at].disposition == Disposition::Run;
        let plan = plan_of(&only(&[&format!("t{only_at}")]));
        for at in 0..plan.tasks.len() {
            let wanted = plan.tasks[at].id.as_str() == format!("t{only_at}");
            let needed = plan.dag.dependents(at).iter().any(|user| runs(&plan, *user as usize));
            prop_assert_eq!(runs(&plan, at), wanted || needed);
        }
        let plan = plan_of(&from(&format!("t{from_at}")));
        for at in 0..plan.tasks.len() {
            let first = plan.tasks[at].id.as_str() == format!("t{from_at}");
            let follows = plan.dag.needs(at).iter().any(|need| runs(&plan, *need as usize));
            prop_assert_eq!(runs(&plan, at), first || follows);
            if runs(&plan, at) {
                for need in plan.dag.needs(at) {
                    let kind = plan.tasks[*need as usize].disposition;
                    prop_assert!(matches!(kind, Disposition::Run | Disposition::Done));
                }
            }
        }
    }

    #[test]
    fn no_text_is_too_strange_for_a_template(source in "[{}%#a-z.\\[\\]\"'| *()0-9~ż-]{0,40}") {
        let template = Template(source);
        let _ = evaluate(&template, &scope());
        let _ = condition(&template, &scope());
        let planned = planned(vec![env(task(1, "a", &[]), &template.0)]);
        prop_assert!(planned.plan.is_some());
    }
}
