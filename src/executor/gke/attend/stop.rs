//! Ends an attempt, and looks whether it is gone.

use std::time::Duration;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Preconditions, PropagationPolicy};

use super::see::{Attendance, Progress};
use crate::executor::gke::client::{Deed, Trouble};
use crate::executor::gke::names;
use crate::executor::gke::outcome::{Asked, Judged, Verdict, is_over, judge, judge_without_pod};
use crate::executor::traces::Urgency;
use crate::model::Outcome;

/// How long a command that is to be ended is not ended because its log is not open yet.
const OPEN_PATIENCE: Duration = Duration::from_secs(2);
/// How long a cluster that does not answer is waited for when somebody wants an end at once.
const NOW_PATIENCE: Duration = Duration::from_secs(5);
/// How long one that answers may take to confirm that everything is gone, then.
const CONFIRM_PATIENCE: Duration = Duration::from_mins(1);
/// The shortest grace that does not leave a container behind: with none, the cluster forgets a pod without a look.
const GRACE_SECONDS_MIN: u32 = 1;

impl Attendance {
    /// Asks the cluster to end it. Its end is told by the pod, as ever.
    pub(super) async fn stop(&self, progress: &mut Progress, outcome: Outcome, urgency: Urgency) {
        let now = self.now();
        progress.stopping = Some((outcome, urgency, now));
        if urgency == Urgency::Polite && !progress.follows.is_empty() {
            let wanted = u32::try_from(progress.follows.len()).unwrap_or(u32::MAX);
            let mut opened = progress.pulse.opened.subscribe();
            // Its last words would be gone with its pod.
            let _ = tokio::time::timeout(OPEN_PATIENCE, opened.wait_for(|count| *count >= wanted)).await;
        }
        let deleted = async {
            if urgency == Urgency::Now {
                self.delete_pods().await?;
            }
            self.delete_job(&progress.uid).await
        };
        let is_in_time = if urgency == Urgency::Now {
            tokio::time::timeout(NOW_PATIENCE, deleted).await.unwrap_or(Err(Trouble::Passing(String::new())))
        } else {
            tokio::select! {
                deleted = deleted => deleted,
                () = self.asked(Urgency::Now) => Ok(()),
            }
        };
        if let Err(trouble) = is_in_time {
            self.say(&trouble.words());
        }
        progress.look_at = self.now();
    }

    async fn delete_job(&self, uid: &str) -> Result<(), Trouble> {
        let deed = Deed { verb: "delete", resource: "jobs" };
        let parameters = DeleteParams {
            propagation_policy: Some(PropagationPolicy::Foreground),
            preconditions: Some(Preconditions { uid: Some(uid.to_owned()), ..Preconditions::default() }),
            ..DeleteParams::default()
        };
        let deleted = self.cluster.call(
            deed,
            None,
            |text: &str| self.say(text),
            |reached| {
                let jobs: Api<Job> = Api::namespaced(reached.client.clone(), &self.namespace);
                let parameters = parameters.clone();
                async move { jobs.delete(&self.job, &parameters).await.map(drop) }
            },
        );
        match deleted.await {
            // It is gone, or it is another one, which is as good.
            Err(Trouble::Absent | Trouble::Conflict(_)) => Ok(()),
            done => done,
        }
    }

    async fn delete_pods(&self) -> Result<(), Trouble> {
        let deed = Deed { verb: "delete", resource: "pods" };
        for pod in self.list_pods().await? {
            let Some(name) = pod.metadata.name.as_deref().filter(|_| !is_over(&pod)) else { continue };
            let parameters = DeleteParams { grace_period_seconds: Some(GRACE_SECONDS_MIN), ..DeleteParams::default() };
            let deleted = self.cluster.call(
                deed,
                None,
                |text: &str| self.say(text),
                |reached| {
                    let pods: Api<Pod> = Api::namespaced(reached.client.clone(), &self.namespace);
                    let parameters = parameters.clone();
                    async move { pods.delete(name, &parameters).await.map(drop) }
                },
            );
            match deleted.await {
                Err(Trouble::Absent | Trouble::Conflict(_)) | Ok(()) => {}
                Err(trouble) => return Err(trouble),
            }
        }
        Ok(())
    }

    /// The pods of the Job.
    pub(super) async fn list_pods(&self) -> Result<Vec<Pod>, Trouble> {
        let deed = Deed { verb: "list", resource: "pods" };
        let wanted = ListParams::default().labels(&format!("{}={}", names::JOB_NAME, self.job));
        let listed = self.cluster.call(
            deed,
            None,
            |text: &str| self.say(text),
            |reached| {
                let pods: Api<Pod> = Api::namespaced(reached.client.clone(), &self.namespace);
                let wanted = wanted.clone();
                async move { pods.list(&wanted).await }
            },
        );
        listed.await.map(|list| list.items)
    }

    /// The Job, if it is there and still the same.
    async fn get_job(&self, uid: &str) -> Result<Option<Job>, Trouble> {
        let deed = Deed { verb: "get", resource: "jobs" };
        let got = self.cluster.call(
            deed,
            None,
            |text: &str| self.say(text),
            |reached| {
                let jobs: Api<Job> = Api::namespaced(reached.client.clone(), &self.namespace);
                async move { jobs.get_opt(&self.job).await }
            },
        );
        Ok(got.await?.filter(|job| job.metadata.uid.as_deref() == Some(uid)))
    }

    /// Looks at the Job and its pods, where the watch has not told anything for a while. How it ended, if that is known only
    /// by this.
    pub(super) async fn look(&self, progress: &mut Progress) -> Option<Judged> {
        let looked = async {
            let pods = self.list_pods().await?;
            let job = self.get_job(&progress.uid).await?;
            Ok::<_, Trouble>((pods, job))
        };
        let is_hurried = progress.stopping.as_ref().is_some_and(|(_, urgency, _)| *urgency == Urgency::Now);
        let looked = tokio::select! {
            looked = looked => looked,
            () = self.asked(Urgency::Now), if !is_hurried => return None,
            () = tokio::time::sleep(NOW_PATIENCE), if is_hurried => return self.given_up(progress),
        };
        let (mut pods, job) = match looked {
            Ok(looked) => looked,
            Err(trouble) => {
                self.say(&trouble.words());
                return None;
            }
        };
        // There is one at most, unless the cluster has put another one into its place.
        pods.sort_by_key(|pod| pod.metadata.creation_timestamp.as_ref().map(|time| time.0));
        if is_hurried && pods.iter().any(|pod| !is_over(pod)) {
            let again = tokio::time::timeout(NOW_PATIENCE, self.delete_pods());
            if let Ok(Err(trouble)) = again.await {
                self.say(&trouble.words());
            }
        }
        let stays = job.as_ref().is_some_and(|job| job.metadata.deletion_timestamp.is_none());
        if progress.stopping.is_some() && stays {
            // It was to go, and something came between.
            let again = self.delete_job(&progress.uid);
            tokio::select! {
                again = again => again.unwrap_or_else(|trouble| self.say(&trouble.words())),
                () = tokio::time::sleep(NOW_PATIENCE) => {}
            }
        }
        if let Some(mut pod) = pods.pop() {
            pod.metadata.managed_fields = None;
            let is_new = progress.seen.borrow().pod.as_deref() != Some(&pod);
            if is_new {
                progress.pods.learn(&self.job, Some(pod));
            }
            return None;
        }
        let last = progress.seen.borrow().pod.clone();
        if last.as_ref().is_some_and(|pod| matches!(judge(pod, &Asked::default()), Verdict::Ended(_))) {
            return None;
        }
        if let Some((outcome, ..)) = &progress.stopping {
            // Without a pod and a Job there is nothing left that could run.
            return job.is_none().then(|| Judged::bare(outcome.clone()));
        }
        match job {
            Some(job) => judge_without_pod(Some(&job), progress.has_begun),
            None => judge_without_pod(None, progress.has_begun),
        }
    }

    /// The end of an attempt that was to end at once, where the cluster does not say that it has.
    pub(super) fn given_up(&self, progress: &Progress) -> Option<Judged> {
        let (_, Urgency::Now, since) = progress.stopping.as_ref()? else { return None };
        let is_silent = progress.seen.borrow().trouble.is_some();
        let patience = if is_silent { NOW_PATIENCE } else { CONFIRM_PATIENCE };
        if self.now().saturating_sub(*since) < patience {
            return None;
        }
        let stage = format!(
            "the cluster has not confirmed that it ended; its Job `{}` in the namespace `{}` may still run",
            self.job, self.namespace
        );
        Some(Judged::bare(Outcome::Lost { stage }))
    }
}
