//! What may run: approvals, decisions, and everything that tries to get around them.

mod hold;
mod owner;
mod signed;

use std::path::PathBuf;
use std::process::Stdio;

use serde_json::Value;

use super::folder::Folder;

const SPORE: &str = "spore: w\nkind: workflow\ntasks:\n  a: {run: 'sh tools/a.sh'}\n";

/// A folder, and the settings of its owner elsewhere.
struct Owned {
    folder: Folder,
    home: tempfile::TempDir,
}

impl Owned {
    fn new() -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let folder = Folder::new().env("XDG_CONFIG_HOME", home.path().to_str().expect("text"));
        Self { folder, home }
    }

    /// With [`SPORE`] and its script.
    fn with_spore() -> Self {
        let owned = Self::new();
        owned.folder.write("w.yaml", SPORE);
        owned.folder.write("tools/a.sh", "echo fine\n");
        owned
    }

    fn settings(&self) -> PathBuf {
        self.home.path().join("spore")
    }

    /// The file with this ending that Spore has written about the folder.
    fn file(&self, ending: &str) -> PathBuf {
        let names = std::fs::read_dir(self.settings()).expect("listed").map(|entry| entry.expect("an entry").path());
        names.into_iter().find(|path| path.extension().is_some_and(|one| one == ending)).expect("it is written")
    }

    fn approve(&self, file: &str) {
        self.folder.spore(&["trust", "--yes", "--", file]).exits(0).says("approved");
    }

    /// What is said of one file.
    fn look(&self, file: &str) -> Value {
        let answer = self.folder.spore(&["trust", "--format", "json", "--", file]);
        let report = answer.json()[0].clone();
        assert_eq!(answer.code, if report["runs"] == true { 0 } else { 5 }, "{report:#}");
        report
    }

    /// Expects that the file does not run by itself, for a reason with these words.
    #[track_caller]
    fn waits(&self, file: &str, because: &str) {
        let report = self.look(file);
        assert_eq!(report["runs"], false, "{report:#}");
        assert!(report["because"].as_str().expect("a reason").contains(because), "no {because:?} in {report:#}");
    }

    #[track_caller]
    fn runs(&self, file: &str) {
        let report = self.look(file);
        assert_eq!(report["runs"], true, "{report:#}");
    }
}

#[test]
fn what_is_approved_is_the_spore_and_its_scripts_and_nothing_else() {
    let owned = Owned::with_spore();
    let first = owned.folder.spore(&["trust", "w.yaml"]).exits(5);
    first
        .says("not approved")
        .says("sh tools/a.sh")
        .says("echo fine")
        .says("nobody is here to approve it")
        .says("--yes");
    owned.waits("w.yaml", "nobody has approved it");
    owned.approve("w.yaml");
    owned.runs("w.yaml");
    owned.folder.write("data.txt", "no script\n");
    owned.runs("w.yaml");

    owned.folder.write("tools/a.sh", "echo evil\n");
    owned.waits("w.yaml", "has changed since it was approved");
    let again = owned.folder.spore(&["trust", "w.yaml"]).exits(5);
    again.says("what has changed in tools/a.sh").says("-echo fine\n").says("+echo evil\n");
    owned.folder.write("tools/a.sh", "echo fine\n");
    owned.runs("w.yaml");

    owned.folder.write("w.yaml", SPORE.replace("a.sh", "a.sh x"));
    owned.folder.spore(&["trust", "w.yaml"]).exits(5).says("+  a: {run: 'sh tools/a.sh x'}");
    owned.approve("w.yaml");
    owned.folder.write("w.yaml", SPORE);
    owned.runs("w.yaml");
}

#[test]
fn approvals_are_listed_and_taken_back() {
    let owned = Owned::with_spore();
    owned.approve("w.yaml");
    owned
        .folder
        .spore(&["trust", "--list"])
        .exits(0)
        .says("1 approval")
        .says("w.yaml")
        .says("the approval of a person");
    let digest = owned.look("w.yaml")["digest"].as_str().expect("a digest").to_owned();
    owned.folder.spore(&["trust", "--revoke", "deadbeef"]).exits(2).says("nothing is approved as `deadbeef`");
    owned.folder.spore(&["trust", "--revoke", &digest[..20]]).exits(0).says(&digest).says("0 approvals");
    owned.waits("w.yaml", "nobody has approved it");
    owned.approve("w.yaml");
    owned.folder.spore(&["trust", "--revoke", "w.yaml"]).exits(0);
    owned.waits("w.yaml", "nobody has approved it");
    assert_eq!(
        owned.folder.spore(&["trust", "--list", "--format", "json"]).exits(0).json()["approvals"],
        serde_json::json!([])
    );
}

#[test]
fn many_approve_at_once_and_nothing_is_lost() {
    let owned = Owned::new();
    let names: Vec<String> = (0..12).map(|number| format!("w{number}.yaml")).collect();
    for name in &names {
        owned.folder.write(name, format!("spore: w\nkind: workflow\ntasks: {{a: 'echo {name}'}}\n"));
    }
    let children: Vec<_> = names
        .iter()
        .map(|name| owned.folder.command(&["trust", "--yes", name]).stdout(Stdio::null()).spawn().expect("started"))
        .collect();
    for mut child in children {
        assert!(child.wait().expect("ended").success());
    }
    let list = owned.folder.spore(&["trust", "--list", "--format", "json"]).exits(0).json();
    assert_eq!(list["approvals"].as_array().map(Vec::len), Some(12));
    for name in &names {
        owned.runs(name);
    }
}

#[test]
fn nothing_that_is_shown_is_obeyed_by_a_terminal() {
    let owned = Owned::new();
    let text = "spore: w\nkind: workflow\ntasks:\n  a: {run: \"echo ok\\e[2K\\e[1A # \\u202Ehs.live\\a\\r\"}\n  b: {run: [printf, \"\\e]0;x\\a\"], env: {T: {secret: TOKEN}}, executor: terminal}\n  c: {run: 'sh x.sh'}\n";
    owned.folder.write("w.yaml", text);
    owned.folder.write("x.sh", "echo \u{1b}[8mhidden\u{1b}[0m\u{200b}\n");
    let answer = owned.folder.spore(&["trust", "w.yaml", "--color", "always"]);
    let colours = without_colours(&answer.out);
    assert!(!colours.contains(['\u{1b}', '\u{7}', '\r', '\u{202e}', '\u{200b}', '\u{9b}']), "{colours:?}");
    let answer = answer.exits(5).says("echo ok\\x1b[2K\\x1b[1A # \\u{202e}hs.live\\x07\\r");
    answer.says("echo \\x1b[8mhidden\\x1b[0m\\u{200b}").says("TOKEN").says("terminal");
}

/// Text without the colours that Spore itself puts in.
fn without_colours(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        kept.push_str(before);
        let end = after.find(|c: char| !c.is_ascii_digit() && c != ';').unwrap_or(after.len());
        rest = if after[end..].starts_with('m') {
            &after[end + 1..]
        } else {
            kept.push('\u{1b}');
            after
        };
    }
    kept + rest
}

#[test]
fn strange_names_are_approved_under_their_names() {
    let owned = Owned::new();
    for (number, name) in ["-w.yaml", "a\nb.yaml", "it's \u{1b}[31m.yaml"].into_iter().enumerate() {
        owned.folder.write(name, format!("spore: w\nkind: workflow\ntasks: {{a: 'echo {number}'}}\n"));
        owned.folder.spore(&["trust", "--", name]).exits(5).never_says("\u{1b}");
        owned.approve(name);
        owned.runs(name);
        owned.folder.write(name, format!("spore: w\nkind: workflow\ntasks: {{a: 'false {number}'}}\n"));
        let hint = owned.look(name)["hint"].as_str().expect("a hint").to_owned();
        assert!(!hint.contains(char::is_control), "{hint:?}");
        // What the hint says can be typed as it is.
        let typed = hint.split('`').nth(1).expect("a command");
        let typed = typed.replacen("spore trust", &format!("{} trust --yes", env!("CARGO_BIN_EXE_spore")), 1);
        let mut shell = std::process::Command::new("bash");
        shell.args(["-c", &typed]).current_dir(owned.folder.root()).stdout(Stdio::null());
        assert!(shell.env("XDG_CONFIG_HOME", owned.home.path()).status().expect("started").success(), "{typed}");
        owned.runs(name);
    }
}

#[test]
fn a_person_at_a_terminal_is_asked() {
    let owned = Owned::with_spore();
    let answered = |answer: &str| {
        let asked = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
        let mut command = std::process::Command::new("timeout");
        command.args(["60", "python3", "-c", asked, env!("CARGO_BIN_EXE_spore"), "trust", "w.yaml"]);
        command.current_dir(owned.folder.root()).env("XDG_CONFIG_HOME", owned.home.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("started");
        let mut typed = child.stdin.take().expect("piped");
        std::io::Write::write_all(&mut typed, answer.as_bytes()).expect("typed");
        let output = child.wait_with_output().expect("ended");
        drop(typed);
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, said) = answered("n\n");
    assert!(code == Some(5) && said.contains("Approve? [y/N]"), "{code:?} {said}");
    owned.waits("w.yaml", "nobody has approved it");
    let (code, said) = answered("y\n");
    assert!(code == Some(0) && said.contains("approved"), "{code:?} {said}");
    owned.runs("w.yaml");
}

#[test]
fn what_a_person_starts_needs_no_approval_and_a_bad_spore_gets_none() {
    let owned = Owned::with_spore();
    owned.folder.run("w.yaml", &[]).exits(0);
    owned.folder.write("bad.yaml", "spore: w\nkind: workflow\ntasks: {a: {needs: [b], rum: x}}\n");
    owned.folder.spore(&["trust", "--yes", "bad.yaml"]).exits(3).says("rum");
    owned.folder.write(
        "many.yaml",
        "spore: one\nkind: workflow\ntasks: {a: ./x}\n---\nspore: two\nkind: workflow\ntasks: {a: ./y}\n",
    );
    let paths: Vec<String> = owned.look("many.yaml")["scripts"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|script| script["path"].as_str().expect("text").to_owned())
        .collect();
    assert_eq!(paths, ["x", "y"], "all spores of a file are approved together");
}
