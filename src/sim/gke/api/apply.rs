//! Server-side apply: who applies says all that it cares for; what it no longer says, and nobody else does, goes.
//!
//! Fields are followed from the first apply on. What was there before belongs to `before-first-apply`, as it did in
//! Kubernetes before every write was followed; objects that nobody applies stay small that way.

use serde_json::{Value, json};

use super::answer::{Answer, text, warn};
use super::create::{self, Made};
use super::owned::{self, Set};
use super::route::Call;
use super::update::{Part, Place, Revised, revise};
use super::{fields, strategic};
use crate::sim::gke::{Kind, Refusal};

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Who has said what.
#[derive(Clone, Debug)]
struct Claimant {
    name: String,
    operation: String,
    part: String,
    time: Value,
    set: Set,
}

/// Answers an apply.
pub(super) fn apply(call: &Call, place: &Place<'_>) -> Answer {
    let Place { kind, namespace, name, part } = *place;
    let Some(manager) = call.query.get("fieldManager") else {
        return Err(Refusal::bad_request(
            "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch",
        ));
    };
    let mut config: Value = serde_json::from_slice(&call.body).map_err(|_| {
        let message = "the simulated cluster reads applied objects as JSON; send JSON, which is YAML too";
        Refusal::new(415, "UnsupportedMediaType", message)
    })?;
    create::fits(kind, &mut config)?;
    if !config["metadata"]["managedFields"].is_null() {
        return Err(Refusal::bad_request("metadata.managedFields must be nil"));
    }
    let said = config["metadata"]["name"].as_str().unwrap_or(name);
    if said != name {
        let message = format!("the name of the object ({said}) does not match the name on the URL ({name})");
        return Err(Refusal::bad_request(message));
    }
    config["metadata"]["name"] = name.into();
    let remarks = fields::check(call, kind, &mut config)?;
    let set = owned::fields_of(kind.resource().kind, &config);
    let mine = Claimant {
        name: manager.to_owned(),
        operation: "Apply".to_owned(),
        part: if part == Part::Status { "status".to_owned() } else { String::new() },
        time: call.cluster.store.now().into(),
        set,
    };
    if call.cluster.store.get(kind, namespace, name).is_none() && part == Part::Main {
        call.may("create", kind, "", namespace, name)?;
        let managed = json!([entry(kind, &mine)]);
        let made = create::make(call, kind, namespace, &config, &managed);
        match made {
            Err(refusal) if refusal.reason == "AlreadyExists" => {}
            other => {
                let mut response = match other? {
                    Made::Kept(json) => text(201, &json),
                    Made::Dry(value) => text(201, &value.to_string()),
                };
                warn(&mut response, &remarks);
                return Ok(response);
            }
        }
    }
    let revised: Revised = revise(call, place, |old| merged(call, kind, old, &config, &mine))?;
    Ok(revised.response(&remarks))
}

/// What comes out of an apply to an object that is there.
fn merged(call: &Call, kind: Kind, old: &Value, config: &Value, mine: &Claimant) -> Result<Value, Refusal> {
    let type_name = kind.resource().kind;
    let mut managers = managers(kind, old, mine);
    let last = last_applied(type_name, old, mine);
    let is_mine =
        |other: &Claimant| (&other.name, &other.operation, &other.part) == (&mine.name, &mine.operation, &mine.part);
    let before = managers.iter().find(|other| is_mine(other)).cloned();
    managers.retain(|other| !is_mine(other));
    let mut conflicts = Vec::new();
    for path in mine.set.iter().filter(|path| owned::look(old, path) != owned::look(config, path)) {
        // An item of a list is compared by its fields.
        if path.last().is_some_and(|word| word.starts_with("k:")) {
            continue;
        }
        for other in managers.iter_mut().filter(|other| other.set.contains(path)) {
            if call.query.is("force") || last.contains(path) {
                other.set.remove(path);
            } else {
                conflicts.push((format!("conflict with \"{}\"", other.name), owned::named(path)));
            }
        }
    }
    if !conflicts.is_empty() {
        return Err(conflict(kind, &conflicts));
    }
    let mut new = old.clone();
    strategic::merge(type_name, &mut new, config).map_err(Refusal::bad_request)?;
    let had = before.as_ref().map_or(&last, |before| &before.set);
    // An item goes before what stands in it, which goes along.
    for path in had.iter().filter(|path| !mine.set.contains(*path)) {
        let is_others = managers.iter().any(|other| other.set.iter().any(|owned| owned.starts_with(path)));
        let is_still_mine = mine.set.iter().any(|owned| owned.starts_with(path));
        if !is_others && !is_still_mine {
            owned::take_out(&mut new, path);
        }
    }
    let time = before.filter(|before| before.set == mine.set).map(|before| before.time);
    managers.push(Claimant { time: time.unwrap_or_else(|| mine.time.clone()), ..mine.clone() });
    new["metadata"]["managedFields"] = entries(kind, &managers);
    Ok(new)
}

/// What kubectl applied from its own side before, which it may take over without asking.
fn last_applied(type_name: &str, old: &Value, mine: &Claimant) -> Set {
    let last = old["metadata"]["annotations"][LAST_APPLIED].as_str().filter(|_| mine.name == "kubectl");
    let last: Option<Value> = last.and_then(|last| serde_json::from_str(last).ok());
    last.map(|last| owned::fields_of(type_name, &last)).unwrap_or_default()
}

fn managers(kind: Kind, old: &Value, mine: &Claimant) -> Vec<Claimant> {
    let known = read(old);
    if !known.is_empty() {
        return known;
    }
    let mut set = owned::fields_of(kind.resource().kind, old);
    set.retain(|path| path[0] != "f:status");
    let name = "before-first-apply".to_owned();
    vec![Claimant { name, operation: "Update".to_owned(), part: String::new(), time: mine.time.clone(), set }]
}

fn read(object: &Value) -> Vec<Claimant> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let entries = object["metadata"]["managedFields"].as_array().into_iter().flatten();
    entries
        .filter(|entry| entry["fieldsV1"].is_object())
        .map(|entry| Claimant {
            name: text(&entry["manager"]),
            operation: text(&entry["operation"]),
            part: text(&entry["subresource"]),
            time: entry["time"].clone(),
            set: owned::read(&entry["fieldsV1"]),
        })
        .collect()
}

fn entry(kind: Kind, manager: &Claimant) -> Value {
    let mut entry = json!({
        "manager": manager.name, "operation": manager.operation, "apiVersion": kind.api_version(),
        "time": manager.time, "fieldsType": "FieldsV1", "fieldsV1": owned::written(&manager.set),
    });
    if !manager.part.is_empty() {
        entry["subresource"] = manager.part.as_str().into();
    }
    entry
}

fn entries(kind: Kind, managers: &[Claimant]) -> Value {
    managers.iter().filter(|manager| !manager.set.is_empty()).map(|manager| entry(kind, manager)).collect()
}

fn conflict(kind: Kind, conflicts: &[(String, String)]) -> Refusal {
    let version = kind.api_version();
    let listed: Vec<String> =
        conflicts.iter().map(|(with, field)| format!("{with} using {version}: {field}")).collect();
    let count = if conflicts.len() == 1 { "1 conflict".to_owned() } else { format!("{} conflicts", conflicts.len()) };
    let causes: Vec<Value> = conflicts
        .iter()
        .map(|(with, field)| json!({"reason": "FieldManagerConflict", "message": format!("{with} using {version}"), "field": field}))
        .collect();
    let message = format!("Apply failed with {count}: {}", listed.join(", "));
    Refusal { details: json!({"causes": causes}), ..Refusal::new(409, "Conflict", message) }
}

/// Writes down who changed what, where that is followed: from the first apply on.
pub(super) fn track(call: &Call, kind: Kind, old: &Value, new: &mut Value) {
    if call.content_type().starts_with("application/apply-patch") {
        return;
    }
    let mut managers = read(old);
    if managers.is_empty() || new["metadata"]["managedFields"] != old["metadata"]["managedFields"] {
        return;
    }
    let type_name = kind.resource().kind;
    let (was, is) = (owned::fields_of(type_name, old), owned::fields_of(type_name, new));
    let changed: Set = is.iter().filter(|path| owned::look(old, path) != owned::look(new, path)).cloned().collect();
    if changed.is_empty() && was == is {
        return;
    }
    for manager in &mut managers {
        manager.set.retain(|path| !changed.contains(path) && (is.contains(path) || !was.contains(path)));
    }
    let name = call.field_manager();
    let time = call.cluster.store.now().into();
    match managers.iter_mut().find(|manager| manager.name == name && manager.operation == "Update") {
        Some(manager) => {
            manager.set.extend(changed);
            manager.time = time;
        }
        None => {
            managers.push(Claimant { name, operation: "Update".to_owned(), part: String::new(), time, set: changed });
        }
    }
    new["metadata"]["managedFields"] = entries(kind, &managers);
}
