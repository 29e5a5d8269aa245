//! Runs whose engine is killed: whoever comes next goes on with them, and each has one result in the end.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use super::folder::Folder;
use super::semantics::wait_for;

/// Runs that end by themselves; commands that wait do so until the folder is gone, so that nothing outlives the test.
const WAITS: &str = "spore: w
kind: workflow
tasks:
  first: 'echo first >> seen; echo x=7 >> \"$SPORE_OUTPUT\"'
  slow: {needs: first, idempotent: true, run: 'echo slow >> seen; [ -e go ] || { touch begun; while [ -e begun ]; do sleep 0.01; done; }'}
  last: {needs: slow, env: {X: \"{{ tasks.first.outputs.x }}\"}, run: 'echo \"last$X\" >> seen'}
";

/// Starts the program and returns when the file `begun` is there.
fn begun(folder: &Folder, words: &[&str]) -> Child {
    let child = folder.command(words).stdout(Stdio::null()).spawn().expect("started");
    wait_for(folder, "begun");
    child
}

/// Starts a run that waits, and kills its engine. Its command goes on under its supervisor until `begun` is gone.
fn leave(folder: &Folder, file: &str) -> String {
    let mut child = begun(folder, &["run", file]);
    child.kill().expect("killed");
    child.wait().expect("collected");
    folder.spore(&["show", "latest", "--format", "json"]).exits(0).json()["id"].as_str().expect("an id").to_owned()
}

/// Starts a run that waits, and kills its engine and its supervisor, so that nobody sees how its command ends.
pub(super) fn orphan(folder: &Folder, file: &str) -> String {
    let id = leave(folder, file);
    let name = format!(".spore/runs/{id}/supervisor.lock");
    let identity = folder.read(&name);
    let pid = identity.split('@').next().expect("a number");
    assert!(Command::new("kill").args(["-9", pid]).status().expect("kill starts").success());
    let lock = File::open(folder.path(&name)).expect("opened");
    lock.lock_shared().expect("it dies, and its lock with it");
    id
}

fn count(text: &str, part: &str) -> usize {
    text.matches(part).count()
}

/// The files below `results/`, hidden ones too.
fn results(folder: &Folder) -> Vec<String> {
    let mut found: Vec<String> = walkdir::WalkDir::new(folder.path("results"))
        .into_iter()
        .flatten()
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| entry.path().strip_prefix(folder.root()).expect("inside").display().to_string())
        .collect();
    found.sort();
    found
}

const LIST: &str = "---
spore: list
kind: workflow
checklist: update
---
- [ ] 1. one
  ```sh
  echo one >> seen
  ```
- [ ] 2. two
  ```sh
  echo two >> seen; exit 3
  ```
";

/// Whatever step of the end the engine dies on: the run that goes on has one result, one commit and its ticks, and no
/// command ran twice.
#[test]
fn a_run_killed_at_its_end_has_one_result_in_the_end() {
    let steps = [
        "result-before",
        "result-placed",
        "commit-before",
        "git-objects-written",
        "git-ref-moved",
        "commit-made",
        "checklist-ticked",
    ];
    for step in steps {
        let folder = Folder::new().file("list.md", LIST).file("spore.toml", "commit = true\n");
        folder.git(&["init", "-q"]);
        folder.git(&["add", "."]);
        folder.git(&["commit", "-qm", "begin"]);
        let mut run = folder.command(&["run", "list.md"]);
        let killed = run.env("SPORE_FAILPOINTS", format!("{step}=kill")).output().expect("started").status;
        assert_eq!(killed.code(), None, "{step} is never reached");
        // The next engine may die there too.
        let mut again = folder.command(&["resume"]);
        let status = again.env("SPORE_FAILPOINTS", format!("{step}=kill")).output().expect("started").status;
        match status.code() {
            None => drop(folder.spore(&["resume"]).exits(100).says("without its result")),
            code => assert_eq!((step, code), ("git-ref-moved", Some(100)), "only a commit is not made again"),
        }

        assert_eq!(folder.read("seen"), "one\ntwo\n", "{step}");
        let results = results(&folder);
        assert_eq!(results.len(), 1, "{step}: {results:?}");
        assert_eq!(folder.git(&["log", "--format=%h"]).lines().count(), 2, "{step}");
        assert_eq!(folder.git(&["show", "--name-only", "--format=", "HEAD"]).trim(), results[0], "{step}");
        assert_eq!(folder.git(&["status", "--porcelain"]), " M list.md\n?? seen\n", "{step}");
        let text = folder.read("list.md");
        assert!(text.contains("- [x] 1. one") && text.contains("- [ ] 2. two"), "{step}: {text}");
        let page = folder.read(&results[0]);
        assert!(page.contains("status: \"failed\"") && page.contains("1 succeeded, 1 failed"), "{step}: {page}");
        let run = folder.spore(&["show", "latest", "--format", "json"]).json();
        assert_eq!(run["result"]["path"], results[0].as_str(), "{step}");
        assert_eq!(run["result"]["commit"], folder.git(&["rev-parse", "HEAD"]).trim(), "{step}");
        let journal = folder.read(&format!(".spore/runs/{}/journal.jsonl", run["id"].as_str().expect("an id")));
        for fact in ["run_started", "run_ended", "result_written"] {
            assert_eq!(count(&journal, &format!("\"event\":\"{fact}\"")), 1, "{step}: {journal}");
        }
        folder.spore(&["resume"]).exits(4).says("no run of this folder was broken off");
        assert!(folder.path(".spore/open").read_dir().expect("a folder").next().is_none(), "{step}: a mark is left");
        let git: Vec<_> =
            folder.path(".git").read_dir().expect("a folder").flatten().map(|one| one.file_name()).collect();
        let left = |name: &&std::ffi::OsString| {
            name.to_string_lossy().contains(".lock") || name.to_string_lossy().contains("spore")
        };
        assert_eq!(git.iter().find(left), None, "{step}: git's lock is left");
    }
}

#[test]
fn a_result_that_is_recorded_is_the_end() {
    let folder = Folder::new().file("w.yaml", "spore: w\nkind: workflow\ntasks: {a: echo a >> seen}\n");
    let mut run = folder.command(&["run", "w.yaml"]);
    run.env("SPORE_FAILPOINTS", "result-recorded=kill").output().expect("started");
    folder.spore(&["resume"]).exits(4);
    folder.spore(&["resume", "latest"]).exits(2).says("its result is written");
    folder.run("w.yaml", &[]).exits(0);
    assert_eq!(results(&folder).len(), 2, "that was another run");
}

/// A page that was placed stays as it is, though it would be rendered otherwise now; so do other writers' half-written
/// files, while one's own are removed.
#[test]
fn what_the_dead_engine_has_placed_is_taken_as_it_is() {
    let folder = Folder::new().file("w.yaml", "spore: w\nkind: workflow\ntasks: {a: exit 1}\n");
    let mut run = folder.command(&["run", "w.yaml"]);
    run.env("SPORE_FAILPOINTS", "result-placed=kill").output().expect("started");
    let page = results(&folder).remove(0);
    let (month, name) = page.rsplit_once('/').expect("a folder");
    folder.write(&page, folder.read(&page) + "Mine.\n");
    folder.write(&format!("{month}/.{name}.00ff.tmp"), "half");
    folder.write(&format!("{month}/.other-01K9ZZZZZZZZZZZZZZZZZZZZZZ.md.00ff.tmp"), "half");
    folder.spore(&["resume"]).exits(100);
    assert!(folder.read(&page).ends_with("Mine.\n"));
    assert_eq!(results(&folder), [format!("{month}/.other-01K9ZZZZZZZZZZZZZZZZZZZZZZ.md.00ff.tmp"), page]);
}

#[test]
fn a_page_that_comes_later_has_the_logs_of_what_failed_before() {
    let folder = Folder::new().file("w.yaml", "spore: w\nkind: workflow\ntasks: {a: 'echo oh no >&2; exit 1'}\n");
    let mut run = folder.command(&["run", "w.yaml"]);
    run.env("SPORE_FAILPOINTS", "result-before=kill").output().expect("started");
    folder.spore(&["resume", "latest"]).exits(100);
    let page = folder.read(&results(&folder)[0]);
    assert!(page.contains("oh no"), "{page}");
}

#[test]
fn an_orphaned_run_is_shown_as_such_and_goes_on_when_it_is_run_again() {
    let folder = Folder::new().file("w.yaml", WAITS);
    let id = orphan(&folder, "w.yaml");
    folder.spore(&["runs"]).exits(0).says("orphaned");
    folder.spore(&["show", "latest"]).exits(0).says("in doubt").says("1 waiting").says(&format!("spore resume {id}"));
    folder.spore(&["retry", "latest"]).exits(111).says("was broken off").says(&format!("spore resume {id}"));
    folder.spore(&["resolve", "latest", "slow", "--ran"]).exits(111).says(&format!("spore resume {id}"));
    folder.write("go", "");
    let answer = folder.spore(&["run", "w.yaml"]).exits(0);
    let first = answer.out.lines().next().unwrap_or_default();
    assert!(first.contains(&format!("going on with run {id} of `w.yaml`: 1 of 3 tasks have ended")), "{first}");
    assert!(first.contains("1 command was running") && first.contains("--new"), "{first}");
    assert_eq!(folder.read("seen"), "first\nslow\nslow\nlast7\n", "only what is idempotent runs twice");
    let run = folder.spore(&["show", "latest", "--format", "json"]).json();
    assert_eq!((run["id"].as_str(), run["status"].as_str()), (Some(id.as_str()), Some("succeeded")));
    assert_eq!(run["tasks"][1]["attempts"][0]["outcome"]["kind"], "lost");
    folder.run("w.yaml", &[]).exits(0);
    assert_eq!(folder.spore(&["runs", "--format", "json"]).json().as_array().map(Vec::len), Some(2), "that is over");
}

#[test]
fn new_begins_another_run_and_so_does_other_content() {
    let folder = Folder::new().file("w.yaml", WAITS);
    let id = orphan(&folder, "w.yaml");
    folder.write("go", "");
    folder.spore(&["run", "w.yaml", "--new"]).exits(0).never_says("going on");
    folder.write("w.yaml", format!("{WAITS}# other\n"));
    let said = format!("run {id} of `w.yaml` as it was then was broken off; `spore resume {id}` goes on with it");
    folder.spore(&["run", "w.yaml"]).exits(0).says(&said);
    folder.write("seen", "");
    folder.spore(&["resume"]).exits(0);
    assert_eq!(folder.read("seen"), "slow\nlast7\n", "by the copy that the run keeps");
    folder.spore(&["run", "w.yaml"]).exits(0).never_says("broken off");
}

#[test]
fn resume_goes_on_with_all_of_them_oldest_first() {
    let folder = Folder::new();
    let mut ids = Vec::new();
    for name in ["a.yaml", "b.yaml"] {
        folder.write(name, WAITS);
        ids.push(orphan(&folder, name));
        std::fs::remove_file(folder.path("begun")).expect("removed");
    }
    folder.write("go", "");
    folder.spore(&["run", "a.yaml", "--dry-run"]).exits(0);
    // Marks that got lost are made again from the journals.
    std::fs::remove_dir_all(folder.path(".spore/open")).expect("removed");
    let list = folder.spore(&["resume", "--format", "json"]).exits(0).json();
    let gone_on: Vec<&str> = list.as_array().expect("a list").iter().filter_map(|run| run["id"].as_str()).collect();
    assert_eq!(gone_on, ids);
    folder.spore(&["resume"]).exits(4);
}

#[test]
fn a_run_that_is_worked_on_or_over_is_not_taken_up() {
    let folder = Folder::new().file("w.yaml", WAITS);
    folder.spore(&["resume"]).exits(4).says("spore runs");
    let mut child = begun(&folder, &["run", "w.yaml"]);
    folder.spore(&["resume", "latest"]).exits(111).says("still under way");
    folder.spore(&["resume"]).exits(4);
    std::fs::remove_file(folder.path("begun")).expect("removed");
    assert!(child.wait().expect("ended").success());
    folder.spore(&["resume", "latest"]).exits(2).says("spore show");
}

#[test]
fn without_its_copy_and_its_file_a_run_cannot_go_on() {
    let folder = Folder::new().file("w.yaml", WAITS);
    let id = orphan(&folder, "w.yaml");
    let copy = format!(".spore/runs/{id}/spore.yaml");
    folder.write(&copy, "damaged");
    folder.write("go", "");
    folder.write("w.yaml", format!("{WAITS}# other\n"));
    folder.spore(&["resume"]).exits(3).says("gone or damaged").says("put the file back");
    folder.write("w.yaml", WAITS);
    folder.spore(&["resume"]).exits(0);
}

/// Takes away what the command waits for.
fn let_go(folder: &Folder) {
    std::fs::remove_file(folder.path("begun")).expect("removed");
}

fn first_line(child: &mut Child) -> (String, impl BufRead + use<>) {
    let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut line = String::new();
    out.read_line(&mut line).expect("read");
    (line, out)
}

#[test]
fn commands_that_are_still_running_are_taken_over() {
    let folder = Folder::new().file("w.yaml", WAITS);
    let id = leave(&folder, "w.yaml");
    let shown = folder.spore(&["show", "latest", "--format", "json"]).exits(0).json();
    assert_eq!((&shown["status"], &shown["tasks"][1]["status"]), (&"orphaned".into(), &"running".into()));
    assert_eq!(shown["tasks"][2]["status"], "waiting");
    let mut run = folder.command(&["run", "w.yaml"]).stdout(Stdio::piped()).spawn().expect("started");
    let (line, mut rest) = first_line(&mut run);
    assert!(line.contains(&format!("going on with run {id}")) && line.contains("1 command is still running"), "{line}");
    let_go(&folder);
    std::io::copy(&mut rest, &mut std::io::sink()).expect("read");
    assert!(run.wait().expect("ended").success());
    assert_eq!(folder.read("seen"), "first\nslow\nlast7\n", "each ran once");
    assert_eq!(results(&folder).len(), 1);
}

#[test]
fn the_log_of_what_runs_on_is_followed() {
    let folder = Folder::new()
        .file("w.yaml", &WAITS.replace("done; }'", "done; echo gone; }'").replace("touch", "echo here; touch"));
    leave(&folder, "w.yaml");
    let mut follow =
        folder.command(&["logs", "latest", "slow", "--follow"]).stdout(Stdio::piped()).spawn().expect("started");
    let (line, mut rest) = first_line(&mut follow);
    assert_eq!(line, "here\n");
    let_go(&folder);
    let mut text = String::new();
    rest.read_to_string(&mut text).expect("read");
    assert_eq!(text, "gone\n");
    assert!(follow.wait().expect("ended").success(), "it ends with the last command");
    folder.spore(&["resume"]).exits(0);
}

#[test]
fn commands_that_go_on_without_their_engine_keep_the_turn_of_their_group() {
    let grouped = |policy: &str| format!("{WAITS}concurrency: {{group: g, policy: {policy}}}\n");
    let folder = Folder::new().file("w.yaml", &grouped("queue"));
    let id = leave(&folder, "w.yaml");
    folder.write("go", "");
    folder.write("skip.yaml", grouped("skip"));
    folder.spore(&["run", "skip.yaml"]).exits(111).says(&format!("spore resume {id}"));
    folder.write("other.yaml", grouped("queue"));
    let mut other = folder.command(&["run", "other.yaml"]).stdout(Stdio::piped()).spawn().expect("started");
    let (line, mut rest) = first_line(&mut other);
    assert!(line.contains(&format!("waiting for the end of {id}")), "{line}");
    // Its own group does not keep it from going on.
    let mut resume = folder.command(&["resume", &id]).stdout(Stdio::piped()).spawn().expect("started");
    let (line, mut its) = first_line(&mut resume);
    assert!(line.contains("going on"), "{line}");
    assert_eq!(folder.read("seen"), "first\nslow\n", "the other still waits");
    let_go(&folder);
    for out in [&mut its as &mut dyn std::io::Read, &mut rest] {
        std::io::copy(out, &mut std::io::sink()).expect("read");
    }
    assert!(resume.wait().expect("ended").success() && other.wait().expect("ended").success());
    folder.spore(&["run", "skip.yaml"]).exits(0);
}

#[test]
fn what_a_lost_attempt_left_running_is_ended_before_it_runs_again() {
    let folder = Folder::new().file(
        "w.yaml",
        "spore: w
kind: workflow
tasks:
  a: {idempotent: true, run: 'echo $$ >> pids; [ -e begun ] || { kill -9 $PPID; touch begun; exec sleep 300; }; ! grep -q State:.[RSD] /proc/$(head -n 1 pids)/status 2>&-'}
",
    );
    // The first attempt kills its supervisor and goes on by itself. The second one fails if the first is still there.
    folder.spore(&["run", "w.yaml"]).exits(0);
    assert_eq!(folder.read("pids").lines().count(), 2);
    let shown = folder.spore(&["show", "latest", "--format", "json"]).exits(0).json();
    assert_eq!(shown["tasks"][0]["attempts"][0]["outcome"]["kind"], "lost");
}

#[test]
fn what_a_damaged_journal_has_lost_is_known_to_the_supervisor() {
    for place in 1..4 {
        let folder = Folder::new().file("w.yaml", WAITS);
        let id = leave(&folder, "w.yaml");
        let path = format!(".spore/runs/{id}/journal.jsonl");
        let mut lines: Vec<String> = folder.read(&path).lines().map(str::to_owned).collect();
        assert!(lines.len() > 3, "{lines:#?}");
        lines[place] = lines[place].replacen("\"seq\"", "\"sxq\"", 1);
        folder.write(&path, lines.join("\n") + "\n");
        folder.write("go", "");
        std::fs::remove_file(folder.path("begun")).expect("the slow one may end");
        folder.spore(&["resume"]).exits(0).says("damaged");
        assert_eq!(folder.read("seen"), "first\nslow\nlast7\n", "line {place}");
        assert_eq!(results(&folder).len(), 1);
    }
}

#[test]
fn an_end_that_comes_together_with_the_welcome_is_heard() {
    let folder = Folder::new().file("w.yaml", WAITS);
    let id = leave(&folder, "w.yaml");
    let mut resume = folder.command(&["resume"]);
    let resume = resume.env("SPORE_FAILPOINTS", "engine-greeted=stop").stdout(Stdio::null()).stderr(Stdio::null());
    let mut resume = resume.spawn().expect("started");
    let until = |what: &str, is_so: &mut dyn FnMut() -> bool| {
        let mut looks = (0..6_000).map(|_| std::thread::park_timeout(std::time::Duration::from_millis(10)));
        assert!(looks.any(|()| is_so()), "{what} never comes");
    };
    let status = format!("/proc/{}/status", resume.id());
    until("the stop", &mut || std::fs::read_to_string(&status).is_ok_and(|text| text.contains("State:\tT")));
    let_go(&folder);
    let attempts = format!(".spore/runs/{id}/attempts.jsonl");
    until("the end of its command", &mut || count(&folder.read(&attempts), "{\"ended\"") == 2);
    let pid = resume.id().to_string();
    assert!(Command::new("kill").args(["-CONT", &pid]).status().expect("kill starts").success());
    let mut code = None;
    until("the end of the run", &mut || {
        code = resume.try_wait().expect("waited for");
        code.is_some()
    });
    assert_eq!(code.and_then(|code| code.code()), Some(0));
    assert_eq!(folder.read("seen"), "first\nslow\nlast7\n");
}
