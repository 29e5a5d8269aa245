//! Jobs on a simulated cluster: a spore with many tasks against a program that does nothing but create the same Jobs by the
//! Kubernetes client and wait for their ends. Both have so many in flight, one after the other, on the same cluster.

use std::fs;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::batch::v1::Job;
use kube::api::{Api, DeleteParams, ListParams, PostParams, WatchEvent, WatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::json;
use tokio::sync::watch;

use crate::make::{self, SPORE, median, peak_kib, say};

/// How long the cluster may take to come up.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn run() {
    let (count, rounds) = if make::is_short() { (200, 1) } else { (1_000, 3) };
    let in_flight = 100;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cluster = Cluster::start(folder.path());
    say(&format!("{count} Jobs on a simulated cluster, {in_flight} in flight"));
    write_spore(folder.path(), count);
    let jobs = in_flight.to_string();
    let spore = ["env", &cluster.variable, SPORE, "run", "jobs.yaml", "--jobs", &jobs, "--no-commit"];
    let (mut bare, mut ours, mut peak) = (Vec::new(), Vec::new(), 0);
    for round in 0..rounds {
        let (simulator, before) = (cluster.cpu_seconds(), now());
        cluster.create_bare(count, in_flight);
        let (bare_cpu, bare_wall) = (cluster.cpu_seconds() - simulator, before.elapsed().as_secs_f64());
        bare.push(bare_wall);
        let (simulator, before) = (cluster.cpu_seconds(), now());
        peak = peak.max(peak_kib(make::start(folder.path(), &spore, None)));
        let (our_cpu, our_wall) = (cluster.cpu_seconds() - simulator, before.elapsed().as_secs_f64());
        ours.push(our_wall);
        say(&format!(
            "  round {round}: bare {bare_wall:.2} s (the cluster's CPU {bare_cpu:.2} s), spore {our_wall:.2} s ({our_cpu:.2} s)"
        ));
    }
    let (bare, ours) = (median(&bare), median(&ours));
    say(&format!(
        "  median: bare {:.2} ms a Job, spore {:.2} ms, ratio {:.2}; the engine's peak {} MiB, the cluster's {} MiB",
        bare * 1e3 / f64::from(count),
        ours * 1e3 / f64::from(count),
        ours / bare,
        peak >> 10,
        cluster.peak_mib(),
    ));
}

#[expect(clippy::disallowed_methods, reason = "a bench is about the machine's own time")]
fn now() -> Instant {
    Instant::now()
}

fn write_spore(folder: &Path, count: u32) {
    let numbers: Vec<String> = (0..count).map(|number| number.to_string()).collect();
    let text = format!(
        "spore: jobs\nkind: workflow\ntasks:\n  job:\n    executor: gke\n    with: {{image: sh, root: {}}}\n    matrix: {{n: [{}]}}\n    run: ['true']\n",
        folder.display(),
        numbers.join(",")
    );
    make::write(&folder.join("spore.toml"), "");
    make::write(&folder.join("jobs.yaml"), &text);
}

/// CPU time of a process so far.
fn cpu_seconds_of(pid: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |place: usize| fields.get(place).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / make::TICKS_PER_SECOND
}

struct Cluster {
    child: Child,
    variable: String,
    kubeconfig: std::path::PathBuf,
    runtime: tokio::runtime::Runtime,
}

impl Cluster {
    fn start(folder: &Path) -> Self {
        let kubeconfig = folder.join("kubeconfig");
        let path = kubeconfig.display().to_string();
        let child = make::start(folder, &[SPORE, "sim", "gke", "--kubeconfig", &path], None);
        let begun = now();
        while !kubeconfig.exists() {
            assert!(begun.elapsed() < PATIENCE, "the cluster does not come up");
            std::thread::yield_now();
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        Self { child, variable: format!("KUBECONFIG={path}"), kubeconfig, runtime }
    }

    fn status(&self, name: &str) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.trim().trim_end_matches(" kB").parse().unwrap_or(0)
    }

    fn peak_mib(&self) -> u64 {
        self.status("VmHWM:") >> 10
    }

    fn cpu_seconds(&self) -> f64 {
        cpu_seconds_of(self.child.id())
    }

    /// Creates Jobs, waits for their ends by one watch, and deletes them all at once.
    fn create_bare(&self, count: u32, in_flight: usize) {
        self.runtime.block_on(async {
            let config = Kubeconfig::read_from(&self.kubeconfig).expect("a kubeconfig");
            let config = Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await.expect("a config");
            let client = Client::try_from(config).expect("a client");
            let jobs: Api<Job> = Api::default_namespaced(client);
            let (done, ended) = watch::channel(std::collections::HashSet::new());
            let follow = follow(jobs.clone(), done);
            let create = stream::iter(0..count).map(|number| {
                let (jobs, mut ended) = (jobs.clone(), ended.clone());
                async move {
                    let name = format!("bare-{number}");
                    jobs.create(&PostParams::default(), &manifest(&name)).await.expect("created");
                    ended.wait_for(|ended| ended.contains(&name)).await.expect("it ends");
                }
            });
            let create = create.buffer_unordered(in_flight).collect::<()>();
            tokio::select! {
                () = create => {}
                () = follow => unreachable!("nobody ends the watch"),
            }
            let labelled = ListParams::default().labels("bench=bare");
            jobs.delete_collection(&DeleteParams::background(), &labelled).await.expect("deleted");
        });
    }
}

async fn follow(jobs: Api<Job>, done: watch::Sender<std::collections::HashSet<String>>) {
    let mut version = "0".to_owned();
    loop {
        let params = WatchParams::default().labels("bench=bare").timeout(200);
        let mut events = jobs.watch(&params, &version).await.expect("a watch").boxed();
        while let Ok(Some(event)) = events.try_next().await {
            if let WatchEvent::Added(job) | WatchEvent::Modified(job) = event {
                version = job.metadata.resource_version.clone().unwrap_or_default();
                let status = job.status.unwrap_or_default();
                if status.succeeded.unwrap_or(0) + status.failed.unwrap_or(0) > 0 {
                    done.send_modify(|done| {
                        done.insert(job.metadata.name.unwrap_or_default());
                    });
                }
            }
        }
    }
}

fn manifest(name: &str) -> Job {
    let container = json!({"name": "main", "image": "sh", "command": ["true"]});
    let template = json!({"spec": {"restartPolicy": "Never", "containers": [container]}});
    let job = json!({
        "metadata": {"name": name, "labels": {"bench": "bare"}},
        "spec": {"backoffLimit": 0, "template": template},
    });
    serde_json::from_value(job).expect("a Job")
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.child.wait();
    }
}
