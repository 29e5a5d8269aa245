//! What a hostile or unlucky user meets: bad files, a world without room or rights, engines that die. Each gets a clear
//! word and the right exit code, and nothing that was recorded is lost.

use super::folder::Folder;

#[test]
fn a_run_whose_engine_was_killed_is_lost_and_can_be_gone_on_with() {
    let folder = Folder::new().file(
        "w.yaml",
        "spore: w
kind: workflow
tasks:
  a: {run: 'echo x=1 > $SPORE_OUTPUT; echo ran >> a.ran'}
  b: {needs: a, run: 'echo ran >> b.ran; [ -e calm ] || { touch calm; kill -9 $PPID; }'}
  c: {needs: b, run: 'true'}
",
    );
    let killed = folder.spore(&["run", "w.yaml"]);
    assert_eq!(killed.code, -1, "{killed:?}");
    assert_eq!(folder.spore(&["runs", "--format", "json"]).exits(0).json()[0]["status"], "lost");
    let shown = folder.spore(&["show", "latest", "--format", "json"]).exits(0).json();
    assert_eq!(shown["status"], "lost");
    let status = |task: usize| shown["tasks"][task]["status"].as_str().expect("a status").to_owned();
    assert_eq!([status(0), status(1), status(2)], ["succeeded", "lost", "skipped"]);
    assert_eq!(shown["tasks"][1]["attempts"][0]["outcome"]["kind"], "lost");
    assert_eq!(shown["tasks"][0]["outputs"]["x"], "1");
    folder.spore(&["show", "latest"]).exits(0).says("the engine died").says("spore retry");
    folder.spore(&["logs", "latest", "--follow"]).exits(0);
    folder.spore(&["retry", "latest"]).exits(0);
    assert_eq!([folder.read("a.ran").lines().count(), folder.read("b.ran").lines().count()], [1, 2]);
}

#[test]
fn a_run_that_is_under_way_is_not_retried() {
    let folder = Folder::new().file(
        "w.yaml",
        "spore: w\nkind: workflow\ntasks: {a: 'touch begun; while [ ! -e go ]; do sleep 0.01; done'}\n",
    );
    let mut run = folder.command(&["run", "w.yaml"]).stdout(std::process::Stdio::null()).spawn().expect("started");
    super::semantics::wait_for(&folder, "begun");
    folder.spore(&["retry", "latest"]).exits(111).says("still under way");
    assert_eq!(folder.spore(&["runs", "--format", "json"]).exits(0).json()[0]["status"], "running");
    folder.write("go", "");
    assert!(run.wait().expect("ended").success());
}
