//! Coding agents' sessions: the commands that are installed in their settings, called as agents call them.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::folder::{Answer, Folder};
use super::hooks::{Watched, around, spore};

/// Calls a hook of the settings of `agent` as the agent would, by a shell, with the event on its input.
fn call(folder: &Folder, agent: &str, event: &str, input: &[u8]) -> Answer {
    let settings: Value = serde_json::from_str(&folder.read(&format!(".{agent}/settings.json"))).expect("settings");
    let command = settings["hooks"][event][0]["hooks"][0]["command"].as_str().expect("a command").to_owned();
    let mut shell = around(folder, "sh", folder.root());
    shell.args(["-c", &command]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = shell.spawn().expect("started");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(input).expect("it reads all of it");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    Answer {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[test]
fn moments_of_a_session_are_told() {
    let watched = Watched::new();
    let folder = &watched.folder;
    spore(folder, folder.root(), &["hooks", "install", "claude"]).exits(0).says("SessionEnd");
    let event = json!({"session_id": "s-1", "cwd": "/", "reason": "exit"}).to_string();
    for moment in ["SessionStart", "UserPromptSubmit", "SessionEnd"] {
        let answer = call(folder, "claude", moment, event.as_bytes()).exits(0);
        assert_eq!((answer.out.as_str(), answer.err.as_str()), ("", ""), "{moment}: nothing has happened yet");
    }
    let told: Vec<(Value, Value)> =
        watched.letters().into_iter().map(|letter| (letter["moment"].clone(), letter["session"].clone())).collect();
    assert_eq!(told, ["start", "prompt", "end"].map(|moment| (json!(moment), json!("s-1"))));

    let large = json!({"session_id": "s-2", "prompt": "x".repeat(3 << 20)}).to_string();
    call(folder, "claude", "UserPromptSubmit", large.as_bytes()).exits(0);
    call(folder, "claude", "UserPromptSubmit", &vec![b'['; 6 << 20]).exits(0);
    call(folder, "claude", "SessionEnd", b"\xff{").exits(0);
    let told = watched.letters();
    assert_eq!(told[3]["event"], json!({"session_id": "s-2"}), "of a large event the short fields are kept");
    assert_eq!((&told[4]["event"], &told[5]["event"]), (&Value::Null, &Value::Null));
}

#[test]
fn a_session_that_begins_is_told_what_has_happened() {
    let watched = Watched::new();
    let folder = &watched.folder;
    folder.write("good.yaml", "spore: good\nkind: workflow\ntasks: {a: 'echo hi'}\n");
    folder.write("bad.yaml", "spore: bad\nkind: workflow\ntasks: {a: 'true', lint: {needs: a, run: exit 3}}\n");
    folder.run("good.yaml", &[]).exits(0);
    let run = folder.run("bad.yaml", &[]).exits(100).id();
    let learned =
        "---\nkind: learning\nlearning: effectiveness\ntitle: \"Caches \\e[31mhelp\"\napproach: warm them\n---\n";
    folder.write("learnings/caches.md", learned);
    spore(folder, folder.root(), &["hooks", "install", "claude"]).exits(0);
    spore(folder, folder.root(), &["hooks", "install", "qwen"]).exits(0);
    let told = call(folder, "claude", "SessionStart", b"{}").exits(0).out;
    for text in ["good succeeded", "bad failed in lint", &run, "learned Caches", "warm them", "learnings/caches.md"] {
        assert!(told.contains(text), "no {text:?} in\n{told}");
    }
    assert!(told.lines().count() <= 40 && told.len() <= 4 << 10);
    assert!(!told.contains('\u{1b}'), "{told:?}");
    assert_eq!(call(folder, "claude", "SessionStart", b"{}").out, "", "it has been told");
    let other = call(folder, "qwen", "SessionStart", b"{}").out;
    let other: Value = serde_json::from_str(&other).expect("another agent has not, and wants JSON");
    let context = other["hookSpecificOutput"]["additionalContext"].as_str().expect("a text");
    assert!(context.contains("bad failed"), "{context}");
}

#[test]
fn a_digest_is_never_long() {
    let watched = Watched::new();
    let folder = &watched.folder;
    for number in 0..120 {
        let title = format!("{number} {}", "long title ".repeat(20));
        let page = format!("---\nkind: learning\nlearning: effectiveness\ntitle: \"{title}\"\n---\n");
        folder.write(&format!("learnings/{number}.md"), page);
    }
    let told = spore(folder, folder.root(), &["hook", "session-start", "--agent", "../../x"]).exits(0).out;
    assert!(told.lines().count() <= 40 && told.len() <= 4 << 10 && told.contains("more, which are older"), "{told}");
}

#[test]
fn sessions_of_other_folders_and_of_runs_start_nothing() {
    let folder = Folder::new();
    let answer = spore(&folder, folder.root(), &["hook", "session-end"]).exits(0);
    assert_eq!((answer.out.as_str(), answer.err.as_str()), ("", ""));
    assert!(!folder.path(".spore").exists(), "a folder without spores is left alone");

    let watched = Watched::new();
    let folder = &watched.folder;
    let mut command = around(folder, env!("CARGO_BIN_EXE_spore"), folder.root());
    command.args(["hook", "session-end"]).env("SPORE_RUN", "01M7WDC3SC0NYYYCT3JXK4E2HK");
    super::hooks::answer(command).exits(0);
    assert!(watched.letters().is_empty(), "a session that a run began must not begin another run");

    let elsewhere = tempfile::tempdir().expect("a folder");
    let mut command = around(folder, env!("CARGO_BIN_EXE_spore"), elsewhere.path());
    command.args(["hook", "session-end", "--agent", "claude"]).env("CLAUDE_PROJECT_DIR", folder.root());
    super::hooks::answer(command).exits(0);
    assert_eq!(watched.letters().len(), 1, "the agent says which folder its session is about");
}

#[test]
fn settings_come_back_as_they_were() {
    let folder = Folder::new().file("spore.toml", "");
    let install = |words: &[&str]| spore(&folder, folder.root(), &[&["hooks"], words].concat());
    install(&["install", "claude", "--project"]).exits(0).says("installed just now");
    install(&["install", "claude"]).exits(0).says("was installed already");
    install(&["uninstall", "claude"]).exits(0).says("taken out");
    assert!(!folder.path(".claude").exists(), "what was made for the hooks goes with them");

    let odd = "{\n   \"hooks\": {\"SessionStart\": []},\n   \"x\": [1,2 ]}";
    folder.write(".claude/real.json", odd);
    std::os::unix::fs::symlink("real.json", folder.path(".claude/settings.json")).expect("linked");
    install(&["install", "claude"]).exits(0);
    assert_ne!(folder.read(".claude/real.json"), odd);
    install(&["uninstall", "claude"]).exits(0);
    assert_eq!(folder.read(".claude/real.json"), odd, "to the byte, also where hooks were empty before");
    assert!(folder.path(".claude/settings.json").is_symlink());

    install(&["install", "claude"]).exits(0);
    folder.write(".claude/real.json", folder.read(".claude/real.json").replace("[1,2 ]", "[3]"));
    install(&["uninstall", "claude"]).exits(0);
    let left: Value = serde_json::from_str(&folder.read(".claude/real.json")).expect("JSON");
    assert_eq!(left["x"], json!([3]), "what was changed meanwhile stays");
    assert!(!folder.read(".claude/real.json").contains("spore"));

    folder.write(".claude/settings.json", "{\n  \"a\": 1,,\n}");
    let refused = install(&["install", "claude"]).exits(3).says("at 2:10");
    assert!(refused.err.contains("mend it first"), "{}", refused.err);
    assert_eq!(folder.read(".claude/settings.json"), "{\n  \"a\": 1,,\n}");

    install(&["install", "qwen", "--user"]).exits(0);
    assert!(folder.read(".qwen/settings.json").contains("--agent qwen") && folder.path("config/spore").is_dir());
    install(&["install", "git", "--user"]).exits(2);
    install(&["install", "generic"]).exits(0).says("session-start.sh");
    assert!(folder.path(".spore/hooks/session-end.sh").is_file());
    install(&["uninstall", "generic"]).exits(0);
    assert!(!folder.path(".spore/hooks/session-end.sh").exists());
}

/// A folder in which everything may run, and its owner's settings, which lie elsewhere.
struct Open {
    folder: Folder,
    settings: tempfile::TempDir,
}

impl Open {
    fn with(name: &str, text: &str) -> Self {
        let folder = Folder::new().file("spore.toml", "").file(name, text);
        let open = Self { folder, settings: tempfile::tempdir().expect("a folder") };
        super::hooks::answer(open.spore(&["trust", "--mode", "open", "."])).exits(0);
        open
    }

    fn spore(&self, words: &[&str]) -> std::process::Command {
        let mut command = around(&self.folder, env!("CARGO_BIN_EXE_spore"), self.folder.root());
        command.args(words).env("XDG_CONFIG_HOME", self.settings.path());
        command
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path(name)).unwrap_or_default()
    }

    fn is_posted(&self) -> bool {
        let mut inbox = std::fs::read_dir(self.folder.path(".spore/inbox")).into_iter().flatten().flatten();
        inbox.any(|entry| entry.file_name().to_string_lossy().ends_with(".json"))
    }
}

/// How long the tests wait for another process.
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn the_end_of_a_session_is_read_though_nobody_watches_and_the_agent_kills_its_hooks() {
    let open = Open::with("end.yaml", "spore: end\nkind: workflow\non: {session: end}\ntasks: {a: 'true'}\n");
    let mut command = open.spore(&["hook", "session-end", "--agent", "claude"]);
    let mut child = command.stdin(Stdio::piped()).process_group(0).spawn().expect("started");
    child.stdin.take().expect("piped").write_all(b"{\"session_id\": \"s-9\"}").expect("written");
    let deadline = Instant::now() + PATIENCE;
    let is_queued = || open.read(".spore/queue.jsonl").contains("s-9");
    while !open.is_posted() && !is_queued() {
        assert!(Instant::now() < deadline, "no letter: {}", open.read(".spore/hook.log"));
        std::thread::yield_now();
    }
    let mut kill = around(&open.folder, "sh", open.folder.root());
    kill.args(["-c", &format!("kill -9 -- -{}", child.id())]);
    super::hooks::answer(kill);
    child.wait().expect("it has ended");
    // Whether the hook came to start somebody or not: the letter is there for whoever comes next.
    while !is_queued() || open.is_posted() {
        assert!(Instant::now() < deadline, "nobody has read it: {}", open.read(".spore/hook.log"));
        super::hooks::answer(open.spore(&["watch", "--once"]));
    }
}

#[test]
fn somebody_is_started_who_reads_the_letter() {
    let open = Open::with("start.yaml", "spore: start\nkind: workflow\non: {session: start}\ntasks: {a: 'true'}\n");
    super::hooks::answer(open.spore(&["hook", "session-start"])).exits(0);
    let deadline = Instant::now() + PATIENCE;
    while !open.read(".spore/queue.jsonl").contains("\"moment\":\"start\"") {
        assert!(Instant::now() < deadline, "nobody has read it: {}", open.read(".spore/hook.log"));
        std::thread::yield_now();
    }
}
