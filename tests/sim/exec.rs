//! Commands beside a container, by `kubectl exec`.

use super::served::ground;

#[tokio::test]
async fn a_command_stands_where_the_container_does() {
    let Some(ground) = ground().await else { return };
    ground.pod("a", "echo made > /workspace/made; sleep 1000", "Running").await;
    ground.does(&["exec", "a", "--", "sh", "-c", "while ! test -s made; do sleep 0.01; done"]).await;
    assert_eq!(ground.does(&["exec", "a", "--", "cat", "/workspace/made"]).await, "made\n");
    assert_eq!(
        ground.does(&["exec", "a", "--", "sh", "-c", "cat made; echo $COLOUR $HOSTNAME"]).await,
        "made\nblue a\n"
    );
}

#[tokio::test]
async fn input_output_and_the_exit_code_are_handed_on() {
    let Some(ground) = ground().await else { return };
    ground.pod("a", "sleep 1000", "Running").await;
    let said =
        ground.kubectl_with(&["exec", "-i", "a", "--", "sh", "-c", "cat; echo wrong >&2; exit 7"], "typed\n").await;
    assert_eq!((said.code, said.out.as_str()), (Some(7), "typed\n"), "{said:?}");
    assert!(said.err.starts_with("wrong\n") && said.err.contains("exit code 7"), "{said:?}");
    let said = ground.kubectl(&["exec", "a", "--", "no-such-program"]).await;
    assert!(said.err.contains("exec: \"no-such-program\": executable file not found in $PATH"), "{said:?}");
    assert_ne!(said.code, Some(0));
    let much = ground.does(&["exec", "a", "--", "sh", "-c", "yes 0123456789 | head -n 50000"]).await;
    assert_eq!(much.len(), 550_000);
}

#[tokio::test]
async fn nobody_execs_where_nothing_runs() {
    let Some(ground) = ground().await else { return };
    ground.pod("a", "true", "Succeeded").await;
    let said = ground.kubectl(&["exec", "a", "--", "true"]).await;
    assert!(
        said.err.contains("cannot exec into a container in a completed pod; current phase is Succeeded"),
        "{said:?}"
    );
}
