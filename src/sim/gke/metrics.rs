//! What can be counted of a cluster: for Prometheus, and for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::packing::{Amounts, Family};
use super::scheduler::{belonging, requests, wish};
use super::{Cluster, Kind, Selector};

/// What was counted since the cluster began.
#[derive(Debug, Default)]
pub(super) struct Counters(Mutex<Counted>);

#[derive(Clone, Debug, Default)]
struct Counted {
    /// By verb and status code.
    requests: BTreeMap<(String, u16), u64>,
    decisions: u64,
    packing: Duration,
    preemptions: u64,
}

impl Counters {
    fn change(&self, how: impl FnOnce(&mut Counted)) {
        how(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Counts an answered request: `get`, `list`, `watch`, `create`, …
    pub(super) fn answered(&self, verb: &str, code: u16) {
        self.change(|counted| {
            // Most requests are of a few kinds; a name is only copied for the first of each.
            match counted.requests.iter_mut().find(|((known, of), _)| known == verb && *of == code) {
                Some((_, count)) => *count += 1,
                None => drop(counted.requests.insert((verb.to_owned(), code), 1)),
            }
        });
    }

    /// Counts decisions on so many pods, which took so long together.
    pub(super) fn packed(&self, pods: usize, taken: Duration) {
        self.change(|counted| {
            counted.decisions += pods as u64;
            counted.packing += taken;
        });
    }

    /// Counts a machine that was taken away.
    pub(super) fn preempted(&self) {
        self.change(|counted| counted.preemptions += 1);
    }

    fn counted(&self) -> Counted {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Cluster {
    /// What it is like now, in numbers.
    #[must_use]
    pub fn report(&self) -> Report {
        report(self)
    }
}

/// A cluster in numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Whether Autopilot's rules hold.
    pub autopilot: bool,
    /// Its nodes.
    pub nodes: Vec<Machine>,
    /// Pods by phase; those that are being deleted count as `Terminating`.
    pub pods: BTreeMap<String, u64>,
    /// Pods without a node.
    pub unscheduled: u64,
    /// Thousandths of a processor that pods on nodes request.
    pub cpu_milli_requested: u64,
    /// Thousandths of a processor that the nodes have for pods.
    pub cpu_milli_allocatable: u64,
    /// Memory that pods on nodes request, MiB.
    pub memory_mib_requested: u64,
    /// Memory that the nodes have for pods, MiB.
    pub memory_mib_allocatable: u64,
    /// Estimated dollars an hour for what is there now, with the fee for the cluster.
    pub dollars_an_hour: f64,
    /// Answered requests, by verb and status code: `create 201`.
    pub requests: BTreeMap<String, u64>,
    /// Decisions of the scheduler.
    pub decisions: u64,
    /// How long they took together, seconds.
    pub packing_seconds: f64,
    /// Spot machines that were taken away.
    pub preemptions: u64,
    /// What goes wrong on purpose: how often each fault struck.
    pub faults: BTreeMap<String, u64>,
}

/// A node in numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Machine {
    /// Its name.
    pub name: String,
    /// `e2-standard-4`, …
    pub shape: String,
    /// Whether it may be taken away at any time.
    pub spot: bool,
    /// Whether it is ready.
    pub ready: bool,
    /// Pods on it that have not ended.
    pub pods: u64,
    /// Thousandths of a processor that they request.
    pub cpu_milli_requested: u64,
    /// Thousandths of a processor that it has for pods.
    pub cpu_milli_allocatable: u64,
}

/// Looks at everything once.
pub(super) fn report(cluster: &Cluster) -> Report {
    let settings = &cluster.plant.machinery;
    let (mut pods, mut unscheduled, mut dollars) = (BTreeMap::<String, u64>::new(), 0, settings.prices.cluster);
    let mut loads: BTreeMap<String, (u64, Amounts)> = BTreeMap::new();
    let mut requested = (0_u64, 0_u64);
    for pod in cluster.store.list(Kind::Pod, None, &Selector::default()).0 {
        let value = pod.value();
        let phase = value["status"]["phase"].as_str().unwrap_or("Pending");
        let has_ended = matches!(phase, "Succeeded" | "Failed");
        let shown = if pod.deleting && !has_ended { "Terminating" } else { phase };
        *pods.entry(shown.into()).or_default() += 1;
        let Some(node) = value["spec"]["nodeName"].as_str().filter(|node| !node.is_empty()) else {
            unscheduled += u64::from(!has_ended);
            continue;
        };
        if has_ended {
            continue;
        }
        let amounts = requests(&value["spec"]);
        let (family, spot) = belonging(&wish(&value).taste.selector);
        dollars += settings.prices.of_pod(&amounts, family.unwrap_or(Family::General), spot);
        let load = loads.entry(node.to_owned()).or_default();
        load.0 += 1;
        load.1 = load.1.plus(&amounts);
        requested.0 += u64::from(amounts.cpu_milli);
        requested.1 += u64::from(amounts.memory_mib);
    }
    let nodes = cluster.store.list(Kind::Node, None, &Selector::default()).0;
    let whole = |value: &Value| requests(&serde_json::json!({"overhead": value["status"]["allocatable"]}));
    let mut allocatable = (0, 0);
    let nodes = nodes.iter().map(|node| {
        let value = node.value();
        let (room, load) = (whole(&value), loads.get(&*node.name).copied().unwrap_or_default());
        allocatable.0 += u64::from(room.cpu_milli);
        allocatable.1 += u64::from(room.memory_mib);
        machine(&value, &node.name, &room, load)
    });
    let (nodes, counted): (Vec<Machine>, _) = (nodes.collect(), cluster.plant.counters.counted());
    let mut faults = BTreeMap::new();
    for (rule, struck) in cluster.plant.faults.list() {
        let kind = serde_json::to_value(rule.kind).unwrap_or_default();
        *faults.entry(kind.as_str().unwrap_or_default().to_owned()).or_insert(0) += struck;
    }
    Report {
        autopilot: settings.autopilot,
        nodes,
        pods,
        unscheduled,
        cpu_milli_requested: requested.0,
        cpu_milli_allocatable: allocatable.0,
        memory_mib_requested: requested.1,
        memory_mib_allocatable: allocatable.1,
        dollars_an_hour: dollars,
        requests: counted.requests.iter().map(|((verb, code), count)| (format!("{verb} {code}"), *count)).collect(),
        decisions: counted.decisions,
        packing_seconds: counted.packing.as_secs_f64(),
        preemptions: counted.preemptions,
        faults,
    }
}

fn machine(value: &Value, name: &str, room: &Amounts, (pods, load): (u64, Amounts)) -> Machine {
    let label = |name: &str| value["metadata"]["labels"][name].as_str().unwrap_or_default();
    let conditions = value["status"]["conditions"].as_array().into_iter().flatten();
    let mut ready = conditions.filter(|condition| condition["type"] == "Ready");
    Machine {
        name: name.to_owned(),
        shape: label("node.kubernetes.io/instance-type").to_owned(),
        spot: label("cloud.google.com/gke-spot") == "true",
        ready: ready.any(|condition| condition["status"] == "True"),
        pods,
        cpu_milli_requested: u64::from(load.cpu_milli),
        cpu_milli_allocatable: u64::from(room.cpu_milli),
    }
}

/// The same as Prometheus reads it (text format 0.0.4).
pub(super) fn text(cluster: &Cluster) -> String {
    let report = report(cluster);
    let mut text = String::new();
    let mut family = |name: &str, kind: &str, help: &str, samples: &[(String, f64)]| {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in samples {
            let _ = writeln!(text, "{name}{labels} {value}");
        }
    };
    let number = |count: u64| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    let one = |value: f64| vec![(String::new(), value)];
    let pods = report.pods.iter().map(|(phase, count)| (format!("{{phase=\"{phase}\"}}"), number(*count)));
    family("spore_sim_pods", "gauge", "Pods by phase.", &pods.collect::<Vec<_>>());
    family("spore_sim_pods_unscheduled", "gauge", "Pods without a node.", &one(number(report.unscheduled)));
    let spot = |spot: bool| report.nodes.iter().filter(|node| node.spot == spot).count() as u64;
    let nodes = [false, true].map(|is| (format!("{{spot=\"{is}\"}}"), number(spot(is))));
    family("spore_sim_nodes", "gauge", "Nodes.", &nodes);
    for (name, help, value) in [
        (
            "spore_sim_cpu_milli_requested",
            "Thousandths of a processor that pods on nodes request.",
            report.cpu_milli_requested,
        ),
        (
            "spore_sim_cpu_milli_allocatable",
            "Thousandths of a processor that nodes have for pods.",
            report.cpu_milli_allocatable,
        ),
        ("spore_sim_memory_mib_requested", "Memory that pods on nodes request, MiB.", report.memory_mib_requested),
        ("spore_sim_memory_mib_allocatable", "Memory that nodes have for pods, MiB.", report.memory_mib_allocatable),
    ] {
        family(name, "gauge", help, &one(number(value)));
    }
    family("spore_sim_dollars_an_hour", "gauge", "Estimated cost of what is there now.", &one(report.dollars_an_hour));
    let requests = report.requests.iter().filter_map(|(name, count)| {
        let (verb, code) = name.split_once(' ')?;
        Some((format!("{{verb=\"{verb}\",code=\"{code}\"}}"), number(*count)))
    });
    family("spore_sim_requests_total", "counter", "Answered requests.", &requests.collect::<Vec<_>>());
    family("spore_sim_decisions_total", "counter", "Decisions of the scheduler.", &one(number(report.decisions)));
    family(
        "spore_sim_packing_seconds_total",
        "counter",
        "Time that these decisions took.",
        &one(report.packing_seconds),
    );
    family(
        "spore_sim_preemptions_total",
        "counter",
        "Spot machines that were taken away.",
        &one(number(report.preemptions)),
    );
    let faults = report.faults.iter().map(|(kind, count)| (format!("{{kind=\"{kind}\"}}"), number(*count)));
    family("spore_sim_faults_total", "counter", "Faults that struck.", &faults.collect::<Vec<_>>());
    text
}
