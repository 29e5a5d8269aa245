//! The settings of a task on GKE.

use std::time::Duration;

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::quantity::{is_label_key, is_label_value, is_name, is_quantity};
use super::reader::Reader;
use super::template;

/// How long a pod may wait for a place in the cluster: Autopilot makes machines within minutes.
const SCHEDULE_TIMEOUT: Duration = Duration::from_mins(15);
/// How long an image may fail to come: a registry that is down for a moment fails no task.
const IMAGE_TIMEOUT: Duration = Duration::from_mins(5);
/// How long the cluster keeps what is over: longer than any pause of an engine.
const TTL: Duration = Duration::from_hours(24);
/// How long an instance is there if nobody removes it: it costs money as long as it is.
const INSTANCE_TIMEOUT: Duration = Duration::from_hours(24);

/// What a task wants of the cluster, checked.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::executor::gke) struct Settings {
    pub(in crate::executor::gke) image: String,
    pub(in crate::executor::gke) cpu: Option<String>,
    pub(in crate::executor::gke) memory: Option<String>,
    pub(in crate::executor::gke) ephemeral_storage: Option<String>,
    pub(in crate::executor::gke) gpu: Option<Gpu>,
    pub(in crate::executor::gke) spot: bool,
    pub(in crate::executor::gke) compute_class: Option<String>,
    pub(in crate::executor::gke) node_selector: Vec<(String, String)>,
    pub(in crate::executor::gke) tolerations: Vec<Value>,
    pub(in crate::executor::gke) service_account: Option<String>,
    pub(in crate::executor::gke) namespace: Option<String>,
    pub(in crate::executor::gke) context: Option<String>,
    pub(in crate::executor::gke) labels: Vec<(String, String)>,
    pub(in crate::executor::gke) annotations: Vec<(String, String)>,
    pub(in crate::executor::gke) env_from: Vec<EnvFrom>,
    pub(in crate::executor::gke) secrets: Vec<SecretKey>,
    /// Paths relative to the root of the spores.
    pub(in crate::executor::gke) files: Vec<String>,
    pub(in crate::executor::gke) volumes: Vec<Volume>,
    pub(in crate::executor::gke) image_pull_secrets: Vec<String>,
    pub(in crate::executor::gke) pull_policy: Option<String>,
    pub(in crate::executor::gke) root: Option<String>,
    pub(in crate::executor::gke) split_streams: bool,
    pub(in crate::executor::gke) schedule_timeout: Duration,
    pub(in crate::executor::gke) image_timeout: Duration,
    pub(in crate::executor::gke) ttl: Duration,
    /// How long an instance may be there.
    pub(in crate::executor::gke) instance_timeout: Duration,
    /// Merged into the Job last.
    pub(in crate::executor::gke) template: Option<Value>,
}

/// Accelerators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::executor::gke) struct Gpu {
    pub(in crate::executor::gke) kind: Option<String>,
    pub(in crate::executor::gke) count: u64,
}

/// All values of an object, as variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::executor::gke) enum EnvFrom {
    ConfigMap { name: String, prefix: Option<String> },
    Secret { name: String, prefix: Option<String> },
}

/// One value of a Secret that exists, as a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::executor::gke) struct SecretKey {
    pub(in crate::executor::gke) variable: String,
    pub(in crate::executor::gke) secret: String,
    pub(in crate::executor::gke) key: String,
}

/// Something mounted into the container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::executor::gke) struct Volume {
    pub(in crate::executor::gke) mount: String,
    pub(in crate::executor::gke) read_only: bool,
    pub(in crate::executor::gke) content: Content,
}

/// What is in a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::executor::gke) enum Content {
    Claim(String),
    Empty { size: Option<String>, in_memory: bool },
    ConfigMap(String),
    Secret(String),
}

/// What is wrong with settings that authors write under `with:`, each a sentence that names the key. A text that holds
/// `{{` is a template, whose value is not known yet: it is not looked at.
#[must_use]
pub fn problems(with: &IndexMap<String, Value>) -> Vec<String> {
    gather(with).1
}

/// The settings.
///
/// # Errors
/// What is wrong with them, as [`problems`] says it.
pub(in crate::executor::gke) fn read(with: &IndexMap<String, Value>) -> Result<Settings, Vec<String>> {
    match gather(with) {
        (Some(settings), problems) if problems.is_empty() => Ok(settings),
        (_, problems) if problems.is_empty() => Err(vec!["`image` is a template that nobody has evaluated".into()]),
        (_, problems) => Err(problems),
    }
}

fn gather(with: &IndexMap<String, Value>) -> (Option<Settings>, Vec<String>) {
    let mut problems = Vec::new();
    let map: Map<String, Value> = with.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    let mut reader = Reader::new(map, String::new(), &mut problems);
    if !reader.has("image") {
        reader.wrong("image", "is missing; name the container image that has the command's programs");
    }
    let settings = Settings {
        image: String::new(),
        cpu: quantity(&mut reader, "cpu"),
        memory: quantity(&mut reader, "memory"),
        ephemeral_storage: quantity(&mut reader, "ephemeral_storage"),
        gpu: gpu(&mut reader),
        spot: reader.flag("spot").unwrap_or(false),
        compute_class: reader.text("compute_class"),
        node_selector: reader.text_map("node_selector"),
        tolerations: maps(&mut reader, "tolerations"),
        service_account: name(&mut reader, "service_account"),
        namespace: name(&mut reader, "namespace"),
        context: reader.text("context"),
        labels: labels(&mut reader, "labels"),
        annotations: labels(&mut reader, "annotations"),
        env_from: env_from(&mut reader),
        secrets: secrets(&mut reader),
        files: files(&mut reader),
        volumes: volumes(&mut reader),
        image_pull_secrets: reader.texts("image_pull_secrets"),
        pull_policy: one_of(&mut reader, "pull_policy", &["Always", "IfNotPresent", "Never"]),
        root: absolute(&mut reader, "root"),
        split_streams: reader.flag("split_streams").unwrap_or(false),
        schedule_timeout: reader.duration("schedule_timeout").unwrap_or(SCHEDULE_TIMEOUT),
        image_timeout: reader.duration("image_timeout").unwrap_or(IMAGE_TIMEOUT),
        ttl: ttl(&mut reader),
        instance_timeout: reader.duration("instance_timeout").unwrap_or(INSTANCE_TIMEOUT),
        template: template(&mut reader),
    };
    let image = reader.text("image");
    reader.finish();
    (image.map(|image| Settings { image, ..settings }), problems)
}

fn quantity(reader: &mut Reader<'_>, key: &'static str) -> Option<String> {
    let text = reader.text(key)?;
    if is_quantity(&text) {
        return Some(text);
    }
    reader.wrong(key, &format!("must be a quantity such as `500m`, `2` or `512Mi`, not `{}`", text.escape_debug()));
    None
}

fn ttl(reader: &mut Reader<'_>) -> Duration {
    let ttl = reader.duration("ttl").unwrap_or(TTL);
    // The cluster counts in seconds, in 32 bits.
    if ttl.as_secs() > i32::MAX.unsigned_abs().into() {
        reader.wrong("ttl", "is more than a cluster can count: 24855 days");
    }
    ttl
}

fn template(reader: &mut Reader<'_>) -> Option<Value> {
    let patch = reader.map("template");
    for (place, what) in template::problems(&patch) {
        reader.wrong(&place, what);
    }
    (!patch.is_empty()).then_some(Value::Object(patch))
}

fn name(reader: &mut Reader<'_>, key: &'static str) -> Option<String> {
    let text = reader.text(key)?;
    if is_name(&text) {
        return Some(text);
    }
    let text = text.escape_debug();
    reader.wrong(key, &format!("must be a name of lower-case letters, digits, `-` and `.`, not `{text}`"));
    None
}

fn one_of(reader: &mut Reader<'_>, key: &'static str, words: &[&str]) -> Option<String> {
    let text = reader.text(key)?;
    if words.contains(&text.as_str()) {
        return Some(text);
    }
    reader.wrong(key, &format!("must be one of {}, not `{}`", words.join(", "), text.escape_debug()));
    None
}

fn absolute(reader: &mut Reader<'_>, key: &'static str) -> Option<String> {
    let text = reader.text(key)?;
    if text.starts_with('/') && !text.split('/').any(|part| part == "..") && !text.contains(':') {
        let trimmed = text.trim_end_matches('/');
        return Some(if trimmed.is_empty() { "/".into() } else { trimmed.to_owned() });
    }
    reader.wrong(key, &format!("must be an absolute path in the container, not `{}`", text.escape_debug()));
    None
}

fn maps(reader: &mut Reader<'_>, key: &'static str) -> Vec<Value> {
    let list = reader.list(key);
    if list.iter().any(|value| !value.is_object()) {
        reader.wrong(key, "must be a list of maps, each as Kubernetes writes it");
    }
    list
}

fn labels(reader: &mut Reader<'_>, key: &'static str) -> Vec<(String, String)> {
    let pairs = reader.text_map(key);
    for (name, value) in &pairs {
        let place = format!("{key}.{name}");
        if !is_label_key(name) {
            reader.wrong(&place, "is no key that Kubernetes takes: letters, digits, `-`, `_` and `.`, 63 at most");
        } else if name.starts_with("spore.dev/") || name == "app.kubernetes.io/managed-by" {
            reader.wrong(&place, "is set by Spore itself, which finds its Jobs by it");
        } else if key == "labels" && !is_label_value(value) {
            reader.wrong(&place, "must be letters, digits, `-`, `_` and `.`, 63 at most");
        }
    }
    pairs
}

fn gpu(reader: &mut Reader<'_>) -> Option<Gpu> {
    match reader.value("gpu")? {
        value @ Value::Object(_) => {
            let mut inner = reader.inner("gpu", value)?;
            let kind = inner.text("type");
            let count = inner.count("count").unwrap_or(1);
            inner.finish();
            Some(Gpu { kind, count })
        }
        _ => reader.count("gpu").map(|count| Gpu { kind: None, count }),
    }
}

fn env_from(reader: &mut Reader<'_>) -> Vec<EnvFrom> {
    let mut all = Vec::new();
    for (index, value) in reader.list("env_from").into_iter().enumerate() {
        let Some(mut inner) = reader.inner(&format!("env_from[{index}]"), value) else { continue };
        let prefix = inner.text("prefix");
        match (name(&mut inner, "config_map"), name(&mut inner, "secret")) {
            (Some(name), None) => all.push(EnvFrom::ConfigMap { name, prefix }),
            (None, Some(name)) => all.push(EnvFrom::Secret { name, prefix }),
            _ if inner.has("config_map") != inner.has("secret") => {}
            _ => inner.wrong("config_map", "or `secret` must name the object to take variables from, and only one"),
        }
        inner.finish();
    }
    all
}

fn secrets(reader: &mut Reader<'_>) -> Vec<SecretKey> {
    let mut all = Vec::new();
    for (variable, value) in reader.map("secrets") {
        let place = format!("secrets.{variable}");
        if variable.is_empty() || variable.contains(['=', '\0']) {
            reader.wrong(&place, "cannot name an environment variable");
        } else if variable.starts_with("SPORE_") {
            reader.wrong(&place, "is set by Spore itself; choose a name that does not begin with `SPORE_`");
        }
        let Some(mut inner) = reader.inner(&place, value) else { continue };
        for key in ["secret", "key"] {
            if !inner.has(key) {
                inner.wrong(key, "is missing; a variable is taken from `key` of the Secret `secret`");
            }
        }
        let (secret, key) = (name(&mut inner, "secret"), inner.text("key"));
        inner.finish();
        if let (Some(secret), Some(key)) = (secret, key) {
            all.push(SecretKey { variable, secret, key });
        }
    }
    all
}

fn files(reader: &mut Reader<'_>) -> Vec<String> {
    let files = reader.texts("files");
    for (index, file) in files.iter().enumerate() {
        if files[..index].contains(file) {
            reader.wrong("files", &format!("holds `{}` twice", file.escape_debug()));
        }
        let is_inside = !file.is_empty() && file.split('/').all(|part| !matches!(part, "" | "." | ".."));
        if !is_inside {
            let file = file.escape_debug();
            reader.wrong("files", &format!("holds `{file}`, which is no plain path below the root of the spores"));
        }
    }
    files
}

fn volumes(reader: &mut Reader<'_>) -> Vec<Volume> {
    let mut all = Vec::new();
    for (index, value) in reader.list("volumes").into_iter().enumerate() {
        let Some(mut inner) = reader.inner(&format!("volumes[{index}]"), value) else { continue };
        if !inner.has("mount") {
            inner.wrong("mount", "is missing; name the folder in the container");
        }
        let mount = absolute(&mut inner, "mount");
        if let Some(mount) = mount.as_ref().filter(|mount| all.iter().any(|volume: &Volume| volume.mount == **mount)) {
            inner.wrong("mount", &format!("is `{mount}` once more; one volume can be mounted there"));
        }
        let read_only = inner.flag("read_only").unwrap_or(false);
        let claim = name(&mut inner, "pvc").map(Content::Claim);
        let config_map = name(&mut inner, "config_map").map(Content::ConfigMap);
        let secret = name(&mut inner, "secret").map(Content::Secret);
        let empty = empty(&mut inner);
        let given = ["pvc", "empty_dir", "config_map", "secret"].iter().filter(|key| inner.has(key)).count();
        if given != 1 {
            inner.wrong("mount", "needs exactly one of `pvc`, `empty_dir`, `config_map`, `secret` beside it");
        }
        inner.finish();
        if let (Some(mount), Some(content)) = (mount, claim.or(config_map).or(secret).or(empty)) {
            all.push(Volume { mount, read_only, content });
        }
    }
    all
}

fn empty(reader: &mut Reader<'_>) -> Option<Content> {
    match reader.value("empty_dir")? {
        Value::Bool(true) => Some(Content::Empty { size: None, in_memory: false }),
        value => {
            let mut inner = reader.inner("empty_dir", value)?;
            let content =
                Content::Empty { size: quantity(&mut inner, "size"), in_memory: inner.flag("memory").unwrap_or(false) };
            inner.finish();
            Some(content)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str) -> IndexMap<String, Value> {
        serde_json::from_str(text).expect("JSON")
    }

    #[test]
    fn what_is_wrong_is_named_by_its_key() {
        for (text, part) in [
            (r"{}", "`image` is missing"),
            (r#"{"image": "a", "memroy": "1Gi"}"#, "`memroy` is not known; did you mean `memory`?"),
            (r#"{"image": "a", "zzz": 1}"#, "what is known is cpu,"),
            (r#"{"image": "a", "cpu": "much"}"#, "`cpu` must be a quantity"),
            (r#"{"image": ["a"]}"#, "`image` must be a text, not a list"),
            (r#"{"image": "a", "spot": "perhaps"}"#, "`spot` must be `true` or `false`"),
            (r#"{"image": "a", "gpu": {"type": "x", "number": 1}}"#, "`gpu.number` is not known"),
            (r#"{"image": "a", "volumes": [{"mount": "/x"}]}"#, "`volumes[0].mount` needs exactly one"),
            (r#"{"image": "a", "volumes": [{"mount": "x", "pvc": "y"}]}"#, "`volumes[0].mount` must be an absolute"),
            (r#"{"image": "a", "files": ["../x"]}"#, "`files` holds `../x`"),
            (r#"{"image": "a", "labels": {"spore.dev/run": "x"}}"#, "is set by Spore itself"),
            (r#"{"image": "a", "secrets": {"T": {"secret": "x"}}}"#, "`secrets.T.key` is missing"),
            (r#"{"image": "a", "schedule_timeout": "15"}"#, "`schedule_timeout` must be a duration"),
            (r#"{"image": "a", "env_from": [{}]}"#, "`env_from[0].config_map` or `secret`"),
            (r#"{"image": "a", "ttl": "30000d"}"#, "`ttl` is more than a cluster can count"),
            (r#"{"image": "a", "template": {"spec": {"backoffLimit": 1}}}"#, "`template.spec.backoffLimit` is set by"),
            (r#"{"image": "a", "files": ["a", "a"]}"#, "`files` holds `a` twice"),
            (
                r#"{"image": "a", "volumes": [{"mount": "/a", "pvc": "x"}, {"mount": "/a/", "pvc": "y"}]}"#,
                "`volumes[1].mount` is `/a` once more",
            ),
            (r#"{"image": "a", "secrets": {"A=B": {"secret": "x", "key": "y"}}}"#, "`secrets.A=B` cannot name"),
            (r#"{"image": "a", "secrets": {"SPORE_RUN": {"secret": "x", "key": "y"}}}"#, "`secrets.SPORE_RUN` is set"),
            (r#"{"image": "a", "pull_policy": "Sometimes"}"#, "`pull_policy` must be one of Always"),
        ] {
            let problems = problems(&with(text));
            assert_eq!(problems.len(), 1, "{text}: {problems:?}");
            assert!(problems[0].contains(part), "{text}: {problems:?}");
        }
    }

    #[test]
    fn templates_are_left_alone() {
        let with =
            with(r#"{"image": "x:{{ tag }}", "cpu": "{{ cpu }}", "labels": {"a": "{{ b }}"}, "gpu": "{{ g }}"}"#);
        assert_eq!(problems(&with), Vec::<String>::new());
        assert!(read(&with).is_err(), "but nothing starts with them");
    }

    #[test]
    fn numbers_are_quantities_too() {
        let settings =
            read(&with(r#"{"image": "a", "cpu": 2, "memory": "1Gi", "gpu": 1, "ttl": "1h"}"#)).expect("fine");
        assert_eq!((settings.cpu.as_deref(), settings.gpu), (Some("2"), Some(Gpu { kind: None, count: 1 })));
        assert_eq!((settings.ttl, settings.image_timeout), (Duration::from_hours(1), Duration::from_mins(5)));
    }
}
