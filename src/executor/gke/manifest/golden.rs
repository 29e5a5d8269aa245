//! The objects of a few attempts, as they stand in `tests/cases/gke`, and read by Kubernetes' own types.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Secret as ClusterSecret};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{Brought, Made, Order, build};
use crate::executor::gke::settings::read;
use crate::model::{Attempt, AttemptId, CommandLine, Language, RunId, Secret, TaskId};

fn attempt(command: CommandLine, with: Value) -> Attempt {
    let with: IndexMap<String, Value> = serde_json::from_value(with).expect("settings");
    Attempt {
        id: AttemptId { run: RunId::from_parts(1, 2), task: TaskId::new("check[1,linux]").expect("an id"), number: 1 },
        command,
        env: Vec::new(),
        secrets: Arc::from([]),
        root: Arc::new(PathBuf::from("/spores")),
        workdir: PathBuf::from("/spores"),
        run_dir: Arc::new(PathBuf::from("/runs/1")),
        timeout: None,
        grace: Duration::from_secs(10),
        artifacts: Arc::from([]),
        with: Arc::new(with),
        jobs: 1,
        instance: None,
        recalled: None,
    }
}

fn sh(text: &str) -> CommandLine {
    CommandLine::Script { language: Language::Sh, text: Arc::from(text) }
}

fn made(attempt: &Attempt, files: &[Brought]) -> Made {
    let settings = read(&attempt.with).expect("settings");
    build(&Order { attempt, settings: &settings, folder: "0123456789abcdef", epoch: 1, files }).expect("built")
}

/// Reads an object by its type; what the type does not know would be missing afterwards.
fn known<T: Serialize + DeserializeOwned>(object: &Value) {
    let typed: T = serde_json::from_value(object.clone()).expect("an object of its type");
    assert_eq!(&serde_json::to_value(typed).expect("JSON"), object);
}

fn golden(name: &str, made: &Made) {
    known::<Job>(&made.job);
    made.config_map.iter().for_each(known::<ConfigMap>);
    made.secret.iter().for_each(known::<ClusterSecret>);
    let objects: Vec<&Value> =
        [Some(&made.job), made.config_map.as_ref(), made.secret.as_ref()].into_iter().flatten().collect();
    let text = format!("{}\n", serde_json::to_string_pretty(&objects).expect("JSON"));
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/cases/gke/{name}.json"));
    if std::env::var_os("SPORE_UPDATE").is_some() {
        crate::os::file::write_over(&path, text.as_bytes()).expect("written");
    }
    let expected = std::fs::read_to_string(&path).expect("run it with SPORE_UPDATE=1 once");
    assert_eq!(text, expected, "the manifest of `{name}` has changed; look at it, and run with SPORE_UPDATE=1");
}

#[test]
fn the_smallest_attempt() {
    golden("001-smallest", &made(&attempt(sh("echo $((1 + 1))"), json!({"image": "alpine:3"})), &[]));
}

#[test]
fn everything_an_author_can_ask_for() {
    let with = json!({
        "image": "registry.example/tool:1", "cpu": "500m", "memory": "512Mi", "ephemeral_storage": "1Gi",
        "gpu": {"type": "nvidia-l4", "count": 1}, "spot": true, "compute_class": "Balanced",
        "node_selector": {"zone": "a"}, "tolerations": [{"key": "x", "operator": "Exists"}],
        "service_account": "builder", "labels": {"team": "data"}, "annotations": {"note": "any text"},
        "env_from": [{"config_map": "settings"}, {"secret": "keys", "prefix": "K_"}],
        "secrets": {"TOKEN": {"secret": "token", "key": "value"}},
        "files": ["in/a.txt"], "image_pull_secrets": ["pull"], "pull_policy": "Always", "ttl": "1h",
        "volumes": [
            {"mount": "/disk", "pvc": "disk"}, {"mount": "/scratch", "empty_dir": {"size": "1Gi", "memory": true}},
            {"mount": "/settings", "config_map": "settings", "read_only": true}, {"mount": "/keys", "secret": "keys"},
        ],
        "template": {"spec": {"template": {"spec": {
            "containers": [{"name": "main", "stdin": false}, {"name": "side", "image": "proxy"}],
            "enableServiceLinks": null, "priorityClassName": "low",
        }}}},
    });
    let mut attempt = attempt(CommandLine::Argv(vec!["tool".into(), "$(HOME)".into()]), with);
    attempt.workdir = PathBuf::from("/spores/sub/folder");
    attempt.timeout = Some(Duration::from_mins(10));
    attempt.env =
        vec![("A".into(), "x $$ y".into()), ("SPORE_TASK".into(), "no".into()), ("TERM".into(), "xterm".into())];
    let files = [
        Brought { path: "in/a.txt".into(), bytes: b"a\n".to_vec(), is_executable: false },
        Brought { path: "in/b.bin".into(), bytes: vec![0xff, 0], is_executable: true },
    ];
    golden("002-everything", &made(&attempt, &files));
}

#[test]
fn secrets_stand_in_no_job() {
    let mut attempt = attempt(
        CommandLine::Argv(vec!["curl".into(), "-H".into(), "Bearer hunter2".into()]),
        json!({"image": "curl", "root": "/src/"}),
    );
    attempt.env = vec![("T".into(), "hunter2".into()), ("PLAIN".into(), "1".into())];
    attempt.secrets = Arc::from([Secret { name: "T".into(), value: "hunter2".into() }]);
    let made = made(&attempt, &[]);
    assert!(!made.job.to_string().contains("hunter2"));
    golden("003-secrets", &made);
    attempt.command = sh("echo hunter2");
    let scripted = self::made(&attempt, &[]);
    assert!(!scripted.job.to_string().contains("hunter2") && scripted.config_map.is_none());
    attempt.with = Arc::new(IndexMap::from([("image".into(), json!("x")), ("labels".into(), json!({"a": "hunter2"}))]));
    let settings = read(&attempt.with).expect("settings");
    let refused = build(&Order { attempt: &attempt, settings: &settings, folder: "f", epoch: 1, files: &[] });
    assert!(refused.expect_err("refused").contains("`with:`"));
}

#[test]
fn secrets_that_json_writes_in_other_words_are_found() {
    let secret = "a \"b\"\nand\\c";
    let refused = |change: &dyn Fn(&mut Attempt), files: &[Brought]| {
        let mut attempt = attempt(sh("true"), json!({"image": "x"}));
        attempt.secrets = Arc::from([Secret { name: "T".into(), value: secret.into() }]);
        change(&mut attempt);
        let settings = read(&attempt.with).expect("settings");
        build(&Order { attempt: &attempt, settings: &settings, folder: "f", epoch: 1, files }).expect_err("refused")
    };
    let with = |value: Value| {
        move |attempt: &mut Attempt| Arc::make_mut(&mut attempt.with).extend([("annotations".into(), value.clone())])
    };
    assert!(refused(&with(json!({"a": format!("x{secret}")})), &[]).contains("`with:`"));
    let template = json!({"metadata": {"annotations": {secret: "x"}}});
    let set = |attempt: &mut Attempt| Arc::make_mut(&mut attempt.with).extend([("template".into(), template.clone())]);
    assert!(refused(&set, &[]).contains("`with:`"));
    assert!(refused(&|attempt| attempt.workdir = secret.into(), &[]).contains("the working directory"));
    let file = Brought { path: "a".into(), bytes: secret.into(), is_executable: false };
    assert!(refused(&|_| {}, &[file]).contains("`files:`"));
}

#[test]
fn long_scripts_and_artifacts() {
    let mut attempt = attempt(sh(&"true\n".repeat(20_000)), json!({"image": "x"}));
    let made = made(&attempt, &[]);
    known::<Job>(&made.job);
    let map = made.config_map.expect("a map with the script");
    assert_eq!(map["data"]["script"].as_str().map(str::len), Some(100_000));
    attempt.command = sh("make");
    attempt.artifacts = Arc::from(["out/*.csv".to_owned()]);
    golden("004-artifacts", &self::made(&attempt, &[]));
}
