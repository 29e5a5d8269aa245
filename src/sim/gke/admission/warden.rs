//! What Autopilot does not allow: <https://cloud.google.com/kubernetes-engine/docs/concepts/autopilot-security>.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::admit::pod_spec;
use super::requests;
use crate::sim::gke::{Kind, Refusal};

const CAPABILITIES: [&str; 15] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
    "SYS_PTRACE",
];
/// The only folder of the host that may be read.
const HOST_FOLDER: &str = "/var/log";

/// The constraints that are broken, by name, with what breaks each.
pub(super) type Violations = BTreeMap<&'static str, Vec<String>>;

/// Refuses what Autopilot does not allow, as its admission webhook words it.
pub(super) fn judge(kind: Kind, object: &Value) -> Result<(), Refusal> {
    let Some(spec) = pod_spec(kind).and_then(|path| object.pointer(path)) else { return Ok(()) };
    let mut violations = Violations::new();
    for name in ["hostNetwork", "hostPID", "hostIPC"] {
        if spec[name] == true {
            let found = violations.entry("autogke-disallow-hostnamespaces").or_default();
            found.push(format!("enabling {name} is not allowed in Autopilot."));
        }
    }
    for list in ["initContainers", "containers"] {
        for container in spec[list].as_array().into_iter().flatten() {
            self::container(spec, container, &mut violations);
        }
    }
    let name = object["metadata"]["name"].as_str().or(object["metadata"]["generateName"].as_str()).unwrap_or_default();
    requests::judge(name, spec, &mut violations);
    if violations.is_empty() {
        return Ok(());
    }
    let details: Value =
        violations.into_iter().map(|(name, found)| (format!("[denied by {name}]"), json!(found))).collect();
    Err(Refusal::new(
        400,
        "GKE Warden constraints violations",
        format!(
            "admission webhook \"warden-validating.common-webhooks.networking.gke.io\" denied the request: GKE Warden rejected the request because it violates one or more constraints.\nViolations details: {details}\nRequested by user: 'spore', groups: 'system:authenticated'."
        ),
    ))
}

fn container(spec: &Value, container: &Value, violations: &mut Violations) {
    let name = container["name"].as_str().unwrap_or_default();
    let security = &container["securityContext"];
    if security["privileged"] == true {
        let found = violations.entry("autogke-disallow-privilege").or_default();
        found.push(format!("container {name} is privileged; not allowed in Autopilot"));
    }
    let added = security["capabilities"]["add"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let forbidden: Vec<&str> = added.filter(|added| !CAPABILITIES.contains(added)).collect();
    if !forbidden.is_empty() {
        violations.entry("autogke-default-linux-capabilities").or_default().push(format!(
            "linux capability '{}' on container '{name}' not allowed; Autopilot only allows the capabilities: '{}'.",
            forbidden.join(","),
            CAPABILITIES.join(",")
        ));
    }
    let ports = container["ports"].as_array().into_iter().flatten().filter_map(|port| port["hostPort"].as_u64());
    let ports: Vec<String> = ports.filter(|port| *port > 0).map(|port| port.to_string()).collect();
    if !ports.is_empty() {
        violations.entry("autogke-no-host-port").or_default().push(format!(
            "container {name} specifies host ports [{}], which are disallowed in Autopilot.",
            ports.join(" ")
        ));
    }
    for volume in spec["volumes"].as_array().into_iter().flatten() {
        let Some(path) = volume["hostPath"]["path"].as_str() else { continue };
        let volume_name = volume["name"].as_str().unwrap_or_default();
        let mounts = container["volumeMounts"].as_array().into_iter().flatten();
        for mount in mounts.filter(|mount| mount["name"] == volume["name"]) {
            let found = violations.entry("autogke-no-write-mode-hostpath").or_default();
            if mount["readOnly"] != true {
                found.push(format!(
                    "hostPath volume {volume_name} in container {name} is accessed in write mode; disallowed in Autopilot."
                ));
            } else if path != HOST_FOLDER && !path.starts_with(&format!("{HOST_FOLDER}/")) {
                found.push(format!(
                    "hostPath volume {volume_name} used in container {name} uses path {path} which is not allowed in Autopilot. Allowed path prefixes for hostPath volumes are: [{HOST_FOLDER}/]."
                ));
            }
        }
    }
    violations.retain(|_, found| !found.is_empty());
}
