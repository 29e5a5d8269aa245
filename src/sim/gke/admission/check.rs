//! What an object must be like, in the words of Kubernetes' own validation.

use serde_json::Value;

use super::admit::pod_spec;
use crate::sim::gke::{Kind, Refusal, Terms, quantity};

const SUBDOMAIN: &str = r"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const OLD_LABEL: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const KEY: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const FILE: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

/// What is wrong: where, and what.
type Causes = Vec<(String, String)>;

/// Refuses an object that is not as it must be.
pub(super) fn object(kind: Kind, object: &Value) -> Result<(), Refusal> {
    let mut wrong = Causes::new();
    name(kind, &object["metadata"], &mut wrong);
    labels(&object["metadata"]["labels"], "metadata.labels", &mut wrong);
    match kind {
        Kind::Job => job(&object["spec"], &mut wrong),
        Kind::Deployment | Kind::ReplicaSet => replicated(&object["spec"], &mut wrong),
        Kind::ConfigMap | Kind::Secret => {
            for key in ["data", "binaryData"].iter().flat_map(|part| object[*part].as_object().into_iter().flatten()) {
                let fits = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
                if key.0.is_empty() || key.0.len() > 253 || !key.0.chars().all(fits) {
                    wrong.push((format!("data[{}]", key.0), format!("Invalid value: \"{}\": {FILE}", key.0)));
                }
            }
        }
        Kind::Service => {
            let needs_ports = object["spec"]["clusterIP"] != "None" && object["spec"]["type"] != "ExternalName";
            if needs_ports && object["spec"]["ports"].as_array().is_none_or(Vec::is_empty) {
                wrong.push(("spec.ports".into(), "Required value".into()));
            }
        }
        _ => {}
    }
    if let Some(path) = pod_spec(kind) {
        let spec = object.pointer(path).unwrap_or(&Value::Null);
        pod(spec, &path[1..].replace('/', "."), &mut wrong);
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Refusal::invalid(kind, object["metadata"]["name"].as_str().unwrap_or_default(), &wrong))
}

fn is_label(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty() && text.chars().all(fits) && !text.starts_with('-') && !text.ends_with('-')
}

fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.len() <= 63 && text.chars().all(fits) && ends(text.chars().next()) && ends(text.chars().last())
}

fn name(kind: Kind, meta: &Value, wrong: &mut Causes) {
    let Some(name) = meta["name"].as_str().filter(|name| !name.is_empty()) else {
        if let Some(prefix) = meta["generateName"].as_str().filter(|prefix| !prefix.is_empty()) {
            let stem = prefix.trim_end_matches(['-', '.']);
            if !stem.split('.').all(is_label) {
                wrong.push(("metadata.generateName".into(), format!("Invalid value: \"{prefix}\": {SUBDOMAIN}")));
            }
        }
        return;
    };
    let (fits, most, rule) = match kind {
        Kind::Service => (is_label(name) && name.starts_with(|c: char| c.is_ascii_lowercase()), 63, OLD_LABEL),
        Kind::Namespace => (is_label(name), 63, LABEL),
        // The names of its pods, and their labels, begin with it.
        Kind::Job => (name.split('.').all(is_label), 63, SUBDOMAIN),
        _ => (name.split('.').all(is_label), 253, SUBDOMAIN),
    };
    if !fits {
        wrong.push(("metadata.name".into(), format!("Invalid value: \"{name}\": {rule}")));
    }
    if name.len() > most {
        wrong.push(("metadata.name".into(), format!("Invalid value: \"{name}\": must be no more than {most} bytes")));
    }
}

fn labels(labels: &Value, place: &str, wrong: &mut Causes) {
    for (key, value) in labels.as_object().into_iter().flatten() {
        let (prefix, name) = key.rsplit_once('/').map_or((None, key.as_str()), |(prefix, name)| (Some(prefix), name));
        if !is_name(name) || prefix.is_some_and(|prefix| prefix.len() > 253 || !prefix.split('.').all(is_label)) {
            wrong.push((place.into(), format!("Invalid value: \"{key}\": {KEY}")));
        }
        let value = value.as_str().unwrap_or_default();
        if value.len() > 63 {
            wrong.push((place.into(), format!("Invalid value: \"{value}\": must be no more than 63 bytes")));
        } else if !value.is_empty() && !is_name(value) {
            wrong.push((place.into(), format!("Invalid value: \"{value}\": {VALUE}")));
        }
    }
}

fn not_negative(spec: &Value, names: &[&str], wrong: &mut Causes) {
    for name in names {
        if let Some(number) = spec[*name].as_i64().filter(|number| *number < 0) {
            wrong
                .push((format!("spec.{name}"), format!("Invalid value: {number}: must be greater than or equal to 0")));
        }
    }
}

fn job(spec: &Value, wrong: &mut Causes) {
    let numbers = ["parallelism", "completions", "backoffLimit", "activeDeadlineSeconds", "ttlSecondsAfterFinished"];
    not_negative(spec, &numbers, wrong);
    let field = "spec.template.spec.restartPolicy".to_owned();
    match spec["template"]["spec"]["restartPolicy"].as_str() {
        Some("Never" | "OnFailure") => {}
        None | Some("") => {
            wrong.push((field, r#"Required value: valid values: "OnFailure", "Never""#.into()));
        }
        Some(other) => {
            wrong.push((field, format!(r#"Unsupported value: "{other}": supported values: "OnFailure", "Never""#)));
        }
    }
    if spec["completionMode"] == "Indexed" && spec["completions"].is_null() {
        wrong.push(("spec.completions".into(), "Required value: when completion mode is Indexed".into()));
    }
    if spec["podFailurePolicy"].is_object() && spec["template"]["spec"]["restartPolicy"] == "OnFailure" {
        let field = "spec.template.spec.restartPolicy".to_owned();
        wrong.push((
            field,
            r#"Invalid value: "OnFailure": only "Never" is supported when podFailurePolicy is specified"#.into(),
        ));
    }
    labels(&spec["template"]["metadata"]["labels"], "spec.template.metadata.labels", wrong);
}

fn replicated(spec: &Value, wrong: &mut Causes) {
    not_negative(spec, &["replicas"], wrong);
    if !spec["selector"].is_object() {
        wrong.push(("spec.selector".into(), "Required value".into()));
        return;
    }
    let place = "spec.template.metadata.labels";
    let found = &spec["template"]["metadata"]["labels"];
    labels(found, place, wrong);
    let pairs = found.as_object().into_iter().flatten();
    let pairs = pairs.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned())).collect();
    if !Terms::of_object(&spec["selector"]).match_labels(&pairs) {
        wrong.push((place.into(), format!("Invalid value: {found}: `selector` does not match template `labels`")));
    }
}

fn pod(spec: &Value, place: &str, wrong: &mut Causes) {
    if spec["containers"].as_array().is_none_or(Vec::is_empty) {
        wrong.push((format!("{place}.containers"), "Required value".into()));
    }
    if let Some(seconds) = spec["activeDeadlineSeconds"].as_i64().filter(|seconds| *seconds < 1) {
        let bounds = "must be between 1 and 2147483647, inclusive";
        wrong.push((format!("{place}.activeDeadlineSeconds"), format!("Invalid value: {seconds}: {bounds}")));
    }
    let policy = spec["restartPolicy"].as_str().unwrap_or("Always");
    if !["Always", "OnFailure", "Never"].contains(&policy) {
        let wanted = r#"supported values: "Always", "Never", "OnFailure""#;
        wrong.push((format!("{place}.restartPolicy"), format!("Unsupported value: \"{policy}\": {wanted}")));
    }
    let volumes: Vec<&str> =
        spec["volumes"].as_array().into_iter().flatten().filter_map(|volume| volume["name"].as_str()).collect();
    for (number, name) in volumes.iter().enumerate() {
        if volumes[..number].contains(name) {
            wrong.push((format!("{place}.volumes[{number}].name"), format!("Duplicate value: \"{name}\"")));
        }
    }
    let mut names: Vec<&str> = Vec::new();
    for list in ["initContainers", "containers"] {
        for (number, container) in spec[list].as_array().into_iter().flatten().enumerate() {
            let place = format!("{place}.{list}[{number}]");
            let name = container["name"].as_str().unwrap_or_default();
            if name.is_empty() {
                wrong.push((format!("{place}.name"), "Required value".into()));
            } else if !is_label(name) || name.len() > 63 {
                wrong.push((format!("{place}.name"), format!("Invalid value: \"{name}\": {LABEL}")));
            } else if names.contains(&name) {
                wrong.push((format!("{place}.name"), format!("Duplicate value: \"{name}\"")));
            }
            names.push(name);
            self::container(container, &place, &volumes, wrong);
        }
    }
}

fn container(container: &Value, place: &str, volumes: &[&str], wrong: &mut Causes) {
    if container["image"].as_str().unwrap_or_default().is_empty() {
        wrong.push((format!("{place}.image"), "Required value".into()));
    }
    for (number, variable) in container["env"].as_array().into_iter().flatten().enumerate() {
        if variable["name"].as_str().unwrap_or_default().is_empty() {
            wrong.push((format!("{place}.env[{number}].name"), "Required value".into()));
        }
    }
    let mut paths = std::collections::HashSet::new();
    for (number, mount) in container["volumeMounts"].as_array().into_iter().flatten().enumerate() {
        let path = mount["mountPath"].as_str().unwrap_or_default();
        if !path.is_empty() && !paths.insert(path) {
            let message = format!("Invalid value: \"{path}\": must be unique");
            wrong.push((format!("{place}.volumeMounts[{number}].mountPath"), message));
        }
        let name = mount["name"].as_str().unwrap_or_default();
        if !volumes.contains(&name) {
            wrong.push((format!("{place}.volumeMounts[{number}].name"), format!("Not found: \"{name}\"")));
        }
        if path.is_empty() {
            wrong.push((format!("{place}.volumeMounts[{number}].mountPath"), "Required value".into()));
        }
    }
    for list in ["requests", "limits"] {
        for (name, amount) in container["resources"][list].as_object().into_iter().flatten() {
            if read(amount).is_none() {
                let form =
                    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
                wrong.push((format!("{place}.resources.{list}[{name}]"), format!("Invalid value: {amount}: {form}")));
            }
        }
    }
    for (name, request) in container["resources"]["requests"].as_object().into_iter().flatten() {
        let limit = &container["resources"]["limits"][name];
        if let (Some(wanted), Some(most)) = (read(request), read(limit))
            && wanted > most
        {
            let most = limit.as_str().map_or_else(|| limit.to_string(), str::to_owned);
            let message = format!("Invalid value: {request}: must be less than or equal to {name} limit of {most}");
            wrong.push((format!("{place}.resources.requests"), message));
        }
    }
}

/// An amount, in thousandths.
fn read(amount: &Value) -> Option<u64> {
    amount.as_str().and_then(quantity::milli).or_else(|| quantity::milli(&amount.as_f64()?.to_string()))
}
