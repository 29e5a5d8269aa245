//! Having the system start a watcher by itself: the file that tells it to, and the word to it that the file is there.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Error;
use crate::model::Digest;
use crate::os::process::ask;
use crate::os::{self, shell_word};
use crate::render::report::{UnitReport, UnitState};
use crate::render::{LAUNCHD_MARK, SYSTEMD_MARK, Started, launchd_agent, systemd_unit};
use crate::repo::{self, Root};
use crate::trust::Mode;

/// How long the system may take to answer.
const PATIENCE: Duration = Duration::from_mins(1);
/// Characters of a folder's name in the name of its unit.
const NAME_CHARS_MAX: usize = 40;

/// Which system starts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Init {
    /// systemd, for this user.
    Systemd,
    /// launchd, for this user.
    Launchd,
}

/// The file for a folder.
#[derive(Clone, Debug)]
pub struct Unit {
    init: Init,
    root: Root,
    name: String,
    file: PathBuf,
    words: Vec<String>,
    path: String,
}

impl Unit {
    /// The unit that has the folder around `start` watched. With `trust`, that may run; else what was decided.
    ///
    /// # Errors
    /// When there is no such folder, no home, or a path that cannot be written into such a file.
    pub fn new(init: Init, start: &Path, trust: Option<Mode>) -> Result<Self, Error> {
        let root = Root::find(start)?;
        let folder = text(root.path())?;
        let program = std::env::current_exe().map_err(Error::Runtime)?;
        let mut words = vec![text(&program)?, "watch".to_owned(), folder.clone()];
        words.extend(trust.into_iter().flat_map(|mode| ["--trust".to_owned(), mode.word().to_owned()]));
        let called = root.path().file_name().unwrap_or_default().to_string_lossy();
        let called: String = called.chars().take(NAME_CHARS_MAX).map(|c| if is_plain(c) { c } else { '-' }).collect();
        let key = Digest::of(folder.as_bytes()).short(8);
        let (name, file) = match init {
            Init::Systemd => {
                let name = format!("spore-{called}-{key}.service");
                let config = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")));
                (name.clone(), config.map(|config| config.join("systemd/user").join(name)))
            }
            Init::Launchd => {
                let name = format!("org.spore.{called}-{key}");
                let file = absolute("HOME").map(|home| home.join("Library/LaunchAgents").join(format!("{name}.plist")));
                (name, file)
            }
        };
        let file = file.ok_or_else(|| refused("there is no `HOME` to put it into", "set `HOME`"))?;
        let path = text(Path::new(&std::env::var_os("PATH").unwrap_or_default()))?;
        Ok(Self { init, root, name, file, words, path })
    }

    /// What stands in the file.
    ///
    /// # Errors
    /// When the folder's path is no text.
    pub fn text(&self) -> Result<String, Error> {
        let (folder, log) = (text(self.root.path())?, text(&self.root.state().join("watch.log"))?);
        let started = Started { name: &self.name, folder: &folder, words: &self.words, path: &self.path, log: &log };
        Ok(match self.init {
            Init::Systemd => systemd_unit(&started),
            Init::Launchd => launchd_agent(&started),
        })
    }

    /// Puts the file there and has the system begin. What the system does not do, the report says how to.
    ///
    /// # Errors
    /// When somebody else's file is there, or it cannot be written.
    pub fn install(&self) -> Result<UnitReport, Error> {
        let wanted = self.text()?;
        let state = match self.there()? {
            Some(there) if there == wanted => UnitState::Unchanged,
            Some(_) => UnitState::Renewed,
            None => UnitState::Installed,
        };
        if state != UnitState::Unchanged {
            let io = |source| Error::from(repo::Error::of_io(&self.file, "write", source));
            self.root.make_state()?;
            os::file::create_dir_all(self.file.parent().unwrap_or(&self.file)).map_err(io)?;
            os::file::write_over(&self.file, wanted.as_bytes()).map_err(io)?;
        }
        let file = self.file.to_string_lossy().into_owned();
        let domain = format!("gui/{}", os::user::me());
        let commands = match self.init {
            Init::Systemd => {
                let mut commands = vec![systemctl(&["daemon-reload"]), systemctl(&["enable", "--now", &self.name])];
                // One that runs goes on as it was started; what it runs goes on in any case.
                let restart = systemctl(&["restart", &self.name]);
                commands.extend((state == UnitState::Renewed).then_some(restart));
                commands
            }
            Init::Launchd if state == UnitState::Unchanged => vec![],
            Init::Launchd => vec![launchctl(&["bootstrap", &domain, &file])],
        };
        let missed = self.tell(&commands);
        Ok(self.report(state, missed))
    }

    /// Takes the file away and has the system end the watcher.
    ///
    /// # Errors
    /// When somebody else's file is there, or it cannot be removed.
    pub fn uninstall(&self) -> Result<UnitReport, Error> {
        if self.there()?.is_none() {
            return Ok(self.report(UnitState::Absent, Vec::new()));
        }
        let domain = format!("gui/{}/{}", os::user::me(), self.name);
        let mut missed = self.tell(&[match self.init {
            Init::Systemd => systemctl(&["disable", "--now", &self.name]),
            Init::Launchd => launchctl(&["bootout", &domain]),
        }]);
        os::file::remove(&self.file).map_err(|source| Error::from(repo::Error::of_io(&self.file, "remove", source)))?;
        if self.init == Init::Systemd {
            missed.extend(self.tell(&[systemctl(&["daemon-reload"])]));
        }
        Ok(self.report(UnitState::Removed, missed))
    }

    /// Whether it is there, and as it would be installed now. Which `PATH` it has does not matter, nor what may run.
    ///
    /// # Errors
    /// When somebody else's file is there, or it cannot be read.
    pub fn look(&self) -> Result<UnitReport, Error> {
        let Some(there) = self.there()? else { return Ok(self.report(UnitState::Absent, Vec::new())) };
        let modes = [None, Some(Mode::Open), Some(Mode::Signed), Some(Mode::Approve)];
        let mut is_newest = false;
        for mode in modes {
            let other = Self::new(self.init, self.root.path(), mode)?;
            is_newest |= without_path(&other.text()?) == without_path(&there);
        }
        Ok(self.report(if is_newest { UnitState::Unchanged } else { UnitState::Outdated }, Vec::new()))
    }

    fn report(&self, state: UnitState, to_type: Vec<String>) -> UnitReport {
        let folder = self.root.path().display().to_string();
        UnitReport { folder, name: self.name.clone(), file: self.file.display().to_string(), state, to_type }
    }

    /// What stands there, if it is ours.
    fn there(&self) -> Result<Option<String>, Error> {
        let there = match std::fs::read_to_string(&self.file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(|source| Error::from(repo::Error::of_io(&self.file, "read", source)))?,
        };
        let mark = if self.init == Init::Systemd { SYSTEMD_MARK } else { LAUNCHD_MARK };
        if there.lines().take(2).any(|line| line == mark) {
            return Ok(Some(there));
        }
        let because = format!("`{}` is not one that Spore wrote", self.file.display());
        Err(refused(&because, "move it out of the way, then say it again"))
    }

    /// Says it to the system; returns what it did not do, to be typed.
    fn tell(&self, commands: &[Vec<String>]) -> Vec<String> {
        let mut missed = Vec::new();
        for command in commands {
            let words: Vec<&OsStr> = command[1..].iter().map(OsStr::new).collect();
            let told = ask(&command[0], &words, self.root.path(), |_| true, &[], PATIENCE);
            if !missed.is_empty() || !told.is_ok_and(|answer| answer.succeeded) {
                missed.push(command.iter().map(|word| shell_word(word)).collect::<Vec<_>>().join(" "));
            }
        }
        missed
    }
}

fn systemctl(words: &[&str]) -> Vec<String> {
    ["systemctl", "--user"].iter().chain(words).map(|word| (*word).to_owned()).collect()
}

fn launchctl(words: &[&str]) -> Vec<String> {
    ["launchctl"].iter().chain(words).map(|word| (*word).to_owned()).collect()
}

fn without_path(text: &str) -> String {
    let is_path = |line: &&str| line.starts_with("Environment=") || line.contains("<key>PATH</key>");
    text.lines().filter(|line| !is_path(line)).collect::<Vec<_>>().join("\n")
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_.-".contains(c)
}

fn absolute(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute())
}

/// A path as text on one line.
fn text(path: &Path) -> Result<String, Error> {
    let text = path.to_str().filter(|text| !text.contains(char::is_control));
    text.map(str::to_owned).ok_or_else(|| {
        let because = format!("the path `{}` cannot stand in such a file", path.display().to_string().escape_debug());
        refused(&because, "use a folder whose path is text on one line")
    })
}

fn refused(because: &str, hint: &str) -> Error {
    Error::Refused { because: because.to_owned(), hint: Some(hint.to_owned()) }
}
