//! Processes by a mark in their environment. What was started with one hands it on to all that it starts, so it is found
//! also after it has left its group, its session and its parents; only what was started with another environment is not.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use super::stat::Stat;
use crate::os::identity::Identity;

/// A process of this user that carries a mark.
#[derive(Clone, Debug)]
pub struct Marked {
    /// Which process.
    pub identity: Identity,
    /// The name of its program, shortened by the kernel to 15 bytes.
    pub program: String,
    /// Its process group.
    pub group: i32,
    /// What the names that were asked for stand for in its environment, in the order they were asked for.
    pub values: Vec<Option<OsString>>,
}

impl Marked {
    /// Its number.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.identity.pid()
    }

    /// Whether it leads its process group, so that a signal to the group is one to all that it has started and that has
    /// not left.
    #[must_use]
    pub fn leads_group(&self) -> bool {
        self.group == self.pid()
    }

    /// For how long it has been running.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        self.identity.age()
    }
}

/// The processes of this user that began with these variables set to these values, by number. `names` are looked up in
/// the environment of each. This process itself is left out, and so is what has ended and was not collected.
///
/// It reads every process of this user, so it is for the rare cases only. What cannot be read, such as a program that
/// was given rights of its own, is passed over.
///
/// # Errors
/// When the system does not say which processes there are.
pub fn find_marked(marks: &[(&str, &OsStr)], names: &[&str]) -> io::Result<Vec<Marked>> {
    let mut found: Vec<Marked> = others()?.filter_map(|pid| look(pid, marks, names)).collect();
    found.sort_by_key(Marked::pid);
    Ok(found)
}

/// A process of this user, other than this one, that has the file at `path` open: its number and its program. As
/// [`find_marked`] it is for the rare cases only.
#[must_use]
pub fn find_opener(path: &Path) -> Option<(i32, String)> {
    let has_open = |pid: &i32| {
        let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        descriptors.into_iter().any(|one| std::fs::read_link(one.path()).is_ok_and(|target| target == path))
    };
    others().ok()?.find(has_open).and_then(|pid| Some((pid, Stat::of(pid)?.name)))
}

/// The processes of this user, without this one.
fn others() -> io::Result<impl Iterator<Item = i32>> {
    let (me, user) = (Identity::me().pid(), rustix::process::geteuid().as_raw());
    Ok(std::fs::read_dir("/proc")?.flatten().filter_map(move |entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        (pid != me && entry.metadata().is_ok_and(|metadata| metadata.uid() == user)).then_some(pid)
    }))
}

fn look(pid: i32, marks: &[(&str, &OsStr)], names: &[&str]) -> Option<Marked> {
    // Who it is comes first and last: in between its number may have gone to another process.
    let identity = Identity::of(pid)?;
    let environment = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
    if !marks.iter().all(|(name, value)| value_of(&environment, name) == Some(value.as_encoded_bytes())) {
        return None;
    }
    let values = names.iter().map(|name| value_of(&environment, name).map(|value| OsString::from_vec(value.to_vec())));
    let stat = Stat::of(pid).filter(|stat| !stat.is_zombie && identity.is_alive())?;
    Some(Marked { identity, program: stat.name, group: stat.group, values: values.collect() })
}

/// The value of a variable in an environment as the kernel shows it: `NAME=value`, each with a NUL behind it.
fn value_of<'a>(environment: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut variables = environment.split(|byte| *byte == 0);
    variables.find_map(|variable| variable.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_belongs_to_its_whole_name() {
        let environment = b"AB=1\0A=x=y\0B=\0LAST";
        assert_eq!(value_of(environment, "A"), Some(b"x=y".as_slice()));
        assert_eq!(value_of(environment, "B"), Some(b"".as_slice()));
        assert_eq!(value_of(environment, "LAST"), None);
        assert_eq!(value_of(environment, "C"), None);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the process that is found must not be started as a run starts one")]
    fn a_process_is_found_by_its_mark_and_what_it_starts_too() {
        let mark = format!("{:x}", crate::os::random::bits());
        let mut shell = std::process::Command::new("sh");
        // The inner shell says when it is there, and both end when nobody writes their input any more.
        shell.args(["-c", "exec 3<&0; (sh -c 'echo ready; read x <&3') & wait"]);
        shell.env("SPORE_TEST_MARK", &mark).env("OTHER", "7");
        shell.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let mut child = shell.spawn().expect("a shell starts");
        let mut said = String::new();
        let mut out = std::io::BufReader::new(child.stdout.take().expect("piped"));
        std::io::BufRead::read_line(&mut out, &mut said).expect("read");
        let find = |value: &str| {
            find_marked(&[("SPORE_TEST_MARK", value.as_ref())], &["OTHER", "NOTHING"]).expect("looked for")
        };
        let found = find(&mark);
        assert!(found.len() >= 2, "{found:?}");
        assert!(found.iter().any(|marked| u32::try_from(marked.pid()) == Ok(child.id())), "{found:?}");
        assert!(found.iter().all(|marked| marked.values == [Some("7".into()), None] && !marked.leads_group()));
        assert!(found.iter().all(|marked| marked.program == "sh" && marked.age().is_some()));
        assert!(find("another").is_empty());
        let _input = child.stdin.take();
        for marked in &found {
            marked.identity.kill();
        }
        child.wait().expect("ended");
        std::io::Read::read_to_string(&mut out, &mut said).expect("the last one has closed its end");
        assert!(find(&mark).is_empty(), "who has ended is not found");
    }
}
