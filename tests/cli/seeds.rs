//! The four documents this product was conceived from, through the program.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::folder::Folder;

/// Where the seeds are: beside the corpus, which a variable may name.
fn seed(name: &str) -> Option<PathBuf> {
    let beside = std::env::var_os("SPORE_CORPUS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus"), PathBuf::from);
    let path = std::fs::canonicalize(beside.join("..").join("seeds").join(name)).ok();
    if path.is_none() {
        crate::skipped(&format!("there is no {name} beside the corpus"));
    }
    path
}

fn plan(name: &str) -> Option<Value> {
    let path = seed(name)?;
    let folder = Folder::new();
    let path = path.to_str().expect("text");
    for format in ["text", "mermaid", "dot"] {
        assert!(!folder.spore(&["plan", path, "--format", format]).out.is_empty());
    }
    folder.spore(&["check", path]);
    folder.spore(&["run", path]);
    assert!(!folder.path(".spore").exists(), "nothing ran");
    Some(folder.spore(&["plan", path, "--format", "json"]).json())
}

fn task<'a>(plan: &'a Value, id: &str) -> &'a Value {
    let tasks = plan["tasks"].as_array().expect("tasks");
    tasks.iter().find(|task| task["id"] == id).unwrap_or_else(|| panic!("no task {id}"))
}

#[test]
fn the_task_list_has_its_tasks_needs_and_mistakes() {
    let Some(plan) = plan("local-gke-tasks.md") else { return };
    let tasks = plan["tasks"].as_array().expect("tasks");
    assert_eq!(tasks.len(), 31);
    assert_eq!(tasks.iter().filter(|task| task["done"] == true).count(), 3);
    assert_eq!(plan["order"], "needs");
    for (id, needs) in [
        ("2.3", json!(["2.1"])),
        ("3.1", json!(["2.1", "2.2", "2.3"])),
        ("5.1", json!(["3.3", "2.2"])),
        ("14.2", json!(["10.2"])),
    ] {
        assert_eq!(task(&plan, id)["needs"], needs, "{id}");
    }
    let said = plan["diagnostics"].as_array().expect("diagnostics");
    let missing = said.iter().find(|one| one["code"] == "unknown-need").expect("the need on 8.2");
    assert_eq!((missing["line"].as_u64(), missing["severity"].as_str()), (Some(210), Some("error")));
    assert!(missing["message"].as_str().is_some_and(|text| text.contains("8.3") && text.contains("8.2")));
    assert!(said.iter().any(|one| one["code"] == "critical-path" && one["severity"] == "warning"));
}

#[test]
fn the_roadmap_has_its_dependency_table() {
    let Some(plan) = plan("integration-patterns-roadmap.md") else { return };
    assert_eq!(plan["tasks"].as_array().map(Vec::len), Some(12));
    let all: Vec<String> = (1..=6).map(|number| format!("pattern-{number}")).collect();
    assert_eq!(task(&plan, "app-11")["needs"], json!(all));
    assert_eq!(task(&plan, "app-7")["needs"], json!(["pattern-1", "pattern-2", "pattern-6"]));
    assert_eq!(task(&plan, "pattern-5")["needs"], json!(["shared", "pattern-2"]));
    assert_eq!(task(&plan, "pattern-6")["external_needs"], json!(["quic", "swarm"]));
    assert!(plan["tasks"].as_array().expect("tasks").iter().all(|task| task["command"].is_null()));
}

#[test]
fn the_summary_has_its_tasks_and_steps() {
    let Some(plan) = plan("orchestration-summary.md") else { return };
    for id in ["1.1", "1.2", "1.3", "2.1", "3.1", "4.1", "5.1", "6.1", "7.1"] {
        assert_eq!(task(&plan, id)["disposition"], "agent", "{id}");
        assert!(task(&plan, id)["phase"].as_str().is_some_and(|phase| phase.starts_with("Phase ")), "{id}");
    }
    let steps = task(&plan, "1.1")["steps"].as_array().expect("steps");
    assert_eq!((steps.len(), steps[0]["done"].as_bool()), (5, Some(false)));
}

#[test]
fn the_bridge_spore_has_its_identity_and_its_fences_stay_still() {
    let Some(plan) = plan("gke-orchestration-integration.md") else { return };
    assert_eq!(plan["spore"], "GKE-ORCHESTRATION-INTEGRATION-IMPLEMENTATION-001");
    assert_eq!(plan["kind"], "inert");
    let keys: Vec<&String> = plan["metadata"].as_object().expect("metadata").keys().collect();
    assert_eq!(keys, ["Spore Type", "Generated", "Purpose", "Status", "Timestamp"]);
    let tasks = plan["tasks"].as_array().expect("tasks");
    assert!(tasks.iter().all(|task| task["disposition"] == "inert"));
    let phase = |task: &&Value| task["title"].as_str().is_some_and(|title| title.starts_with("Phase "));
    assert_eq!(tasks.iter().filter(phase).filter(|task| task["language"] == "bash").count(), 4);
}
