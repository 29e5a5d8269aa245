//! Every command: help with an example, JSON by its schema, exit codes by the table.

use serde_json::Value;

use super::folder::Folder;

const HELLO: &str = "spore: hello\nkind: workflow\ntasks: {a: echo hi, b: {needs: a, run: exit 1}}\n";

/// Validates what a command printed against what `spore schema` prints.
pub(super) fn validate(folder: &Folder, kind: &str, printed: &Value) {
    let schema = folder.spore(&["schema", kind]).exits(0).json();
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<String> =
        validator.iter_errors(printed).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{kind}: {errors:#?}\n{printed:#}");
}

#[test]
fn every_command_has_help_with_an_example() {
    let folder = Folder::new();
    for command in [
        "init",
        "check",
        "plan",
        "run",
        "runs",
        "show",
        "logs",
        "retry",
        "resume",
        "resolve",
        "prune",
        "doctor",
        "hooks",
        "hook",
        "schema",
        "completions",
    ] {
        let answer = folder.spore(&[command, "--help"]).exits(0).says("Example");
        assert!(answer.out.contains(&format!("spore {command}")), "{}", answer.out);
        if !matches!(command, "completions" | "hooks" | "hook") {
            assert!(answer.out.contains("--format"), "{command}: {}", answer.out);
        }
    }
}

#[test]
fn what_is_printed_as_json_follows_its_schema() {
    let folder =
        Folder::new().file("w.yaml", HELLO).file("bad.yaml", "spore: bad\nkind: workflow\ntasks: {a: {rnu: x}}\n");
    validate(&folder, "check", &folder.spore(&["check", "--format", "json"]).exits(3).json());
    validate(&folder, "plan", &folder.spore(&["plan", "w.yaml", "--format", "json"]).exits(0).json());
    validate(&folder, "run", &folder.run("w.yaml", &[]).exits(100).report);
    validate(&folder, "runs", &folder.spore(&["runs", "--format", "json"]).exits(0).json());
    validate(&folder, "show", &folder.spore(&["show", "latest", "--format", "json"]).exits(0).json());
    validate(&folder, "logs", &folder.spore(&["logs", "latest", "--format", "json"]).exits(0).json());
    validate(&folder, "init", &folder.spore(&["init", "new", "--format", "json"]).exits(0).json());
    validate(
        &folder,
        "prune",
        &folder.spore(&["prune", "--dry-run", "--keep-runs", "0", "--format", "json"]).exits(0).json(),
    );
    validate(&folder, "doctor", &folder.spore(&["doctor", "--format", "json"]).exits(0).json());
    let run = folder.spore(&["show", "latest", "--format", "json"]).json()["id"].as_str().expect("an id").to_owned();
    for line in folder.read(&format!(".spore/runs/{run}/journal.jsonl")).lines() {
        validate(&folder, "journal", &serde_json::from_str(line).expect("a line of JSON"));
    }
}

#[test]
fn every_schema_that_is_listed_is_there() {
    let folder = Folder::new();
    let kinds = folder.spore(&["schema", "--list"]).exits(0).out;
    assert!(kinds.lines().count() >= 8, "{kinds}");
    for kind in kinds.lines() {
        assert!(folder.spore(&["schema", kind]).exits(0).json().is_object());
        let committed = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("schemas/{kind}.schema.json"));
        assert!(committed.is_file(), "{} is missing", committed.display());
    }
    folder.spore(&["schema", "nonsense"]).exits(2).says("there are:");
}

#[test]
fn version_names_the_commit() {
    let answer = Folder::new().spore(&["--version"]).exits(0);
    assert!(answer.out.starts_with(concat!("spore ", env!("CARGO_PKG_VERSION"), " (")), "{}", answer.out);
}

#[test]
fn completions_are_printed_for_shells() {
    for shell in ["bash", "zsh", "fish"] {
        Folder::new().spore(&["completions", shell]).exits(0).says("retry");
    }
}

#[test]
fn wrong_words_on_the_command_line_exit_with_2() {
    let folder = Folder::new().file("w.yaml", HELLO);
    folder.spore(&["rnu"]).exits(2);
    folder.spore(&["run"]).exits(2);
    folder.spore(&["run", "w.yaml", "--jobs", "0"]).exits(2);
    folder.spore(&["run", "w.yaml", "--param", "novalue"]).exits(2).says("KEY=VALUE");
    folder.spore(&["show", "nosuchrun"]).exits(2);
}

#[test]
fn a_dry_run_runs_nothing() {
    let folder = Folder::new().file("w.yaml", "spore: w\nkind: workflow\ntasks: {a: touch ran}\n");
    folder.spore(&["run", "w.yaml", "--dry-run"]).exits(0).says("1 to run");
    assert!(!folder.path("ran").exists() && !folder.path(".spore").exists() && !folder.path("results").exists());
}

#[test]
fn what_the_command_line_says_wrongly_is_not_blamed_on_a_line_of_the_file() {
    let folder = Folder::new().file("w.yaml", HELLO);
    for words in [["--param", "x=1"], ["--only", "bbb"], ["--from", "nowhere"]] {
        folder.spore(&[&["run", "w.yaml"], &words[..]].concat()).exits(3).says("--> w.yaml").never_says("w.yaml:1");
    }
    Folder::new().spore(&["check"]).exits(0).says("no spores here");
}

#[test]
fn an_executor_that_is_planned_can_be_planned_for() {
    let folder =
        Folder::new().file("w.yaml", "spore: w\nkind: workflow\ntasks: {a: {run: echo hi, executor: cloud-run}}\n");
    folder.spore(&["plan", "w.yaml"]).exits(0).says("1 to run").says("warning[executor-unavailable]");
    folder.spore(&["check", "w.yaml"]).exits(0);
    folder.spore(&["run", "w.yaml"]).exits(3).says("does not have it yet").says("`executor: terminal` can be used");
}

#[test]
fn a_plan_has_four_forms() {
    let folder = Folder::new().file("w.yaml", HELLO);
    folder.spore(&["plan", "w.yaml"]).exits(0).says("2 to run in 2 waves");
    folder.spore(&["plan", "w.yaml", "--format", "mermaid"]).exits(0).says("flowchart");
    folder.spore(&["plan", "w.yaml", "--format", "dot"]).exits(0).says("digraph");
    let plan = folder.spore(&["plan", "w.yaml", "--format", "json"]).exits(0).json();
    assert_eq!(plan["waves"], serde_json::json!([["a"], ["b"]]));
    assert_eq!(plan["critical_path"], serde_json::json!(["a", "b"]));
    assert_eq!(plan["order"], "needs");
    assert_eq!(plan["tasks"][1]["needs"], serde_json::json!(["a"]));
    assert_eq!(plan["tasks"][0]["command"], "echo hi");
    assert_eq!(plan["tasks"][0]["disposition"], "run");
}

#[test]
fn check_sorts_and_counts_and_exits_with_3_only_for_errors() {
    let folder = Folder::new()
        .file("b.yaml", "spore: b\nkind: workflow\ntasks: {a: {run: x, timeout: soon}, c: {rnu: x}}\n")
        .file("a.yaml", "spore: a\nkind: workflow\ntasks: {a: {run: x, needs: [ghost]}}\n")
        .file("fine.md", "# Just text\n");
    let said = folder.spore(&["check", "--format", "json"]).exits(3).json();
    let said = said.as_array().expect("an array");
    let places: Vec<(String, u64, u64)> = said
        .iter()
        .map(|one| {
            (
                one["path"].as_str().unwrap_or_default().to_owned(),
                one["line"].as_u64().unwrap_or(0),
                one["column"].as_u64().unwrap_or(0),
            )
        })
        .collect();
    let mut sorted = places.clone();
    sorted.sort();
    assert_eq!(places, sorted);
    for (code, hint) in [("unknown-need", false), ("bad-duration", true), ("unknown-key", true)] {
        let one = said.iter().find(|one| one["code"] == code).unwrap_or_else(|| panic!("no {code} in {said:#?}"));
        assert!(!hint || one["hint"].is_string(), "{one:#}");
    }
    folder.spore(&["check", "fine.md"]).exits(0);
    folder.spore(&["check", "b.yaml"]).exits(3).says("--> b.yaml:3:");
}

#[test]
fn nothing_to_run_says_why_and_what_would_help() {
    let folder = Folder::new()
        .file("book.md", "# Runbook\n\n## Look\n\n```sh\ntouch ran\n```\n")
        .file("text.md", "# Text\n")
        .file("tasks.md", "# Plan\n\n- [ ] 1. Think\n- [ ] 2. Act\n");
    folder.spore(&["run", "book.md"]).exits(4).says("kind: workflow");
    folder.spore(&["run", "text.md"]).exits(4);
    folder.spore(&["run", "tasks.md"]).exits(4).says("agent");
    assert!(!folder.path("ran").exists() && !folder.path(".spore").exists());
}

#[test]
fn one_of_several_spores_is_chosen_by_name() {
    let folder = Folder::new().file(
        "w.yaml",
        "spore: one\nkind: workflow\ntasks: {a: touch one}\n---\nspore: two\nkind: workflow\ntasks: {a: touch two}\n",
    );
    folder.spore(&["run", "w.yaml"]).exits(3).says("w.yaml#one");
    folder.spore(&["run", "w.yaml#two"]).exits(0);
    assert!(folder.path("two").exists() && !folder.path("one").exists());
    folder.spore(&["run", "w.yaml#three"]).exits(3).says("three");
}

#[test]
fn a_person_may_run_a_yaml_spore_without_a_kind() {
    let folder = Folder::new().file("w.yaml", "spore: w\ntasks: {a: touch ran}\n");
    folder.spore(&["check"]).exits(0).says("kind: workflow");
    folder.spore(&["run", "w.yaml"]).exits(0);
    assert!(folder.path("ran").exists());
}

#[test]
fn the_log_says_what_spore_does_inside_and_no_secret() {
    let folder = Folder::new()
        .env("SPORE_LOG", "debug")
        .env("TOKEN", "hunter2-hunter2")
        .file("w.yaml", "spore: w\nkind: workflow\ntasks: {a: {env: {T: {secret: TOKEN}}, run: 'echo $T'}}\n");
    let answer = folder.spore(&["run", "w.yaml"]).exits(0).never_says("hunter2");
    for said in ["spore read", "planned", "start task=a number=1", "supervisor started", "end task=a", "result written"]
    {
        assert!(answer.err.contains(said), "no {said:?} in\n{}", answer.err);
    }
}

#[test]
fn a_parameter_that_a_run_must_give_is_no_fault_of_the_file() {
    let folder = Folder::new().file("a.yaml", "spore: a\nkind: workflow\nparams: {p: {}}\ntasks: {t: echo}\n");
    folder.spore(&["check", "a.yaml"]).exits(0).never_says("missing-param");
    folder.spore(&["run", "a.yaml"]).exits(3).says("missing-param");
}

#[test]
fn what_is_no_text_is_pointed_at() {
    let folder = Folder::new();
    folder.write("a.md", b"# a\nfine \xff\n");
    let said = folder.spore(&["check", "a.md", "--format", "json"]).exits(3).json();
    let place = (&said[0]["code"], &said[0]["line"], &said[0]["column"]);
    assert_eq!(place, (&"not-utf8".into(), &2.into(), &6.into()));
}

#[test]
fn a_command_for_an_instance_says_what_it_waits_for() {
    let folder = Folder::new().file("a.yaml", "kind: command\nverb: restart\ntarget: builder-1\n");
    folder.spore(&["run", "a.yaml"]).exits(4).says("a command to an instance").never_says("kind: workflow");
}

#[test]
fn tasks_side_by_side_are_one_step_of_a_stated_path() {
    let list = "# Tasks\n\n- [ ] 1. A\n- [ ] 2. B (depends on 1)\n- [ ] 3. C (depends on 1)\n- [ ] 4. D (depends on 2, 3)\n\n\
                **Critical path:** 1 \u{2192} (2, 3) \u{2192} 4.\n";
    let folder =
        Folder::new().file("good.md", list).file("bad.md", &list.replace("(depends on 2, 3)", "(depends on 1)"));
    folder.spore(&["check", "good.md"]).exits(0).never_says("critical-path");
    folder.spore(&["check", "bad.md"]).exits(0).says("critical-path");
}

#[test]
fn the_ends_of_a_range_must_be_there() {
    let list = "# Tasks\n\n- [ ] 1.1 A\n- [ ] 1.2 B\n- [ ] 2.1 C\n- [ ] 3. D\n  - Dependencies: Tasks 1.2-2.1\n";
    let folder = Folder::new().file("good.md", list).file("bad.md", &list.replace("1.2-2.1", "1.2-2.4"));
    folder.spore(&["check", "good.md"]).exits(0);
    folder.spore(&["check", "bad.md"]).exits(3).says("`3` needs `2.4`, which does not exist");
}

#[test]
fn a_section_that_names_an_agent_is_a_task() {
    let text = "---\nkind: workflow\n---\n# Flow\n\nAn agent: none here.\n\n## Review it\nAgent: reviewer\n\nLook twice.\n\n\
                ## Ship\nNeeds: Review it\n\n```sh task=ship tiemout=3s\ntrue\n```\n";
    let folder = Folder::new().file("a.md", text);
    let plan = folder.spore(&["plan", "a.md", "--format", "json"]).exits(0).json();
    let ids: Vec<_> = plan["tasks"].as_array().expect("tasks").iter().map(|task| &task["id"]).collect();
    assert_eq!(ids, ["review-it", "ship"]);
    assert_eq!(plan["tasks"][0]["disposition"], "agent");
    assert_eq!(plan["tasks"][1]["needs"], serde_json::json!(["review-it"]));
    folder.spore(&["check", "a.md"]).exits(0).says("did you mean `timeout`?");
}
