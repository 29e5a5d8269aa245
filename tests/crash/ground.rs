//! The place of one trial: a folder with a root in it, and the processes that carry its mark.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::invent::{Invented, STEP};

/// Nothing that a trial waits for takes this long.
const PATIENCE: Duration = Duration::from_mins(2);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(1);

/// Where a trial takes place.
#[derive(Debug)]
pub(crate) struct Ground {
    /// Everything of the trial.
    pub(crate) base: PathBuf,
    /// The folder of the spore.
    pub(crate) root: PathBuf,
    /// What the commands have written.
    pub(crate) effects: PathBuf,
    /// What every process of the trial has in its environment.
    mark: String,
    secret: Option<String>,
    /// Where the tasks run, if not here.
    pub(crate) away: Option<Away>,
    /// How often the machine went down.
    boots: usize,
    /// How many engines were started.
    engines: usize,
}

/// A namespace in a cluster.
#[derive(Debug)]
pub(crate) struct Away {
    pub(crate) kubeconfig: PathBuf,
    pub(crate) namespace: String,
}

impl Ground {
    pub(crate) fn make(base: PathBuf, mark: String, away: Option<Away>) -> Self {
        let root = base.join("root");
        fs::create_dir_all(&root).expect("a folder");
        let step = base.join("step");
        fs::write(&step, STEP).expect("a program");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&step, mode).expect("it may be run");
        fs::write(base.join("effects"), "").expect("a file");
        Self { effects: base.join("effects"), base, root, mark, secret: None, away, boots: 0, engines: 0 }
    }

    pub(crate) fn step(&self) -> PathBuf {
        self.base.join("step")
    }

    pub(crate) fn settle(&mut self, spore: &Invented) {
        fs::write(self.root.join(spore.file), &spore.text).expect("a spore");
        let mut settings = format!("commit = {}\n", spore.commits);
        if let Some(Away { namespace, .. }) = &self.away {
            let root = self.root.display();
            let place =
                format!("image = \"sh\"\nroot = \"{root}\"\nnamespace = \"{namespace}\"\nsplit_streams = true\n");
            settings = format!("{settings}[executors.gke]\n{place}");
        }
        fs::write(self.root.join("spore.toml"), settings).expect("settings");
        self.secret.clone_from(&spore.secret);
        if spore.commits {
            for words in [vec!["init", "-q"], vec!["add", "."], vec!["commit", "-qm", "begin"]] {
                self.git(&words);
            }
        }
    }

    /// What git says.
    pub(crate) fn git(&self, words: &[&str]) -> String {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=T", "-c", "user.email=t@localhost", "-c", "init.defaultBranch=main"]);
        let output = command.args(words).current_dir(&self.root).env("HOME", &self.base).output().expect("git starts");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Starts an engine. What it prints goes to a file of its own.
    pub(crate) fn start(&mut self, words: &[&str], failpoints: &str) -> Engine {
        self.engines += 1;
        let out = self.base.join(format!("said-{}", self.engines));
        let mut file = File::create(&out).expect("a file");
        writeln!(file, "$ SPORE_FAILPOINTS={failpoints} spore {}", words.join(" ")).expect("written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_spore"));
        command.args(words).current_dir(&self.root).stdin(Stdio::null());
        command.stdout(file.try_clone().expect("a twin")).stderr(file);
        command.env("LC_ALL", "C.UTF-8").env("HOME", &self.base).env("SPORE_CRASH", &self.mark);
        command.env("NO_COLOR", "1").env("SPORE_FAILPOINTS", failpoints);
        if let Some(secret) = &self.secret {
            command.env("CRASH_TOKEN", secret);
        }
        if let Some(away) = &self.away {
            command.env("KUBECONFIG", &away.kubeconfig);
        }
        if self.boots > 0 {
            command.env("SPORE_BOOT_ID", format!("b00{}", self.boots));
        }
        Engine { child: command.spawn().expect("the program starts"), out }
    }

    /// The supervisors that say that they live, by their locks.
    pub(crate) fn supervisors(&self) -> Vec<i32> {
        let runs = fs::read_dir(self.root.join(".spore/runs")).into_iter().flatten().flatten();
        let locks = runs.filter_map(|run| fs::read_to_string(run.path().join("supervisor.lock")).ok());
        let pids = locks.filter_map(|lock| lock.split('@').next()?.trim().parse().ok());
        pids.filter(|pid| state(*pid).is_some() && self.is_marked(*pid)).collect()
    }

    fn is_marked(&self, pid: i32) -> bool {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let wanted = format!("SPORE_CRASH={}", self.mark);
        environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes())
    }

    /// Every process of the trial that lives.
    pub(crate) fn processes(&self) -> Vec<i32> {
        let names = fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.file_name());
        let pids = names.filter_map(|name| name.to_str()?.parse().ok());
        pids.filter(|pid| self.is_marked(*pid) && state(*pid).is_some()).collect()
    }

    /// The machine goes down: nobody lives on.
    pub(crate) fn power_off(&mut self) -> Result<(), String> {
        self.boots += 1;
        self.kill_everybody()
    }

    pub(crate) fn kill_everybody(&self) -> Result<(), String> {
        wait("the end of all that was killed", || {
            let left = self.processes();
            for pid in &left {
                kill(*pid, Signal::KILL);
            }
            left.is_empty()
        })
    }

    pub(crate) fn effects(&self) -> String {
        fs::read_to_string(&self.effects).unwrap_or_default()
    }

    /// Leaves half a line at the end of a file, as a machine does that goes down in the middle of a write.
    pub(crate) fn tear(&self, name: &str) {
        for run in fs::read_dir(self.root.join(".spore/runs")).into_iter().flatten().flatten() {
            if let Ok(mut file) = OpenOptions::new().append(true).open(run.path().join(name)) {
                file.write_all(b"{\"v\":1,\"seq\":9,\"at\":\"20").expect("written");
            }
        }
    }

    /// What the engines have said, in order.
    pub(crate) fn said(&self) -> Vec<String> {
        (1..=self.engines).map(|engine| self.base.join(format!("said-{engine}"))).map(|path| read(&path)).collect()
    }
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

/// A process that works on a run, or wants to.
#[derive(Debug)]
pub(crate) struct Engine {
    child: Child,
    out: PathBuf,
}

impl Engine {
    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a pid")
    }

    /// Its exit code when it has ended, -1 when it was killed.
    pub(crate) fn code(&mut self) -> Option<i32> {
        self.child.try_wait().expect("it is our child").map(|status| status.code().unwrap_or(-1))
    }

    pub(crate) fn said(&self) -> String {
        read(&self.out)
    }
}

/// The letter by which the kernel tells how a process is; `None` for one that has ended.
pub(crate) fn state(pid: i32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let state = stat[stat.rfind(')')? + 2..].chars().next()?;
    (!matches!(state, 'Z' | 'X')).then_some(state)
}

pub(crate) fn kill(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        // It may have ended by itself.
        let _ = kill_process(pid, signal);
    }
}

/// Looks again and again until it is so.
pub(crate) fn wait(what: &str, mut is_so: impl FnMut() -> bool) -> Result<(), String> {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        if Instant::now() > until {
            return Err(format!("waiting for {what} takes too long"));
        }
        std::thread::park_timeout(PAUSE);
    }
    Ok(())
}
