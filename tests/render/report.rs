//! JSON reports against their schemas, and their text.

use serde_json::{Value, json};
use spore::model::{Diagnostic, Event, Outcome, RunStatus, Source, Span, Stop, Timestamp};
use spore::render::report::{KeptReport, PruneReport, PrunedReport, RunsItem};
use spore::render::schema::{KINDS, schema};
use spore::render::{
    Style, check_report, plan_report, prune_text, result_front, run_report, runs_text, show_text, stopping_text,
    summary_text,
};

use super::sample::{START, full_journal, full_plan, full_record, id, large_journal};
use super::{golden, plain, root, same_as_file, widest};

fn valid(kind: &str, value: &Value) {
    let schema = schema(kind).expect("a known kind");
    let validator = jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{kind}: {error}"));
    let errors: Vec<String> =
        validator.iter_errors(value).map(|error| format!("{} {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{kind}: {errors:#?}");
}

fn refused(kind: &str, value: &Value) {
    let schema = schema(kind).expect("a known kind");
    assert!(!jsonschema::is_valid(&schema, value), "the schema of {kind} takes anything");
}

fn source() -> (Source, Vec<Diagnostic>) {
    let text = "spore: x\ntasks:\n  a: {needs: [b]}\n";
    let diagnostics = vec![
        Diagnostic::warning("order", Span::new(30, 31), "`b` comes later").related(Span::new(0, 5), "here"),
        Diagnostic::error("unknown-task", Span::new(30, 31), "`b` does not exist").hint("define it"),
    ];
    (Source::new("x.yaml", text), diagnostics)
}

#[test]
fn schemas_stand_in_the_repository() {
    for kind in KINDS {
        let text = spore::render::json(&schema(kind).expect("a known kind"));
        same_as_file(&root().join(format!("schemas/{kind}.schema.json")), &text);
    }
    assert_eq!(schema("nothing"), None);
}

#[test]
fn reports_are_what_their_schemas_say() {
    let (source, diagnostics) = source();
    let check = json!(check_report([(&source, diagnostics.as_slice())]));
    valid("check", &check);
    assert_eq!(check[0]["severity"], "error", "at one place, errors come first");
    assert_eq!((&check[0]["line"], &check[0]["column"]), (&json!(3), &json!(15)));
    assert_eq!(check[1]["hint"], Value::Null, "a hint that is missing is null");

    let plan = json!(plan_report(&full_plan(), &source, &diagnostics));
    valid("plan", &plan);
    assert_eq!(plan["tasks"][1]["command"], "echo extract\n");
    assert_eq!(plan["tasks"][8]["command"], json!(["report", "--publish"]));
    assert_eq!(plan["tasks"][0]["command"], Value::Null);
    assert_eq!(plan["waves"][0], json!(["extract", "fetch", "notify"]));

    let show = json!(run_report(&full_record()));
    valid("show", &show);
    valid("run", &show);
    assert_eq!(show["tasks"][0]["attempts"][0]["outcome"], json!({"kind": "succeeded", "exit_code": 0}));
    assert_eq!(show["tasks"][1]["attempts"][1]["outcome"], json!({"kind": "failed", "exit_code": 1}));
    assert_eq!(show["tasks"][2]["attempts"][0]["outcome"], json!({"kind": "failed", "signal": 9}));
    assert_eq!(show["result"]["path"], "results/2026/11/nightly-report-01KAG.md");

    let running = full_journal().record();
    valid("show", &json!(run_report(&running)));
    let runs = json!([RunsItem::from(&running), RunsItem::from(&full_record())]);
    valid("runs", &runs);
    let counts = ["succeeded", "failed", "skipped", "done", "lost"].map(|status| &runs[1]["tasks"][status]);
    assert_eq!(counts, [1, 2, 1, 1, 0].map(|count| json!(count)).each_ref());
    valid("result", &json!(result_front(&full_record())));

    let mut journal = full_journal();
    journal.add(1, Event::StopRequested { because: "somebody".into(), stop: Stop::Cancelled });
    for (seq, (at, event)) in journal.events.iter().enumerate() {
        let mut line = json!(event);
        let keys = line.as_object_mut().expect("an object");
        keys.extend([
            ("v".into(), json!(1)),
            ("seq".into(), json!(seq)),
            ("epoch".into(), json!(0)),
            ("at".into(), json!(at)),
            ("crc".into(), json!("0123abcd")),
        ]);
        valid("journal", &line);
    }
}

#[test]
fn what_was_pruned_reads_well() {
    let record = full_record();
    let mut report = PruneReport {
        dry_run: false,
        keep_days: Some(30),
        keep_runs: Some(100),
        removed: vec![PrunedReport::new(&record, 123_456), PrunedReport::new(&record, 9_000_000)],
        kept: vec![KeptReport { id: record.run, because: "it is under way".into() }],
        kept_by_rule: 100,
        leftovers: 1,
        freed_bytes: 9_123_456,
    };
    valid("prune", &json!(report));
    let style = Style { width: 80, ..Style::PLAIN };
    golden("prune.txt", &prune_text(&report, later(7_200), style));
    report.removed = vec![report.removed[0].clone(); 60];
    report.dry_run = true;
    let text = prune_text(&report, later(7_200), style);
    assert!(text.contains("and 10 more") && text.contains("would remove 60 runs"), "{text}");
    let nothing = PruneReport { removed: Vec::new(), kept: Vec::new(), leftovers: 0, dry_run: false, ..report };
    assert_eq!(
        prune_text(&nothing, later(1), style),
        "removed 0 runs, kept 100 runs: the newest 100 and those of the last 30 days\n"
    );
}

#[test]
fn schemas_refuse_what_is_wrong() {
    for kind in KINDS {
        refused(kind, &json!(42));
        refused(kind, &json!([{"id": 1}]));
    }
    refused("journal", &json!({"event": "no_such_event", "v": 1, "seq": 0, "at": START, "crc": "0123abcd"}));
}

fn later(seconds: i64) -> Timestamp {
    Timestamp(START.0 + seconds * 1_000)
}

#[test]
fn runs_read_well() {
    let mut good = large_journal(90).end(RunStatus::Succeeded);
    good.origin.spore = "日本-build".to_owned();
    let runs = [RunsItem::from(&full_journal().record()), RunsItem::from(&full_record()), RunsItem::from(&good)];
    golden("runs.txt", &runs_text(&runs, later(7_200), Style { width: 100, ..Style::PLAIN }));
    for (seconds, words) in
        [(1, "just now"), (59, "59s ago"), (300, "5m ago"), (100_000, "1d ago"), (90 * 86_400, "2026-11-20")]
    {
        assert!(runs_text(&runs[1..2], later(seconds), Style::PLAIN).contains(words), "{words}");
    }
    assert!(widest(&runs_text(&runs, later(7_200), Style { width: 80, ..Style::PLAIN })) <= 90);
}

#[test]
fn one_run_reads_well() {
    let style = Style { width: 100, ..Style::PLAIN };
    let text = show_text(&full_record(), later(7_200), style);
    golden("show.txt", &text);
    assert_eq!(plain(&show_text(&full_record(), later(7_200), Style { colour: true, ..style })), text);
    let many = show_text(&large_journal(1_000).end(RunStatus::Failed), later(100), style);
    assert!(many.lines().count() < 70, "{} lines", many.lines().count());
}

#[test]
fn the_end_of_a_run_is_calm() {
    golden("summary.txt", &summary_text(&full_record(), None, Style { width: 80, ..Style::PLAIN }));
    let mut journal = super::sample::Journal::new(&[("build", "build")]);
    let mut record = journal.attempt("build", 1, 40, Outcome::Succeeded).end(RunStatus::Succeeded);
    record.result_path = Some("results/2026/11/x.md".to_owned());
    let remark = "written only; `spore init` or `--commit` has results committed";
    golden("summary-good.txt", &summary_text(&record, Some(remark), Style { width: 80, ..Style::PLAIN }));
    let stopping = stopping_text(2);
    assert_eq!(stopping, "stopping: waiting for 2 tasks; press again to kill them at once");
    assert!(show_text(&record, START, Style::PLAIN).contains(id("build").as_str()));
}
