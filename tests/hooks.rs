//! The settings of coding agents: hooks go in and come out again, and all else stays to the byte.

use std::path::Path;

use serde_json::Value;
use spore::hooks::{Agent, EVENTS, Error, with_hooks, without_hooks};

use crate::corpus::corpus;

fn with(text: &str) -> String {
    with_hooks(text, Agent::Claude, Path::new("settings.json")).unwrap_or_else(|error| panic!("{error}:\n{text}")).0
}

fn without(text: &str) -> String {
    without_hooks(text, Path::new("settings.json")).unwrap_or_else(|error| panic!("{error}:\n{text}")).0
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}:\n{text}"))
}

/// What the settings mean with the hooks in them, put together without regard to their layout.
fn wanted(text: &str) -> Value {
    let mut settings = value(text);
    let hooks = settings.as_object_mut().expect("an object").entry("hooks").or_insert_with(|| serde_json::json!({}));
    for (event, hook, seconds) in EVENTS {
        let command = format!("spore hook {hook} --agent claude");
        let group = serde_json::json!({"hooks": [{"type": "command", "command": command, "timeout": seconds}]});
        let groups = hooks.as_object_mut().expect("an object").entry(event).or_insert_with(|| serde_json::json!([]));
        groups.as_array_mut().expect("a list").push(group);
    }
    settings
}

/// Puts the hooks in and takes them out again, and looks at both.
fn there_and_back(text: &str) {
    let installed = with(text);
    assert_eq!(value(&installed).to_string(), wanted(text).to_string(), "order and all:\n{installed}");
    assert_eq!(with(&installed), installed, "twice is once");
    assert_eq!(installed.contains("\r\n"), text.contains("\r\n") || text.contains('\r'), "line ends");
    assert_eq!(installed.ends_with('\n'), text.ends_with('\n'), "the end");
    let back = without(&installed);
    assert_eq!(without(&back), back, "nothing is left to take out");
    assert_eq!(value(&back), value(text));
    assert_eq!(back, text);
}

#[test]
fn layouts_are_kept_to_the_byte() {
    let texts = [
        "{\"a\": 1}",
        "{\n  \"b\": [1, 2],\n  \"a\": {\"x\": \"}\\\"]\"}\n}\n",
        "{\n\t\"permissions\": {\n\t\t\"allow\": [\"Bash(ls:*)\"]\n\t}\n}\n",
        "{\r\n    \"a\": true\r\n}\r\n",
        "{\"hooks\": {\"Stop\": [{\"hooks\": []}]}, \"z\": null}\n",
        "{\n  \"hooks\": {\n    \"SessionStart\": [\n      {\"matcher\": \"startup\", \"hooks\": [{\"type\": \"command\", \"command\": \"x\"}]}\n    ]\n  },\n  \"a\": 1\n}",
        "{ \"hooks\" : { \"SessionEnd\" : [ {\"hooks\": [ {\"type\": \"command\", \"command\": \"y\"} ]} ] } }",
        "{\"żółw 🐢\": \"\\u00e9\", \"n\": 1.10, \"big\": 123456789012345678901234567890}",
    ];
    for text in texts {
        there_and_back(text);
    }
}

#[test]
fn every_real_settings_file_comes_back_as_it_was() {
    let Some(corpus) = corpus() else { return crate::skipped("no corpus (set SPORE_CORPUS)") };
    let mut seen = 0;
    for entry in std::fs::read_dir(corpus.join("hooks")).expect("the corpus has settings") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|ending| ending == "json") {
            there_and_back(&std::fs::read_to_string(&path).expect("text"));
            seen += 1;
        }
    }
    assert!(seen > 30, "{seen} settings files");
}

#[test]
fn only_ours_is_taken_out() {
    let ours = "{\"type\": \"command\", \"command\": \"spore hook session-end --agent claude\", \"timeout\": 60}";
    let theirs = "{\"type\": \"command\", \"command\": \"./mine.sh\"}";
    let text = format!("{{\n  \"hooks\": {{\"SessionEnd\": [{{\"hooks\": [{ours}, {theirs}, {ours}]}}]}}\n}}\n");
    assert_eq!(without(&text), format!("{{\n  \"hooks\": {{\"SessionEnd\": [{{\"hooks\": [{theirs}]}}]}}\n}}\n"));
    let changed = with(&text);
    assert_eq!(changed.matches("session-end").count(), 2, "what is there with another limit stays:\n{changed}");
    assert!(
        without("{\"hooks\": {\"SessionStart\": [{\"hooks\": [{\"command\": \"sporehook x\"}]}]}}")
            .contains("sporehook")
    );
}

#[test]
fn what_cannot_be_understood_is_left_alone() {
    let refused = |text: &str| with_hooks(text, Agent::Qwen, Path::new("s.json")).expect_err(text);
    assert!(matches!(refused("{\n  \"a\": 1,\n}"), Error::NoJson { line: 3, column: 1, .. }));
    assert!(matches!(refused(""), Error::NoJson { .. }));
    assert!(matches!(refused("// x\n{}"), Error::NoJson { line: 1, .. }));
    for (text, place) in
        [("[]", "the top"), ("{\"hooks\": []}", "hooks"), ("{\"hooks\": {\"SessionEnd\": {}}}", "hooks.SessionEnd")]
    {
        match refused(text) {
            Error::Shape { place: found, .. } => assert_eq!(found, place),
            other => panic!("{other}"),
        }
    }
    let (qwen, _) = with_hooks("{}", Agent::Qwen, Path::new("s.json")).expect("understood");
    assert_eq!(value(&qwen)["hooks"]["SessionEnd"][0]["hooks"][0]["timeout"], 5_000, "its limits are in milliseconds");
}
