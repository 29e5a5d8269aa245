//! What pods and nodes say, as the packing understands it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::sim::gke::packing::{Amounts, Family, Group, Taint, Taste, Toleration, Wish};
use crate::sim::gke::{Terms, quantity};

const MIB: u64 = 1 << 20;

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn labels(value: &Value) -> BTreeMap<String, String> {
    let pairs = value.as_object().into_iter().flatten();
    pairs.filter_map(|(name, value)| Some((name.clone(), text(value)?))).collect()
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// What a pod needs, and where it may go.
pub(in crate::sim::gke) fn wish(pod: &Value) -> Wish {
    let spec = &pod["spec"];
    let mut taste = Taste { selector: labels(&spec["nodeSelector"]), ..Taste::default() };
    let required = &spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    let terms: Vec<&Value> = array(&required["nodeSelectorTerms"]).collect();
    for term in &terms {
        let single = array(&term["matchExpressions"]).map(|expression| {
            let values = expression["values"].as_array()?;
            let is_single = expression["operator"] == "In" && values.len() == 1;
            is_single.then(|| Some((text(&expression["key"])?, text(&values[0])?)))?
        });
        // The one way to say it that can also be bought: it is the same as a node selector.
        match single.collect::<Option<Vec<_>>>().filter(|_| terms.len() == 1) {
            Some(pairs) => taste.selector.extend(pairs),
            None => taste.affinity.push(Terms::of_object(term)),
        }
    }
    taste.tolerations = array(&spec["tolerations"])
        .map(|toleration| Toleration {
            key: text(&toleration["key"]).filter(|key| !key.is_empty()),
            value: match toleration["operator"].as_str() {
                Some("Exists") => None,
                _ => Some(text(&toleration["value"]).unwrap_or_default()),
            },
            effect: text(&toleration["effect"]).filter(|effect| !effect.is_empty()),
        })
        .collect();
    Wish { amounts: requests(spec), taste }
}

/// What the containers of a pod request together: init containers run one after another, before the others.
pub(in crate::sim::gke) fn requests(spec: &Value) -> Amounts {
    let of = |container: &Value| amounts(&container["resources"]["requests"]);
    let mut sum = array(&spec["containers"]).map(of).fold(Amounts::default(), |sum, one| sum.plus(&one));
    let (mut first, mut peak) = (Amounts::default(), Amounts::default());
    for container in array(&spec["initContainers"]) {
        if container["restartPolicy"] == "Always" {
            sum = sum.plus(&of(container));
            first = first.plus(&of(container));
        } else {
            peak = peak.or_more(&first.plus(&of(container)));
        }
    }
    let whole = sum.or_more(&peak).plus(&amounts(&spec["overhead"]));
    Amounts { pods: 1, ..whole }
}

/// What a list of resources says; needs are rounded up.
fn amounts(list: &Value) -> Amounts {
    let read = |name: &str, how: fn(&str) -> Option<u64>, unit: u64| {
        let amount =
            list[name].as_str().and_then(how).or_else(|| list[name].as_u64().and_then(|n| how(&n.to_string())));
        u32::try_from(amount.unwrap_or(0).div_ceil(unit)).unwrap_or(u32::MAX)
    };
    Amounts {
        cpu_milli: read("cpu", quantity::milli, 1),
        memory_mib: read("memory", quantity::units, MIB),
        ephemeral_mib: read("ephemeral-storage", quantity::units, MIB),
        gpus: read("nvidia.com/gpu", quantity::units, 1),
        pods: read("pods", quantity::units, 1),
    }
}

/// What a node has, which group it is of, its own labels, and whether new pods may come.
pub(super) fn node(node: &Value) -> (Amounts, Group, BTreeMap<String, String>, bool) {
    let taints = array(&node["spec"]["taints"]).map(|taint| Taint {
        key: text(&taint["key"]).unwrap_or_default(),
        value: text(&taint["value"]).unwrap_or_default(),
        effect: text(&taint["effect"]).unwrap_or_default(),
    });
    // What makes a node unschedulable is said by `unschedulable` itself.
    let taints = taints.filter(|taint| taint.key != "node.kubernetes.io/unschedulable").collect();
    let (group, own) = Group::of(labels(&node["metadata"]["labels"]), taints);
    (amounts(&node["status"]["allocatable"]), group, own, node["spec"]["unschedulable"] != true)
}

/// Which machines a pod asks for, by the labels of its taste: the family, and whether they are spot.
pub(in crate::sim::gke) fn belonging(selector: &BTreeMap<String, String>) -> (Option<Family>, bool) {
    let label = |name: &str| selector.get(name).map(String::as_str);
    let spot = label("cloud.google.com/gke-spot") == Some("true")
        || label("cloud.google.com/gke-provisioning") == Some("spot")
        || label("cloud.google.com/compute-class") == Some("autopilot-spot");
    let arm = label("kubernetes.io/arch") == Some("arm64");
    let family = match (label("cloud.google.com/gke-accelerator"), label("cloud.google.com/compute-class")) {
        (Some(accelerator), _) => Family::of_accelerator(accelerator),
        (None, None | Some("autopilot" | "autopilot-spot" | "general-purpose")) if !arm => Some(Family::General),
        (None, Some("Balanced")) if !arm => Some(Family::Balanced),
        (None, Some("Scale-Out")) => Some(if arm { Family::ScaleOutArm } else { Family::ScaleOut }),
        (None, Some("Performance")) if !arm => Some(Family::Performance),
        _ => None,
    };
    (family, spot)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn init_containers_need_room_only_while_they_run() {
        let container = |cpu: &str, memory: &str| json!({"resources": {"requests": {"cpu": cpu, "memory": memory}}});
        let spec = json!({
            "containers": [container("1", "1Gi"), container("500m", "1Gi")],
            "initContainers": [container("3", "100Mi"), container("2", "4Gi")],
        });
        let needed = requests(&spec);
        assert_eq!((needed.cpu_milli, needed.memory_mib, needed.pods), (3_000, 4_096, 1));
    }

    #[test]
    fn affinity_of_one_value_is_a_selector() {
        let expression = |key: &str, values: &[&str]| json!({"key": key, "operator": "In", "values": values});
        let pod = |terms: Value| json!({"spec": {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}}});
        let one = wish(&pod(json!([{"matchExpressions": [expression("cloud.google.com/gke-spot", &["true"])]}])));
        assert_eq!(belonging(&one.taste.selector), (Some(Family::General), true));
        let several = wish(&pod(json!([{"matchExpressions": [expression("a", &["x", "y"])]}])));
        assert!(several.taste.selector.is_empty() && several.taste.affinity.len() == 1);
    }
}
