//! From what the cluster says about a pod and its Job to what became of the attempt. Values in, values out.

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
    match (terminated.signal.filter(|signal| *signal > 0), terminated.exit_code) {
        (Some(signal), _) => Outcome::of_signal(signal),
        (None, code) if SIGNALS.contains(&(code - 128)) => Outcome::of_signal(code - 128),
        (None, code) => Outcome::of_exit(code),
    }
}

/// The memory that the main container may use.
fn memory(pod: &Pod) -> Option<&str> {
    let container = pod.spec.as_ref()?.containers.iter().find(|container| container.name == MAIN)?;
    Some(container.resources.as_ref()?.limits.as_ref()?.get("memory")?.0.as_str())
}

/// A command that its container could not execute.
fn not_started(reason: &str, message: Option<&str>, asked: &Asked) -> Outcome {
    let message = message.unwrap_or_default();
    let program = &asked.program;
    let is_absent =
        ["executable file not found", "no such file or directory"].iter().any(|text| message.contains(text));
    let reason = if message.contains("permission denied") && message.contains(program.as_str()) {
        format!("`{program}` is not executable in the image; `chmod +x` it there, or name its interpreter before it")
    } else if is_absent && message.contains(program.as_str()) {
        let path = match &asked.path {
            Some(path) => format!("add its folder to PATH, which is `{path}`"),
            None => "name its whole path".into(),
        };
        format!("`{program}` was not found in the image; use an image that has it, or {path}")
    } else {
        said(Some(reason), Some(message))
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
