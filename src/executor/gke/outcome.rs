//! From what the cluster says about a pod and its Job to what became of the attempt. Values in, values out.

use std::time::Duration;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ContainerState, ContainerStateTerminated, ContainerStatus, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::manifest::MAIN;
use crate::model::{Outcome, Timestamp};

/// Reasons of a failed pod that are the cluster's doing, not the command's.
const INFRASTRUCTURE: [&str; 12] = [
    "Evicted",
    "NodeShutdown",
    "Shutdown",
    "Terminated",
    "NodeAffinity",
    "NodeLost",
    "UnexpectedAdmissionError",
    "OutOfcpu",
    "OutOfmemory",
    "OutOfpods",
    "Preempting",
    "Preempted",
];
/// Signals whose code a container's end has for their own, 128 added: a shell's own `exit 130` is no signal.
const SIGNALS: [i32; 8] = [4, 6, 7, 8, 9, 11, 15, 31];

/// Why a pod does not run yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lack {
    /// There is no place for it, or no pod at all.
    Place,
    /// Its image does not come.
    Image,
    /// It is being set up.
    Setup,
    /// Something that it names is not there.
    Object,
}

/// What became of an attempt so far.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    /// It has not begun.
    Waiting { lack: Lack, reason: Option<String> },
    /// Its command runs.
    Running { began: Option<Timestamp> },
    /// It is over.
    Ended(Box<Judged>),
}

/// How it ended.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Judged {
    pub(super) outcome: Outcome,
    pub(super) began: Option<Timestamp>,
    pub(super) ended: Option<Timestamp>,
    /// What was written to `$SPORE_OUTPUT`.
    pub(super) output: Option<String>,
    pub(super) remarks: Vec<String>,
}

impl Judged {
    /// An end about which nothing else is known.
    pub(super) fn bare(outcome: Outcome) -> Self {
        Self { outcome, began: None, ended: None, output: None, remarks: Vec::new() }
    }
}

/// What the author asked for, where words about an end need it.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    /// The program that the container was to execute.
    pub(super) program: String,
    /// The `PATH` that the attempt sets.
    pub(super) path: Option<String>,
    /// How long it was to take at most.
    pub(super) timeout: Option<Duration>,
}

/// What a pod says.
pub(super) fn judge(pod: &Pod, asked: &Asked) -> Verdict {
    let status = pod.status.as_ref();
    let main = main_status(pod);
    let state = main.and_then(|main| main.state.as_ref());
    if let Some(terminated) = state.and_then(|state| state.terminated.as_ref()) {
        return Verdict::Ended(Box::new(terminated_end(pod, terminated, asked)));
    }
    if let Some(running) = state.and_then(|state| state.running.as_ref()) {
        if let Some(reason) = infrastructure(pod).filter(|_| phase(pod) == "Failed") {
            return Verdict::Ended(Box::new(Judged {
                began: running.started_at.as_ref().map(timestamp),
                ..Judged::bare(Outcome::Lost { stage: format!("its pod was taken away while it ran: {reason}") })
            }));
        }
        return Verdict::Running { began: running.started_at.as_ref().map(timestamp) };
    }
    if phase(pod) == "Failed" {
        return Verdict::Ended(Box::new(Judged::bare(failed_unstarted(pod))));
    }
    if let Some(waiting) = state.and_then(|state| state.waiting.as_ref()) {
        let (reason, message) = (waiting.reason.as_deref().unwrap_or_default(), waiting.message.as_deref());
        return waiting_verdict(reason, message, asked);
    }
    let conditions = status.and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    let unscheduled = conditions.iter().find(|one| one.type_ == "PodScheduled" && one.status == "False");
    match unscheduled {
        Some(condition) => Verdict::Waiting {
            lack: Lack::Place,
            reason: Some(said(condition.reason.as_deref(), condition.message.as_deref())),
        },
        None if pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_some()) => {
            Verdict::Waiting { lack: Lack::Setup, reason: None }
        }
        None => Verdict::Waiting { lack: Lack::Place, reason: None },
    }
}

/// What a Job says whose pod is gone before it has told how it ended; `None` while the Job goes on. `has_begun` tells whether
/// the pod was ever seen to run.
pub(super) fn judge_without_pod(job: Option<&Job>, has_begun: bool) -> Option<Judged> {
    let Some(job) = job else {
        return Some(Judged::bare(Outcome::Lost {
            stage: "its Job is gone from the cluster, and so is its pod".into(),
        }));
    };
    let conditions = job.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    let holds =
        |kinds: [&str; 2]| conditions.iter().find(|one| kinds.contains(&one.type_.as_str()) && one.status == "True");
    if holds(["Complete", "SuccessCriteriaMet"]).is_some() {
        let mut judged = Judged::bare(Outcome::Succeeded);
        judged.remarks.push("its pod was gone before its exit code and outputs were read; its Job is complete".into());
        return Some(judged);
    }
    let failed = holds(["Failed", "FailureTarget"])?;
    let reason = said(failed.reason.as_deref(), failed.message.as_deref());
    Some(Judged::bare(match failed.reason.as_deref() {
        Some("DeadlineExceeded") if has_begun => Outcome::TimedOut,
        _ if has_begun => Outcome::Lost { stage: format!("its pod is gone, and with it how it ended: {reason}") },
        _ => Outcome::NotStarted { reason: format!("its pod was gone before it began: {reason}"), permanent: false },
    }))
}

fn main_status(pod: &Pod) -> Option<&ContainerStatus> {
    pod.status.as_ref()?.container_statuses.as_deref()?.iter().find(|container| container.name == MAIN)
}

fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
}

/// Whether the cluster itself ended the pod, and why.
fn infrastructure(pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref()?;
    let conditions = status.conditions.as_deref().unwrap_or_default();
    let disrupted = conditions.iter().find(|one| one.type_ == "DisruptionTarget" && one.status == "True");
    if let Some(condition) = disrupted {
        return Some(said(condition.reason.as_deref(), condition.message.as_deref()));
    }
    let reason = status.reason.as_deref().filter(|reason| INFRASTRUCTURE.contains(reason))?;
    Some(said(Some(reason), status.message.as_deref()))
}

/// A pod that failed although no container of it has a word to say.
fn failed_unstarted(pod: &Pod) -> Outcome {
    if let Some(reason) = infrastructure(pod) {
        return Outcome::NotStarted {
            reason: format!("its pod was taken away before it began: {reason}"),
            permanent: false,
        };
    }
    let status = pod.status.as_ref();
    let reason = status.and_then(|status| status.reason.as_deref());
    let message = status.and_then(|status| status.message.as_deref());
    Outcome::NotStarted {
        reason: format!("its pod failed before it began: {}", said(reason, message)),
        permanent: reason == Some("DeadlineExceeded"),
    }
}

fn waiting_verdict(reason: &str, message: Option<&str>, asked: &Asked) -> Verdict {
    let words = said(Some(reason), message);
    match reason {
        "" | "ContainerCreating" | "PodInitializing" => Verdict::Waiting { lack: Lack::Setup, reason: None },
        "ErrImagePull" | "ImagePullBackOff" | "RegistryUnavailable" | "ImageInspectError" | "ErrImageNeverPull" => {
            Verdict::Waiting { lack: Lack::Image, reason: Some(words) }
        }
        "CreateContainerConfigError" => Verdict::Waiting { lack: Lack::Object, reason: Some(words) },
        "RunContainerError" | "CreateContainerError" | "StartError" => {
            Verdict::Ended(Box::new(Judged::bare(not_started(reason, message, asked))))
        }
        "InvalidImageName" => {
            let reason = format!("the image cannot be used: {words}");
            Verdict::Ended(Box::new(Judged::bare(Outcome::NotStarted { reason, permanent: true })))
        }
        _ => Verdict::Waiting { lack: Lack::Setup, reason: Some(words) },
    }
}

fn terminated_end(pod: &Pod, terminated: &ContainerStateTerminated, asked: &Asked) -> Judged {
    let reason = terminated.reason.as_deref().unwrap_or_default();
    let message = terminated.message.as_deref();
    if ["StartError", "ContainerCannotRun"].contains(&reason) {
        return Judged::bare(not_started(reason, message, asked));
    }
    if reason == "ContainerStatusUnknown" && infrastructure(pod).is_none() {
        let stage = format!("the cluster lost sight of its container: {}", said(Some(reason), message));
        return Judged::bare(Outcome::Lost { stage });
    }
    let began = terminated.started_at.as_ref().map(timestamp);
    let outcome = match infrastructure(pod).filter(|_| terminated.exit_code != 0 && reason != "OOMKilled") {
        Some(why) if began.is_none() => {
            Outcome::NotStarted { reason: format!("its pod was taken away before it began: {why}"), permanent: false }
        }
        Some(why) => Outcome::Lost { stage: format!("its pod was taken away while it ran: {why}") },
        None if pod_reason(pod) == Some("DeadlineExceeded") && terminated.exit_code != 0 => Outcome::TimedOut,
        // A Job that runs out of its time has its pod deleted, too, which may be seen before the Job says so.
        None if was_deleted(pod, terminated) && has_had_its_time(terminated, asked) => Outcome::TimedOut,
        None if was_deleted(pod, terminated) => {
            Outcome::Lost { stage: "its pod was taken away while it ran: somebody deleted it, or its Job".into() }
        }
        None => exit(pod, terminated),
    };
    Judged {
        outcome,
        began,
        ended: terminated.finished_at.as_ref().map(timestamp),
        output: terminated.message.clone(),
        remarks: Vec::new(),
    }
}

/// Whether a container ended because its pod was deleted. Whoever has that done himself knows it.
fn was_deleted(pod: &Pod, terminated: &ContainerStateTerminated) -> bool {
    let Some(goes_at) = pod.metadata.deletion_timestamp.as_ref().map(timestamp) else { return false };
    let grace = pod.metadata.deletion_grace_period_seconds.unwrap_or(0);
    let asked_at = Timestamp(goes_at.0 - grace * 1_000);
    let is_killed = [137, 143].contains(&terminated.exit_code) || terminated.signal.is_some_and(|signal| signal > 0);
    let is_later = terminated.finished_at.as_ref().is_some_and(|ended| timestamp(ended) > asked_at);
    terminated.exit_code != 0 && terminated.reason.as_deref() != Some("OOMKilled") && (is_killed || is_later)
}

fn has_had_its_time(terminated: &ContainerStateTerminated, asked: &Asked) -> bool {
    let (Some(timeout), Some(began), Some(ended)) = (asked.timeout, &terminated.started_at, &terminated.finished_at)
    else {
        return false;
    };
    i128::from(timestamp(ended).0 - timestamp(began).0) >= i128::try_from(timeout.as_millis()).unwrap_or(i128::MAX)
}

fn pod_reason(pod: &Pod) -> Option<&str> {
    pod.status.as_ref().and_then(|status| status.reason.as_deref())
}

fn exit(pod: &Pod, terminated: &ContainerStateTerminated) -> Outcome {
    if terminated.reason.as_deref() == Some("OOMKilled") {
        let had = match memory(pod) {
            Some(memory) => format!(" (it had {memory}); give it more under `memory:`"),
            None => "; give it some under `memory:`".into(),
        };
        return Outcome::Failed {
            exit_code: Some(terminated.exit_code),
            signal: None,
            reason: Some(format!("ran out of memory{had}")),
        };
    }
    match terminated.signal.filter(|signal| *signal > 0) {
        Some(signal) => Outcome::of_signal(signal),
        None => of_code(terminated.exit_code),
    }
}

/// How a command ended, by the code that a container or a shell has for it.
pub(super) fn of_code(code: i32) -> Outcome {
    if SIGNALS.contains(&(code - 128)) { Outcome::of_signal(code - 128) } else { Outcome::of_exit(code) }
}

/// The memory that the main container may use.
fn memory(pod: &Pod) -> Option<&str> {
    let container = pod.spec.as_ref()?.containers.iter().find(|container| container.name == MAIN)?;
    Some(container.resources.as_ref()?.limits.as_ref()?.get("memory")?.0.as_str())
}

/// A command that its container could not execute.
fn not_started(reason: &str, message: Option<&str>, asked: &Asked) -> Outcome {
    let message = message.unwrap_or_default();
    let is_there = message.contains("permission denied");
    let words = ["executable file not found", "no such file or directory"];
    if (is_there || words.iter().any(|text| message.contains(text))) && message.contains(&asked.program) {
        return no_program(asked, is_there);
    }
    Outcome::NotStarted { reason: said(Some(reason), Some(message)), permanent: true }
}

/// A program that the image does not have, or not as one.
pub(super) fn no_program(asked: &Asked, is_there: bool) -> Outcome {
    let program = &asked.program;
    let reason = match &asked.path {
        _ if is_there => {
            format!(
                "`{program}` is not executable in the image; `chmod +x` it there, or name its interpreter before it"
            )
        }
        Some(path) => format!(
            "`{program}` was not found in the image; use an image that has it, or add its folder to PATH, which is `{path}`"
        ),
        None => format!("`{program}` was not found in the image; use an image that has it, or name its whole path"),
    };
    Outcome::NotStarted { reason, permanent: true }
}

/// The cluster's own words.
fn said(reason: Option<&str>, message: Option<&str>) -> String {
    match (reason.filter(|text| !text.is_empty()), message.map(str::trim).filter(|text| !text.is_empty())) {
        (Some(reason), Some(message)) => format!("{reason}: {message}"),
        (Some(text), None) | (None, Some(text)) => text.to_owned(),
        (None, None) => "no reason was given".into(),
    }
}

fn timestamp(time: &Time) -> Timestamp {
    Timestamp(time.0.as_millisecond())
}

/// Whether a state says that the container came to an end.
pub(super) fn is_over(pod: &Pod) -> bool {
    let state: Option<&ContainerState> = main_status(pod).and_then(|main| main.state.as_ref());
    state.is_some_and(|state| state.terminated.is_some()) || ["Failed", "Succeeded"].contains(&phase(pod))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn asked() -> Asked {
        Asked { program: "tool".into(), path: Some("/nowhere".into()), timeout: None }
    }

    fn pod(status: &Value) -> Pod {
        let spec = json!({"containers": [{"name": MAIN, "resources": {"limits": {"memory": "512Mi"}}}]});
        serde_json::from_value(json!({"metadata": {"name": "p"}, "spec": spec, "status": status})).expect("a pod")
    }

    fn of_state(state: &Value, extra: &Value) -> Verdict {
        let mut status = json!({"phase": "Pending", "containerStatuses": [
            {"name": "side", "image": "x", "imageID": "", "ready": true, "restartCount": 0, "state": {"running": {}}},
            {"name": MAIN, "image": "x", "imageID": "", "ready": false, "restartCount": 0, "state": state},
        ]});
        for (key, value) in extra.as_object().expect("a map") {
            status[key] = value.clone();
        }
        judge(&pod(&status), &asked())
    }

    fn terminated(code: i32, reason: &str, message: &str) -> Value {
        json!({"terminated": {
            "exitCode": code, "reason": reason, "message": message,
            "startedAt": "2026-01-01T00:00:01Z", "finishedAt": "2026-01-01T00:00:03Z",
        }})
    }

    fn outcome(state: &Value, extra: &Value) -> Outcome {
        match of_state(state, extra) {
            Verdict::Ended(judged) => judged.outcome,
            verdict => panic!("not over: {verdict:?}"),
        }
    }

    fn failed(exit_code: i32) -> Outcome {
        Outcome::Failed { exit_code: Some(exit_code), signal: None, reason: None }
    }

    const DISRUPTED: &str = r#"{"phase": "Failed", "conditions": [{"type": "DisruptionTarget", "status": "True",
        "reason": "TerminationByKubelet", "message": "The node is shutting down"}]}"#;

    #[test]
    fn ends_of_the_main_container_are_the_commands() {
        let none = json!({});
        assert_eq!(outcome(&terminated(0, "Completed", ""), &none), Outcome::Succeeded);
        assert_eq!(outcome(&terminated(7, "Error", ""), &none), failed(7));
        assert_eq!(outcome(&terminated(137, "Error", ""), &none), Outcome::of_signal(9));
        assert_eq!(outcome(&terminated(139, "Error", ""), &none), Outcome::of_signal(11));
        assert_eq!(outcome(&terminated(130, "Error", ""), &none), failed(130), "a shell's own code");
        let by_signal = json!({"terminated": {"exitCode": 2, "signal": 2}});
        assert_eq!(outcome(&by_signal, &none), Outcome::of_signal(2));
        let memory = outcome(&terminated(137, "OOMKilled", ""), &none);
        assert!(memory.to_string().contains("ran out of memory (it had 512Mi)"), "{memory}");
        let verdict = of_state(&terminated(0, "Completed", "a=1"), &none);
        let Verdict::Ended(judged) = verdict else { panic!("not over") };
        assert_eq!(judged.output.as_deref(), Some("a=1"));
        assert_eq!(
            (judged.began, judged.ended),
            (Some(Timestamp(1_767_225_601_000)), Some(Timestamp(1_767_225_603_000)))
        );
    }

    #[test]
    fn what_the_cluster_does_is_not_the_commands_fault() {
        let disrupted: Value = serde_json::from_str(DISRUPTED).expect("JSON");
        let lost = outcome(&terminated(143, "Error", ""), &disrupted);
        assert!(matches!(&lost, Outcome::Lost { stage } if stage.contains("node is shutting down")), "{lost}");
        assert_eq!(outcome(&terminated(0, "Completed", ""), &disrupted), Outcome::Succeeded, "it was done before");
        assert!(matches!(outcome(&terminated(137, "OOMKilled", ""), &disrupted), Outcome::Failed { .. }));
        for reason in ["Evicted", "NodeShutdown", "OutOfcpu", "UnexpectedAdmissionError", "Preempting"] {
            let status = json!({"phase": "Failed", "reason": reason, "message": "because"});
            let Verdict::Ended(judged) = judge(&pod(&status), &asked()) else { panic!("not over") };
            assert!(matches!(judged.outcome, Outcome::NotStarted { permanent: false, .. }), "{reason}");
            let unstarted = json!({"terminated": {"exitCode": 137, "reason": "Error"}});
            assert!(matches!(outcome(&unstarted, &status), Outcome::NotStarted { permanent: false, .. }), "{reason}");
            assert!(matches!(outcome(&terminated(137, "Error", ""), &status), Outcome::Lost { .. }), "{reason}");
            assert!(matches!(outcome(&json!({"running": {}}), &status), Outcome::Lost { .. }), "{reason}");
        }
        let unknown = outcome(&terminated(137, "ContainerStatusUnknown", "gone"), &json!({}));
        assert!(matches!(unknown, Outcome::Lost { .. }), "{unknown}");
        let late = json!({"phase": "Failed", "reason": "DeadlineExceeded"});
        assert_eq!(outcome(&terminated(143, "Error", ""), &late), Outcome::TimedOut);
    }

    #[test]
    fn what_cannot_start_is_told_in_its_own_words() {
        let absent = "exec: \"tool\": executable file not found in $PATH";
        for state in [
            terminated(128, "StartError", absent),
            json!({"waiting": {"reason": "RunContainerError", "message": absent}}),
        ] {
            let text = outcome(&state, &json!({})).to_string();
            assert!(text.contains("`tool` was not found") && text.contains("`/nowhere`"), "{text}");
        }
        let denied = terminated(128, "StartError", "exec: \"tool\": permission denied");
        assert!(outcome(&denied, &json!({})).to_string().contains("`tool` is not executable"));
        let other = outcome(&terminated(128, "StartError", "cgroup trouble"), &json!({})).to_string();
        assert!(other.contains("cgroup trouble"), "{other}");
        let name = json!({"waiting": {"reason": "InvalidImageName", "message": "bad"}});
        assert!(matches!(outcome(&name, &json!({})), Outcome::NotStarted { permanent: true, .. }));
    }

    #[test]
    fn a_pod_that_somebody_deletes_is_lost() {
        let outcome = |code: i32, ended: &str, timeout: Option<u64>| {
            let terminated = json!({"exitCode": code, "startedAt": "2026-01-01T00:00:01Z", "finishedAt": ended});
            let mut pod = pod(&json!({"containerStatuses": [{
                "name": "main", "image": "", "imageID": "", "ready": false, "restartCount": 0,
                "state": {"terminated": terminated},
            }]}));
            let goes_at = json!({"deletionTimestamp": "2026-01-01T00:00:40Z", "deletionGracePeriodSeconds": 10});
            pod.metadata = serde_json::from_value(goes_at).expect("metadata");
            let asked = Asked { timeout: timeout.map(Duration::from_secs), ..asked() };
            let Verdict::Ended(judged) = judge(&pod, &asked) else { panic!("it has ended") };
            judged.outcome
        };
        assert!(matches!(outcome(143, "2026-01-01T00:00:30Z", None), Outcome::Lost { .. }));
        assert!(matches!(outcome(1, "2026-01-01T00:00:31Z", Some(60)), Outcome::Lost { .. }));
        assert_eq!(outcome(143, "2026-01-01T00:00:31Z", Some(30)), Outcome::TimedOut);
        assert_eq!(outcome(1, "2026-01-01T00:00:29Z", None), Outcome::of_exit(1), "it had failed before");
        assert_eq!(outcome(0, "2026-01-01T00:00:31Z", None), Outcome::Succeeded);
    }

    #[test]
    fn what_may_still_come_is_waited_for() {
        for (reason, expected) in [
            ("ErrImagePull", Lack::Image),
            ("ImagePullBackOff", Lack::Image),
            ("CreateContainerConfigError", Lack::Object),
            ("ContainerCreating", Lack::Setup),
            ("PodInitializing", Lack::Setup),
        ] {
            let verdict = of_state(&json!({"waiting": {"reason": reason, "message": "why"}}), &json!({}));
            assert!(matches!(verdict, Verdict::Waiting { lack, .. } if lack == expected), "{verdict:?}");
        }
        let condition =
            json!({"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"});
        let verdict = judge(&pod(&json!({"phase": "Pending", "conditions": [condition]})), &asked());
        let reason = Some("Unschedulable: 0/3 nodes".to_owned());
        assert_eq!(verdict, Verdict::Waiting { lack: Lack::Place, reason });
        assert!(matches!(
            of_state(&json!({"running": {"startedAt": "2026-01-01T00:00:01Z"}}), &json!({})),
            Verdict::Running { began: Some(_) }
        ));
    }

    #[test]
    fn a_job_without_its_pod_still_tells_something() {
        let job = |kind: &str, reason: &str| -> Job {
            let condition = json!({"type": kind, "status": "True", "reason": reason, "message": "m"});
            serde_json::from_value(json!({"metadata": {}, "status": {"conditions": [condition]}})).expect("a job")
        };
        let of = |job: Option<&Job>, begun| judge_without_pod(job, begun).map(|judged| judged.outcome);
        assert_eq!(of(Some(&job("Complete", "")), true), Some(Outcome::Succeeded));
        assert_eq!(of(Some(&job("Failed", "DeadlineExceeded")), true), Some(Outcome::TimedOut));
        assert!(matches!(of(Some(&job("Failed", "BackoffLimitExceeded")), true), Some(Outcome::Lost { .. })));
        let unstarted = of(Some(&job("Failed", "PodFailurePolicy")), false);
        assert!(matches!(unstarted, Some(Outcome::NotStarted { permanent: false, .. })), "{unstarted:?}");
        assert!(matches!(of(None, true), Some(Outcome::Lost { .. })));
        assert_eq!(of(Some(&job("Suspended", "")), true), None);
    }
}
