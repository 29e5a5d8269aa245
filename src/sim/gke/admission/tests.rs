//! Admission, by what comes out.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Request, Verb, admit};
use crate::os::clock::SystemClock;
use crate::sim::gke::{Cluster, Kind, Machinery, Refusal, Settings};

fn cluster(machinery: Machinery) -> Cluster {
    Cluster::like(Arc::new(SystemClock::new()), "/nowhere".into(), Settings { machinery, ..Settings::default() })
}

fn pod(container: &Value, spec: &Value) -> Value {
    let mut pod = json!({
        "metadata": {"name": "a", "namespace": "default"},
        "spec": {"containers": [{"name": "main", "image": "busybox"}]},
    });
    for (key, value) in container.as_object().into_iter().flatten() {
        pod["spec"]["containers"][0][key] = value.clone();
    }
    for (key, value) in spec.as_object().into_iter().flatten() {
        pod["spec"][key] = value.clone();
    }
    pod
}

fn job(spec: &Value) -> Value {
    let mut job = json!({
        "metadata": {"name": "j", "namespace": "default"},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "x:1"}]}}},
    });
    for (key, value) in spec.as_object().into_iter().flatten() {
        job["spec"][key] = value.clone();
    }
    job
}

fn admitted(cluster: &Cluster, kind: Kind, mut object: Value) -> Result<Value, Refusal> {
    let request = Request { kind, namespace: "default", verb: Verb::Create, before: None };
    admit(cluster, &request, &mut object)?;
    Ok(object)
}

fn changed(cluster: &Cluster, kind: Kind, before: &Value, how: impl FnOnce(&mut Value)) -> Result<Value, Refusal> {
    let mut object = before.clone();
    how(&mut object);
    let request = Request { kind, namespace: "default", verb: Verb::Update, before: Some(before) };
    admit(cluster, &request, &mut object)?;
    Ok(object)
}

fn resources(pod: &Value) -> &Value {
    &pod["spec"]["containers"][0]["resources"]
}

#[test]
fn requests_are_filled_in_and_raised_by_the_documented_rules() {
    let cluster = cluster(Machinery::default());
    let of = |requests: Value, spec: Value| {
        let pod = admitted(&cluster, Kind::Pod, pod(&json!({"resources": {"requests": requests}}), &spec));
        resources(&pod.expect("admitted"))["requests"].clone()
    };
    let class = |name: &str| json!({"nodeSelector": {"cloud.google.com/compute-class": name}});
    let wanted = |cpu: &str, memory: &str| json!({"cpu": cpu, "memory": memory});
    let expected =
        |cpu: &str, memory: &str, disk: &str| json!({"cpu": cpu, "memory": memory, "ephemeral-storage": disk});
    for (requests, spec, result) in [
        (json!({}), json!({}), expected("500m", "2Gi", "1Gi")),
        (wanted("10m", "10Mi"), json!({}), expected("50m", "52Mi", "1Gi")),
        // One processor goes with 1 to 6.5 GiB.
        (wanted("2", "1Gi"), json!({}), expected("2", "2Gi", "1Gi")),
        (wanted("1", "13Gi"), json!({}), expected("2", "13Gi", "1Gi")),
        (wanted("1", "8Gi"), class("Balanced"), expected("1", "8Gi", "1Gi")),
        (wanted("1", "1Gi"), class("Scale-Out"), expected("1", "4Gi", "1Gi")),
        (json!({"cpu": "2"}), json!({}), expected("2", "8Gi", "1Gi")),
        (json!({"ephemeral-storage": "1Mi"}), json!({}), expected("500m", "2Gi", "10Mi")),
    ] {
        assert_eq!(of(requests.clone(), spec), result, "{requests}");
    }
}

#[test]
fn what_was_changed_is_told_and_what_was_right_is_left_alone() {
    let all = cluster(Machinery::default());
    let made = admitted(&all, Kind::Pod, pod(&json!({}), &json!({}))).expect("admitted");
    let told = made["metadata"]["annotations"]["autopilot.gke.io/resource-adjustment"].as_str().expect("told");
    let told: Value = serde_json::from_str(told).expect("JSON");
    assert_eq!(told["input"], json!({"containers": [{"name": "main"}]}), "as it came");
    assert_eq!(told["output"]["containers"][0]["limits"], json!({"ephemeral-storage": "1Gi"}));
    assert_eq!(told["modified"], true);
    let full = json!({"requests": {"cpu": "0.5", "memory": "2048Mi", "ephemeral-storage": "1Gi"}, "limits": {"cpu": "2", "ephemeral-storage": "1Gi"}});
    let left = admitted(&all, Kind::Pod, pod(&json!({"resources": full}), &json!({}))).expect("admitted");
    assert_eq!(resources(&left), &full);
    assert!(left["metadata"]["annotations"].is_null());
    let fixed = cluster(Machinery { bursting: false, ..Machinery::default() });
    let fixed = admitted(
        &fixed,
        Kind::Pod,
        pod(&json!({"resources": {"requests": {"cpu": "300m", "memory": "1Gi"}}}), &json!({})),
    );
    let expected = json!({"cpu": "500m", "memory": "1Gi", "ephemeral-storage": "1Gi"});
    let fixed = fixed.expect("admitted");
    assert_eq!((&resources(&fixed)["requests"], &resources(&fixed)["limits"]), (&expected, &expected));
    let standard = cluster(Machinery { autopilot: false, ..Machinery::default() });
    let standard = admitted(&standard, Kind::Pod, pod(&json!({"securityContext": {"privileged": true}}), &json!({})));
    assert_eq!(resources(&standard.expect("admitted")), &json!({}));
}

#[test]
fn the_warden_says_which_rule_is_broken() {
    let cluster = cluster(Machinery::default());
    let volume = json!({"volumes": [{"name": "h", "hostPath": {"path": "/"}}]});
    for (container, spec, expected) in [
        (
            json!({"securityContext": {"privileged": true}}),
            json!({}),
            r#"{"[denied by autogke-disallow-privilege]":["container main is privileged; not allowed in Autopilot"]}"#,
        ),
        (
            json!({}),
            json!({"hostNetwork": true}),
            r#"{"[denied by autogke-disallow-hostnamespaces]":["enabling hostNetwork is not allowed in Autopilot."]}"#,
        ),
        (
            json!({"ports": [{"containerPort": 80, "hostPort": 80}]}),
            json!({}),
            r#"{"[denied by autogke-no-host-port]":["container main specifies host ports [80], which are disallowed in Autopilot."]}"#,
        ),
        (
            json!({"volumeMounts": [{"name": "h", "mountPath": "/h"}]}),
            volume,
            "hostPath volume h in container main is accessed in write mode; disallowed in Autopilot.",
        ),
        (
            json!({"securityContext": {"capabilities": {"add": ["NET_ADMIN", "CHOWN"]}}}),
            json!({}),
            "linux capability 'NET_ADMIN' on container 'main' not allowed",
        ),
        (
            json!({"resources": {"requests": {"cpu": "31", "memory": "40Gi"}}}),
            json!({}),
            "workload 'a' cpu requests '31' is higher than the Autopilot maximum of '30'.",
        ),
        (
            json!({"resources": {"requests": {"ephemeral-storage": "11Gi"}}}),
            json!({}),
            "ephemeral-storage requests '11Gi' is higher than the Autopilot maximum of '10Gi'.",
        ),
    ] {
        let refusal = admitted(&cluster, Kind::Pod, pod(&container, &spec)).expect_err(expected);
        assert_eq!(refusal.code, 400);
        assert!(refusal.message.contains(expected), "{}", refusal.message);
    }
    let mut template = job(&json!({}));
    template["spec"]["template"]["spec"]["hostPID"] = true.into();
    assert!(admitted(&cluster, Kind::Job, template).is_err(), "what makes pods is judged, too");
}

#[test]
fn what_the_api_fills_in_is_there() {
    let cluster = cluster(Machinery { autopilot: false, ..Machinery::default() });
    cluster.make(Kind::PriorityClass, json!({"metadata": {"name": "high"}, "value": 7})).expect("made");
    let made = admitted(&cluster, Kind::Pod, pod(&json!({}), &json!({"priorityClassName": "high"}))).expect("admitted");
    let spec = &made["spec"];
    assert_eq!(
        (&spec["restartPolicy"], &spec["dnsPolicy"], &spec["priority"]),
        (&json!("Always"), &json!("ClusterFirst"), &json!(7))
    );
    assert_eq!((&spec["terminationGracePeriodSeconds"], &spec["serviceAccountName"]), (&json!(30), &json!("default")));
    assert!(spec.get("volumes").is_none(), "nothing is put there that means nothing: {spec}");
    assert_eq!(spec["tolerations"].as_array().map(Vec::len), Some(2));
    assert_eq!(spec["containers"][0]["imagePullPolicy"], "Always");
    assert_eq!(made["status"], json!({"phase": "Pending", "qosClass": "BestEffort"}));
    let made = admitted(&cluster, Kind::Job, job(&json!({}))).expect("admitted");
    for (name, value) in [
        ("completions", json!(1)),
        ("parallelism", json!(1)),
        ("backoffLimit", json!(6)),
        ("completionMode", json!("NonIndexed")),
        ("suspend", json!(false)),
    ] {
        assert_eq!(made["spec"][name], value, "{name}");
    }
    let secret = json!({"metadata": {"name": "s"}, "stringData": {"a": "foo"}});
    let secret = admitted(&cluster, Kind::Secret, secret).expect("admitted");
    assert_eq!(
        (&secret["data"]["a"], &secret["stringData"], &secret["type"]),
        (&json!("Zm9v"), &Value::Null, &json!("Opaque"))
    );
}

#[test]
fn wrong_objects_are_refused_in_the_words_of_kubernetes() {
    let cluster = cluster(Machinery::default());
    let refused = |kind, object: Value| admitted(&cluster, kind, object).expect_err("refused").message;
    let mut always = job(&json!({}));
    always["spec"]["template"]["spec"]["restartPolicy"] = "Always".into();
    assert_eq!(
        refused(Kind::Job, always),
        r#"Job.batch "j" is invalid: spec.template.spec.restartPolicy: Unsupported value: "Always": supported values: "OnFailure", "Never""#
    );
    let mut silent = job(&json!({}));
    silent["spec"]["template"]["spec"]["restartPolicy"] = Value::Null;
    assert!(refused(Kind::Job, silent).ends_with(r#"Required value: valid values: "OnFailure", "Never""#));
    let mut named = pod(&json!({}), &json!({}));
    named["metadata"]["name"] = "Not_a_name".into();
    assert!(refused(Kind::Pod, named).starts_with(
        r#"Pod "Not_a_name" is invalid: metadata.name: Invalid value: "Not_a_name": a lowercase RFC 1123 subdomain"#
    ));
    let mut labelled = pod(&json!({}), &json!({}));
    labelled["metadata"]["labels"]["a"] = "x".repeat(64).into();
    assert!(refused(Kind::Pod, labelled).contains("must be no more than 63 bytes"));
    assert!(
        refused(Kind::Pod, json!({"metadata": {"name": "a"}, "spec": {}})).contains("spec.containers: Required value")
    );
    let mounted = pod(&json!({"volumeMounts": [{"name": "v", "mountPath": "/v"}]}), &json!({}));
    assert!(refused(Kind::Pod, mounted).contains(r#"spec.containers[0].volumeMounts[0].name: Not found: "v""#));
    let limited = pod(&json!({"resources": {"requests": {"memory": "2x"}}}), &json!({}));
    assert!(refused(Kind::Pod, limited).contains("spec.containers[0].resources.requests[memory]: Invalid value: "));
}

#[test]
fn what_is_fixed_stays() {
    let cluster = cluster(Machinery::default());
    let before = admitted(&cluster, Kind::Job, job(&json!({}))).expect("admitted");
    let other = changed(&cluster, Kind::Job, &before, |job| {
        job["spec"]["template"]["spec"]["containers"][0]["image"] = "y".into();
    });
    let message = other.expect_err("refused").message;
    assert!(message.contains("spec.template: Invalid value: ") && message.ends_with("field is immutable"), "{message}");
    changed(&cluster, Kind::Job, &before, |job| job["spec"]["parallelism"] = 3.into()).expect("may be");
    changed(&cluster, Kind::Job, &before, |job| job["metadata"]["annotations"]["a"] = "b".into()).expect("may be");
    let before = admitted(&cluster, Kind::Pod, pod(&json!({}), &json!({}))).expect("admitted");
    changed(&cluster, Kind::Pod, &before, |pod| pod["spec"]["containers"][0]["image"] = "y".into()).expect("may be");
    let other = changed(&cluster, Kind::Pod, &before, |pod| pod["spec"]["containers"][0]["command"] = json!(["x"]));
    assert!(
        other.expect_err("refused").message.contains("spec: Forbidden: pod updates may not change fields other than")
    );
}

#[test]
fn a_quota_is_held_in_the_words_of_kubernetes() {
    let cluster = cluster(Machinery { autopilot: false, ..Machinery::default() });
    let quota = json!({"metadata": {"name": "q", "namespace": "default"}, "spec": {"hard": {"requests.cpu": "1", "pods": "2"}}});
    cluster.make(Kind::ResourceQuota, quota).expect("made");
    let pod = |name: &str, requests: Value| {
        let mut pod = pod(&json!({"resources": {"requests": requests}}), &json!({}));
        pod["metadata"]["name"] = name.into();
        cluster.make(Kind::Pod, pod)
    };
    pod("a", json!({"cpu": "700m"})).expect("there is room");
    let refusal = pod("b", json!({"cpu": "400m"})).expect_err("too much");
    assert_eq!(refusal.code, 403);
    assert_eq!(
        refusal.message,
        r#"pods "b" is forbidden: exceeded quota: q, requested: requests.cpu=400m, used: requests.cpu=700m, limited: requests.cpu=1"#
    );
    let silent = pod("b", json!({})).expect_err("must say");
    assert!(silent.message.ends_with("failed quota: q: must specify requests.cpu for: main"), "{}", silent.message);
    pod("b", json!({"cpu": "300m"})).expect("there is room");
    let refusal = pod("c", json!({"cpu": "0"})).expect_err("too many");
    assert!(refusal.message.contains("requested: pods=1, used: pods=2, limited: pods=2"), "{}", refusal.message);
}

#[test]
fn one_path_has_one_mount() {
    let cluster = cluster(Machinery { autopilot: false, ..Machinery::default() });
    let mounts =
        json!([{"name": "v", "mountPath": "/a"}, {"name": "v", "mountPath": "/b"}, {"name": "v", "mountPath": "/a"}]);
    let pod = pod(&json!({"volumeMounts": mounts}), &json!({"volumes": [{"name": "v", "emptyDir": {}}]}));
    let refusal = cluster.make(Kind::Pod, pod).expect_err("refused");
    assert!(
        refusal.message.ends_with("containers[0].volumeMounts[2].mountPath: Invalid value: \"/a\": must be unique"),
        "{}",
        refusal.message
    );
}
