//! Files arrive in every way that files do, and each content runs as often as there are files with it.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::process::Command;

use serde_json::Value;

use super::fixture::Watching;
use crate::cli::folder::Folder;

/// Files of a burst where nobody says how many; `SPORE_BURST=5000` says.
const BURST: usize = 240;

/// A spore whose command adds `word` to the file `seen`.
pub(super) fn says(word: &str) -> String {
    format!("spore: s-{word}\nkind: workflow\ntasks:\n  a: echo {word} >> seen\n")
}

/// The words that commands have said, sorted.
#[track_caller]
pub(super) fn seen(folder: &Folder) -> Vec<String> {
    let text = fs::read_to_string(folder.path("seen")).unwrap_or_default();
    let mut words: Vec<String> = text.lines().map(str::to_owned).collect();
    words.sort();
    words
}

/// Waits until all that was done to the folder so far has been looked at: a file that is closed last is taken last.
#[track_caller]
pub(super) fn pass(folder: &Folder, watching: &mut Watching, word: &str) {
    folder.write(&format!("pass-{word}.yaml"), format!("spore: pass-{word}\nkind: workflow\ntasks: {{a: 'true'}}\n"));
    watching.hears_end_of(&format!("pass-{word}.yaml"), "succeeded");
}

/// A watched folder without a repository.
fn watched() -> (Folder, Watching) {
    let folder = Folder::new().file("spore.toml", "");
    let watching = Watching::start(&folder);
    (folder, watching)
}

#[test]
fn of_a_burst_each_file_runs_once() {
    let burst = std::env::var("SPORE_BURST").ok().and_then(|burst| burst.parse().ok()).unwrap_or(BURST);
    let (folder, mut watching) = watched();
    // Every fifth content stands in three files.
    let mut expected = Vec::new();
    for number in 0..burst {
        let word = if number % 5 < 3 { format!("same{:05}", number / 5) } else { format!("one{number:05}") };
        folder.write(&format!("in/{}/{number}.yaml", number % 7), says(&word));
        expected.push(word);
    }
    for _ in 0..burst {
        let end = watching.hears("ended");
        assert_eq!(end["status"], "succeeded", "{end:#}");
    }
    for number in 0..burst {
        let file = OpenOptions::new().append(true).open(folder.path(&format!("in/{}/{number}.yaml", number % 7)));
        file.expect("opened").set_modified(std::time::SystemTime::now()).expect("touched");
    }
    pass(&folder, &mut watching, "touched");
    watching.signal("HUP");
    pass(&folder, &mut watching, "again");
    expected.sort();
    assert_eq!(seen(&folder), expected);
    watching.end();
    // Nor does the next watcher run anything again.
    let watching = Watching::start_with(&folder, &["--existing"]);
    assert_eq!(watching.end().iter().filter(|one| one["said"] == "queued").count(), 0);
    assert_eq!(seen(&folder), expected);
}

#[test]
fn editors_dance_and_each_content_runs_once() {
    let (folder, mut watching) = watched();
    let path = folder.path("a.yaml");
    let swap = folder.path(".a.yaml.swp");
    // vim: probes, keeps the old file as a backup, writes a new one, sets its mode, removes the backup.
    folder.write("a.yaml", says("first"));
    watching.hears_end_of("a.yaml", "succeeded");
    fs::write(&swap, "b0VIM").expect("written");
    fs::write(folder.path("4913"), "").expect("written");
    fs::remove_file(folder.path("4913")).expect("removed");
    fs::rename(&path, folder.path("a.yaml~")).expect("renamed");
    fs::write(&path, says("vim")).expect("written");
    fs::set_permissions(&path, fs::metadata(&path).expect("there").permissions()).expect("set");
    fs::remove_file(folder.path("a.yaml~")).expect("removed");
    fs::remove_file(&swap).expect("removed");
    watching.hears_end_of("a.yaml", "succeeded");
    // VS Code: in place, and once more for its formatter.
    fs::write(&path, "").expect("emptied");
    fs::write(&path, says("code")).expect("written");
    watching.hears_end_of("a.yaml", "succeeded");
    let sed = Command::new("sed").args(["-i", "s/code/sed/g"]).arg(&path).status().expect("sed starts");
    assert!(sed.success());
    watching.hears_end_of("a.yaml", "succeeded");
    // Emacs: an auto-save file, a link as a lock, and a write through a name of its own.
    fs::write(folder.path("#a.yaml#"), says("auto")).expect("written");
    std::os::unix::fs::symlink("me@here.1:2", folder.path(".#a.yaml")).expect("linked");
    fs::write(folder.path("a.yaml.tmp"), says("emacs")).expect("written");
    fs::rename(folder.path("a.yaml.tmp"), &path).expect("renamed");
    fs::remove_file(folder.path(".#a.yaml")).expect("removed");
    watching.hears_end_of("a.yaml", "succeeded");
    pass(&folder, &mut watching, "end");
    assert_eq!(seen(&folder), ["code", "emacs", "first", "sed", "vim"]);
}

#[test]
fn branches_that_come_and_go_run_nothing_twice() {
    const FILES: usize = 500;
    const RUNS: usize = 25;
    let folder = Folder::new().file("spore.toml", "").file(".gitignore", "/seen\n");
    folder.git(&["init", "-q"]);
    let write = |branch: &str| {
        for number in 0..FILES {
            let text =
                if number < RUNS { says(&format!("{branch}{number:02}")) } else { format!("# {branch} {number}\n") };
            folder.write(&format!("in/{number}.{}", if number < RUNS { "yaml" } else { "md" }), text);
        }
        folder.git(&["add", "-A"]);
        folder.git(&["commit", "-q", "-m", branch]);
    };
    write("one");
    folder.git(&["checkout", "-q", "-b", "two"]);
    write("two");
    folder.git(&["checkout", "-q", "main"]);
    let mut watching = Watching::start_with(&folder, &["--existing"]);
    for branch in ["one", "two"] {
        if branch == "two" {
            folder.git(&["checkout", "-q", "two"]);
        }
        (0..RUNS).for_each(|_| drop(watching.hears("ended")));
    }
    for turn in 0..6 {
        folder.git(&["checkout", "-q", if turn % 2 == 0 { "main" } else { "two" }]);
        pass(&folder, &mut watching, &turn.to_string());
    }
    let expected: Vec<String> =
        ["one", "two"].iter().flat_map(|branch| (0..RUNS).map(move |number| format!("{branch}{number:02}"))).collect();
    assert_eq!(seen(&folder), expected);
}

#[test]
fn a_file_in_slow_pieces_runs_as_a_whole() {
    let folder = Folder::new().file("spore.toml", "[watch]\nsettle = \"1500ms\"\n");
    let mut watching = Watching::start(&folder);
    // Nine pieces. Kept open all the while, and no spore until the last piece is there.
    let whole = says("whole");
    let mut open = fs::File::create(folder.path("open.yaml")).expect("made");
    // Closed after each piece, and a whole spore each time.
    let mut pieces = "spore: pieces\nkind: workflow\ntasks:\n".to_owned();
    for (number, part) in whole.as_bytes().chunks(whole.len().div_ceil(9)).enumerate() {
        open.write_all(part).and_then(|()| open.sync_all()).expect("written");
        pieces = pieces + "  t" + &number.to_string() + ": echo t" + &number.to_string() + " >> seen\n";
        folder.write("pieces.yaml", &pieces);
    }
    drop(open);
    watching.hears_end_of("open.yaml", "succeeded");
    watching.hears_end_of("pieces.yaml", "succeeded");
    pass(&folder, &mut watching, "end");
    let expected: Vec<String> = (0..9).map(|number| format!("t{number}")).chain(["whole".to_owned()]).collect();
    assert_eq!(seen(&folder), expected);
    assert_eq!(watching.count("queued"), 3);
}

#[test]
fn what_counts_is_how_many_files_have_a_content() {
    let (folder, mut watching) = watched();
    let path = |name: &str| folder.path(name);
    folder.write("a.yaml", says("x"));
    folder.write("b.yaml", says("y"));
    watching.hears_end_of("a.yaml", "succeeded");
    watching.hears_end_of("b.yaml", "succeeded");
    let mut step = {
        let mut number = 0;
        let folder = &folder;
        move |watching: &mut Watching, expected: &[&str]| {
            number += 1;
            pass(folder, watching, &number.to_string());
            assert_eq!(seen(folder), expected, "after step {number}");
        }
    };
    // Renamed, here and into a folder that is new; and a folder renamed.
    fs::rename(path("a.yaml"), path("c.yaml")).expect("renamed");
    step(&mut watching, &["x", "y"]);
    fs::create_dir(path("sub")).and_then(|()| fs::rename(path("c.yaml"), path("sub/c.yaml"))).expect("renamed");
    step(&mut watching, &["x", "y"]);
    fs::rename(path("sub"), path("bus")).expect("renamed");
    step(&mut watching, &["x", "y"]);
    // Two files change places.
    fs::rename(path("bus/c.yaml"), path("swap")).expect("renamed");
    fs::rename(path("b.yaml"), path("bus/c.yaml")).expect("renamed");
    fs::rename(path("swap"), path("b.yaml")).expect("renamed");
    step(&mut watching, &["x", "y"]);
    // There and back again.
    folder.write("b.yaml", says("z"));
    watching.hears_end_of("b.yaml", "succeeded");
    folder.write("b.yaml", says("x"));
    step(&mut watching, &["x", "y", "z"]);
    // A second file with the same is a second run.
    fs::copy(path("b.yaml"), path("b2.yaml")).expect("copied");
    watching.hears_end_of("b2.yaml", "succeeded");
    step(&mut watching, &["x", "x", "y", "z"]);
    // Two were there; of three that come at once, one is more than ever before.
    fs::remove_file(path("b.yaml")).and_then(|()| fs::remove_file(path("b2.yaml"))).expect("removed");
    step(&mut watching, &["x", "x", "y", "z"]);
    for name in ["1.yaml", "2.yaml", "3.yaml"] {
        folder.write(&format!("{name}.tmp"), says("x"));
    }
    for name in ["1.yaml", "2.yaml", "3.yaml"] {
        fs::rename(path(&format!("{name}.tmp")), path(name)).expect("renamed");
    }
    step(&mut watching, &["x", "x", "x", "y", "z"]);
}

#[test]
fn a_file_that_goes_takes_its_wanted_run_with_it() {
    let folder = Folder::new().file("spore.toml", "");
    let mut watching = Watching::start_with(&folder, &["--jobs", "1"]);
    let waits = "spore: waits\nkind: workflow\ntasks:\n  a: 'while [ -e seen ] && [ ! -e go ]; do sleep 0.01; done'\n";
    folder.write("seen", "");
    folder.write("waits.yaml", waits);
    watching.hears("began");
    for name in ["gone.yaml", "stays.yaml"] {
        folder.write(name, says(name.trim_end_matches(".yaml")));
        watching.hears_that("queued", |one| one["said"] == "queued" && one["path"] == name);
    }
    fs::remove_file(folder.path("gone.yaml")).expect("removed");
    fs::remove_file(folder.path("waits.yaml")).expect("removed");
    let withdrawn = watching.hears("withdrawn");
    assert_eq!(
        (withdrawn["path"].as_str(), withdrawn["because"].as_str()),
        (Some("gone.yaml"), Some("its file is gone"))
    );
    folder.write("go", "");
    watching.hears_end_of("waits.yaml", "succeeded");
    watching.hears_end_of("stays.yaml", "succeeded");
    assert_eq!(seen(&folder), ["stays"]);
    // It never ran, so it may come again.
    folder.write("gone.yaml", says("gone"));
    watching.hears_end_of("gone.yaml", "succeeded");
    assert_eq!(watching.count("withdrawn"), 1);
}

#[test]
fn what_is_left_behind_starts_nothing_and_what_could_run_says_how() {
    let (folder, mut watching) = watched();
    folder.write("results/by-hand.yaml", says("result"));
    folder.write("learnings/by-hand.yaml", says("learning"));
    folder.write("node_modules/x/a.yaml", says("module"));
    for kind in ["result", "learning", "agent", "service"] {
        folder.write(&format!("{kind}.yaml"), says(kind).replace("workflow", kind));
    }
    folder.write("notes.md", "# Notes\n\n```sh\necho notes >> seen\n```\n");
    folder.write("inert.yaml", says("inert").replace("kind: workflow\n", ""));
    let inert = watching.hears_that("inert", |one| one["said"] == "inert" && one["path"] == "inert.yaml");
    assert_eq!(inert["hint"], "`kind: workflow` would make it one");
    pass(&folder, &mut watching, "1");
    folder.write("inert.yaml", says("inert"));
    watching.hears_end_of("inert.yaml", "succeeded");
    folder.write("two.md", "# Two\n");
    assert_eq!(seen(&folder), ["inert"]);
    assert_eq!(watching.count("ended"), 2);
}

#[test]
fn mistakes_are_told_and_a_file_without_them_runs() {
    let (folder, mut watching) = watched();
    folder.write("a.yaml", says("a").replace("  a: echo", "  a: {needs: nobody, run: echo"));
    let remark = watching.hears_that("remark", |one| one["said"] == "remark" && one["about"] == "a.yaml");
    assert!(remark["message"].as_str().is_some_and(|message| message.contains("error")), "{remark:#}");
    folder.write("a.yaml", says("a"));
    watching.hears_end_of("a.yaml", "succeeded");
    // Several in one file each run, in the order they stand there or not.
    let two = format!("{}---\n{}", says("b"), says("c"));
    folder.write("two.yaml", &two);
    watching.hears_end_of("two.yaml", "succeeded");
    watching.hears_end_of("two.yaml", "succeeded");
    assert_eq!(seen(&folder), ["a", "b", "c"]);
}

/// The origin in the journal of a run.
#[track_caller]
fn origin(folder: &Folder, run: &Value) -> Value {
    let path = format!(".spore/runs/{}/journal.jsonl", run.as_str().expect("an id"));
    let text = folder.read(&path);
    let first: Value = serde_json::from_str(text.lines().next().expect("a line")).expect("JSON");
    first["origin"].clone()
}

#[test]
fn a_run_that_writes_a_spore_starts_a_chain_that_ends() {
    let (folder, mut watching) = watched();
    // It adds a line to itself each time, and so has new contents.
    let text = "spore: again\nkind: workflow\ntasks:\n  a: echo again >> seen; echo '# more' >> again.yaml\n";
    folder.write("again.yaml", text);
    let mut before: Option<Value> = None;
    for depth in 0..=4 {
        let end = watching.hears_end_of("again.yaml", "succeeded");
        let origin = origin(&folder, &end["run"]);
        assert_eq!(origin["depth"].as_u64().unwrap_or(0), depth, "{origin:#}");
        assert_eq!(origin.get("written_by"), before.as_ref(), "{origin:#}");
        before = Some(end["run"].clone());
    }
    let remark = watching.hears_that("remark", |one| one["said"] == "remark" && one["about"] == "again.yaml");
    assert!(remark["message"].as_str().is_some_and(|message| message.contains("chain of 5 runs")), "{remark:#}");
    pass(&folder, &mut watching, "end");
    assert_eq!(seen(&folder).len(), 5);
}

#[test]
fn files_that_keep_coming_while_runs_are_under_way_are_no_chain() {
    let folder = Folder::new().file("spore.toml", "");
    let mut watching = Watching::start_with(&folder, &["--jobs", "1"]);
    let waits = |number: usize| {
        format!(
            "spore: s{number}\nkind: workflow\ntasks:\n  a: 'echo {number} >> seen; while [ -e seen ] && [ ! -e go{number} ]; do sleep 0.01; done'\n"
        )
    };
    folder.write("0.yaml", waits(0));
    for number in 1..8 {
        let before = format!("{}.yaml", number - 1);
        watching.hears_that("began", |one| one["said"] == "began" && one["path"] == before.as_str());
        folder.write(&format!("{number}.yaml"), waits(number));
        let path = format!("{number}.yaml");
        watching.hears_that("queued", |one| one["said"] == "queued" && one["path"] == path.as_str());
        folder.write(&format!("go{}", number - 1), "");
    }
    folder.write("go7", "");
    watching.hears_end_of("7.yaml", "succeeded");
}
