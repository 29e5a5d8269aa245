//! Asking a watcher: what it does, and to do something else.

use super::fixture::Watching;
use crate::cli::folder::Folder;

/// A spore whose command says that it runs and goes on until the file `go` is there, or the folder is gone.
const WAITS: &str = "spore: waits
kind: workflow
tasks:
  slow: 'touch begun; while [ -e begun ] && [ ! -e go ]; do sleep 0.01; done'
";

#[test]
fn what_arrives_runs() {
    let folder = Folder::new().file("spore.toml", "");
    let mut watching = Watching::start(&folder);
    folder.write("hello.yaml", "spore: hello\nkind: workflow\ntasks: {a: echo hello}\n");
    let queued = watching.hears("queued");
    let end = watching.hears_end_of("hello.yaml", "succeeded");
    assert_eq!(queued["run"], end["run"]);
    folder.write("waits.yaml", WAITS);
    watching.hears_that("begin of waits", |one| one["said"] == "began" && one["path"] == "waits.yaml");
    folder.write("go", "");
    watching.hears_end_of("waits.yaml", "succeeded");
    let told = watching.end();
    assert_eq!(told.last().expect("something")["said"], "leaving");
}
