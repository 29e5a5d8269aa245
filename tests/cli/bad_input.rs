//! What a hostile or unlucky user meets: bad files, a world without room or rights, engines that die. Each gets a clear
//! word and the right exit code, and nothing that was recorded is lost.

use std::fmt::Write as _;

use super::folder::Folder;

#[test]
fn a_run_whose_engine_was_killed_is_orphaned_and_can_be_gone_on_with() {
    let folder = Folder::new().file(
        "w.yaml",
        "spore: w
kind: workflow
tasks:
  a: {run: 'echo x=1 > $SPORE_OUTPUT; echo ran >> a.ran'}
  b: {needs: a, run: 'echo ran >> b.ran; [ -e calm ] || { touch calm; kill -9 $(grep -o process[^@]* .spore/runs/*/journal.jsonl | grep -o [0-9]*$) $PPID; }'}
  c: {needs: b, run: 'true'}
",
    );
    let killed = folder.spore(&["run", "w.yaml"]);
    assert_eq!(killed.code, -1, "{killed:?}");
    assert_eq!(folder.spore(&["runs", "--format", "json"]).exits(0).json()[0]["status"], "orphaned");
    let shown = folder.spore(&["show", "latest", "--format", "json"]).exits(0).json();
    assert_eq!(shown["status"], "orphaned");
    let status = |task: usize| shown["tasks"][task]["status"].as_str().expect("a status").to_owned();
    assert_eq!([status(0), status(1), status(2)], ["succeeded", "lost", "waiting"]);
    assert_eq!(shown["tasks"][1]["attempts"][0]["outcome"]["kind"], "lost");
    assert_eq!(shown["tasks"][0]["outputs"]["x"], "1");
    folder.spore(&["show", "latest"]).exits(0).says("in doubt").says("spore resume");
    folder.spore(&["logs", "latest", "--follow"]).exits(0);
    folder.spore(&["resume"]).exits(100);
    assert_eq!(folder.read("b.ran").lines().count(), 1, "it is not idempotent");
    folder.spore(&["resolve", "latest", "b", "--rerun"]).exits(0);
    assert_eq!([folder.read("a.ran").lines().count(), folder.read("b.ran").lines().count()], [1, 2]);
}

#[test]
fn a_task_that_waited_for_its_next_attempt_is_not_lost_with_its_engine() {
    let folder = Folder::new().file(
        "w.yaml",
        "spore: w
kind: workflow
tasks:
  a: {retry: {limit: 3, backoff: 1h}, run: exit 7}
  b: 'until grep -q retry_scheduled .spore/runs/*/journal.jsonl; do sleep 0.01; done; kill -9 $(grep -o process[^@]* .spore/runs/*/journal.jsonl | grep -o [0-9]*$) $PPID'
",
    );
    assert_eq!(folder.spore(&["run", "w.yaml", "--jobs", "2"]).code, -1);
    let shown = folder.spore(&["show", "latest", "--format", "json"]).exits(0).json();
    assert_eq!([&shown["tasks"][0]["status"], &shown["tasks"][1]["status"]], ["waiting", "lost"]);
}

#[test]
fn a_damaged_journal_is_said_and_what_is_before_the_damage_is_shown() {
    let folder = Folder::new().file("w.yaml", "spore: w\nkind: workflow\ntasks: {a: 'true'}\n");
    let id = folder.run("w.yaml", &[]).exits(0).id();
    let name = format!(".spore/runs/{id}/journal.jsonl");
    let whole = folder.read(&name);
    folder.spore(&["show", "latest"]).exits(0).never_says("warning");
    folder.write(&name, whole.replace("run_ended", "run_endet"));
    folder.spore(&["show", "latest"]).exits(0).says("warning: the journal of this run: line 4 is damaged");
    folder.write(&name, &whole[..whole.len() - 9]);
    folder.spore(&["show", "latest", "--format", "json"]).exits(0).says("line 5 was cut off").says("succeeded");
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

const HEAD: &str = "spore: w\nkind: workflow\n";

#[test]
fn what_is_written_wrongly_is_named_with_its_place_and_what_to_do() {
    let cases: [(&str, &[&str]); 11] = [
        (
            "tasks:\n  a: {needs: [c], run: x}\n  b: {needs: [a], run: x}\n  c: {needs: [b], run: x}\n",
            &["`a` → `c` → `b` → `a`", "w.yaml:4:"],
        ),
        ("tasks: {build: x, b: {needs: [biuld], run: x}}\n", &["`biuld`", "w.yaml:3:", "did you mean `build`?"]),
        ("tasks:\n  a: x\n  a: y\n", &["`a` is given twice", "w.yaml:5:3", "first given here"]),
        ("tasks: {a: {run: x, timout: 5m}}\n", &["`timout`", "did you mean `timeout`?"]),
        ("tasks: {a: {run: x, timeout: 5 parsecs}}\n", &["`parsecs`", "`90s`"]),
        ("tasks: {a: {run: x, timeout: 0s}}\n", &["no time at all"]),
        ("params: {p: {required: true}}\ntasks: {a: x}\n", &["`p` is required", "--param p="]),
        ("tasks: {../../evil: x}\n", &["`../../evil`", "w.yaml:3:"]),
        ("tasks: {a: {run: x, retry: {limit: 100000}}}\n", &["from 0 to 99"]),
        ("tasks: {a: {run: x, env: {'A=B': x}}}\n", &["cannot name an environment variable"]),
        (
            "l: &l [0,1,2,3,4,5,6,7,8,9]\ntasks: {a: {run: x, matrix: {a: *l, b: *l, c: *l, d: *l, e: *l, f: *l}}}\n",
            &["more than 200000 tasks", "smaller"],
        ),
    ];
    let folder = Folder::new();
    for (text, words) in cases {
        folder.write("w.yaml", format!("{HEAD}{text}"));
        let mut answer = folder.spore(&["run", "w.yaml"]).exits(3);
        for word in words {
            answer = answer.says(word);
        }
    }
    assert!(!folder.path(".spore").exists() && !folder.path("results").exists(), "nothing began");
}

#[test]
fn what_is_no_spore_is_said_to_be_none() {
    let folder = Folder::new().file("ok.yaml", &format!("{HEAD}tasks: {{a: x}}\n"));
    folder.write("latin.yaml", b"spore: w\nkind: workflow\ntasks: {a: '\xff'}\n");
    folder.write("nul.yaml", format!("{HEAD}tasks: {{a: 'x\0y'}}\n"));
    folder.write("big.md", vec![b'a'; 5 << 20]);
    std::fs::create_dir(folder.path("dir.yaml")).expect("a folder");
    let link = |target: &str, name: &str| std::os::unix::fs::symlink(target, folder.path(name)).expect("a link");
    link("/etc/passwd", "out.yaml");
    link("loop.yaml", "loop.yaml");
    link("nowhere.yaml", "dangling.yaml");
    for (file, word) in [
        ("latin.yaml", "not UTF-8 at 3:13"),
        ("nul.yaml", "NUL byte"),
        ("big.md", "5242880 bytes"),
        ("dir.yaml", "is a folder"),
        ("out.yaml", "out of the folder"),
        ("loop.yaml", "leads to itself"),
        ("dangling.yaml", "does not exist"),
        ("okk.yaml", "did you mean `ok.yaml`?"),
        ("/dev/zero", "a device"),
    ] {
        folder.spore(&["run", file]).exits(3).says(word);
        // A folder can be checked, file by file.
        folder.spore(&["check", file]).exits(if file == "dir.yaml" { 0 } else { 3 });
    }
}

#[test]
fn depth_and_repetition_are_refused_before_they_cost_anything() {
    let folder = Folder::new();
    let mut bomb = format!("{HEAD}a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
    for level in 1..12 {
        let items = vec![format!("*a{}", level - 1); 9].join(",");
        let _ = writeln!(bomb, "a{level}: &a{level} [{items}]");
    }
    let deep = |open: &str, close: &str| format!("{HEAD}tasks: {}x{}\n", open.repeat(10_000), close.repeat(10_000));
    let block: Vec<String> = (1..2_000).map(|level| " ".repeat(level) + "a:\n").collect();
    let block = block.concat();
    let template = |inner: &str| format!("{HEAD}tasks: {{a: {{run: x, env: {{A: \"{{{{ {inner} }}}}\"}}}}}}\n");
    let bad = [
        bomb,
        deep("[", "]"),
        deep("{a: ", "}"),
        format!("{HEAD}tasks:\n{block}"),
        format!("{HEAD}tasks:\n{}x\n", "- ".repeat(10_000)),
        template(&format!("{}1", "-".repeat(20_000))),
        template(&format!("a{}", ".a".repeat(20_000))),
        template(&format!("{}1", "(".repeat(20_000))),
    ];
    for text in bad {
        folder.write("w.yaml", &text);
        let answer = folder.spore(&["run", "w.yaml"]).exits(3);
        assert!(answer.err.len() < 20_000, "{} bytes of error", answer.err.len());
    }
    for text in ["> ".repeat(10_000), "- ".repeat(10_000), "[".repeat(100_000), "*a_".repeat(50_000)] {
        folder.write("w.md", format!("---\nkind: workflow\n---\n{text}hi\n\n# A\n\n```sh\ntrue\n```\n"));
        folder.spore(&["run", "w.md"]).exits(0);
    }
}

#[test]
fn nothing_from_a_file_reaches_the_screen_as_a_command_to_it() {
    let name = "esc\u{1b}]0;evil\u{7}\u{202e}\nname.yaml";
    let folder = Folder::new().file(
        name,
        "spore: w
kind: workflow
concurrency: {group: \"\\e[2J\"}
tasks:
  a: {title: \"\\e]0;evil\\a \\u202egnp.exe \\e[2J\", run: 'printf \"a\\033[2Jb\\033]0;evil\\007\\n\"; exit 1'}
",
    );
    folder.write("bad\u{1b}[2J.yaml", format!("{HEAD}tasks: {{a: {{\"r\\e[2Jn\": x}}}}\n"));
    for words in [
        vec!["run", name],
        vec!["plan", name],
        vec!["check"],
        vec!["runs"],
        vec!["show", "latest"],
        vec!["run", "no\u{1b}[2J.yaml"],
        vec!["retry", "latest"],
    ] {
        folder.spore(&words).never_says("\u{1b}").never_says("\u{202e}").never_says("\u{7}");
    }
}

#[test]
fn files_may_be_called_anything() {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = Folder::new();
    for name in [b"./-x.yaml".as_slice(), b"a b.yaml", b"new\nline.yaml", b"\xff\xfe.yaml", b"#.yaml", b"a#b.yaml"] {
        let name = std::ffi::OsStr::from_bytes(name);
        std::fs::write(folder.root().join(name), format!("{HEAD}tasks: {{a: 'true'}}\n")).expect("written");
        let status = folder.command(&["run"]).arg(name).output().expect("started").status;
        assert_eq!(status.code(), Some(0), "{name:?}");
        let status = folder.command(&["retry", "latest", "--from", "a"]).output().expect("started").status;
        assert_eq!(status.code(), Some(0), "{name:?} again");
    }
    folder.spore(&["check"]).exits(0).says("6 files are fine");
}

#[test]
fn a_result_that_could_not_be_written_is_written_later() {
    let folder = Folder::new()
        .file("w.yaml", &format!("{HEAD}tasks: {{a: echo a >> ran, b: '[ -e calm ]'}}\n"))
        .file("results", "in the way");
    folder
        .spore(&["run", "w.yaml"])
        .exits(111)
        .says("has ended (failed)")
        .says("results` is in the way")
        .says("spore resume");
    let shown = folder.spore(&["show", "latest", "--format", "json"]).exits(0).json();
    assert_eq!((shown["status"].as_str(), shown["result"].as_str()), (Some("failed"), None), "nothing is lost");
    folder.spore(&["show", "latest"]).exits(0).says("not written");
    std::fs::remove_file(folder.path("results")).expect("removed");
    folder.write("calm", "");
    let first = shown["id"].as_str().expect("an id");
    folder.spore(&["retry", "latest"]).exits(0);
    let shown = folder.spore(&["show", first, "--format", "json"]).exits(0).json();
    let page = folder.read(shown["result"]["path"].as_str().expect("a result"));
    assert!(page.contains("status: \"failed\"") && page.contains(first), "{page}");
    assert_eq!(folder.read("ran").lines().count(), 1, "what succeeded is not run again");
}

#[test]
fn a_command_that_deletes_the_journal_is_told_of() {
    let folder =
        Folder::new().file("w.yaml", &format!("{HEAD}tasks: {{a: rm -rf .spore, b: {{needs: a, run: 'true'}}}}\n"));
    folder.spore(&["run", "w.yaml"]).exits(0).says("the journal was deleted");
    folder.spore(&["runs"]).exits(0).says("no runs yet");
    let folder = Folder::new().file("w.yaml", &format!("{HEAD}tasks: {{a: rm w.yaml; exit 1}}\n"));
    folder.spore(&["run", "w.yaml"]).exits(100);
    folder.spore(&["retry", "latest"]).exits(100).says(".spore/runs");
}

/// The program as somebody who may do nothing here; `None` where the tests are not run by the superuser.
fn as_nobody(folder: &Folder, words: &[&str]) -> Option<super::folder::Answer> {
    use std::os::unix::process::CommandExt as _;
    let mut command = folder.command(words);
    let output = command.uid(65_534).gid(65_534).output().ok()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code()?;
    Some(super::folder::Answer { code, out: text(&output.stdout), err: text(&output.stderr) })
}

#[test]
fn rights_that_are_missing_are_named() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new().file("w.yaml", &format!("{HEAD}tasks: {{a: 'true'}}\n")).file("shut.yaml", HEAD);
    let mode = |name: &str, mode: u32| {
        std::fs::set_permissions(folder.path(name), std::fs::Permissions::from_mode(mode)).expect("changed");
    };
    mode("", 0o755);
    mode("shut.yaml", 0o600);
    if as_nobody(&folder, &["--version"]).is_none_or(|answer| answer.code != 0) {
        return crate::skipped("this user cannot become another one");
    }
    let nobody = |words: &[&str]| as_nobody(&folder, words).expect("started");
    nobody(&["run", "shut.yaml"]).exits(3).says("no permission to read `shut.yaml`").says("ls -ld");
    nobody(&["check"]).exits(3).says("no permission");
    nobody(&["plan", "w.yaml"]).exits(0);
    nobody(&["run", "w.yaml"]).exits(111).says("no permission").says("must be writable");
}
