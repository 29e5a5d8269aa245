//! What is mounted into the container.

use serde_json::{Value, json};

use super::command::SCRIPT;
use super::job::{Brought, ROOT};
use crate::executor::gke::settings::{Content, Settings};

/// The volume with what Spore brings: files and the script.
const BROUGHT: &str = "spore-files";
/// The volume with a script that holds a secret.
const SECRET: &str = "spore-secret";
/// The folder that commands run in.
const WORKSPACE: &str = "spore-workspace";

/// Volumes of a pod, and where its main container has them.
#[derive(Debug, Default)]
pub(super) struct Mounts {
    pub(super) volumes: Vec<Value>,
    pub(super) mounts: Vec<Value>,
}

/// The volumes of the pod of the Job `name`. `script` tells whether there is a script to mount, and whether it is secret.
pub(super) fn mounts(name: &str, settings: &Settings, root: &str, files: &[Brought], script: Option<bool>) -> Mounts {
    let mut made = Mounts::default();
    let has_root = settings.volumes.iter().any(|volume| volume.mount == ROOT);
    if settings.root.is_none() && !has_root {
        made.volumes.push(json!({"name": WORKSPACE, "emptyDir": {}}));
        made.mounts.push(json!({"name": WORKSPACE, "mountPath": ROOT}));
    }
    for (index, volume) in settings.volumes.iter().enumerate() {
        let content = match &volume.content {
            Content::Claim(claim) => {
                json!({"persistentVolumeClaim": {"claimName": claim, "readOnly": volume.read_only}})
            }
            Content::Empty { size, in_memory } => {
                let mut empty = json!({});
                if let Some(size) = size {
                    empty["sizeLimit"] = json!(size);
                }
                if *in_memory {
                    empty["medium"] = json!("Memory");
                }
                json!({"emptyDir": empty})
            }
            Content::ConfigMap(map) => json!({"configMap": {"name": map}}),
            Content::Secret(secret) => json!({"secret": {"secretName": secret}}),
        };
        let volume_name = format!("volume-{index}");
        let mut entry = json!({"name": volume_name});
        super::merge::merge(&mut entry, &content);
        made.volumes.push(entry);
        let mut mount = json!({"name": volume_name, "mountPath": volume.mount});
        if volume.read_only {
            mount["readOnly"] = json!(true);
        }
        made.mounts.push(mount);
    }
    brought(name, root, files, script == Some(false), &mut made);
    if script == Some(true) {
        let items = json!([{"key": "script", "path": "script", "mode": 0o555}]);
        made.volumes.push(json!({"name": SECRET, "secret": {"secretName": name, "items": items}}));
        made.mounts.push(file_mount(SECRET, SCRIPT, "script"));
    }
    made
}

fn brought(name: &str, root: &str, files: &[Brought], with_script: bool, made: &mut Mounts) {
    let mut items = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let key = format!("file-{index}");
        items.push(json!({"key": key, "path": key, "mode": if file.is_executable { 0o555 } else { 0o444 }}));
        made.mounts.push(file_mount(BROUGHT, &format!("{}/{}", root.trim_end_matches('/'), file.path), &key));
    }
    if with_script {
        items.push(json!({"key": "script", "path": "script", "mode": 0o555}));
        made.mounts.push(file_mount(BROUGHT, SCRIPT, "script"));
    }
    if !items.is_empty() {
        made.volumes.push(json!({"name": BROUGHT, "configMap": {"name": name, "items": items}}));
    }
}

fn file_mount(volume: &str, at: &str, key: &str) -> Value {
    json!({"name": volume, "mountPath": at, "subPath": key, "readOnly": true})
}
