//! Plans as text, Mermaid and DOT.

use spore::model::{Disposition, Order, Plan};
use spore::render::{Style, plan_dot, plan_mermaid, plan_text};

use super::sample::{become_, full_plan, plan, task};
use super::{golden, plain, widest};

#[test]
fn a_plan_reads_well() {
    golden("plan-80.txt", &plan_text(&full_plan(), Style { width: 80, ..Style::PLAIN }));
    golden("plan-120.txt", &plan_text(&full_plan(), Style { width: 120, ..Style::PLAIN }));
    let ascii = plan_text(&full_plan(), Style { width: 80, unicode: false, colour: false });
    golden("plan-ascii.txt", &ascii);
}

#[test]
fn colours_change_nothing_but_colours() {
    for width in [40, 80, 120] {
        let style = Style { width, ..Style::PLAIN };
        let coloured = plan_text(&full_plan(), Style { colour: true, ..style });
        assert!(coloured.contains("\u{1b}["), "there are colours");
        assert_eq!(plain(&coloured), plan_text(&full_plan(), style));
    }
}

#[test]
fn no_line_passes_the_width() {
    for width in [60, 80, 100, 120] {
        for plan in [full_plan(), layers(50, 20), layers(500, 1), layers(1, 1_000)] {
            let text = plan_text(&plan, Style { width, ..Style::PLAIN });
            assert!(widest(&text) <= width, "{} columns on a screen of {width}:\n{text}", widest(&text));
        }
    }
}

/// `waves` waves of `tasks` tasks, each of which needs all of the wave before.
fn layers(waves: usize, tasks: usize) -> Plan {
    let name = |wave: usize, at: usize| format!("t{wave}.{at}");
    let mut list = Vec::new();
    for wave in 0..waves {
        let needs: Vec<String> = if wave == 0 { Vec::new() } else { (0..tasks).map(|at| name(wave - 1, at)).collect() };
        let needs: Vec<&str> = needs.iter().map(String::as_str).collect();
        list.extend((0..tasks).map(|at| task(&name(wave, at), &name(wave, at), &needs)));
    }
    plan(None, list)
}

#[test]
fn large_plans_are_folded() {
    let text = plan_text(&layers(50, 20), Style::PLAIN);
    golden("plan-layers.txt", &text);
    assert!(text.lines().count() < 130, "{} lines", text.lines().count());
    golden("plan-chain.txt", &plan_text(&layers(500, 1), Style { width: 80, ..Style::PLAIN }));
    golden("plan-wide.txt", &plan_text(&layers(1, 1_000), Style { width: 80, ..Style::PLAIN }));
}

#[test]
fn a_checklist_of_prose_is_work_for_agents() {
    let prose = |name: &str, title: &str, needs: &[&str]| {
        become_(task(name, title, needs), Disposition::Agent, "prose without a command: work for an agent")
    };
    let mut plan = plan(
        Some("Implementation Plan"),
        vec![
            become_(task("1", "Set up core project structure", &[]), Disposition::Done, "ticked off"),
            become_(task("2", "Cluster", &[]), Disposition::Group, "holds 2.1 to 2.3"),
            become_(task("2.1", "Create Kind cluster management module", &["1"]), Disposition::Done, "ticked off"),
            prose("2.3", "Set up ingress controller and networking", &["2.1"]),
            prose("3.1", "Create Cloud Run simulator", &["2.1", "2.3"]),
            prose("3.2", "Implement GKE Autopilot simulator", &["2.1"]),
            prose("4.1", "Write the end-to-end tests", &["3.1"]),
        ],
    );
    plan.path = "tasks.md".to_owned();
    golden("plan-checklist.txt", &plan_text(&plan, Style { width: 80, ..Style::PLAIN }));
}

#[test]
fn a_plan_without_work_says_so() {
    let mut nothing = plan(Some("Notes"), Vec::new());
    nothing.order = Order::Sequence;
    golden("plan-empty.txt", &plan_text(&nothing, Style::PLAIN));
}

#[test]
fn drawings_cannot_be_broken_by_titles() {
    let mut tasks = full_plan().tasks;
    tasks[1].title = "a \"quoted\" <b>title</b>; [x] --> {y} | #1 \\ `z`\nnext".to_owned();
    let plan = plan(Some("Nightly"), tasks);
    golden("plan.mmd", &plan_mermaid(&plan));
    golden("plan.dot", &plan_dot(&plan));
}
