//! The status of a pod, as a kubelet writes it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::image::image_id;
use super::shared::Pod;
use super::{Log, Place, quantity};

/// What a kubelet calls the address of its machine.
const HOST_ADDRESS: &str = "10.128.0.2";

/// How a container is.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::sim::gke) enum State {
    /// It does not run, and may run later.
    Waiting {
        /// Why.
        reason: &'static str,
        /// More about that.
        message: String,
    },
    /// It runs, since that moment.
    Running(String),
    /// It has ended.
    Terminated(Ended),
}

/// How a container has ended.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::sim::gke) struct Ended {
    /// Its exit code, 128 and the number for a signal.
    pub(super) code: i32,
    /// What that is called.
    pub(super) reason: &'static str,
    /// Its last words.
    pub(super) message: String,
    pub(super) started: String,
    pub(super) finished: String,
    /// The container's id at that time.
    pub(super) id: String,
}

/// What is known of a container.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) name: String,
    pub(super) container: Arc<Value>,
    pub(super) is_init: bool,
    pub(super) state: State,
    /// How it ended before.
    pub(super) last: Option<Ended>,
    pub(super) restarts: u64,
    pub(super) id: String,
    pub(super) log: Option<Arc<Log>>,
    pub(super) previous_log: Option<Arc<Log>>,
    pub(super) place: Option<Arc<Place>>,
}

impl Slot {
    pub(super) fn new(container: Value, is_init: bool) -> Self {
        let container = Arc::new(container);
        let name = container["name"].as_str().unwrap_or_default().to_owned();
        let state = State::Waiting { reason: "ContainerCreating", message: String::new() };
        Self {
            name,
            container,
            is_init,
            state,
            last: None,
            restarts: 0,
            id: String::new(),
            log: None,
            previous_log: None,
            place: None,
        }
    }

    pub(super) fn is_running(&self) -> bool {
        matches!(self.state, State::Running(_))
    }

    /// An init container that runs beside the others.
    pub(super) fn is_sidecar(&self) -> bool {
        self.is_init && self.container["restartPolicy"] == "Always"
    }

    fn code(&self) -> Option<i32> {
        if let State::Terminated(ended) = &self.state { Some(ended.code) } else { None }
    }

    fn is_ready(&self) -> bool {
        if self.is_init && !self.is_sidecar() { self.code() == Some(0) } else { self.is_running() }
    }

    fn status(&self) -> Value {
        let image = self.container["image"].as_str().unwrap_or_default();
        let image_id = if self.id.is_empty() { String::new() } else { image_id(image) };
        let last = self.last.as_ref().map_or_else(|| json!({}), |ended| json!({"terminated": ended.json()}));
        let mut status = json!({
            "name": self.name, "state": self.state.json(), "lastState": last, "ready": self.is_ready(),
            "restartCount": self.restarts, "image": image, "imageID": image_id, "started": self.is_running(),
        });
        if !self.id.is_empty() {
            status["containerID"] = self.id.clone().into();
        }
        status
    }
}

impl State {
    fn json(&self) -> Value {
        match self {
            Self::Waiting { reason, message } if message.is_empty() => json!({"waiting": {"reason": reason}}),
            Self::Waiting { reason, message } => json!({"waiting": {"reason": reason, "message": message}}),
            Self::Running(since) => json!({"running": {"startedAt": since}}),
            Self::Terminated(ended) => json!({"terminated": ended.json()}),
        }
    }
}

impl Ended {
    fn json(&self) -> Value {
        let mut ended = json!({"exitCode": self.code, "reason": self.reason});
        if !self.message.is_empty() {
            ended["message"] = self.message.clone().into();
        }
        ended["startedAt"] = self.started.clone().into();
        ended["finishedAt"] = self.finished.clone().into();
        ended["containerID"] = self.id.clone().into();
        ended
    }
}

/// How far a pod is, by its containers.
pub(super) fn phase(slots: &[Slot], policy: &str) -> &'static str {
    let (first, main): (Vec<_>, Vec<_>) = slots.iter().partition(|slot| slot.is_init && !slot.is_sidecar());
    let main: Vec<_> = main.into_iter().filter(|slot| !slot.is_sidecar()).collect();
    if first.iter().any(|slot| slot.code().is_some_and(|code| code != 0)) && policy == "Never" {
        return "Failed";
    }
    if first.iter().any(|slot| slot.code() != Some(0)) {
        return "Pending";
    }
    if main.iter().any(|slot| slot.is_running()) {
        return "Running";
    }
    if let Some(codes) = main.iter().map(|slot| slot.code()).collect::<Option<Vec<i32>>>() {
        let has_failed = codes.iter().any(|code| *code != 0);
        return match policy {
            "Always" => "Running",
            "OnFailure" if has_failed => "Running",
            _ if has_failed => "Failed",
            _ => "Succeeded",
        };
    }
    // One that waits and has ended before waits for its next start.
    if main.iter().any(|slot| slot.last.is_some() || slot.code().is_some()) { "Running" } else { "Pending" }
}

/// Why a pod has failed that its containers have not failed by themselves.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    pub(super) reason: &'static str,
    pub(super) message: &'static str,
}

/// Puts what is known of the pod into the status of `object`. What others have written there stays.
pub(super) fn write(object: &mut Value, pod: &Pod, now: &str, verdict: Option<&Verdict>) {
    let slots = pod.slots();
    let policy = pod.wants.policy.as_str();
    let status = &mut object["status"];
    let told = status["phase"].as_str().unwrap_or_default();
    // A phase that is an end was decided by whoever watches over the machines.
    let is_decided = matches!(told, "Failed" | "Succeeded");
    let phase = match verdict {
        _ if is_decided => told.to_owned(),
        Some(_) => "Failed".to_owned(),
        None => phase(&slots, policy).to_owned(),
    };
    status["phase"] = phase.clone().into();
    if let Some(verdict) = verdict.filter(|_| !is_decided) {
        status["reason"] = verdict.reason.into();
        status["message"] = verdict.message.into();
    }
    conditions(status, &slots, &phase, now);
    let of = |is_init: bool| -> Value {
        slots.iter().filter(|slot| slot.is_init == is_init).map(Slot::status).collect::<Vec<_>>().into()
    };
    if slots.iter().any(|slot| slot.is_init) {
        status["initContainerStatuses"] = of(true);
    }
    status["containerStatuses"] = of(false);
    status["hostIP"] = HOST_ADDRESS.into();
    status["hostIPs"] = json!([{"ip": HOST_ADDRESS}]);
    status["podIP"] = pod.address.clone().into();
    status["podIPs"] = json!([{"ip": pod.address}]);
    status["startTime"] = pod.started.clone().into();
    if status["qosClass"].is_null() {
        status["qosClass"] = pod.wants.quality.into();
    }
}

fn conditions(status: &mut Value, slots: &[Slot], phase: &str, now: &str) {
    let is_over = matches!(phase, "Failed" | "Succeeded");
    let (mut first, mut main) = (slots.iter().filter(|slot| slot.is_init), slots.iter().filter(|slot| !slot.is_init));
    let unready: Vec<&str> = main.clone().filter(|slot| !slot.is_ready()).map(|slot| slot.name.as_str()).collect();
    let incomplete: Vec<&str> = first.clone().filter(|slot| !slot.is_ready()).map(|slot| slot.name.as_str()).collect();
    let is_initialized = first.all(Slot::is_ready) || main.any(|slot| slot.last.is_some() || slot.is_running());
    let of_containers = match phase {
        "Succeeded" => (false, "PodCompleted", String::new()),
        "Failed" => (false, "PodFailed", String::new()),
        _ if unready.is_empty() => (true, "", String::new()),
        _ => (false, "ContainersNotReady", format!("containers with unready status: [{}]", unready.join(" "))),
    };
    let initialized = match is_initialized {
        true if phase == "Succeeded" => (true, "PodCompleted", String::new()),
        true => (true, "", String::new()),
        false => {
            let message = format!("containers with incomplete status: [{}]", incomplete.join(" "));
            (false, "ContainersNotInitialized", message)
        }
    };
    let all = [
        ("PodReadyToStartContainers", (!is_over, "", String::new())),
        ("Initialized", initialized),
        ("Ready", of_containers.clone()),
        ("ContainersReady", of_containers),
        ("PodScheduled", (true, "", String::new())),
    ];
    if !status["conditions"].is_array() {
        status["conditions"] = json!([]);
    }
    for (name, (holds, reason, message)) in all {
        set_condition(status, name, if holds { "True" } else { "False" }, reason, &message, now);
    }
}

/// Sets a condition of a status; its moment changes when it begins or ceases to hold.
pub(in crate::sim::gke) fn set_condition(
    status: &mut Value,
    name: &str,
    holds: &str,
    reason: &str,
    message: &str,
    now: &str,
) {
    let mut condition = json!({"type": name, "status": holds, "lastProbeTime": null, "lastTransitionTime": now});
    for (field, text) in [("reason", reason), ("message", message)] {
        if !text.is_empty() {
            condition[field] = text.into();
        }
    }
    let Some(listed) = status["conditions"].as_array_mut() else {
        status["conditions"] = json!([condition]);
        return;
    };
    match listed.iter_mut().find(|other| other["type"] == name) {
        Some(other) => {
            if other["status"] == condition["status"] {
                condition["lastTransitionTime"] = other["lastTransitionTime"].take();
            }
            *other = condition;
        }
        None => listed.push(condition),
    }
}

/// How well a pod is served when memory is short.
pub(super) fn quality(pod: &Value) -> &'static str {
    let containers = ["initContainers", "containers"].map(|field| pod["spec"][field].as_array().into_iter().flatten());
    let all: Vec<_> = containers.into_iter().flatten().collect();
    let amount = |container: &Value, of: &str, what: &str| quantity(&container["resources"][of][what]);
    let names = ["cpu", "memory"];
    let asks_nothing = |container: &&Value| {
        names.iter().all(|what| ["requests", "limits"].iter().all(|of| amount(container, of, what).is_none()))
    };
    if all.iter().all(asks_nothing) {
        return "BestEffort";
    }
    let is_bounded = |container: &&Value| {
        names.iter().all(|what| {
            let limit = amount(container, "limits", what);
            limit.is_some() && amount(container, "requests", what).is_none_or(|request| Some(request) == limit)
        })
    };
    if all.iter().all(is_bounded) { "Guaranteed" } else { "Burstable" }
}
