//! Puts an attempt into the cluster, or finds it there.

use std::time::Duration;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::bring::bring;
use super::see::Attendance;
use crate::executor::gke::client::{Deed, PATIENCE, Pauses, Trouble};
use crate::executor::gke::manifest::{Made, Order, build};
use crate::executor::gke::names;
use crate::executor::gke::run::remove_objects;
use crate::executor::traces::{Urgency, lock};
use crate::model::Outcome;
use crate::os::failpoint;

const CREATE: Deed = Deed { verb: "create", resource: "jobs" };

/// What came of it.
pub(in crate::executor::gke) enum Begun {
    /// Nothing of it is in the cluster.
    Not(Outcome),
    /// Its Job is there.
    There { uid: String, is_new: bool },
}

fn not_started(reason: impl Into<String>) -> Begun {
    Begun::Not(Outcome::NotStarted { reason: reason.into(), permanent: true })
}

impl Attendance {
    pub(super) async fn begin(&self) -> Begun {
        // A Job that an earlier engine may have made is looked for first, also when it is to be ended.
        if self.attempt.recalled.is_some() {
            let found = tokio::select! {
                found = self.find() => found,
                () = self.asked(Urgency::Now) => {
                    let Some(found) = tokio::time::timeout(Duration::from_secs(5), self.find()).await.ok() else {
                        return Begun::Not(Outcome::Lost { stage: self.may_run() });
                    };
                    found
                }
            };
            match found {
                Ok(Some(begun)) => {
                    self.own_anew(&begun).await;
                    return begun;
                }
                Ok(None) if lock(&self.run.facts).was_created(&self.attempt.id) => {
                    let stage = format!("its Job `{}` is gone from the namespace `{}`", self.job, self.namespace);
                    return Begun::Not(Outcome::Lost { stage });
                }
                Ok(None) => {}
                Err(trouble) => return not_started(trouble.words()),
            }
        }
        if self.held.entry.urgency() > Urgency::None {
            return Begun::Not(Outcome::Cancelled);
        }
        let made = match self.made() {
            Ok(made) => made,
            Err(reason) => return not_started(reason),
        };
        if let Some(begun) = self.create_objects(&made).await {
            return begun;
        }
        // What is told of its pod from the first moment on is not to be missed.
        let pods = self.run.pods(&self.cluster, &self.namespace);
        pods.of(&self.job);
        failpoint::reach("gke-create");
        let begun = self.create(&made).await;
        match &begun {
            Begun::There { uid, .. } => {
                failpoint::reach("gke-created");
                if made.config_map.is_some() || made.secret.is_some() {
                    self.own(&made, uid).await;
                }
            }
            Begun::Not(_) => {
                pods.forget(&self.job);
                if made.config_map.is_some() || made.secret.is_some() {
                    remove_objects(&self.cluster, &self.namespace, &self.job).await;
                }
            }
        }
        begun
    }

    fn made(&self) -> Result<Made, String> {
        let files = bring(&self.attempt.root, &self.settings.files)?;
        let epoch = lock(&self.run.facts).epoch();
        let (attempt, settings) = (&self.attempt, &self.settings);
        build(&Order { attempt, settings, folder: &self.run.folder, epoch, files: &files })
    }

    fn may_run(&self) -> String {
        let (job, namespace) = (&self.job, &self.namespace);
        format!("the cluster does not answer; its Job `{job}` in the namespace `{namespace}` may still run")
    }

    fn no_namespace(&self) -> String {
        format!("the cluster has no namespace `{0}`; make it with `kubectl create namespace {0}`", self.namespace)
    }

    /// The Job, where it is there already.
    async fn find(&self) -> Result<Option<Begun>, Trouble> {
        let deed = Deed { verb: "get", resource: "jobs" };
        let job = self.cluster.call(
            deed,
            None,
            |text: &str| self.say(text),
            |reached| {
                let jobs: Api<Job> = Api::namespaced(reached.client.clone(), &self.namespace);
                async move { jobs.get_opt(&self.job).await }
            },
        );
        Ok(job.await?.map(|job| self.adopt(&job)))
    }

    /// Takes a Job over, if it is the attempt's.
    fn adopt(&self, job: &Job) -> Begun {
        let annotation = job.metadata.annotations.as_ref().and_then(|all| all.get(names::ATTEMPT));
        let is_ours = annotation.is_some_and(|whole| *whole == names::whole(&self.attempt.id));
        match job.metadata.uid.clone().filter(|_| is_ours) {
            Some(uid) => self.there(uid, false),
            None => not_started(format!(
                "the namespace `{}` has a Job `{}` that is not this attempt's; look what it is, and delete it",
                self.namespace, self.job
            )),
        }
    }

    /// It is in the cluster, which is written down.
    fn there(&self, uid: String, is_new: bool) -> Begun {
        let context = self.cluster.context();
        *lock(&self.held.place) = Some((context.map(str::to_owned), self.namespace.clone()));
        let written = lock(&self.run.facts).created(&self.attempt.id, &uid, context, &self.namespace);
        if let Err(error) = written {
            // Its name finds it all the same; only that it is gone could not be told from that it never was.
            tracing::warn!(%error, "it cannot be written down that a Job was made");
        }
        Begun::There { uid, is_new }
    }

    /// Makes what the Job needs beside it. How it ends, where that cannot be made.
    pub(in crate::executor::gke) async fn create_objects(&self, made: &Made) -> Option<Begun> {
        for (object, resource) in [(&made.config_map, "configmaps"), (&made.secret, "secrets")] {
            let Some(object) = object else { continue };
            let deed = Deed { verb: "create", resource };
            let created = self.cluster.call(
                deed,
                Some(PATIENCE),
                |text: &str| self.say(text),
                |reached| {
                    let client = reached.client.clone();
                    async move {
                        let parameters = PostParams::default();
                        if resource == "secrets" {
                            let object: Secret = typed(object)?;
                            Api::namespaced(client, &self.namespace).create(&parameters, &object).await.map(drop)
                        } else {
                            let object: ConfigMap = typed(object)?;
                            Api::namespaced(client, &self.namespace).create(&parameters, &object).await.map(drop)
                        }
                    }
                },
            );
            let created = tokio::select! {
                created = created => created,
                () = self.asked(Urgency::Polite) => return Some(Begun::Not(Outcome::Cancelled)),
            };
            match created {
                // An earlier try has made it.
                Ok(()) | Err(Trouble::Conflict(_)) => {}
                Err(trouble @ (Trouble::Passing(_) | Trouble::Quota(_))) => {
                    return Some(Begun::Not(Outcome::NotStarted { reason: trouble.words(), permanent: false }));
                }
                Err(Trouble::Absent) => return Some(not_started(self.no_namespace())),
                Err(trouble) => return Some(not_started(trouble.words())),
            }
        }
        None
    }

    /// Makes the Job. From the first request on that may have been heard, it may be there.
    async fn create(&self, made: &Made) -> Begun {
        let job: Job = match serde_json::from_value(made.job.clone()) {
            Ok(job) => job,
            Err(error) => return not_started(format!("`template` makes a Job that is none: {error}")),
        };
        let (mut pauses, began_at) = (Pauses::default(), self.now());
        let mut may_exist = false;
        loop {
            let trouble = match self.try_create(&job).await {
                Ok(job) => return self.there(job.metadata.uid.unwrap_or_default(), true),
                Err(trouble) => trouble,
            };
            let limit = match &trouble {
                Trouble::Conflict(_) => match self.find().await {
                    Ok(Some(begun)) => return begun,
                    Ok(None) => PATIENCE,
                    Err(trouble) => return not_started(trouble.words()),
                },
                Trouble::Quota(_) => self.settings.schedule_timeout,
                Trouble::Passing(text) => {
                    may_exist |= !text.contains("(Connect)") && !text.contains("there is no way to");
                    PATIENCE
                }
                Trouble::Absent => return not_started(self.no_namespace()),
                trouble => return not_started(trouble.words()),
            };
            self.say(&trouble.words());
            let urgency = self.held.entry.urgency();
            if urgency == Urgency::Now && may_exist {
                return Begun::Not(Outcome::Lost { stage: self.may_run() });
            }
            if urgency > Urgency::None && !may_exist {
                return Begun::Not(Outcome::Cancelled);
            }
            if !may_exist && self.now().saturating_sub(began_at) > limit {
                return Begun::Not(Outcome::NotStarted { reason: trouble.words(), permanent: false });
            }
            let wanted = if may_exist { Urgency::Now } else { Urgency::Polite };
            tokio::select! {
                () = tokio::time::sleep(pauses.next()) => {}
                () = self.asked(wanted) => {}
            }
        }
    }

    async fn try_create(&self, job: &Job) -> Result<Job, Trouble> {
        let jobs = |client| Api::<Job>::namespaced(client, &self.namespace);
        let parameters = PostParams::default();
        self.cluster
            .once(CREATE, |reached| {
                let jobs = jobs(reached.client.clone());
                async move { jobs.create(&parameters, job).await }
            })
            .await
    }

    /// Has the objects beside a Job that was found go with it: the engine that made them may have died before it came to
    /// that.
    async fn own_anew(&self, begun: &Begun) {
        let Begun::There { uid, .. } = begun else { return };
        // Files that cannot be read any more were brought along in time, or the Job would not be there.
        if let Ok(made) = self.made() {
            self.own(&made, uid).await;
        }
    }

    /// Has the objects beside the Job go with it.
    pub(in crate::executor::gke) async fn own(&self, made: &Made, uid: &str) {
        let (version, kind) = (&made.job["apiVersion"], &made.job["kind"]);
        let owner = json!({"apiVersion": version, "kind": kind, "name": self.job, "uid": uid});
        let patch = json!({"metadata": {"ownerReferences": [owner]}});
        for (is_there, resource) in [(made.config_map.is_some(), "configmaps"), (made.secret.is_some(), "secrets")] {
            if !is_there {
                continue;
            }
            let deed = Deed { verb: "patch", resource };
            let patched = self.cluster.call(
                deed,
                Some(Duration::from_secs(30)),
                |text: &str| self.say(text),
                |reached| {
                    let (client, patch) = (reached.client.clone(), Patch::Merge(&patch));
                    async move {
                        let parameters = PatchParams::default();
                        if resource == "secrets" {
                            let api: Api<Secret> = Api::namespaced(client, &self.namespace);
                            api.patch(&self.job, &parameters, &patch).await.map(drop)
                        } else {
                            let api: Api<ConfigMap> = Api::namespaced(client, &self.namespace);
                            api.patch(&self.job, &parameters, &patch).await.map(drop)
                        }
                    }
                },
            );
            if let Err(trouble) = patched.await
                && trouble != Trouble::Absent
            {
                // It stays until somebody tidies up, which does no harm to the attempt.
                tracing::warn!(trouble = trouble.words(), "an object beside a Job does not go with it");
            }
        }
    }
}

fn typed<T: serde::de::DeserializeOwned>(object: &Value) -> kube::Result<T> {
    serde_json::from_value(object.clone()).map_err(kube::Error::SerdeError)
}
