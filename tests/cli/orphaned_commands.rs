//! Commands whose engine is killed: their supervisor goes on alone, however they behave, and whoever resumes finds all.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Instant;

use super::folder::Folder;
use super::semantics::wait_for;

/// Starts a run, waits until all these files are there, and kills its engine. Returns the folder of the run.
fn leave_alone(folder: &Folder, begun: &[&str]) -> PathBuf {
    let mut engine = folder.command(&["run", "w.yaml", "--jobs", "8"]).stdout(Stdio::null()).spawn().expect("started");
    for name in begun {
        wait_for(folder, name);
    }
    engine.kill().expect("killed");
    engine.wait().expect("collected");
    let run = folder.path(".spore/runs").read_dir().expect("runs").next().expect("a run").expect("an entry");
    assert!(run.path().join("supervisor.lock").exists(), "its supervisor lives on");
    run.path()
}

/// Whether a process lives, rather than only waiting to be collected.
fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

#[test]
fn three_commands_are_adopted_and_go_on_as_if_nothing_had_been() {
    let waits = "'echo $$ >> $SPORE_TASK.pid; touch begun-$SPORE_TASK; until [ -e go-$SPORE_TASK ]; do sleep 0.01; done; \
                 echo \"pid=$$\" >> \"$SPORE_OUTPUT\"'";
    let folder = Folder::new().file(
        "w.yaml",
        &format!(
            "spore: w
kind: workflow
tasks:
  a: {waits}
  b: {waits}
  c: {waits}
  last: {{needs: [a, b, c], env: {{A: \"{{{{ tasks.a.outputs.pid }}}}\"}}, run: 'test \"$A\" = \"$(cat a.pid)\"'}}
"
        ),
    );
    leave_alone(&folder, &["begun-a", "begun-b", "begun-c"]);
    // One ends while nobody is there, the others when somebody is again.
    folder.write("go-a", "");
    let begun = instant();
    let mut resume = folder.command(&["resume"]).stdout(Stdio::piped()).spawn().expect("started");
    let mut said = BufReader::new(resume.stdout.take().expect("a pipe")).lines().map(|line| line.expect("text"));
    let first = said.next().expect("a line");
    assert!(first.contains("3 commands are still running"), "{first}");
    folder.write("go-b", "");
    let adopted = said.find(|line| line.starts_with("✓ b"));
    let seconds = begun.elapsed().as_secs_f64();
    assert!(adopted.is_some());
    // Half a second is usual; a machine that does other things as well may take its time.
    assert!(seconds < 20.0, "{seconds} s until a command that went on was seen to end");
    folder.write("go-c", "");
    said.for_each(drop);
    assert_eq!(resume.wait().expect("ended").code(), Some(0));
    for task in ["a", "b", "c"] {
        assert_eq!(folder.read(&format!("{task}.pid")).lines().count(), 1, "{task} ran once");
    }
    let shown = folder.spore(&["show", "latest", "--format", "json"]).exits(0).json();
    assert_eq!(shown["tasks"][1]["attempts"].as_array().map(Vec::len), Some(1), "{shown:#}");
}

#[expect(clippy::disallowed_methods, reason = "it is about the time of a real machine")]
fn instant() -> Instant {
    Instant::now()
}

/// Each of them waits for `go` and then does its worst, while no engine is there.
const MISBEHAVIOUR: &str = "spore: w
kind: workflow
tasks:
  deaf:
    timeout: 700ms
    run: |
      trap '' TERM
      (trap '' TERM; while :; do sleep 0.05; done) &
      echo $! > deaf.pid
      touch begun-deaf
      while :; do sleep 0.05; done
  stopped: {timeout: 700ms, run: 'touch begun-stopped; kill -STOP $$; touch woken'}
  forks:
    run: |
      ((sleep 300 & echo $! > forks.pid) &)
      touch begun-forks
      until [ -e go ]; do sleep 0.01; done
      exit 4
  floods: 'touch begun-floods; until [ -e go ]; do sleep 0.01; done; head -c 50000000 /dev/zero; echo end >&2'
  closes: 'touch begun-closes; until [ -e go ]; do sleep 0.01; done; exec >&- 2>&-; sleep 0.05; exit 3'
  held:
    run: |
      setsid sh -c 'echo $$ > held.new; mv held.new held.pid; exec sleep 300' &
      until [ -e held.pid ]; do sleep 0.01; done
      touch begun-held
      until [ -e go ]; do sleep 0.01; done
      echo done
";

#[test]
fn a_supervisor_alone_sees_to_commands_that_misbehave() {
    let folder = Folder::new().file("w.yaml", MISBEHAVIOUR).file("spore.toml", "[limits]\ngrace = \"100ms\"\n");
    let names = ["deaf", "stopped", "forks", "floods", "closes", "held"].map(|name| format!("begun-{name}"));
    let run = leave_alone(&folder, &names.each_ref().map(String::as_str));
    folder.write("go", "");
    while run.join("supervisor.lock").exists() {
        std::thread::yield_now();
    }
    assert!(!run.join("supervisor.sock").exists());
    let held = folder.read("held.pid");
    assert!(is_alive(&held), "who left its group is out of reach");
    std::process::Command::new("kill").args(["-9", held.trim()]).status().expect("kill starts");
    for name in ["deaf.pid", "forks.pid"] {
        assert!(!is_alive(&folder.read(name)), "{name} lives on");
    }
    let attempts = std::fs::read_to_string(run.join("attempts.jsonl")).expect("a log");
    assert_eq!(attempts.matches("{\"ended\":").count(), 6, "{attempts}");

    let answer = folder.spore(&["resume"]).exits(100);
    assert!(answer.out.contains("0 of 6 tasks have ended, 6 commands were running"), "{}", answer.out);
    let shown = folder.spore(&["show", "latest", "--format", "json"]).exits(0).json();
    let task = |id: &str| {
        let mut tasks = shown["tasks"].as_array().expect("tasks").iter();
        tasks.find(|task| task["id"] == id).unwrap_or_else(|| panic!("no task {id}"))["attempts"][0].clone()
    };
    assert_eq!(task("deaf")["outcome"]["kind"], "timed_out");
    assert_eq!(task("stopped")["outcome"]["kind"], "timed_out");
    assert_eq!(task("forks")["outcome"], serde_json::json!({"kind": "failed", "exit_code": 4}));
    assert_eq!(task("closes")["outcome"], serde_json::json!({"kind": "failed", "exit_code": 3}));
    assert_eq!(task("floods")["outcome"]["kind"], "succeeded");
    assert_eq!(task("floods")["out"]["seen_bytes"], 50_000_000);
    assert_eq!(task("held")["outcome"]["kind"], "succeeded");
    assert!(task("forks")["remarks"].to_string().contains("left 1 process behind (`sleep`)"), "{shown:#}");
    assert!(task("held")["remarks"].to_string().contains("left its group"), "{shown:#}");
}
