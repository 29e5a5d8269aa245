//! Tasks that were lost: nothing runs twice, or counts as done, unless somebody says so.

use super::folder::Folder;
use super::orphans::orphan;

const TWO: &str = "spore: two
kind: workflow
tasks:
  pay: 'echo pay >> seen; [ -e go ] || { touch begun; while [ -e begun ]; do sleep 0.01; done; }'
  mail: {needs: pay, run: echo mail >> seen}
  bill: 'echo bill >> seen; [ -e go ] || while [ ! -e go ]; do sleep 0.01; [ -e two.yaml ] || exit 1; done; [ -e billed ] || exit 9'
";

const ONE: &str = "spore: one
kind: workflow
tasks:
  pay: 'echo pay >> seen; [ -e go ] || { touch begun; while [ -e begun ]; do sleep 0.01; done; }'
  mail: {needs: pay, run: echo mail >> seen}
";

/// A run that has ended with `pay` lost.
fn lost(folder: &Folder) -> String {
    let id = orphan(folder, "one.yaml");
    folder.write("go", "");
    folder.spore(&["resume"]).exits(100).says(&format!("spore resolve {id} pay --ran"));
    assert_eq!(folder.read("seen"), "pay\n");
    id
}

#[test]
fn a_lost_task_waits_for_a_word() {
    let folder = Folder::new().file("one.yaml", ONE);
    let id = lost(&folder);
    let words = format!("spore resolve {id} pay --ran");
    folder.spore(&["show", "latest"]).exits(0).says("lost").says(&words);
    let shown = folder.spore(&["show", "latest", "--format", "json"]).json();
    let page = folder.read(shown["result"]["path"].as_str().expect("a result"));
    assert!(page.contains(&words) && page.contains("--rerun"), "{page}");
    folder.spore(&["retry", "latest"]).exits(100).says(&words).says("--rerun");
    folder.spore(&["retry", "latest", "--from", "pay"]).exits(100);
    folder.spore(&["resolve", "latest", "pay"]).exits(2);
    folder.spore(&["resolve", "latest", "pay", "--ran", "--rerun"]).exits(2);
    folder.spore(&["resolve", "latest", "mail", "--ran"]).exits(2).says("was not lost: it is skipped");
    folder.spore(&["resolve", "latest", "pays", "--ran"]).exits(2).says("did you mean `pay`");
    assert_eq!(folder.read("seen"), "pay\n", "nothing of this ran anything");
}

#[test]
fn what_ran_counts_as_done() {
    let folder = Folder::new().file("one.yaml", ONE);
    let id = lost(&folder);
    let retried = folder.spore(&["resolve", &id, "pay", "--ran", "--format", "json"]).exits(0).json();
    assert_eq!(retried["retry_of"], id.as_str());
    assert_eq!(retried["tasks"][0]["status"], "done");
    assert_eq!(retried["tasks"][0]["because"], format!("said to have run in run {id}"));
    assert_eq!(folder.read("seen"), "pay\nmail\n");
    folder.spore(&["show", &id]).exits(0).says("somebody has said that it ran").never_says("spore resolve");
    assert_eq!(folder.spore(&["show", &id, "--format", "json"]).json()["tasks"][0]["resolution"], "ran");
    folder.spore(&["resolve", &id, "pay", "--rerun"]).exits(2).says("resolved already: `--ran`");
    folder.spore(&["resolve", &id, "pay", "--ran"]).exits(0).says("counts as done");
}

#[test]
fn what_is_to_run_again_does() {
    let folder = Folder::new().file("one.yaml", ONE);
    let id = lost(&folder);
    folder.spore(&["resolve", &id, "pay", "--rerun"]).exits(0).says("is to run again");
    assert_eq!(folder.read("seen"), "pay\npay\nmail\n");
    folder.spore(&["resolve", &id, "pay", "--ran"]).exits(2).says("`--rerun`");
}

/// What was said is kept when the engine dies on it; with the last task said to have run, nothing is left to run.
#[test]
fn a_word_is_kept_and_each_task_needs_its_own() {
    let folder = Folder::new().file("two.yaml", TWO);
    let id = orphan(&folder, "two.yaml");
    folder.write("go", "");
    folder.spore(&["resume"]).exits(100);
    let mut resolve = folder.command(&["resolve", &id, "pay", "--ran"]);
    resolve.env("SPORE_FAILPOINTS", "resolve-recorded=kill").output().expect("started");
    folder.spore(&["retry", &id]).exits(100).says("`bill`").never_says("`pay`");
    let seen = folder.read("seen");
    folder.spore(&["resolve", &id, "pay", "--ran"]).exits(0).says(&format!("spore resolve {id} bill"));
    assert_eq!(folder.read("seen"), seen, "the other is still open");
    folder.spore(&["resolve", &id, "bill", "--ran"]).exits(0);
    assert_eq!(folder.read("seen"), format!("{seen}mail\n"));
}
