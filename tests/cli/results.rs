//! Result spores and their commits.

use super::folder::Folder;

const TWO: &str =
    "spore: two\nkind: workflow\ntasks: {a: 'echo n=1 >> \"$SPORE_OUTPUT\"', b: 'echo oh no >&2; exit 2'}\n";

fn result_of(folder: &Folder) -> String {
    let shown = folder.spore(&["show", "latest", "--format", "json"]).exits(0).json();
    shown["result"]["path"].as_str().expect("a result").to_owned()
}

#[test]
fn the_result_spore_tells_people_and_programs() {
    let folder = Folder::new().file("two.yaml", TWO);
    folder.run("two.yaml", &[]).exits(100);
    let path = result_of(&folder);
    assert!(path.starts_with("results/") && path.contains("/two-"), "{path}");
    let page = folder.read(&path);
    for text in
        ["kind: \"result\"", "status: \"failed\"", "path: \"two.yaml\"", "oh no", "spore retry", "| `a` | `n` | `1` |"]
    {
        assert!(page.contains(text), "no {text:?} in\n{page}");
    }
    folder.spore(&["check", &path]).exits(0);
    folder.spore(&["run", &path]).exits(4).says("what a run left behind");
}

#[test]
fn without_git_or_a_wish_the_result_is_only_written() {
    let folder = Folder::new().file("two.yaml", TWO);
    folder.spore(&["run", "two.yaml"]).exits(100).says("--commit");
    let folder = Folder::new().file("two.yaml", TWO);
    folder.git(&["init", "-q"]);
    folder.spore(&["run", "two.yaml"]).exits(100).says("--commit");
    assert!(folder.git(&["status", "--porcelain"]).contains("?? results/"));
}

#[test]
fn in_a_folder_made_by_init_the_result_is_committed_and_nothing_else_is_touched() {
    let folder = Folder::new();
    folder.spore(&["init"]).exits(0).says("spore run hello.md");
    assert_eq!(folder.git(&["log", "--all", "--oneline"]), "", "init commits nothing");
    folder.write("mine.txt", "staged");
    folder.git(&["add", "mine.txt"]);
    folder.write("mine.txt", "edited");
    folder.spore(&["run", "hello.md"]).exits(0);
    let path = result_of(&folder);
    assert_eq!(folder.git(&["show", "--name-only", "--format=", "HEAD"]).trim(), path);
    let message = folder.git(&["log", "-1", "--format=%B"]);
    assert!(message.contains("Spore-Run: ") && message.contains("Spore-Source: hello.md"), "{message}");
    let status = folder.git(&["status", "--porcelain"]);
    assert!(status.contains("AM mine.txt") && !status.contains("results/") && !status.contains(".spore"), "{status}");
    folder.spore(&["run", "hello.md", "--no-commit"]).exits(0);
    assert!(folder.git(&["status", "--porcelain"]).contains("?? "));
}

#[test]
fn init_keeps_what_is_there() {
    let folder = Folder::new().file("hello.md", "mine").file("spore.toml", "commit = false\n");
    folder.spore(&["init"]).exits(0).says("kept");
    assert_eq!(folder.read("hello.md"), "mine");
    assert_eq!(folder.read("spore.toml"), "commit = false\n");
}

#[test]
fn a_folder_can_have_its_own_page() {
    let folder = Folder::new().file("two.yaml", TWO).file("templates/result.md", "Mine: {{ result.status }}\n");
    folder.run("two.yaml", &[]).exits(100);
    let page = folder.read(&result_of(&folder));
    assert!(page.contains("kind: \"result\"") && page.contains("Mine: "), "{page}");
    folder.write("templates/result.md", "{{ broken");
    folder.spore(&["run", "two.yaml"]).exits(100).says("templates/result.md");
    assert!(folder.read(&result_of(&folder)).contains("oh no"), "a bad template costs nothing");
    folder.write("templates/result.md", "x".repeat((1 << 20) + 1));
    folder.spore(&["run", "two.yaml"]).exits(100).says("more than 1048576 bytes");
    assert!(folder.read(&result_of(&folder)).contains("oh no"), "nor does half of a large one");
}

#[test]
fn a_read_only_folder_is_said_and_nothing_runs() {
    let folder = Folder::new()
        .file("w.yaml", "spore: w\nkind: workflow\ntasks: {a: touch /tmp/spore-must-not-run-$SPORE_RUN}\n");
    // `.spore` cannot be made where a file has its name, whoever asks: permissions would not stop root.
    folder.write(".spore", "in the way");
    folder.spore(&["run", "w.yaml"]).exits(111).says(".spore");
}
