//! What Autopilot makes of the resources that pods request.
//!
//! Defaults, minimums, maximums and ratios: <https://cloud.google.com/kubernetes-engine/docs/concepts/autopilot-resource-requests>
//! as of 2025; those of classes other than general-purpose from memory. They hold for the sum of a pod's containers; what lacks is put onto the first one. What is too little is
//! raised in silence, and the annotation says so; what is too much is refused.

use serde_json::{Value, json};

use super::admit::pod_spec;
use super::warden::Violations;
use crate::sim::gke::packing::Family;
use crate::sim::gke::scheduler::{belonging, wish};
use crate::sim::gke::{Kind, Machinery, quantity};

const GIB: u64 = 1 << 30;
const MIB: u64 = 1 << 20;
/// Disk of each container that does not say.
const EPHEMERAL: u64 = GIB;
const EPHEMERAL_MIN: u64 = 10 * MIB;
const EPHEMERAL_MAX: u64 = 10 * GIB;
/// Steps of processor time on clusters whose pods cannot burst.
const STEP_MILLI: u64 = 250;
/// What a pod requests at least that keeps others off its node, or that must not be moved.
const SEPARATE_CPU_MILLI: u64 = 500;
/// The memory of a processor where only one of both is said: the ratio of the defaults.
const USUAL_GIB: u64 = 4;

/// What the pods of a family may request together. Processors in thousandths, memory in bytes.
struct Range {
    cpu: (u64, u64),
    memory: (u64, u64),
    /// MiB of memory for each processor, at least and at most.
    ratio: Option<(u64, u64)>,
    /// What a container requests that does not say.
    default: (u64, u64),
}

fn range(family: Family, bursting: bool) -> Range {
    let usual = (500, 2 * GIB);
    let of = |cpu, memory, ratio, default| Range { cpu, memory, ratio, default };
    match family {
        Family::General if bursting => of((50, 30_000), (52 * MIB, 110 * GIB), Some((1_024, 6_656)), usual),
        Family::General => of((250, 30_000), (512 * MIB, 110 * GIB), Some((1_024, 6_656)), usual),
        Family::Balanced => of((250, 222_000), (512 * MIB, 851 * GIB), Some((1_024, 8_192)), usual),
        Family::ScaleOut => of((250, 54_000), (GIB, 216 * GIB), Some((4_096, 4_096)), usual),
        Family::ScaleOutArm => of((250, 43_000), (GIB, 172 * GIB), Some((4_096, 4_096)), usual),
        Family::Performance => of((1, 174_000), (MIB, 1_300 * GIB), None, (2_000, 8 * GIB)),
        Family::T4 => of((500, 62_000), (512 * MIB, 220 * GIB), None, usual),
        Family::L4 => of((2_000, 94_000), (7 * GIB, 350 * GIB), None, (2_000, 7 * GIB)),
        Family::A100 => of((9_000, 94_000), (60 * GIB, 640 * GIB), None, (9_000, 60 * GIB)),
    }
}

/// What a container requests: thousandths of a processor, bytes of memory, bytes of disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Wanted {
    cpu: u64,
    memory: u64,
    ephemeral: u64,
}

fn read(list: &Value, name: &str, how: fn(&str) -> Option<u64>) -> Option<u64> {
    let value = &list[name];
    value.as_str().and_then(how).or_else(|| how(&value.as_f64()?.to_string()))
}

impl Wanted {
    fn of(container: &Value, range: &Range) -> Self {
        let requests = &container["resources"]["requests"];
        let (cpu, memory) = (read(requests, "cpu", quantity::milli), read(requests, "memory", quantity::units));
        let (cpu, memory) = match (cpu, memory) {
            (Some(cpu), Some(memory)) => (cpu, memory),
            (Some(cpu), None) => (cpu, cpu * USUAL_GIB * GIB / 1_000),
            (None, Some(memory)) => ((memory * 1_000).div_ceil(USUAL_GIB * GIB), memory),
            (None, None) => range.default,
        };
        let ephemeral = read(requests, "ephemeral-storage", quantity::units).unwrap_or(EPHEMERAL);
        Self { cpu, memory, ephemeral: ephemeral.max(EPHEMERAL_MIN) }
    }

    fn sum(all: &[Self]) -> Self {
        all.iter().fold(Self::default(), |sum, one| Self {
            cpu: sum.cpu + one.cpu,
            memory: sum.memory + one.memory,
            ephemeral: sum.ephemeral + one.ephemeral,
        })
    }

    /// Writes it into a container. What was said in other words stays as it was said.
    fn write(self, container: &mut Value, bursting: bool) {
        let parts = [
            ("cpu", self.cpu, quantity::milli as fn(&str) -> Option<u64>, quantity::cpu as fn(u64) -> String),
            ("memory", self.memory, quantity::units, quantity::bytes),
            ("ephemeral-storage", self.ephemeral, quantity::units, quantity::bytes),
        ];
        for (name, amount, how, print) in parts {
            let resources = &mut container["resources"];
            if read(&resources["requests"], name, how) != Some(amount) {
                resources["requests"][name] = print(amount).into();
            }
            let limit = read(&resources["limits"], name, how);
            // Disk never bursts; the others where the cluster lets them, and then only as far as is said.
            let is_fixed = !bursting || name == "ephemeral-storage";
            if (is_fixed && limit != Some(amount)) || limit.is_some_and(|limit| limit < amount) {
                resources["limits"][name] = resources["requests"][name].clone();
            }
        }
    }
}

/// Fills in and raises what pods request, and lets them onto the nodes that they ask for.
pub(super) fn adjust(machinery: &Machinery, kind: Kind, object: &mut Value) {
    let Some(path) = pod_spec(kind) else { return };
    let meta = path.strip_suffix("/spec").unwrap_or_default().to_owned() + "/metadata";
    let keeps = object
        .pointer(&meta)
        .is_some_and(|meta| meta["annotations"]["cluster-autoscaler.kubernetes.io/safe-to-evict"] == "false");
    let Some(spec) = object.pointer_mut(path).filter(|spec| spec["containers"].is_array()) else { return };
    let before = told(spec);
    let selector = wish(&json!({"spec": spec})).taste.selector;
    let (family, spot) = belonging(&selector);
    let range = range(family.unwrap_or(Family::General), machinery.bursting);
    let separate = keeps || spec["affinity"]["podAntiAffinity"].is_object();
    let mut wanted: Vec<Wanted> =
        spec["containers"].as_array().into_iter().flatten().map(|container| Wanted::of(container, &range)).collect();
    raise(&mut wanted, &range, machinery.bursting, separate);
    let sum = Wanted::sum(&wanted);
    for (container, wanted) in
        spec.get_mut("containers").and_then(Value::as_array_mut).into_iter().flatten().zip(&wanted)
    {
        wanted.write(container, machinery.bursting);
    }
    for container in spec.get_mut("initContainers").and_then(Value::as_array_mut).into_iter().flatten() {
        // They run before the others, in the room that there is anyway.
        let said = !container["resources"]["requests"].is_null();
        let wanted = if said { Wanted::of(container, &range) } else { sum };
        wanted.write(container, machinery.bursting);
    }
    harden(spec);
    let taints = [
        (spot, "cloud.google.com/gke-spot", "true"),
        (selector.contains_key("cloud.google.com/gke-accelerator"), "nvidia.com/gpu", "present"),
        (
            selector.contains_key("cloud.google.com/compute-class"),
            "cloud.google.com/compute-class",
            selector.get("cloud.google.com/compute-class").map_or("", String::as_str),
        ),
    ];
    for (_, key, value) in taints.into_iter().filter(|(holds, ..)| *holds) {
        tolerate(spec, key, value);
    }
    let after = told(spec);
    if before != after {
        let adjustment = json!({"input": before, "output": after, "modified": true}).to_string();
        if !object["metadata"]["annotations"].is_object() {
            object["metadata"]["annotations"] = json!({});
        }
        object["metadata"]["annotations"]["autopilot.gke.io/resource-adjustment"] = adjustment.into();
    }
}

/// Raises what is too little: on the first container, and only as far as is needed.
fn raise(wanted: &mut [Wanted], range: &Range, bursting: bool, separate: bool) {
    let sum = Wanted::sum(wanted);
    let Some(first) = wanted.first_mut() else { return };
    let cpu_min = if separate { range.cpu.0.max(SEPARATE_CPU_MILLI) } else { range.cpu.0 };
    let (mut cpu, mut memory) = (sum.cpu.max(cpu_min), sum.memory.max(range.memory.0));
    if let Some((_, most)) = range.ratio {
        cpu = cpu.max((memory * 1_000).div_ceil(most * MIB));
    }
    if !bursting {
        cpu = cpu.next_multiple_of(STEP_MILLI);
    }
    if let Some((least, _)) = range.ratio {
        // In whole MiB: that is how Autopilot writes what it adds.
        memory = memory.max((cpu * least).div_ceil(1_000) * MIB);
    }
    first.cpu += cpu - sum.cpu;
    first.memory += memory - sum.memory;
}

/// What is said of the resources of all containers, as the annotation has it.
fn told(spec: &Value) -> Value {
    let mut all = json!({});
    for list in ["initContainers", "containers"] {
        let Some(containers) = spec[list].as_array() else { continue };
        let containers = containers.iter().map(|container| {
            let mut one = json!({});
            for part in ["limits", "requests"] {
                if let Some(said) = container["resources"].get(part) {
                    one[part] = said.clone();
                }
            }
            one["name"] = container["name"].clone();
            one
        });
        all[list] = containers.collect();
    }
    all
}

/// The security that Autopilot sets where nothing is said: <https://cloud.google.com/kubernetes-engine/docs/concepts/autopilot-security>.
fn harden(spec: &mut Value) {
    if spec["securityContext"]["seccompProfile"].is_null() {
        spec["securityContext"]["seccompProfile"] = json!({"type": "RuntimeDefault"});
    }
    for list in ["initContainers", "containers"] {
        for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            if container["securityContext"]["capabilities"].is_null() {
                container["securityContext"]["capabilities"] = json!({"drop": ["NET_RAW"]});
            }
        }
    }
}

fn tolerate(spec: &mut Value, key: &str, value: &str) {
    if !spec["tolerations"].is_array() {
        spec["tolerations"] = json!([]);
    }
    let Some(tolerations) = spec.get_mut("tolerations").and_then(Value::as_array_mut) else { return };
    if !tolerations.iter().any(|toleration| toleration["key"] == key) {
        tolerations.push(json!({"key": key, "operator": "Equal", "value": value, "effect": "NoSchedule"}));
    }
}

/// Finds what is too much.
pub(super) fn judge(name: &str, spec: &Value, violations: &mut Violations) {
    let (family, _) = belonging(&wish(&json!({"spec": spec})).taste.selector);
    // Whether pods may burst changes only what is too little.
    let range = range(family.unwrap_or(Family::General), true);
    let containers = spec["containers"].as_array().into_iter().flatten();
    let sum = Wanted::sum(&containers.map(|container| Wanted::of(container, &range)).collect::<Vec<_>>());
    for (resource, amount, most, print) in [
        ("cpu", sum.cpu, range.cpu.1, quantity::cpu as fn(u64) -> String),
        ("memory", sum.memory, range.memory.1, quantity::bytes),
        ("ephemeral-storage", sum.ephemeral, EPHEMERAL_MAX, quantity::bytes),
    ] {
        if amount > most {
            violations.entry("autogke-pod-limit-constraints").or_default().push(format!(
                "workload '{name}' {resource} requests '{}' is higher than the Autopilot maximum of '{}'.",
                print(amount),
                print(most)
            ));
        }
    }
}
