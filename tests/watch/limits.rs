//! What happens at the system's limits: it is told, the files are found all the same, and the system is asked again.
//!
//! The limits are those of a namespace that the test makes for itself, so that nobody else on the machine meets them.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use spore::os;
use spore::watch::{Notice, Options, Refused};

use super::ground::{Ground, quick};
use super::put;

/// Says to this program, started again, which limit it is under.
const LIMIT: &str = "SPORE_TEST_WATCH_LIMIT";

#[test]
fn at_a_limit_files_are_found_by_looking_until_it_is_raised() {
    if let Ok(limit) = std::env::var(LIMIT) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        return runtime.block_on(under(&limit));
    }
    for (limit, value) in [("max_inotify_watches", 4), ("max_inotify_instances", 0)] {
        if !is_met(limit, value) {
            return crate::skipped("there are no namespaces of users");
        }
    }
}

/// Starts this test again where the limit is so low. Whether it could be: a failure of the test is one of this one.
#[expect(clippy::disallowed_methods, reason = "limits belong to processes")]
fn is_met(limit: &str, value: u32) -> bool {
    let name = "watch::limits::at_a_limit_files_are_found_by_looking_until_it_is_raised";
    let script = format!("echo {value} > /proc/sys/user/{limit} || exit 77; exec \"$0\" --exact {name}");
    let mut command = Command::new("unshare");
    command.args(["-U", "-r", "sh", "-c", &script]).arg(std::env::current_exe().expect("this program"));
    let Ok(output) = command.env(LIMIT, limit).stdin(Stdio::null()).output() else { return false };
    let said = String::from_utf8_lossy(&output.stdout);
    let has_run = said.contains("running 1 test");
    assert!(output.status.success() || !has_run, "{limit}: {said}{}", String::from_utf8_lossy(&output.stderr));
    has_run
}

async fn under(limit: &str) {
    let options = Options { retry: Duration::from_millis(150), ..quick() };
    let mut ground = Ground::prepared(options, |here| {
        for number in 0..10 {
            put(&here.join(format!("team-{number}/a.md")), "known");
        }
    });
    assert!(!ground.folder.is_native(), "{limit} was not met");
    ground.put("team-7/b.md", "new");
    ground.until_arrived("team-7/b.md").await;
    let [Notice::Polling { because, .. }] = &ground.notices[..] else { panic!("{:?}", ground.notices) };
    let is_right = match limit {
        "max_inotify_watches" => matches!(because, Refused::Watches(Some(_))),
        _ => matches!(because, Refused::Watchers(Some(_))),
    };
    assert!(is_right, "{because:?}");
    raise(&Path::new("/proc/sys/user").join(limit));
    ground.until("the system tells again", |ground| ground.notices.contains(&Notice::Native)).await;
    assert_eq!((ground.folder.is_native(), ground.notices.len()), (true, 2), "{:?}", ground.notices);
    ground.put("team-9/c.md", "told");
    ground.until_arrived("team-9/c.md").await;
    assert!(ground.arrived.values().all(|count| *count == 1) && ground.arrived.len() == 2, "{:?}", ground.arrived);
}

fn raise(limit: &Path) {
    let mut file = os::file::read_write(limit).expect("it is this namespace's own");
    std::io::Write::write_all(&mut file, b"1000").expect("raised");
}
