//! A plan as a drawing: Mermaid for git hosts, DOT for Graphviz.

use std::fmt::Write as _;

use super::Style;
use super::run_line::title_beside;
use super::style::{clean, cut};
use crate::model::{Disposition, Plan, PlannedTask};

/// Columns of a title in a box.
const TITLE_COLUMNS_MAX: usize = 48;

/// A Mermaid flowchart. Boxes are named `t0`, `t1`, …, so that no id can break it; what stands in them is escaped.
#[must_use]
pub fn plan_mermaid(plan: &Plan) -> String {
    let mut text = String::from("flowchart TD\n");
    for (at, task) in plan.tasks.iter().enumerate() {
        let (open, close) = match task.disposition {
            Disposition::Group => ("[[\"", "\"]]"),
            Disposition::Agent => ("{{\"", "\"}}"),
            _ => ("[\"", "\"]"),
        };
        let _ = writeln!(text, "  t{at}{open}{}{close}:::{}", mermaid_label(task), class(task.disposition));
    }
    for (at, need) in edges(plan) {
        let _ = writeln!(text, "  t{need} --> t{at}");
    }
    if plan.critical_path.len() > 1 {
        let path: Vec<String> = plan.critical_path.iter().map(|at| format!("t{at}")).collect();
        let _ = writeln!(text, "  class {} critical", path.join(","));
    }
    text.push_str(
        "  classDef run fill:#dbeafe,stroke:#2563eb,color:#111\n  \
         classDef agent fill:#ede9fe,stroke:#7c3aed,color:#111\n  \
         classDef done fill:#dcfce7,stroke:#16a34a,color:#111\n  \
         classDef skip fill:#fef9c3,stroke:#ca8a04,color:#111,stroke-dasharray:4 3\n  \
         classDef inert fill:#f3f4f6,stroke:#9ca3af,color:#111,stroke-dasharray:4 3\n  \
         classDef group fill:#ffffff,stroke:#6b7280,color:#111\n  \
         classDef critical stroke-width:3px\n",
    );
    text
}

/// A Graphviz digraph. Ids and labels are quoted.
#[must_use]
pub fn plan_dot(plan: &Plan) -> String {
    let mut text = format!(
        "digraph {} {{\n  rankdir=TB;\n  node [shape=box, style=\"rounded,filled\"];\n",
        dot_quoted(&plan.spore)
    );
    let mut critical = vec![false; plan.tasks.len()];
    plan.critical_path.iter().for_each(|at| critical[*at] = plan.critical_path.len() > 1);
    for (task, critical) in plan.tasks.iter().zip(&critical) {
        let (fill, line) = match task.disposition {
            Disposition::Run => ("#dbeafe", "#2563eb"),
            Disposition::Agent => ("#ede9fe", "#7c3aed"),
            Disposition::Done => ("#dcfce7", "#16a34a"),
            Disposition::Skip => ("#fef9c3", "#ca8a04"),
            Disposition::Inert => ("#f3f4f6", "#9ca3af"),
            Disposition::Group => ("#ffffff", "#6b7280"),
        };
        let label = dot_quoted(&label(task, "\n"));
        let width = if *critical { ", penwidth=3" } else { "" };
        let id = dot_quoted(task.id.as_str());
        let _ = writeln!(text, "  {id} [label={label}, fillcolor=\"{fill}\", color=\"{line}\"{width}];");
    }
    for (at, need) in edges(plan) {
        let (need, task) = (plan.tasks[need].id.as_str(), plan.tasks[at].id.as_str());
        let _ = writeln!(text, "  {} -> {};", dot_quoted(need), dot_quoted(task));
    }
    text.push_str("}\n");
    text
}

/// Every edge, as (task, need).
fn edges(plan: &Plan) -> impl Iterator<Item = (usize, usize)> {
    (0..plan.dag.len()).flat_map(|at| plan.dag.needs(at).iter().map(move |need| (at, *need as usize)))
}

fn class(disposition: Disposition) -> &'static str {
    match disposition {
        Disposition::Run => "run",
        Disposition::Done => "done",
        Disposition::Skip => "skip",
        Disposition::Agent => "agent",
        Disposition::Group => "group",
        Disposition::Inert => "inert",
    }
}

fn label(task: &PlannedTask, between: &str) -> String {
    match title_beside(&task.id, &task.title) {
        Some(title) => format!("{}{between}{}", task.id, cut(&clean(title), TITLE_COLUMNS_MAX, Style::PLAIN)),
        None => task.id.to_string(),
    }
}

/// Mermaid reads `#35;` as the character with that number; everything that could mean something is written so.
fn mermaid_label(task: &PlannedTask) -> String {
    let mut escaped = String::new();
    for c in label(task, "\n").chars() {
        match c {
            '\n' => escaped.push_str("<br/>"),
            '"' | '#' | '<' | '>' | '&' | '`' | '\\' | ';' | '{' | '}' | '[' | ']' | '|' | '*' | '_' | '(' | ')'
            | '$' => {
                let _ = write!(escaped, "#{};", u32::from(c));
            }
            c => escaped.push(c),
        }
    }
    escaped
}

fn dot_quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
