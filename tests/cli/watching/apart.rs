//! Watchers without a terminal: detached, and started by the system.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use super::fixture::Watching;
use crate::cli::folder::{Answer, Folder};

/// A detached watcher, which ends with its test.
struct Apart(String);

impl Apart {
    fn start(folder: &Folder) -> (Self, Answer) {
        let answer = folder.spore(&["watch", "--detach", "--trust", "open", "--format", "json"]).exits(0);
        let apart = Self(answer.json()["watcher"]["pid"].to_string());
        (apart, answer)
    }

    fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.0]).status().expect("kill starts").success());
    }

    fn is_there(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0)).unwrap_or_default();
        stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-9", &self.0]).stderr(std::process::Stdio::null()).status();
    }
}

fn wait_until(folder: &Folder, name: &str, text: &str) {
    while !std::fs::read_to_string(folder.path(name)).is_ok_and(|read| read.contains(text)) {
        std::thread::yield_now();
    }
}

#[test]
fn a_detached_watcher_is_there_when_the_command_returns() {
    let folder = Folder::new().file("spore.toml", "");
    let (apart, _) = Apart::start(&folder);
    let session = std::fs::read_to_string(format!("/proc/{}/stat", apart.0)).expect("it runs");
    let own = session.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(3)).map(str::to_owned);
    assert_eq!(own.as_deref(), Some(apart.0.as_str()), "it leads a session of its own");
    folder.write("hello.yaml", "spore: hello\nkind: workflow\ntasks: {a: echo hello}\n");
    wait_until(&folder, ".spore/watch.log", "\"ended\"");
    folder.spore(&["watch", "--detach", "--trust", "open"]).exits(111).says("watched already");
    apart.signal("-TERM");
    wait_until(&folder, ".spore/watch.log", "\"leaving\"");
    while apart.is_there() {
        std::thread::yield_now();
    }
}

#[test]
fn a_detached_watcher_that_does_not_come_up_says_why() {
    let folder = Folder::new().file("spore.toml", "[watch]\nsettle = 7\n");
    folder.write(".spore/watch.log", "x".repeat(2 << 20));
    let answer = folder.spore(&["watch", "--detach", "--trust", "open"]).exits(3);
    answer.says("spore.toml").never_says("xxx");
    assert_eq!(folder.read(".spore/watch.log.old").len(), 2 << 20, "a large log begins anew");
}

#[test]
fn a_hangup_without_a_closed_terminal_ends_no_watcher() {
    let folder = Folder::new().file("spore.toml", "");
    let mut watching = Watching::start(&folder);
    watching.signal("HUP");
    folder.spore(&["status"]).exits(0).says("watched for");
    folder.write("hello.yaml", "spore: hello\nkind: workflow\ntasks: {a: echo hello}\n");
    watching.hears_end_of("hello.yaml", "succeeded");
    watching.end();
}

/// A folder with a `systemctl` that notes what it is told.
fn with_systemctl(succeeds: bool) -> Folder {
    let folder = Folder::new().file("plans/spore.toml", "");
    let code = i32::from(!succeeds);
    folder.write("bin/systemctl", format!("#!/bin/sh\necho \"$@\" >> \"$HOME/told\"\nexit {code}\n"));
    let path = folder.path("bin/systemctl");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("a program");
    let path = format!("{}:/usr/bin:/bin", folder.path("bin").display());
    folder.env("PATH", &path)
}

#[test]
fn a_unit_is_installed_once_and_only_ours_is_taken_out() {
    let folder = with_systemctl(true);
    folder.spore(&["service", "status", "plans"]).exits(0).says("is not installed");
    let report = folder.spore(&["service", "install", "plans", "--trust", "open", "--format", "json"]).exits(0).json();
    assert_eq!((&report["state"], &report["to_type"]), (&"installed".into(), &serde_json::json!([])));
    let (name, file) = (report["name"].as_str().expect("a name"), report["file"].as_str().expect("a file"));
    assert!(name.starts_with("spore-plans-"), "{name}");
    assert!(file.starts_with(&*folder.config().join("systemd/user").to_string_lossy()), "{file}");
    assert_eq!(folder.read("told"), format!("--user daemon-reload\n--user enable --now {name}\n"));
    let unit = std::fs::read_to_string(file).expect("the unit");
    for line in ["KillMode=process", "Type=exec", "Restart=on-failure", "ExecReload=/bin/kill -HUP $MAINPID"] {
        assert!(unit.lines().any(|other| other == line), "{line} in {unit}");
    }
    folder.spore(&["service", "install", "plans", "--trust", "open"]).exits(0).says("up to date");
    folder.spore(&["service", "status", "plans"]).exits(0).says("up to date").never_says("not up to date");
    std::fs::write(file, unit.replace("RestartSec=5", "RestartSec=6")).expect("changed");
    folder.spore(&["service", "status", "plans"]).exits(0).says("not up to date");
    folder.spore(&["service", "uninstall", "plans"]).exits(0).says("taken out");
    folder.spore(&["service", "uninstall", "plans"]).exits(0).says("not installed");
    std::fs::write(file, "[Unit]\n").expect("somebody's own");
    folder.spore(&["service", "install", "plans"]).exits(2).says("not one that Spore wrote");
    folder.spore(&["service", "uninstall", "plans"]).exits(2).says("not one that Spore wrote");
    assert_eq!(std::fs::read_to_string(file).expect("still there"), "[Unit]\n");
}

#[test]
fn where_the_system_cannot_be_told_one_reads_what_to_type() {
    let folder = with_systemctl(false);
    let answer = folder.spore(&["service", "install", "plans"]).exits(0);
    answer.says("systemctl --user daemon-reload").says("systemctl --user enable --now spore-plans-");
    let odd = "od\nd";
    std::fs::create_dir(folder.path(odd)).expect("a folder");
    folder.spore(&["service", "install", odd]).exits(2).says("cannot stand in such a file");
}

#[test]
fn odd_paths_are_quoted_as_the_system_reads_them() {
    let folder = Folder::new().file("a $HOME 50% \"b\" \\c/spore.toml", "");
    let dir = "a $HOME 50% \"b\" \\c";
    let unit = folder.spore(&["service", "install", "--print", dir]).exits(0).out;
    assert!(unit.contains(r#"/a $$HOME 50%% \"b\" \\c""#), "{unit}");
    folder.write("x.service", &unit);
    match Command::new("systemd-analyze").args(["verify", "--user", "--man=no"]).arg(folder.path("x.service")).output()
    {
        Ok(said) => {
            let said = String::from_utf8_lossy(&said.stderr).into_owned();
            assert!(!said.contains("x.service:") || said.contains("Failed to"), "{said}\n{unit}");
        }
        Err(_) => crate::skipped("there is no systemd-analyze"),
    }
    let agent = folder.spore(&["service", "install", "--launchd", "--print", dir]).exits(0).out;
    assert!(
        agent.contains("<key>AbandonProcessGroup</key><true/>") && agent.contains("a $HOME 50% \"b\" \\c"),
        "{agent}"
    );
}
