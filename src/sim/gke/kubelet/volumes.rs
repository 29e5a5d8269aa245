//! Volumes: folders of this machine with what a pod wants in them.

use std::collections::HashMap;
use std::io;
use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use super::super::{Cluster, Kind};
use super::environment::{entries, expand, field_of, resource_of};
use super::paths::Paths;
use crate::os::file;

/// The permissions of files that a pod does not name any for.
const MODE: u64 = 0o644;

/// The folders of the pod's volumes, made and filled.
///
/// # Errors
/// What is missing, as a kubelet words it: the volume and why it is not mounted.
pub(super) fn mount(cluster: &Cluster, pod: &Value, folder: &Path) -> Result<HashMap<String, PathBuf>, String> {
    let mut folders = HashMap::new();
    for volume in pod["spec"]["volumes"].as_array().into_iter().flatten() {
        let name = text(&volume["name"]);
        let made = one(cluster, pod, volume, &folder.join("volumes").join(name));
        let made = made.map_err(|because| format!("MountVolume.SetUp failed for volume \"{name}\" : {because}"))?;
        folders.insert(name.to_owned(), made);
    }
    Ok(folders)
}

fn one(cluster: &Cluster, pod: &Value, volume: &Value, folder: &Path) -> Result<PathBuf, String> {
    if let Some(path) = volume["hostPath"]["path"].as_str() {
        return Ok(path.into());
    }
    if let Some(claim) = volume["persistentVolumeClaim"]["claimName"].as_str() {
        let namespace = text(&pod["metadata"]["namespace"]);
        if cluster.store.get(Kind::PersistentVolumeClaim, namespace, claim).is_none() {
            return Err(format!("persistentvolumeclaim \"{claim}\" not found"));
        }
        let folder = cluster.folder.join("claims").join(namespace).join(claim);
        file::create_private_dir_all(&folder).map_err(|error| error.to_string())?;
        return Ok(folder);
    }
    let mut files = Vec::new();
    collect(cluster, pod, volume, &mut files)?;
    for source in volume["projected"]["sources"].as_array().into_iter().flatten() {
        collect(cluster, pod, source, &mut files)?;
    }
    let fields = ["configMap", "secret", "downwardAPI", "projected"];
    let given = fields.iter().find_map(|field| volume[*field]["defaultMode"].as_u64());
    let is_secret = !volume["secret"].is_null();
    file::create_private_dir_all(folder).map_err(|error| error.to_string())?;
    for (path, bytes, mode) in files {
        let place = folder.join(inside(&path)?);
        let mode = if is_secret { 0o600 } else { mode.or(given).unwrap_or(MODE) };
        write(&place, &bytes, mode).map_err(|error| error.to_string())?;
    }
    Ok(folder.to_path_buf())
}

type Wanted = (String, Vec<u8>, Option<u64>);

/// The files of one source.
fn collect(cluster: &Cluster, pod: &Value, source: &Value, files: &mut Vec<Wanted>) -> Result<(), String> {
    for (field, kind) in [("configMap", Kind::ConfigMap), ("secret", Kind::Secret)] {
        let Some(reference) = source.get(field) else { continue };
        let Some(found) = entries(cluster, pod, kind, reference)? else { continue };
        let Some(items) = reference["items"].as_array() else {
            files.extend(found.into_iter().map(|(key, bytes)| (key, bytes, None)));
            continue;
        };
        for item in items {
            let key = text(&item["key"]);
            match found.iter().find(|(name, _)| name == key) {
                Some((_, bytes)) => files.push((text(&item["path"]).into(), bytes.clone(), item["mode"].as_u64())),
                None if reference["optional"] == true => {}
                None => return Err(format!("references non-existent {} key: {key}", kind.resource().singular)),
            }
        }
    }
    for item in source["downwardAPI"]["items"].as_array().into_iter().flatten() {
        let value = match item.get("resourceFieldRef") {
            Some(field) => {
                let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
                let container = containers.into_iter().find(|container| container["name"] == field["containerName"]);
                resource_of(container.unwrap_or(&Value::Null), field)
            }
            None => field_of(pod, text(&item["fieldRef"]["fieldPath"]))?,
        };
        files.push((text(&item["path"]).to_owned(), value.into_bytes(), item["mode"].as_u64()));
    }
    if let Some(path) = source["serviceAccountToken"]["path"].as_str() {
        files.push((path.to_owned(), b"a token of a simulated cluster".to_vec(), Some(0o600)));
    }
    Ok(())
}

/// A path that leads nowhere else.
fn inside(path: &str) -> Result<PathBuf, String> {
    let path = Path::new(path);
    let is_inside = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if is_inside { Ok(path.to_path_buf()) } else { Err(format!("invalid path: \"{}\"", path.display())) }
}

fn write(place: &Path, bytes: &[u8], mode: u64) -> io::Result<()> {
    if let Some(above) = place.parent() {
        file::create_private_dir_all(above)?;
    }
    file::write_as(place, bytes, u32::try_from(mode & 0o777).unwrap_or(0o600))
}

/// Where the mounts of a container are. What is mounted within another mount gets a link there, so that it is found by
/// names that do not begin at the root.
///
/// # Errors
/// When a mount cannot be made.
pub(super) fn paths(
    container: &Value,
    variables: &[(String, String)],
    volumes: &HashMap<String, PathBuf>,
    termination: &Path,
) -> Result<Paths, String> {
    let mut paths = Paths::default();
    for mount in container["volumeMounts"].as_array().into_iter().flatten() {
        let name = text(&mount["name"]);
        let volume = volumes.get(name).ok_or_else(|| format!("volume \"{name}\" not found"))?;
        let below = match mount["subPathExpr"].as_str() {
            Some(expression) => expand(expression, variables),
            None => text(&mount["subPath"]).to_owned(),
        };
        let real = if below.is_empty() { volume.clone() } else { volume.join(inside(&below)?) };
        if !real.exists() {
            file::create_private_dir_all(&real).map_err(|error| error.to_string())?;
        }
        paths.add(text(&mount["mountPath"]), real);
    }
    paths.add(termination_path(container), termination.to_path_buf());
    for (inner, real) in paths.outer_first() {
        if let Some(place) = paths.around(inner) {
            link(real, &place).map_err(|error| format!("failed to mount \"{inner}\": {error}"))?;
        }
    }
    Ok(paths)
}

/// Where a container writes its last words.
pub(super) fn termination_path(container: &Value) -> &str {
    container["terminationMessagePath"].as_str().unwrap_or("/dev/termination-log")
}

fn link(real: &Path, place: &Path) -> io::Result<()> {
    if place.read_link().is_ok_and(|target| target == real) {
        return Ok(());
    }
    if let Some(above) = place.parent() {
        file::create_private_dir_all(above)?;
    }
    if place.is_symlink() || place.is_file() {
        file::remove(place)?;
    } else if place.is_dir() {
        file::remove_empty_dir(place)?;
    }
    file::link(real, place)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
