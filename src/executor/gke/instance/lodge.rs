//! Finds the instance that a task names, or launches it.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, PostParams, Preconditions};
use kube::{Api, ResourceExt as _};
use serde_json::{Map, Value};

use crate::executor::gke::attend::{Attendance, Begun, OBJECT_PATIENCE, bring};
use crate::executor::gke::client::{Deed, PATIENCE, Trouble};
use crate::executor::gke::manifest::{Lodging, Made, lodge, profile};
use crate::executor::gke::names;
use crate::executor::gke::outcome::{Asked, Lack, Verdict, is_over, judge};
use crate::executor::traces::{Urgency, lock};
use crate::model::Outcome;

/// Between two looks at an instance that is on its way, where nothing is told of it.
const LOOK: Duration = Duration::from_secs(10);
/// Between two tries, where something else has come first.
const AGAIN: Duration = Duration::from_millis(200);
/// How long an instance that is removed has to bring itself in order.
pub(super) const GRACE_SECONDS: u32 = 1;

fn not_started(reason: impl Into<String>, permanent: bool) -> Outcome {
    Outcome::NotStarted { reason: reason.into(), permanent }
}

impl Attendance {
    /// The name of the instance, as its author knows it.
    pub(super) fn instance(&self) -> &str {
        self.attempt.instance.as_deref().unwrap_or_default()
    }

    /// The pod of the instance; `None` when it is not there.
    pub(super) async fn pod(&self) -> Result<Option<Pod>, Trouble> {
        let deed = Deed { verb: "get", resource: "pods" };
        let got = self.cluster.call(
            deed,
            None,
            |text: &str| self.say(text),
            |reached| {
                let pods: Api<Pod> = Api::namespaced(reached.client.clone(), &self.namespace);
                async move { pods.get_opt(&self.job).await }
            },
        );
        got.await
    }

    /// Waits until the instance runs. Its uid.
    pub(super) async fn lodge(&self, by_hand: bool) -> Result<String, Outcome> {
        let pods = self.run.pods(&self.cluster, &self.namespace);
        let mut seen = pods.of(&self.job);
        let mut lacking: Option<(Lack, Duration)> = None;
        let mut shown = None;
        loop {
            let Some(pod) = self.pod().await.map_err(|trouble| not_started(trouble.words(), true))? else {
                if by_hand {
                    let name = self.instance();
                    return Err(not_started(format!("there is no instance `{name}`; launch it anew"), true));
                }
                self.launch().await?;
                continue;
            };
            let uid = pod.uid().unwrap_or_default();
            if !by_hand {
                self.agree(&pod)?;
            }
            let mut reason = None;
            match judge(&pod, &Asked { program: "sh".into(), path: None, timeout: None }) {
                Verdict::Running { .. } if pod.metadata.deletion_timestamp.is_none() => return Ok(uid),
                Verdict::Ended(judged) if by_hand || matches!(judged.outcome, Outcome::NotStarted { .. }) => {
                    if !by_hand {
                        self.delete(&uid).await;
                    }
                    let name = self.instance();
                    return Err(match judged.outcome {
                        Outcome::NotStarted { reason, permanent } => {
                            not_started(format!("its instance `{name}` does not start: {reason}"), permanent)
                        }
                        outcome => not_started(format!("its instance `{name}` is over: {outcome}"), true),
                    });
                }
                // One that was there before is over: the next takes its place.
                Verdict::Ended(_) => self.delete(&uid).await,
                Verdict::Running { .. } => {}
                Verdict::Waiting { lack, reason: words } => {
                    let since = lacking.filter(|(known, _)| *known == lack).map_or(self.now(), |(_, since)| since);
                    lacking = Some((lack, since));
                    if words.is_some() && words != shown {
                        self.say(words.as_deref().unwrap_or_default());
                        shown.clone_from(&words);
                    }
                    reason = words.or_else(|| shown.clone());
                }
            }
            pods.learn(&self.job, Some(pod));
            let pause = match lacking {
                Some(lacking) => self.patience(lacking, reason, &uid).await?,
                None => AGAIN,
            };
            seen.mark_unchanged();
            tokio::select! {
                _ = seen.changed() => {}
                () = tokio::time::sleep(pause) => {}
                () = self.asked(Urgency::Polite) => return Err(Outcome::Cancelled),
            }
        }
    }

    /// How long to wait for what is lacking, until it is looked again.
    async fn patience(
        &self,
        (lack, since): (Lack, Duration),
        reason: Option<String>,
        uid: &str,
    ) -> Result<Duration, Outcome> {
        let (limit, what) = match lack {
            Lack::Place => (self.settings.schedule_timeout, "the cluster has no place for"),
            Lack::Image => (self.settings.image_timeout, "no image came for"),
            Lack::Setup => (self.settings.schedule_timeout, "the cluster has not set up"),
            Lack::Object => (OBJECT_PATIENCE, "the cluster cannot set up"),
        };
        let waited = self.now().saturating_sub(since);
        if waited < limit {
            return Ok(LOOK.min(limit.saturating_sub(waited)));
        }
        self.delete(uid).await;
        let (name, reason) = (self.instance(), reason.unwrap_or_else(|| "no reason was given".into()));
        let reason = format!("{what} its instance `{name}` within {} s: {reason}", limit.as_secs());
        Err(not_started(reason, matches!(lack, Lack::Image | Lack::Object)))
    }

    /// Whether the pod is the instance, and was launched with what this task wants of it.
    fn agree(&self, pod: &Pod) -> Result<(), Outcome> {
        let name = self.instance();
        let annotation = |key: &str| pod.annotations().get(key).map(String::as_str);
        let is_ours = pod.labels().get(names::RUN).is_some_and(|run| *run == self.attempt.id.run.to_string());
        let known = annotation(names::PROFILE).and_then(|text| serde_json::from_str::<Map<String, Value>>(text).ok());
        let Some(known) = known.filter(|_| is_ours) else {
            return Err(not_started(
                format!(
                    "the namespace `{}` has a pod `{}` that is not the instance `{name}`; look what it is, and delete it",
                    self.namespace, self.job
                ),
                true,
            ));
        };
        let wanted = profile(&self.attempt.with);
        let keys = known.keys().chain(wanted.keys());
        let mut other: Vec<&str> = keys.filter(|key| known.get(*key) != wanted.get(*key)).map(String::as_str).collect();
        other.sort_unstable();
        other.dedup();
        if other.is_empty() {
            return Ok(());
        }
        let first = annotation(names::LAUNCHED_FOR).unwrap_or("another task");
        Err(not_started(
            format!(
                "the instance `{name}` was launched for `{first}`, with other settings: `{}`; tasks that share an instance \
                 need the same ones under `with:`",
                other.join("`, `")
            ),
            true,
        ))
    }

    async fn launch(&self) -> Result<(), Outcome> {
        let made = self.manifest().map_err(|reason| not_started(reason, true))?;
        let pod: Pod = serde_json::from_value(made.job.clone())
            .map_err(|error| not_started(format!("`template` makes a pod that is none: {error}"), true))?;
        let written = lock(&self.run.facts).lodged(self.cluster.context(), &self.namespace);
        if let Err(error) = written {
            return Err(not_started(format!("it cannot be written down that an instance is launched: {error}"), false));
        }
        if let Some(Begun::Not(outcome)) = self.create_objects(&made).await {
            return Err(outcome);
        }
        let deed = Deed { verb: "create", resource: "pods" };
        let created = self.cluster.call(
            deed,
            Some(PATIENCE),
            |text: &str| self.say(text),
            |reached| {
                let pods: Api<Pod> = Api::namespaced(reached.client.clone(), &self.namespace);
                let pod = &pod;
                async move { pods.create(&PostParams::default(), pod).await }
            },
        );
        let created = tokio::select! {
            created = created => created,
            () = self.asked(Urgency::Polite) => return Err(Outcome::Cancelled),
        };
        match created {
            Ok(pod) => {
                if made.config_map.is_some() {
                    self.own(&made, &pod.uid().unwrap_or_default()).await;
                }
                Ok(())
            }
            // Another task was first.
            Err(Trouble::Conflict(_)) => Ok(()),
            Err(trouble @ (Trouble::Passing(_) | Trouble::Quota(_))) => Err(not_started(trouble.words(), false)),
            Err(trouble) => Err(not_started(trouble.words(), true)),
        }
    }

    fn manifest(&self) -> Result<Made, String> {
        let files = bring(&self.attempt.root, &self.settings.files)?;
        let of = (self.attempt.id.run, self.run.folder.as_str(), lock(&self.run.facts).epoch());
        lodge(&Lodging {
            pod: &self.job,
            labels: names::instance_labels(self.instance(), Some(of)),
            settings: &self.settings,
            with: &self.attempt.with,
            files: &files,
            attempt: Some(&self.attempt),
        })
    }

    /// Removes a pod that is no instance any more.
    async fn delete(&self, uid: &str) {
        let deed = Deed { verb: "delete", resource: "pods" };
        let parameters = DeleteParams {
            grace_period_seconds: Some(GRACE_SECONDS),
            preconditions: Some(Preconditions { uid: Some(uid.to_owned()), resource_version: None }),
            ..DeleteParams::default()
        };
        let deleted = self.cluster.once(deed, |reached| {
            let pods: Api<Pod> = Api::namespaced(reached.client.clone(), &self.namespace);
            async move { pods.delete(&self.job, &parameters).await.map(drop) }
        });
        if let Err(trouble) = deleted.await {
            // It is tried again, or it goes with its run.
            tracing::debug!(trouble = trouble.words(), "an instance that is over stays for now");
        }
    }

    /// Whether that pod is gone, over or another one: what ran in it runs no more. Why, as far as it is known.
    pub(super) fn is_lost(pod: Option<&Pod>, uid: &str) -> Option<String> {
        match pod {
            None => Some("it is gone".into()),
            Some(pod) if pod.uid().as_deref() != Some(uid) => Some("another one has taken its place".into()),
            Some(pod) if is_over(pod) => {
                let status = pod.status.as_ref();
                let words = [status.and_then(|one| one.reason.clone()), status.and_then(|one| one.message.clone())];
                let words: Vec<String> = words.into_iter().flatten().collect();
                Some(if words.is_empty() { "it is over".into() } else { words.join(": ") })
            }
            Some(_) => None,
        }
    }
}
