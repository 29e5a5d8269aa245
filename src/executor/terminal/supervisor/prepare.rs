//! From an attempt to a process that can be started, or the reason why not.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::simple::plain_words;
use crate::executor::terminal::environment::Base;
use crate::model::{Attempt, CommandLine, Language};
use crate::os::process::{Found, Launch, Refusal, find_program, guess_program};

/// Longer scripts are handed over as files: a kernel takes 128 KiB in one argument.
const SCRIPT_ARGUMENT_BYTES_MAX: usize = 100_000;

/// What is to be executed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Start {
    /// The program, as an absolute path.
    pub(super) program: PathBuf,
    /// What it is told it is called.
    pub(super) name: OsString,
    /// Its arguments.
    pub(super) arguments: Vec<OsString>,
    /// A file that must be written first.
    pub(super) script: Option<(PathBuf, Arc<str>)>,
    /// Whether a shell was spared. When the program cannot be executed, a shell is to try: its error is the one people
    /// know, and it reads scripts that have no `#!` line.
    pub(super) spares_shell: bool,
}

impl Start {
    fn new(program: PathBuf, name: impl Into<OsString>) -> Self {
        Self { program, name: name.into(), arguments: Vec::new(), script: None, spares_shell: false }
    }

    fn with(mut self, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// The process, with the attempt's environment.
    pub(super) fn launch<'a>(&self, attempt: &Attempt, base: &'a Base) -> Launch<'a> {
        let mut launch = Launch::new(&self.program, &self.name, &attempt.workdir, base.variables());
        for argument in &self.arguments {
            launch.arg(argument);
        }
        launch.env("PWD", &attempt.workdir);
        for (name, value) in &attempt.env {
            launch.env(name, value);
        }
        launch.env("SPORE_RUN", attempt.id.run.to_string());
        launch.env("SPORE_TASK", attempt.id.task.as_str());
        launch.env("SPORE_ATTEMPT", attempt.id.number.to_string());
        launch.env("SPORE_ROOT", attempt.root.as_path());
        launch.env("SPORE_OUTPUT", attempt.id.output_path(&attempt.run_dir));
        launch
    }
}

/// Decides what to execute.
///
/// A script of one line of plain words is executed without a shell. Other scripts are handed to their interpreter:
///
/// | language | started as |
/// |---|---|
/// | sh | `sh -e -c TEXT` |
/// | bash, zsh | `bash -e -o pipefail -c TEXT` |
/// | python | `python3 -c TEXT` |
/// | node, ruby, perl | `node -e TEXT` |
///
/// With `-e` a script ends, with the same exit code, at the first command that fails, unless that command stands in a
/// condition (`if`, `while`, `until`, before `&&` or `||`, after `!`). With `pipefail` a pipeline fails when any part of
/// it does; plain `sh` looks at the last part only. A text that begins with `#!` or is longer than 100 kB is written to
/// a file of the run, and the interpreter is given its path instead; the `#!` line has the last word on who that is.
///
/// # Errors
/// The reason, as a sentence for people, where the attempt cannot start.
pub(super) fn prepare(attempt: &Attempt, base: &Base) -> Result<Start, String> {
    check_workdir(attempt)?;
    check_environment(attempt)?;
    let path = search_path(attempt, base);
    match &attempt.command {
        CommandLine::Argv(words) => {
            let word = words.first().ok_or("the command is an empty list")?;
            if words.iter().any(|word| word.contains('\0')) {
                return Err("an argument holds a NUL character, which no program can be given".into());
            }
            Ok(Start::new(program(word, path, &attempt.workdir)?, word).with(&words[1..]))
        }
        CommandLine::Script { language, text } => script(attempt, *language, text, path),
    }
}

/// The same script, handed to its shell although it seemed to need none.
///
/// # Errors
/// As [`prepare`].
pub(super) fn prepare_shell(attempt: &Attempt, base: &Base) -> Result<Start, String> {
    match &attempt.command {
        CommandLine::Script { language, text } => interpreter(attempt, *language, text, search_path(attempt, base)),
        CommandLine::Argv(_) => Err("the command is no script".into()),
    }
}

fn script(attempt: &Attempt, language: Language, text: &Arc<str>, path: &OsStr) -> Result<Start, String> {
    if text.contains('\0') {
        return Err("the script holds a NUL character".into());
    }
    if let Some(line) = text.strip_prefix("#!") {
        return shebang(attempt, line.lines().next().unwrap_or_default().trim(), text, path);
    }
    if language == Language::Sh
        && let Some(words) = plain_words(text)
        && let Some(found) = guess_program(words[0].as_ref(), path, &attempt.workdir)
    {
        let mut start = Start::new(found, words[0]).with(&words[1..]);
        start.spares_shell = true;
        return Ok(start);
    }
    interpreter(attempt, language, text, path)
}

fn interpreter(attempt: &Attempt, language: Language, text: &Arc<str>, path: &OsStr) -> Result<Start, String> {
    let name = language.program();
    let (options, take_text): (&[&str], &str) = match language {
        Language::Sh => (&["-e"], "-c"),
        Language::Bash | Language::Zsh => (&["-e", "-o", "pipefail"], "-c"),
        Language::Python => (&[], "-c"),
        Language::Node | Language::Ruby | Language::Perl => (&[], "-e"),
    };
    // A system's own shell stands at a fixed place, which make and system(3) rely on as well.
    let found = match language {
        Language::Sh if Path::new("/bin/sh").exists() => PathBuf::from("/bin/sh"),
        _ => program(name, path, &attempt.workdir)?,
    };
    let start = Start::new(found, name).with(options);
    if text.len() <= SCRIPT_ARGUMENT_BYTES_MAX {
        return Ok(start.with([take_text, text]));
    }
    Ok(with_file(start, attempt, text))
}

/// Reads the `#!` line as the kernel does: an absolute program and at most one argument. Starting that program by
/// ourselves works on file systems that execute nothing, too.
fn shebang(attempt: &Attempt, line: &str, text: &Arc<str>, path: &OsStr) -> Result<Start, String> {
    let (word, argument) = line.split_once([' ', '\t']).map_or((line, ""), |(word, rest)| (word, rest.trim()));
    if word.is_empty() {
        return Err("the `#!` line names no interpreter".into());
    }
    if word.ends_with("/env") && !argument.starts_with('-') && !argument.contains(['=', ' ', '\t']) {
        program(argument, path, &attempt.workdir)?;
    }
    let start = Start::new(program(word, path, &attempt.workdir)?, word);
    Ok(with_file(start.with((!argument.is_empty()).then_some(argument)), attempt, text))
}

fn with_file(start: Start, attempt: &Attempt, text: &Arc<str>) -> Start {
    let file = attempt.run_dir.join("scripts").join(attempt.id.file_name());
    let mut start = start.with([&file]);
    start.script = Some((file, Arc::clone(text)));
    start
}

fn program(word: &str, path: &OsStr, folder: &Path) -> Result<PathBuf, String> {
    match find_program(word.as_ref(), path, folder) {
        Found::Program(place) => Ok(place),
        Found::NotExecutable(place) => {
            let place = place.display();
            Err(format!("`{place}` is not executable; `chmod +x` it, or name its interpreter before it"))
        }
        Found::Nothing if word.contains('/') => {
            Err(format!("there is no `{word}` in `{}`; check the path", folder.display()))
        }
        Found::Nothing => {
            let path = path.to_string_lossy();
            Err(format!("`{word}` was not found; install it, or add its folder to PATH, which is `{path}`"))
        }
    }
}

/// The `PATH` of the attempt: programs are looked up where the command itself would look.
fn search_path<'a>(attempt: &'a Attempt, base: &'a Base) -> &'a OsStr {
    attempt.env.iter().rev().find(|(name, _)| name == "PATH").map_or(base.path(), |(_, value)| OsStr::new(value))
}

fn check_workdir(attempt: &Attempt) -> Result<(), String> {
    let (workdir, root) = (&attempt.workdir, attempt.root.as_path());
    // The root itself needs no look: that it is a folder, the start will tell.
    if workdir == root {
        return Ok(());
    }
    let shown = workdir.display();
    let real = workdir.canonicalize().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => format!("the working directory `{shown}` does not exist; create it first"),
        _ => format!("the working directory `{shown}` cannot be used: {error}"),
    })?;
    if !real.is_dir() {
        return Err(format!("the working directory `{shown}` is not a folder"));
    }
    let real_root = root.canonicalize().map_err(|error| format!("the root `{}`: {error}", root.display()))?;
    if !real.starts_with(&real_root) {
        let (real, root) = (real.display(), real_root.display());
        return Err(format!("the working directory `{shown}` is `{real}`, outside of the root `{root}`"));
    }
    Ok(())
}

fn check_environment(attempt: &Attempt) -> Result<(), String> {
    for (name, value) in &attempt.env {
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(format!("`{}` cannot name an environment variable", name.escape_debug()));
        }
        if value.contains('\0') {
            return Err(format!("the environment variable `{name}` holds a NUL character"));
        }
    }
    Ok(())
}

/// Why a start that was prepared well failed at the last moment.
pub(super) fn refused(refusal: Refusal, start: &Start, attempt: &Attempt, error: &std::io::Error) -> String {
    let (program, workdir) = (start.program.display(), attempt.workdir.display());
    if !attempt.workdir.is_dir() {
        return format!("the working directory `{workdir}` is not a folder, or does not exist");
    }
    match refusal {
        Refusal::TooLong => {
            "the arguments and the environment are longer than the kernel takes; hand long values over in files".into()
        }
        Refusal::NoProgram => {
            format!("`{program}` is no program for this machine; a script needs a `#!` line")
        }
        Refusal::NoLoader => {
            format!("`{program}` cannot be executed: its interpreter or loader does not exist")
        }
        Refusal::Forbidden => format!("`{program}` must not be executed in `{workdir}`: {error}"),
        Refusal::Shortage => {
            format!("this machine takes no more processes now: {error}; lower `--jobs`, or raise `ulimit -u` and `-n`")
        }
        Refusal::Other => format!("`{program}` cannot be started: {error}"),
    }
}
