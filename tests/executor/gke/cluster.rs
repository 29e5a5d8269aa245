//! A cluster for all tests of this process: the real `spore sim gke`, which ends when this process does.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};
use spore::executor::gke::Gke;
use spore::model::Limits;
use spore::os::clock::{Clock as _, SystemClock};

use crate::executor::ground::{Gives, Ground};

/// After so long something that was waited for does not come.
const PATIENCE: Duration = Duration::from_mins(1);

/// A cluster that is served.
pub(super) struct Cluster {
    pub(super) kubeconfig: PathBuf,
    server: Child,
}

impl Cluster {
    /// Serves one, with these words more on its command line.
    pub(super) fn serve(name: &str, words: &[&str]) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        spore::os::file::create_private_dir_all(&folder).expect("a folder");
        let kubeconfig = folder.join("kubeconfig");
        // It ends with its command, and the command with its input: so it outlives nobody, however this process ends.
        let server = Command::new(env!("CARGO_BIN_EXE_spore"))
            .args(["sim", "gke", "--kubeconfig"])
            .arg(&kubeconfig)
            .args(words)
            .args(["--", "cat"])
            .env("HOME", &folder)
            .env_remove("KUBECONFIG")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("started");
        until(|| kubeconfig.exists());
        Self { kubeconfig, server }
    }

    /// Asks the cluster something, as people do: again where it does not answer well.
    pub(super) fn kubectl(&self, words: &[&str]) -> String {
        let mut command = Command::new("kubectl");
        command
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .args(words)
            .env("HOME", self.kubeconfig.with_file_name("home"));
        let mut said = String::new();
        for _ in 0..30 {
            let output = command.output().expect("kubectl runs");
            if output.status.success() {
                return String::from_utf8(output.stdout).expect("text");
            }
            said = String::from_utf8_lossy(&output.stderr).into_owned();
        }
        panic!("kubectl {words:?}: {said}");
    }

    /// Asks the simulation itself for something.
    pub(super) fn ask(&self, what: &str, body: &Value) {
        let file = self.kubeconfig.with_file_name(format!("ask-{:x}.json", spore::os::random::bits()));
        spore::os::file::write_new(&file, body.to_string().as_bytes()).expect("written");
        let server = self.kubectl(&["config", "view", "-o", "jsonpath={.clusters[0].cluster.server}"]);
        let prefix = server.rsplit('/').next().expect("a prefix");
        self.kubectl(&["create", "--raw", &format!("/{prefix}/sim/{what}"), "-f", file.to_str().expect("text")]);
        spore::os::file::remove(&file).expect("removed");
    }

    /// Has the server stand still, or go on.
    pub(super) fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.server.id()).ok().and_then(rustix::process::Pid::from_raw).expect("a pid");
        rustix::process::kill_process(pid, signal).expect("signalled");
    }

    /// Makes a namespace.
    pub(super) fn found(&self, name: &str) {
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        let file = self.kubeconfig.with_file_name(format!("{name}.json"));
        spore::os::file::write_new(&file, object.to_string().as_bytes()).expect("written");
        self.kubectl(&["apply", "-f", file.to_str().expect("text")]);
        spore::os::file::remove(&file).expect("removed");
    }

    pub(super) fn gke(&self) -> Gke {
        Gke::reached_by(Limits::DEFAULT, &self.kubeconfig)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // One that stands still would never end.
        self.signal(rustix::process::Signal::CONT);
        drop(self.server.stdin.take());
        let _ = self.server.wait();
    }
}

/// The one that many tests share.
pub(super) fn shared() -> &'static Cluster {
    static SHARED: LazyLock<Cluster> = LazyLock::new(|| Cluster::serve("gke", &[]));
    &SHARED
}

/// One in which much goes wrong, the same each time as far as requests come in the same order.
pub(super) fn faulty() -> &'static Cluster {
    static FAULTY: LazyLock<Cluster> = LazyLock::new(|| {
        let faults = [
            "too-many=0.05",
            "internal=0.05",
            "unavailable=0.05",
            "unauthorized=0.03",
            "gone=0.03",
            "conflict=0.03",
            "down=0.03",
            "lost-answer=0.05",
            "cut-log=0.5",
            "cut-watch=0.3",
            "lost-event=0.2",
        ];
        let words: Vec<&str> = faults.iter().flat_map(|fault| ["--fault", fault]).chain(["--seed", "7"]).collect();
        Cluster::serve("gke-faulty", &words)
    });
    &FAULTY
}

pub(super) fn gke() -> Gke {
    shared().gke()
}

/// A ground in a namespace of its own, in the cluster that tests share.
pub(super) fn ground<'a>(gke: &'a Gke, name: &str) -> Ground<'a> {
    ground_in(shared(), gke, name)
}

/// A ground in a namespace of its own.
pub(super) fn ground_in<'a>(cluster: &Cluster, gke: &'a Gke, name: &str) -> Ground<'a> {
    let namespace = name.replace('_', "-");
    cluster.found(&namespace);
    let with =
        |root: &Path| -> Value { json!({"image": "sh", "root": root, "split_streams": true, "namespace": namespace}) };
    Ground::new(gke).in_place(with, Gives { output_bytes_max: 4_095, output_is_there: true })
}

/// Waits for something that no report tells.
pub(super) fn until(mut is_so: impl FnMut() -> bool) {
    let clock = SystemClock::new();
    while !is_so() {
        assert!(clock.monotonic() < PATIENCE, "it never came to that");
        std::thread::yield_now();
    }
}
