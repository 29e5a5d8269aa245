//! Starting a process, as fast as the machine allows.
//!
//! `posix_spawn` (a vfork, which copies no page tables) costs the same in a large process as in a small one. The standard
//! library uses it too, but puts the environment together anew for each start, which costs more than all else that is
//! done here for a command. So the environment that commands have in common is made ready once. The portable call cannot
//! change folders, so this process goes into the folder of a command before it starts it: only a process of one thread
//! may do that, which the supervisor is.

use std::cell::RefCell;
use std::ffi::{CStr, CString, OsStr};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawn};
use nix::sys::signal::{SigSet, Signal};

use super::{Detached, Group, Output, Variables};
use crate::os::signals;

/// What to start. The program is an absolute path: looking it up is for the caller, who knows along which `PATH`.
#[derive(Debug)]
pub struct Launch<'a> {
    program: PathBuf,
    folder: PathBuf,
    /// The name it is told, and its arguments.
    words: Vec<CString>,
    shared: &'a Variables,
    own: Variables,
    holds_nul: bool,
}

/// What was started.
#[derive(Debug)]
pub struct Launched {
    /// The process, as the leader of its group.
    pub group: Group,
    /// Its standard output.
    pub out: Output,
    /// Its standard error.
    pub err: Output,
}

impl<'a> Launch<'a> {
    /// The program at `program`, in `folder`, with `shared` as its environment. It is told `name` as its own name.
    #[must_use]
    pub fn new(program: &Path, name: &OsStr, folder: &Path, shared: &'a Variables) -> Self {
        let mut launch = Self {
            program: program.to_path_buf(),
            folder: folder.to_path_buf(),
            words: Vec::new(),
            shared,
            own: Variables::default(),
            holds_nul: false,
        };
        launch.arg(name);
        launch
    }

    /// Adds an argument.
    pub fn arg(&mut self, argument: impl AsRef<OsStr>) -> &mut Self {
        match CString::new(argument.as_ref().as_bytes()) {
            Ok(argument) => self.words.push(argument),
            Err(_) => self.holds_nul = true,
        }
        self
    }

    /// Sets a variable, over what was set before.
    pub fn env(&mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> &mut Self {
        self.holds_nul |= !self.own.set(name.as_ref(), value.as_ref());
        self
    }

    /// Starts it, as the leader of a new process group, with nothing on its standard input. Its end is heard of by
    /// [`reap`](super::reap).
    ///
    /// # Errors
    /// What the kernel says of the program, of the folder, or of its own limits.
    pub fn start(self) -> io::Result<Launched> {
        if self.holds_nul {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "an argument or a variable holds a NUL character"));
        }
        let (out, to_out) = Output::pipe()?;
        let (err, to_err) = Output::pipe()?;
        let pid = self.start_in_folder(&to_out, &to_err)?;
        Ok(Launched { group: Group::of_leader(pid)?, out, err })
    }

    fn start_in_folder(&self, to_out: &OwnedFd, to_err: &OwnedFd) -> io::Result<i32> {
        enter(&self.folder)?;
        let mut descriptors = PosixSpawnFileActions::init()?;
        for (from, to) in [(nothing()?.as_fd(), 0), (to_out.as_fd(), 1), (to_err.as_fd(), 2)] {
            descriptors.add_dup2(from.as_raw_fd(), to)?;
        }
        let mut attributes = PosixSpawnAttr::init()?;
        attributes.set_flags(
            PosixSpawnFlags::POSIX_SPAWN_SETPGROUP
                | PosixSpawnFlags::POSIX_SPAWN_SETSIGDEF
                | PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK,
        )?;
        attributes.set_pgroup(nix::unistd::Pid::from_raw(0))?;
        attributes.set_sigdefault(usual_signals())?;
        attributes.set_sigmask(&SigSet::empty())?;
        let environment: Vec<&CStr> = self.shared.with(&self.own).collect();
        Ok(posix_spawn(self.program.as_path(), &descriptors, &attributes, &self.words, &environment)?.as_raw())
    }
}

/// Starts the program at `program` with these words (its name first) and variables as a process that no signal reaches
/// and that goes on when this one ends. `input` is its standard input; what it prints goes nowhere.
///
/// # Errors
/// What the kernel says.
pub fn start_detached(
    program: &Path,
    words: &[&OsStr],
    variables: &Variables,
    input: &OwnedFd,
) -> io::Result<Detached> {
    let words: Result<Vec<CString>, _> = words.iter().map(|word| CString::new(word.as_bytes())).collect();
    let words = words.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    let mut descriptors = PosixSpawnFileActions::init()?;
    descriptors.add_dup2(input.as_raw_fd(), 0)?;
    let null = crate::os::file::append(Path::new("/dev/null"))?;
    for to in [1, 2] {
        descriptors.add_dup2(null.as_raw_fd(), to)?;
    }
    let mut attributes = PosixSpawnAttr::init()?;
    attributes.set_flags(PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK)?;
    attributes.set_sigmask(&SigSet::all())?;
    let environment: Vec<&CStr> = variables.texts().collect();
    Detached::new(posix_spawn(program, &descriptors, &attributes, &words, &environment)?.as_raw())
}

/// Goes into `folder`, unless this process is there already. Who starts processes of different folders at a time must
/// be one thread.
fn enter(folder: &Path) -> io::Result<()> {
    thread_local! {
        static HERE: RefCell<PathBuf> = const { RefCell::new(PathBuf::new()) };
    }
    HERE.with_borrow_mut(|here| {
        if *here != folder {
            std::env::set_current_dir(folder)?;
            folder.clone_into(here);
        }
        Ok(())
    })
}

/// Goes where nothing is held: a process that waits must not keep a folder from being unmounted, nor take a new folder for
/// one that was removed because both have one path.
///
/// # Errors
/// What the kernel says.
pub fn leave_folder() -> io::Result<()> {
    enter(Path::new("/"))
}

/// The signals that commands take as usual: all but those that this process was told to ignore. A broken pipe is among
/// them: this process ignores it, as every Rust program does, but a command is to end of it. Naming all of them spares
/// the C library one question to the kernel for each, in every start.
fn usual_signals() -> &'static SigSet {
    static USUAL: OnceLock<SigSet> = OnceLock::new();
    USUAL.get_or_init(|| {
        let mut usual = SigSet::all();
        let ignored = |signal: &Signal| *signal != Signal::SIGPIPE && signals::is_ignored(*signal as i32);
        Signal::iterator().filter(ignored).for_each(|signal| usual.remove(signal));
        usual
    })
}

/// A standard input with nothing in it, opened once: a copy of a descriptor costs less than a look-up.
fn nothing() -> io::Result<&'static File> {
    static NULL: OnceLock<File> = OnceLock::new();
    if let Some(null) = NULL.get() {
        return Ok(null);
    }
    let opened = File::open("/dev/null")?;
    Ok(NULL.get_or_init(|| opened))
}

/// Keeps the descriptors that this process was given by who started it (beyond 0, 1 and 2) from commands. Those it
/// opens itself are kept anyway.
pub fn keep_descriptors_home() {
    close_fds::set_fds_cloexec_threadsafe(3, &[]);
}
