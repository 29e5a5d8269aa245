//! How much a namespace may hold: <https://kubernetes.io/docs/concepts/policy/resource-quotas/>.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Cluster, Kind, Refusal, Selector, quantity};

/// Refuses what would exceed a quota of its namespace.
pub(super) fn allow(cluster: &Cluster, kind: Kind, namespace: &str, object: &Value) -> Result<(), Refusal> {
    let quotas = cluster.store.list(Kind::ResourceQuota, Some(namespace), &Selector::default()).0;
    if quotas.is_empty() || namespace.is_empty() {
        return Ok(());
    }
    let asked = takes(kind, object);
    let mut used: Option<BTreeMap<String, u64>> = None;
    for quota in quotas {
        let value = quota.value();
        let hard = value["spec"]["hard"].as_object().into_iter().flatten();
        let hard: BTreeMap<&str, u64> = hard.filter_map(|(name, most)| Some((canonical(name), read(most)?))).collect();
        let name =
            object["metadata"]["name"].as_str().or(object["metadata"]["generateName"].as_str()).unwrap_or_default();
        if let Some(missing) = unsaid(kind, object, &hard) {
            let because = format!("failed quota: {}: must specify {missing}", quota.name);
            return Err(Refusal::forbidden(kind, name, &because));
        }
        let used = used.get_or_insert_with(|| all(cluster, namespace));
        let over = hard.iter().filter_map(|(name, most)| {
            let (wanted, taken) = (*asked.get(*name)?, used.get(*name).copied().unwrap_or(0));
            (wanted > 0 && taken + wanted > *most).then_some((*name, wanted, taken, *most))
        });
        let over: Vec<_> = over.collect();
        if !over.is_empty() {
            let list = |which: fn(&(&str, u64, u64, u64)) -> u64| {
                over.iter().map(|one| format!("{}={}", one.0, print(one.0, which(one)))).collect::<Vec<_>>().join(",")
            };
            let because = format!(
                "exceeded quota: {}, requested: {}, used: {}, limited: {}",
                quota.name,
                list(|one| one.1),
                list(|one| one.2),
                list(|one| one.3)
            );
            return Err(Refusal::forbidden(kind, name, &because));
        }
    }
    Ok(())
}

/// What everything in the namespace takes.
fn all(cluster: &Cluster, namespace: &str) -> BTreeMap<String, u64> {
    let mut used = BTreeMap::new();
    for kind in Kind::ALL.iter().filter(|kind| kind.resource().namespaced && **kind != Kind::Event) {
        for object in cluster.store.list(*kind, Some(namespace), &Selector::default()).0 {
            let value = object.value();
            // What has ended takes nothing any more.
            if *kind == Kind::Pod && matches!(value["status"]["phase"].as_str(), Some("Succeeded" | "Failed")) {
                continue;
            }
            for (name, amount) in takes(*kind, &value) {
                *used.entry(name).or_insert(0) += amount;
            }
        }
    }
    used
}

/// What one object takes, in thousandths.
fn takes(kind: Kind, object: &Value) -> BTreeMap<String, u64> {
    let resource = kind.resource();
    let counted = match resource.group {
        "" => format!("count/{}", resource.plural),
        group => format!("count/{}.{group}", resource.plural),
    };
    let mut takes = BTreeMap::from([(counted, 1_000), (resource.plural.to_owned(), 1_000)]);
    if kind == Kind::Pod {
        for container in object["spec"]["containers"].as_array().into_iter().flatten() {
            for list in ["requests", "limits"] {
                for (name, amount) in container["resources"][list].as_object().into_iter().flatten() {
                    *takes.entry(format!("{list}.{name}")).or_insert(0) += read(amount).unwrap_or(0);
                }
            }
        }
    }
    takes
}

/// What a pod must say because the quota limits it: `cpu` and `memory`, with a quota on them.
fn unsaid(kind: Kind, object: &Value, hard: &BTreeMap<&str, u64>) -> Option<String> {
    if kind != Kind::Pod {
        return None;
    }
    let mut missing = Vec::new();
    for (list, name) in [("limits", "cpu"), ("limits", "memory"), ("requests", "cpu"), ("requests", "memory")] {
        let full = format!("{list}.{name}");
        let containers = object["spec"]["containers"].as_array().into_iter().flatten();
        let silent = containers.filter(|container| container["resources"][list][name].is_null());
        let names: Vec<&str> = silent.filter_map(|container| container["name"].as_str()).collect();
        if hard.contains_key(full.as_str()) && !names.is_empty() {
            missing.push(format!("{full} for: {}", names.join(",")));
        }
    }
    (!missing.is_empty()).then(|| missing.join("; "))
}

/// `cpu` alone means what is requested of it.
fn canonical(name: &str) -> &str {
    match name {
        "cpu" => "requests.cpu",
        "memory" => "requests.memory",
        "ephemeral-storage" => "requests.ephemeral-storage",
        other => other,
    }
}

fn read(amount: &Value) -> Option<u64> {
    amount.as_str().and_then(quantity::milli).or_else(|| amount.as_u64().map(|whole| whole * 1_000))
}

fn print(name: &str, milli: u64) -> String {
    match name.rsplit('.').next() {
        Some("cpu") => quantity::cpu(milli),
        Some("memory" | "ephemeral-storage") => quantity::bytes(milli / 1_000),
        _ => (milli / 1_000).to_string(),
    }
}
