//! The environment that a pod asks for, and the words in which it is used.

use serde_json::Value;

use super::super::{Cluster, Kind};
use super::quantity;

/// The variables of a container, in order, each name once.
///
/// # Errors
/// What is missing, as a kubelet words it.
pub(super) fn variables(cluster: &Cluster, pod: &Value, container: &Value) -> Result<Vec<(String, String)>, String> {
    let mut set: Vec<(String, String)> = Vec::new();
    let put = |set: &mut Vec<(String, String)>, name: String, value: String| match set
        .iter_mut()
        .find(|(other, _)| *other == name)
    {
        Some(known) => known.1 = value,
        None => set.push((name, value)),
    };
    for from in container["envFrom"].as_array().into_iter().flatten() {
        let prefix = from["prefix"].as_str().unwrap_or_default();
        for (field, kind) in [("configMapRef", Kind::ConfigMap), ("secretRef", Kind::Secret)] {
            let Some(reference) = from.get(field) else { continue };
            for (key, value) in entries(cluster, pod, kind, reference)?.unwrap_or_default() {
                put(&mut set, format!("{prefix}{key}"), String::from_utf8_lossy(&value).into_owned());
            }
        }
    }
    for variable in container["env"].as_array().into_iter().flatten() {
        let name = variable["name"].as_str().unwrap_or_default().to_owned();
        let value = match &variable["valueFrom"] {
            Value::Null => Some(expand(variable["value"].as_str().unwrap_or_default(), &set)),
            from => value_from(cluster, pod, container, from)?,
        };
        if let Some(value) = value {
            put(&mut set, name, value);
        }
    }
    Ok(set)
}

fn value_from(cluster: &Cluster, pod: &Value, container: &Value, from: &Value) -> Result<Option<String>, String> {
    for (field, kind) in [("configMapKeyRef", Kind::ConfigMap), ("secretKeyRef", Kind::Secret)] {
        let Some(reference) = from.get(field) else { continue };
        let key = reference["key"].as_str().unwrap_or_default();
        let Some(found) = entries(cluster, pod, kind, reference)? else { return Ok(None) };
        let value = found.into_iter().find(|(name, _)| name == key).map(|(_, value)| value);
        return match value {
            Some(value) => Ok(Some(String::from_utf8_lossy(&value).into_owned())),
            None if reference["optional"] == true => Ok(None),
            None => {
                let (namespace, name) = (text(&pod["metadata"]["namespace"]), text(&reference["name"]));
                Err(format!("couldn't find key {key} in {} {namespace}/{name}", kind.resource().kind))
            }
        };
    }
    if let Some(field) = from.get("fieldRef") {
        return field_of(pod, text(&field["fieldPath"])).map(Some);
    }
    if let Some(field) = from.get("resourceFieldRef") {
        return Ok(Some(resource_of(container, field)));
    }
    Ok(None)
}

/// A key and what stands there.
pub(super) type Entry = (String, Vec<u8>);

/// What a config map or secret holds; `None` when it is not there and need not be.
///
/// # Errors
/// When it is not there and must be.
pub(super) fn entries(
    cluster: &Cluster,
    pod: &Value,
    kind: Kind,
    reference: &Value,
) -> Result<Option<Vec<Entry>>, String> {
    use base64::Engine as _;
    let name = reference["name"].as_str().or(reference["secretName"].as_str()).unwrap_or_default();
    let Some(object) = cluster.store.get(kind, text(&pod["metadata"]["namespace"]), name) else {
        if reference["optional"] == true {
            return Ok(None);
        }
        return Err(format!("{} \"{name}\" not found", kind.resource().singular));
    };
    let value = object.value();
    let mut found = Vec::new();
    let encoded = |value: &Value| base64::engine::general_purpose::STANDARD.decode(text(value)).unwrap_or_default();
    for field in ["data", "binaryData", "stringData"] {
        for (key, value) in value[field].as_object().into_iter().flatten() {
            let is_encoded = field == "binaryData" || (field == "data" && kind == Kind::Secret);
            found.push((key.clone(), if is_encoded { encoded(value) } else { text(value).as_bytes().to_vec() }));
        }
    }
    Ok(Some(found))
}

/// A field of the pod, by the paths that the downward API knows.
pub(super) fn field_of(pod: &Value, path: &str) -> Result<String, String> {
    let quoted = |prefix: &str| path.strip_prefix(prefix).and_then(|rest| rest.strip_suffix("']"));
    if let Some(name) = quoted("metadata.labels['") {
        return Ok(text(&pod["metadata"]["labels"][name]).to_owned());
    }
    if let Some(name) = quoted("metadata.annotations['") {
        return Ok(text(&pod["metadata"]["annotations"][name]).to_owned());
    }
    if let "metadata.labels" | "metadata.annotations" = path {
        let all = pod["metadata"][&path["metadata.".len()..]].as_object().into_iter().flatten();
        let lines: Vec<String> =
            all.map(|(name, value)| format!("{name}=\"{}\"\n", text(value).escape_debug())).collect();
        return Ok(lines.concat());
    }
    let parts: Vec<&str> = path.split('.').collect();
    match parts[..] {
        ["metadata", name @ ("name" | "namespace" | "uid")] => Ok(text(&pod["metadata"][name]).to_owned()),
        ["spec", name @ ("nodeName" | "serviceAccountName")] => Ok(text(&pod["spec"][name]).to_owned()),
        ["status", name @ ("hostIP" | "podIP")] => Ok(text(&pod["status"][name]).to_owned()),
        ["status", "podIPs"] => Ok(text(&pod["status"]["podIP"]).to_owned()),
        ["status", "hostIPs"] => Ok(text(&pod["status"]["hostIP"]).to_owned()),
        _ => Err(format!("unsupported fieldPath: {path}")),
    }
}

/// A request or limit of the container, in units of the divisor, rounded up.
pub(super) fn resource_of(container: &Value, field: &Value) -> String {
    let path = text(&field["resource"]).split_once('.').unwrap_or_default();
    let amount = quantity(&container["resources"][path.0][path.1]).unwrap_or(0.0);
    let unit = quantity(&field["divisor"]).filter(|unit| *unit > 0.0).unwrap_or(1.0);
    format!("{:.0}", (amount / unit).ceil())
}

/// Puts the values of known variables where `$(NAME)` stands; `$$` is one `$`.
pub(super) fn expand(text: &str, set: &[(String, String)]) -> String {
    let mut done = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('$') {
        done.push_str(before);
        if let Some(behind) = behind.strip_prefix('$') {
            done.push('$');
            rest = behind;
            continue;
        }
        let named = behind.strip_prefix('(').and_then(|inner| inner.split_once(')'));
        let known = named.and_then(|(name, after)| Some((set.iter().find(|(known, _)| known == name)?, after)));
        let (value, after) = known.map_or(("$", behind), |((_, value), after)| (value.as_str(), after));
        done.push_str(value);
        rest = after;
    }
    done + rest
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_are_expanded() {
        let set = [("A".to_owned(), "1".to_owned()), ("B".to_owned(), "$(A)".to_owned())];
        for (text, expected) in [
            ("$(A)-$(B)", "1-$(A)"),
            ("$$(A) $$$(A)", "$(A) $1"),
            ("$(NONE) $(A", "$(NONE) $(A"),
            ("$A ${A} $", "$A ${A} $"),
        ] {
            assert_eq!(expand(text, &set), expected, "{text}");
        }
    }
}
