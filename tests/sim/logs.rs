//! What containers say, by `kubectl logs`.

use super::served::ground;

#[tokio::test]
async fn logs_are_told_as_they_are_asked_for() {
    let Some(ground) = ground().await else { return };
    ground.pod("a", "echo one; echo two; echo three; printf rest", "Succeeded").await;
    assert_eq!(ground.does(&["logs", "a"]).await, "one\ntwo\nthree\nrest");
    assert_eq!(ground.does(&["logs", "a", "--tail=2"]).await, "three\nrest");
    assert_eq!(ground.does(&["logs", "a", "--limit-bytes=5"]).await, "one\nt");
    assert_eq!(ground.does(&["logs", "a", "-f", "-c", "main"]).await, "one\ntwo\nthree\nrest");
    let timed = ground.does(&["logs", "a", "--timestamps"]).await;
    let moments: Vec<&str> = timed.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(moments.len(), 4);
    assert!(moments.iter().all(|moment| moment.len() == "2026-01-01T00:00:00.000000000Z".len()), "{timed}");
    assert!(moments.is_sorted(), "{timed}");
    assert_eq!(ground.does(&["logs", "a", "--since-time=2100-01-01T00:00:00Z"]).await, "");
    assert_eq!(ground.does(&["logs", "a", "--since=1h", "--tail=1"]).await, "rest");
}

#[tokio::test]
async fn the_streams_are_told_apart_for_who_asks() {
    let Some(ground) = ground().await else { return };
    ground.pod("a", "echo one; echo wrong >&2; printf rest", "Succeeded").await;
    let raw = ground.raw("/api/v1/namespaces/default/pods/a/log?stream=");
    assert_eq!(ground.does(&["get", "--raw", &format!("{raw}Stderr")]).await, "wrong\n");
    assert_eq!(ground.does(&["get", "--raw", &format!("{raw}Stdout")]).await, "one\nrest");
    assert_eq!(ground.does(&["get", "--raw", &format!("{raw}All")]).await.len(), "one\nwrong\nrest".len());
    let said = ground.kubectl(&["get", "--raw", &format!("{raw}Stdout&tailLines=1")]).await;
    assert!(said.err.contains("mutually exclusive"), "{said:?}");
}

#[tokio::test]
async fn whoever_follows_hears_the_end() {
    let Some(ground) = ground().await else { return };
    ground.pod("a", "echo begun; while ! test -e go; do sleep 0.01; done; echo done", "Running").await;
    let follow = ["logs", "-f", "a"];
    let following = ground.kubectl(&follow);
    let going = ground.kubectl(&["exec", "a", "--", "touch", "go"]);
    let (followed, gone) = tokio::join!(following, going);
    assert_eq!((gone.code, followed.out.as_str()), (Some(0), "begun\ndone\n"), "{gone:?} {followed:?}");
}

#[tokio::test]
async fn what_cannot_be_told_is_said() {
    let Some(ground) = ground().await else { return };
    let mut waiting = super::served::spec("true");
    waiting["containers"][0]["envFrom"] = serde_json::json!([{"secretRef": {"name": "none"}}]);
    let pod = serde_json::json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": waiting});
    ground.make(&pod).await;
    let reason = "--for=jsonpath={.status.containerStatuses[0].state.waiting.reason}=CreateContainerConfigError";
    ground.does(&["wait", "pod/a", reason, "--timeout=30s"]).await;
    let of_another = ground.raw("/api/v1/namespaces/default/pods/a/log?container=x");
    for (words, expected) in [
        (&["logs", "a"][..], "container \"main\" in pod \"a\" is waiting to start: CreateContainerConfigError"),
        (&["logs", "a", "--previous"], "previous terminated container \"main\" in pod \"a\" not found"),
        (&["get", "--raw", &of_another], "container x is not valid for pod a"),
        (&["logs", "b"], "pods \"b\" not found"),
    ] {
        let said = ground.kubectl(words).await;
        assert!(said.code == Some(1) && said.err.contains(expected), "{words:?}: {said:?}");
    }
}
