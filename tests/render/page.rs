//! Result spores: pleasant for people, exact for machines, and harmless whatever the commands printed.

use indexmap::IndexMap;
use serde_json::{Value, json};
use spore::model::{Event, Outcome, RunStatus, Stop, TaskId};
use spore::render::{result_front, result_page};

use super::golden;
use super::sample::{Journal, full_record, id, large_journal};

/// The front matter of a page, read by the YAML package.
fn front(page: &str) -> Value {
    let text = page.strip_prefix("---\n").expect("front matter comes first");
    let (front, _) = text.split_once("\n---\n").expect("front matter ends");
    serde_yaml::from_str(front).unwrap_or_else(|error| panic!("{error}\n{front}"))
}

#[test]
fn a_result_reads_well() {
    let tails = [(id("check"), "expected 42\n```\nfound 41\n".to_owned())];
    let record = full_record();
    let page = result_page(&record, &tails, None).expect("a page");
    golden("result.md", &page);
    assert_eq!(
        front(&page),
        serde_json::to_value(result_front(&record)).expect("JSON"),
        "the front matter says it all"
    );
    assert_eq!(page, result_page(&record, &tails, None).expect("a page"), "it is the same every time");
}

#[test]
fn a_good_result_reads_well() {
    let mut journal = Journal::new(&[("build", "build"), ("test", "Test it")]);
    journal.attempt("build", 1, 900, Outcome::Succeeded).attempt("test", 1, 12_000, Outcome::Succeeded);
    let page = result_page(&journal.end(RunStatus::Succeeded), &[], None).expect("a page");
    golden("result-good.md", &page);
}

const HOSTILE: [&str; 14] = [
    "a | b",
    "line\nbreak",
    "`tick` ``two``",
    "---",
    "{{ 7 * 7 }} {% raw %}",
    "<script>alert(1)</script>",
    "'single' \"double\"",
    "# heading: [link](javascript:x)",
    "\u{1b}[31mred\u{202e}",
    "nul\0 nel\u{85} ls\u{2028} bom\u{feff}",
    "yes: &a *b !c %d @e",
    "null",
    "trailing \\",
    "日本語 👩‍👩‍👧",
];

#[test]
fn no_text_breaks_out_of_its_place() {
    for text in HOSTILE {
        let mut journal = Journal::new(&[("t", text), ("u", "u")]);
        let outputs = [("v", json!(text)), ("deep", json!({ text: [text] }))];
        journal.attempt_with("t", 1, 5, Outcome::Succeeded, &outputs);
        let failed = Outcome::Failed { exit_code: Some(1), signal: None, reason: Some(text.to_owned()) };
        journal.attempt("u", 1, 5, failed);
        journal.add(0, Event::StopRequested { because: text.to_owned(), stop: Stop::Cancelled });
        let mut record = journal.end(RunStatus::Failed);
        record.origin.spore = text.to_owned();
        record.origin.path = format!("{text}.md");
        record.origin.params = IndexMap::from([(text.to_owned(), json!(text))]);
        let log = format!("before\n{text}\n````\n~~~\nafter\r\n");
        let page = result_page(&record, &[(id("u"), log)], None).expect("a page");
        assert_eq!(front(&page), serde_json::to_value(result_front(&record)).expect("JSON"), "{text:?}\n{page}");
        assert_eq!(page.matches("\n## Tasks\n").count(), 1);
        assert!(!page.contains(['\0', '\u{1b}', '\u{85}', '\u{202e}']), "{page:?}");
        let table: Vec<&str> = page.lines().filter(|line| line.starts_with("| ✓") || line.starts_with("| ✗")).collect();
        assert_eq!(table.len(), 2, "two tasks, two rows:\n{page}");
        for row in table {
            assert_eq!(row.replace("\\|", "").matches('|').count(), 7, "six cells: {row}");
        }
        let body = page.split_once("\n---\n").expect("a body").1;
        assert!(!body.contains("<script>") || body.contains("`````text"), "{page}");
    }
}

#[test]
fn a_large_run_stays_a_small_page() {
    let record = large_journal(1_000).end(RunStatus::Failed);
    let page = result_page(&record, &[], None).expect("a page");
    assert!(page.len() < 200_000, "{} bytes", page.len());
    let tasks = front(&page)["tasks"].as_array().expect("a list").len();
    assert_eq!(tasks, 1_000, "the list for machines is complete");
    let rows = page.lines().filter(|line| line.starts_with("| ✓") || line.starts_with("| ✗")).count();
    assert_eq!(rows, 60, "fifty good tasks and all that failed");
    let huge = large_journal(20_000).end(RunStatus::Failed);
    let page = result_page(&huge, &[], None).expect("a page");
    assert!(page.len() < 300_000, "{} bytes", page.len());
    let front = front(&page);
    let listed = front["tasks"].as_array().expect("a list");
    let left_out = front["tasks_left_out"].as_u64().expect("a count");
    assert_eq!(listed.len() as u64 + left_out, 20_000);
    assert_eq!(listed.iter().filter(|task| task["status"] == "failed").count(), 200, "no failure is left out");
}

#[test]
fn a_log_tail_is_cut_to_a_page() {
    let lines: Vec<String> = (0..10_000).map(|line| format!("line {line}")).collect();
    let log = lines.join("\n");
    let page = result_page(&full_record(), &[(id("check"), log)], None).expect("a page");
    assert!(page.contains("line 9999") && !page.contains("line 9900\n"), "the end is there, the rest is not");
    let one_line = "é".repeat(100_000);
    let page = result_page(&full_record(), &[(id("check"), one_line)], None).expect("a page");
    assert!(page.len() < 30_000, "{} bytes", page.len());
}

#[test]
fn a_folder_brings_its_own_template() {
    let own = "{{ result.spore }}: {{ result.status }}{% for row in result.rows %} {{ row.id }}{% endfor %}";
    let page = result_page(&full_record(), &[], Some(own)).expect("a page");
    assert_eq!(front(&page)["kind"], "result", "the front matter is not the template's to leave out");
    assert!(page.ends_with("nightly-report: failed extract check upload publish old\n"), "{page}");
    for broken in [
        "{{ result.nothing }}",
        "{% for %}",
        "{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}",
    ] {
        let error = result_page(&full_record(), &[], Some(broken)).expect_err("broken").to_string();
        assert!(error.contains("`templates/result.md`"), "{error}");
    }
}

#[test]
fn results_have_names_that_spores_can_have() {
    let mut record = full_record();
    for spore in ["nightly-report", "seeds/A Very Long Name Of A File — with ünïcode and more.md", "日本", "-.-"]
    {
        spore.clone_into(&mut record.origin.spore);
        let name = spore::render::result_id(&record);
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
        assert!(name.len() <= 63 && name.chars().all(good), "{name}");
        assert!(name.starts_with(|c: char| c.is_ascii_alphanumeric()) && TaskId::new(&name).is_ok(), "{name}");
    }
}
