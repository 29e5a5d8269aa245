//! The steps of editors and of git around one content: it arrives once.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use spore::os;

use super::ground::{Ground, quick, write_in_place};

fn chmod(path: &Path, mode: u32) {
    let file = File::open(path).expect("opened");
    file.set_permissions(fs::Permissions::from_mode(mode)).expect("set");
}

#[expect(clippy::disallowed_methods, reason = "the tests dance with real programs")]
fn program(folder: &Path, words: &[&str]) {
    let mut command = Command::new(words[0]);
    for variable in ["GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"] {
        command.env_remove(variable);
    }
    let output = command.current_dir(folder).args(&words[1..]).output().expect("it starts");
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Plays a dance around a.md that ends with a new content, and counts arrivals.
async fn dance(name: &str, steps: impl FnOnce(&Path)) {
    let mut ground = Ground::prepared(quick(), |here| write_in_place(&here.join("a.md"), "before"));
    steps(ground.root.path());
    ground.until_arrived("a.md").await;
    ground.until_settled("mark.md").await;
    assert_eq!(ground.count("a.md"), 1, "{name}");
    assert_eq!(ground.arrived.len(), 2, "{name}: {:?}", ground.arrived);
}

#[tokio::test]
async fn editors_make_one_arrival_of_one_content() {
    // Vim, when it keeps the old file until the new one is written.
    dance("vim, backup by rename", |here| {
        let (file, backup) = (here.join("a.md"), here.join("a.md~"));
        write_in_place(&here.join("4913"), "");
        os::file::remove(&here.join("4913")).expect("removed");
        write_in_place(&here.join(".a.md.swp"), "swap");
        os::file::rename(&file, &backup).expect("renamed");
        write_in_place(&file, "after");
        chmod(&file, 0o640);
        os::file::remove(&backup).expect("removed");
        os::file::remove(&here.join(".a.md.swp")).expect("removed");
    })
    .await;
    // Vim, when others have links to the file.
    dance("vim, backup by copy", |here| {
        write_in_place(&here.join("a.md~"), "before");
        write_in_place(&here.join("a.md"), "after");
        chmod(&here.join("a.md"), 0o644);
        os::file::remove(&here.join("a.md~")).expect("removed");
    })
    .await;
    dance("VS Code, in place and twice", |here| {
        write_in_place(&here.join("a.md"), "");
        write_in_place(&here.join("a.md"), "after");
        program(here, &["touch", "a.md"]);
    })
    .await;
    dance("emacs, lock and rename", |here| {
        std::os::unix::fs::symlink("me@here.1", here.join(".#a.md")).expect("linked");
        write_in_place(&here.join("#a.md#"), "after");
        os::file::rename(&here.join("#a.md#"), &here.join("a.md")).expect("renamed");
        os::file::remove(&here.join(".#a.md")).expect("removed");
    })
    .await;
    dance("sed -i", |here| program(here, &["sed", "-i", "s/before/after/", "a.md"])).await;
    dance("chmod before and after", |here| {
        chmod(&here.join("a.md"), 0o600);
        program(here, &["touch", "-d", "2020-01-01", "a.md"]);
        write_in_place(&here.join("a.md"), "after");
        chmod(&here.join("a.md"), 0o644);
    })
    .await;
}

#[tokio::test]
async fn touching_is_no_arrival() {
    let mut ground = Ground::prepared(quick(), |here| write_in_place(&here.join("a.md"), "same"));
    let file = ground.path("a.md");
    for _ in 0..20 {
        write_in_place(&file, "same");
        chmod(&file, 0o600);
        program(ground.root.path(), &["touch", "a.md"]);
        ground.put("a.md", "same");
    }
    ground.until_settled("mark.md").await;
    assert_eq!(ground.count("a.md"), 0, "{:?}", ground.arrived);
}

#[tokio::test]
async fn a_checkout_of_many_files_is_one_arrival_each() {
    let count = 500;
    let names: Vec<String> = (0..count).map(|number| format!("team-{}/{number}.md", number % 7)).collect();
    let mut ground = Ground::prepared(quick(), |here| {
        program(here, &["git", "init", "-q", "-b", "main", "."]);
        let commit = ["git", "-c", "user.name=A", "-c", "user.email=a@b.c", "commit", "-q", "--allow-empty", "-m", "x"];
        program(here, &commit);
        program(here, &["git", "checkout", "-q", "-b", "files"]);
        for name in &names {
            super::put(&here.join(name), name);
        }
        program(here, &["git", "add", "."]);
        program(here, &commit);
        program(here, &["git", "checkout", "-q", "main"]);
    });
    program(ground.root.path(), &["git", "checkout", "-q", "files"]);
    ground.until("all arrived", |ground| ground.arrived.len() == count).await;
    program(ground.root.path(), &["git", "checkout", "-q", "main"]);
    ground.until("all went", |ground| ground.gone.len() == count).await;
    ground.until_settled("mark.md").await;
    assert!(names.iter().all(|name| ground.count(name) == 1), "something arrived twice");
}
