//! Starting a process, as fast as the machine allows.
//!
//! The standard library starts a process by `posix_spawn` (a vfork, which copies no page tables) only while nothing
//! asks for more than that call can do: no closure before exec, no user or group change, and a program named by a path
//! where the environment is replaced. All of that holds here, so a start costs the same in a large process as in a
//! small one.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::OnceLock;

use super::{Group, Output};

/// What to start. The program is an absolute path: looking it up is for the caller, who knows along which `PATH`.
#[derive(Debug)]
pub struct Launch {
    command: std::process::Command,
}

/// What was started.
#[derive(Debug)]
pub struct Launched {
    /// The process.
    pub child: Child,
    /// Its standard output.
    pub out: Output,
    /// Its standard error.
    pub err: Output,
}

/// A process that was started, the leader of a group of its own. Dropping it ends nothing, and it is still collected.
#[derive(Debug)]
pub struct Child {
    child: tokio::process::Child,
    group: Group,
}

impl Launch {
    /// The program at `program`, in `folder`, with an empty environment. It is told `name` as its own name.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is where processes start")]
    pub fn new(program: &Path, name: &OsStr, folder: &Path) -> Self {
        let mut command = std::process::Command::new(program);
        command.arg0(name).current_dir(folder).env_clear().process_group(0);
        Self { command }
    }

    /// Adds an argument.
    pub fn arg(&mut self, argument: impl AsRef<OsStr>) -> &mut Self {
        self.command.arg(argument);
        self
    }

    /// Sets a variable, over what was set before.
    pub fn env(&mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> &mut Self {
        self.command.env(name, value);
        self
    }

    /// Starts it, as the leader of a new process group, with nothing on its standard input. Needs a tokio runtime with
    /// I/O.
    ///
    /// # Errors
    /// What the kernel says of the program, of the folder, or of its own limits.
    pub fn start(mut self) -> io::Result<Launched> {
        let (out, to_out) = Output::pipe()?;
        let (err, to_err) = Output::pipe()?;
        self.command.stdin(nothing()?).stdout(Stdio::from(to_out)).stderr(Stdio::from(to_err));
        let child = tokio::process::Command::from(self.command).spawn()?;
        let group = child.id().and_then(Group::of_leader).ok_or_else(|| io::Error::other("the process has no id"))?;
        Ok(Launched { child: Child { child, group }, out, err })
    }
}

/// A standard input with nothing in it. The device is opened once: a copy of a descriptor costs less than a look-up.
fn nothing() -> io::Result<Stdio> {
    static NULL: OnceLock<File> = OnceLock::new();
    let null = match NULL.get() {
        Some(null) => null,
        None => {
            let opened = File::open("/dev/null")?;
            NULL.get_or_init(|| opened)
        }
    };
    Ok(null.try_clone()?.into())
}

impl Child {
    /// The group it leads.
    #[must_use]
    pub fn group(&self) -> Group {
        self.group
    }

    /// Waits for its end and collects it.
    ///
    /// # Errors
    /// When somebody else has collected it.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }
}

/// Keeps the descriptors that this process was given by who started it (beyond 0, 1 and 2) from commands. Those it
/// opens itself are kept anyway.
pub fn keep_descriptors_home() {
    close_fds::set_fds_cloexec_threadsafe(3, &[]);
}
