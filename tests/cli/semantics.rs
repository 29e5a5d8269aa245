//! What a spore means when it runs: needs, retries, conditions, limits, environment, outputs.

use serde_json::json;

use super::folder::Folder;

fn workflow(tasks: &str) -> Folder {
    Folder::new().file("w.yaml", &format!("spore: w\nkind: workflow\n{tasks}"))
}

#[test]
fn needs_order_what_runs() {
    let folder = workflow(
        "tasks:
  c: {needs: [a, b], run: \"echo c >> order\"}
  a: echo a >> order
  b: {needs: a, run: \"echo b >> order\"}
",
    );
    folder.run("w.yaml", &["--jobs", "4"]).exits(0);
    assert_eq!(folder.read("order"), "a\nb\nc\n");
}

#[test]
fn a_failed_need_skips_its_dependents_with_the_reason() {
    let folder = workflow(
        "tasks:
  bad: exit 7
  next: {needs: [bad], run: \"touch ran\"}
  after: {needs: [next], run: \"touch ran\"}
  other: echo fine
",
    );
    let ran = folder.run("w.yaml", &[]).exits(100);
    assert_eq!(ran.status("bad"), "failed");
    assert_eq!(ran.task("bad")["attempts"][0]["outcome"], json!({"kind": "failed", "exit_code": 7}));
    assert_eq!(ran.status("next"), "skipped");
    assert_eq!(ran.task("next")["because"], "needs `bad`, which failed");
    assert_eq!(ran.task("after")["because"], "needs `next`, which was skipped");
    assert_eq!(ran.status("other"), "succeeded");
    assert!(!folder.path("ran").exists());
}

#[test]
fn a_signal_is_told_as_a_signal() {
    let ran = workflow("tasks: {a: kill -KILL $$}\n").run("w.yaml", &[]).exits(100);
    assert_eq!(ran.task("a")["attempts"][0]["outcome"], json!({"kind": "failed", "signal": 9}));
}

#[test]
fn continue_on_failure_lets_dependents_and_the_run_go_on() {
    let folder = workflow(
        "tasks:
  bad: {run: \"exit 3\", continue_on_failure: true}
  next: {needs: [bad], env: {HOW: \"{{ tasks.bad.status }}\"}, run: \"test $HOW = failed\"}
",
    );
    let ran = folder.run("w.yaml", &[]).exits(0);
    assert_eq!((ran.status("bad"), ran.status("next")), ("failed", "succeeded"));
    assert_eq!(ran.report["status"], "succeeded");
}

#[test]
fn retries_follow_exit_codes_and_count_attempts() {
    let folder = workflow(
        "tasks:
  flaky: {run: '[ \"$SPORE_ATTEMPT\" -ge 3 ] || exit 75', retry: {limit: 4, backoff: 10ms, on_exit: [75]}}
  hopeless: {run: exit 2, retry: {limit: 4, backoff: 10ms, on_exit: [75]}}
",
    );
    let ran = folder.run("w.yaml", &[]).exits(100);
    assert_eq!(ran.status("flaky"), "succeeded");
    assert_eq!(ran.task("flaky")["attempts"].as_array().map(Vec::len), Some(3));
    assert_eq!(ran.task("flaky")["attempts"][2]["number"], 3);
    assert_eq!(ran.task("hopeless")["attempts"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_task_that_takes_too_long_is_stopped_with_all_its_children() {
    let folder = workflow("tasks: {slow: {run: \"(sleep 300 & echo $! > child); sleep 300\", timeout: 300ms}}\n");
    let ran = folder.run("w.yaml", &[]).exits(100);
    assert_eq!(ran.status("slow"), "timed_out");
    let child = folder.read("child");
    // Whoever collects orphans on this machine may take a while; until then it has ended, and is still listed.
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.trim())).unwrap_or_default();
    assert!(stat.is_empty() || stat.contains(") Z "), "the grandchild goes on: {stat}");
}

#[test]
fn a_run_has_a_time_limit_too_and_finally_still_runs() {
    let folder = workflow(
        "timeout: 300ms
tasks: {slow: sleep 300, next: {needs: [slow], run: \"touch ran\"}}
finally: {tidy: touch tidied}
",
    );
    let ran = folder.run("w.yaml", &[]).exits(100);
    assert_eq!(ran.report["status"], "timed_out");
    assert_eq!(ran.status("next"), "skipped");
    assert!(folder.path("tidied").exists() && !folder.path("ran").exists());
}

#[test]
fn finally_runs_whatever_happened_and_its_failure_counts() {
    let folder = workflow("tasks: {bad: exit 1}\nfinally: {tidy: touch tidied}\n");
    folder.run("w.yaml", &[]).exits(100);
    assert!(folder.path("tidied").exists());
    workflow("tasks: {good: echo}\nfinally: {tidy: exit 1}\n").run("w.yaml", &[]).exits(100);
}

#[test]
fn conditions_are_asked_when_the_time_comes() {
    let folder = workflow(
        "tasks:
  count: echo rows=0 >> \"$SPORE_OUTPUT\"
  load: {needs: [count], when: \"{{ tasks.count.outputs.rows | int > 0 }}\", run: touch loaded}
  tell: {needs: [count], when: \"{{ tasks.count.outputs.rows | int == 0 }}\", run: touch told}
",
    );
    let ran = folder.run("w.yaml", &[]).exits(0);
    assert_eq!((ran.status("load"), ran.status("tell")), ("skipped", "succeeded"));
    assert!(folder.path("told").exists() && !folder.path("loaded").exists());
}

#[test]
fn outputs_travel_as_lines_and_as_json() {
    let folder = workflow(
        "tasks:
  lines: printf 'a=1\\nb=two words\\n' >> \"$SPORE_OUTPUT\"
  object: |
    printf '{\"n\": 2, \"list\": [1, 2]}' > \"$SPORE_OUTPUT\"
  use:
    needs: [lines, object]
    env: {A: \"{{ tasks.lines.outputs.a }}\", B: \"{{ tasks.lines.outputs.b }}\", N: \"{{ tasks.object.outputs.n }}\"}
    run: 'test \"$A/$B/$N\" = \"1/two words/2\"'
  argv:
    needs: [lines]
    run: [test, \"{{ tasks.lines.outputs.b }}\", =, two words]
",
    );
    let ran = folder.run("w.yaml", &[]).exits(0);
    assert_eq!(ran.task("lines")["outputs"], json!({"a": "1", "b": "two words"}));
    assert_eq!(ran.task("object")["outputs"], json!({"n": 2, "list": [1, 2]}));
}

#[test]
fn broken_outputs_fail_the_task_and_say_where() {
    let ran = workflow("tasks: {a: echo nonsense > \"$SPORE_OUTPUT\"}\n").run("w.yaml", &[]).exits(100);
    let reason = ran.task("a")["attempts"][0]["outcome"]["reason"].to_string();
    assert!(reason.contains("line 1"), "{reason}");
}

#[test]
fn environment_has_an_order_of_precedence() {
    let folder = workflow(
        "env: {A: spore, B: spore, C: spore}
defaults: {env: {B: defaults, C: defaults}}
tasks:
  look: {env: {C: task}, run: 'echo \"$P/$A/$B/$C\" > seen'}
",
    )
    .env("P", "process")
    .env("A", "process");
    folder.run("w.yaml", &[]).exits(0);
    assert_eq!(folder.read("seen"), "process/spore/defaults/task\n");
}

#[test]
fn the_environment_does_not_depend_on_how_spore_was_started() {
    let folder =
        workflow("tasks: {a: 'env | sort | grep -E \"^(GIT_|TMOUT|BASH_ENV|OLDPWD|COLUMNS)\" > seen || true'}\n")
            .env("GIT_DIR", "/nowhere")
            .env("TMOUT", "1")
            .env("BASH_ENV", "/nowhere")
            .env("OLDPWD", "/tmp")
            .env("COLUMNS", "7");
    folder.run("w.yaml", &[]).exits(0);
    assert_eq!(folder.read("seen"), "");
}

#[test]
fn scripts_are_literal_and_argv_has_no_shell() {
    let folder = workflow(
        "params: {who: world}
tasks:
  script: 'echo \"{{ params.who }}\" > script.out'
  argv: {run: [sh, -c, 'echo \"$1\" > argv.out', x, \"{{ params.who }}; touch pwned\"]}
",
    );
    folder.run("w.yaml", &[]).exits(0);
    assert_eq!(folder.read("script.out"), "{{ params.who }}\n");
    assert_eq!(folder.read("argv.out"), "world; touch pwned\n");
    assert!(!folder.path("pwned").exists());
}

#[test]
fn shell_scripts_stop_at_the_first_failure() {
    let folder = workflow("tasks: {a: \"false\\ntouch ran\\n\"}\n");
    folder.run("w.yaml", &[]).exits(100);
    assert!(!folder.path("ran").exists());
}

#[test]
fn a_matrix_runs_each_combination_and_keeps_to_max_parallel() {
    let folder = workflow(
        "tasks:
  t:
    matrix: {x: [1, 2, 3], y: [a, b]}
    max_parallel: 1
    env: {X: \"{{ matrix.x }}\", Y: \"{{ matrix.y }}\"}
    run: 'mkdir alone && echo \"$X$Y\" >> seen && rmdir alone'
  all: {needs: [t], run: \"test $(wc -l < seen) = 6\"}
",
    );
    let ran = folder.run("w.yaml", &["--jobs", "6"]).exits(0);
    assert_eq!(ran.status("t[2,b]"), "succeeded");
}

#[test]
fn params_have_types_and_choices() {
    let folder = workflow(
        "params: {region: {default: us, enum: [us, eu]}, n: {type: integer, default: 1}, must: {type: string}}
tasks: {a: {env: {R: \"{{ params.region }}\", N: \"{{ params.n + 1 }}\"}, run: 'echo \"$R$N\" > seen'}}
",
    );
    folder.spore(&["run", "w.yaml"]).exits(3).says("must");
    folder.spore(&["run", "w.yaml", "-p", "must=x", "-p", "region=mars"]).exits(3).says("us");
    folder.spore(&["run", "w.yaml", "-p", "must=x", "-p", "n=many"]).exits(3).says("integer");
    folder.spore(&["run", "w.yaml", "-p", "must=x", "-p", "regoin=eu"]).exits(3).says("region");
    folder.run("w.yaml", &["-p", "must=x", "-p", "region=eu", "-p", "n=4"]).exits(0);
    assert_eq!(folder.read("seen"), "eu5\n");
}

#[test]
fn only_and_from_choose_tasks() {
    let folder = workflow(
        "tasks: {a: echo a >> seen, build: {needs: a, run: echo b >> seen}, c: {needs: build, run: echo c >> seen}}\n",
    );
    folder.run("w.yaml", &["--only", "build"]).exits(0);
    assert_eq!(folder.read("seen"), "a\nb\n");
    folder.write("seen", "");
    folder.run("w.yaml", &["--from", "build"]).exits(0);
    assert_eq!(folder.read("seen"), "b\nc\n");
    folder.spore(&["run", "w.yaml", "--only", "biuld"]).exits(3).says("`build`");
}

#[test]
fn artifacts_are_recorded_with_size_and_digest() {
    let folder = workflow("tasks: {a: {run: printf abc > x.csv, artifacts: ['*.csv', missing.txt]}}\n");
    let ran = folder.run("w.yaml", &[]).exits(0);
    let attempt = &ran.task("a")["attempts"][0];
    assert_eq!(attempt["artifacts"][0]["path"], "x.csv");
    assert_eq!(attempt["artifacts"][0]["size_bytes"], 3);
    assert!(attempt["artifacts"][0]["digest"].as_str().is_some_and(|digest| digest.starts_with("sha256:ba7816bf")));
    assert!(attempt["remarks"].to_string().contains("missing.txt"), "{attempt:#}");
}

#[test]
fn runs_of_one_group_do_not_overlap() {
    let folder = Folder::new().file(
        "w.yaml",
        "spore: w\nkind: workflow\nparams: {g: x}\nconcurrency: {group: \"g-{{ params.g }}\"}\ntasks: {a: 'mkdir alone && sleep 0.3 && rmdir alone'}\n",
    );
    let mut first = folder.command(&["run", "w.yaml"]).spawn().expect("started");
    let mut second = folder.command(&["run", "w.yaml"]).spawn().expect("started");
    assert!(first.wait().expect("ended").success());
    assert!(second.wait().expect("ended").success());
}

#[test]
fn a_group_can_be_left_alone() {
    let folder = Folder::new().file(
        "w.yaml",
        "spore: w\nkind: workflow\nconcurrency: {group: g, policy: skip}\ntasks: {a: 'touch begun; while [ ! -e go ]; do sleep 0.01; done'}\n",
    );
    let mut first = folder.command(&["run", "w.yaml"]).spawn().expect("started");
    wait_for(&folder, "begun");
    folder.spore(&["run", "w.yaml"]).exits(111).says("under way");
    folder.write("go", "");
    assert!(first.wait().expect("ended").success());
}

#[test]
fn a_group_can_be_taken_over() {
    let folder = Folder::new().file(
        "w.yaml",
        "spore: w\nkind: workflow\nconcurrency: {group: g, policy: replace}\ntasks: {a: 'if mkdir begun; then sleep 300; fi'}\n",
    );
    let mut first = folder.command(&["run", "w.yaml"]).spawn().expect("started");
    wait_for(&folder, "begun");
    folder.spore(&["run", "w.yaml"]).exits(0);
    assert_eq!(first.wait().expect("ended").code(), Some(130));
}

/// Waits until a file is there; the caller's test hangs, and so fails, when it never is.
pub(super) fn wait_for(folder: &Folder, name: &str) {
    while !folder.path(name).exists() {
        std::thread::yield_now();
    }
}

#[test]
fn interpreters_follow_the_language_and_a_shebang_has_the_last_word() {
    let folder = Folder::new().file(
        "w.md",
        "---\nspore: w\nkind: workflow\n---\n# A\n```python\nopen('py', 'w').write('1')\n```\n# B\n```bash\n[[ 1 == 1 ]] && touch bash\n```\n# C\n```sh\n#!/usr/bin/env python3\nopen('shebang', 'w').write('1')\n```\n",
    );
    folder.run("w.md", &[]).exits(0);
    assert!(["py", "bash", "shebang"].into_iter().all(|name| folder.path(name).exists()));
}

#[test]
fn a_missing_interpreter_is_named() {
    let folder = workflow("tasks: {a: {run: [no-such-program-here]}, b: {needs: [a], run: echo}}\n");
    let ran = folder.run("w.yaml", &[]).exits(100);
    assert_eq!(ran.status("a"), "not_started");
    assert!(ran.task("a")["attempts"][0]["outcome"]["reason"].to_string().contains("no-such-program-here"));
    assert_eq!(ran.task("b")["because"], "needs `a`, which could not be started");
}
