//! Instances that somebody launches by hand: they belong to no run, and stay until they are removed or their time is over.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{DeleteParams, PostParams};

use super::lodge::GRACE_SECONDS;
use crate::executor::Profile;
use crate::executor::gke::client::{Cluster, Clusters, Deed, PATIENCE, Trouble};
use crate::executor::gke::manifest::{Lodging, lodge};
use crate::executor::gke::outcome::{Asked, Verdict, judge};
use crate::executor::gke::{names, settings};
use crate::os::clock::{Clock as _, SystemClock};
use crate::os::random;

/// Between two looks at an instance that is on its way.
const LOOK: Duration = Duration::from_millis(500);

/// Namespace and pod of an instance that was launched by hand; `None` for the name of one that a run has.
pub(super) fn place(instance: &str) -> Option<(String, String)> {
    let (namespace, pod) = instance.split_once('/')?;
    names::is_instance(pod).then(|| (namespace.to_owned(), pod.to_owned()))
}

/// Launches `count` of them, and waits until they run. Their names.
pub(in crate::executor::gke) async fn launch(
    clusters: &Arc<Clusters>,
    profile: &Profile,
    count: u32,
) -> io::Result<Vec<String>> {
    let settings = settings::read(&profile.with).map_err(|problems| io::Error::other(problems.join("; ")))?;
    if !settings.files.is_empty() {
        return Err(io::Error::other("`files` belong to the spores of a run; use a volume in an instance without one"));
    }
    let cluster = match &settings.context {
        Some(context) => Cluster::new(clusters, Some(context)),
        None => Cluster::home(clusters),
    };
    let reached = cluster.reach().await.map_err(|trouble| failed(&trouble))?;
    let namespace = settings.namespace.clone().unwrap_or_else(|| cluster.namespace(&reached));
    let mut launched = Vec::new();
    for _ in 0..count {
        let pod = names::instance_by_hand(random::bits());
        launched.push(format!("{namespace}/{pod}"));
        let labels = names::instance_labels(&pod, None);
        let lodging =
            Lodging { pod: &pod, labels, settings: &settings, with: &profile.with, files: &[], attempt: None };
        if let Err(error) = create(&cluster, &namespace, &lodging).await {
            return Err(give_up(clusters, launched, error).await);
        }
    }
    for name in &launched {
        if let Err(error) = wait(&cluster, name, settings.schedule_timeout).await {
            return Err(give_up(clusters, launched, error).await);
        }
    }
    Ok(launched)
}

/// Removes what was launched in vain.
async fn give_up(clusters: &Arc<Clusters>, launched: Vec<String>, error: io::Error) -> io::Error {
    for name in launched {
        if let Err(error) = cleanup(clusters, &name).await {
            tracing::warn!(%error, name, "an instance that was launched in vain stays");
        }
    }
    error
}

async fn create(cluster: &Cluster, namespace: &str, lodging: &Lodging<'_>) -> io::Result<()> {
    let made = lodge(lodging).map_err(io::Error::other)?;
    let pod: Pod = serde_json::from_value(made.job)?;
    let deed = Deed { verb: "create", resource: "pods" };
    let created = cluster.call(
        deed,
        Some(PATIENCE),
        |_: &str| {},
        |reached| {
            let pods: Api<Pod> = Api::namespaced(reached.client.clone(), namespace);
            let pod = &pod;
            async move { pods.create(&PostParams::default(), pod).await }
        },
    );
    match created.await {
        // An earlier try of the same call has made it.
        Ok(_) | Err(Trouble::Conflict(_)) => Ok(()),
        Err(trouble) => Err(failed(&trouble)),
    }
}

async fn wait(cluster: &Cluster, name: &str, limit: Duration) -> io::Result<()> {
    let clock = SystemClock::new();
    let (namespace, pod) = place(name).ok_or_else(|| io::Error::other("it has no such name"))?;
    let deed = Deed { verb: "get", resource: "pods" };
    loop {
        let got = cluster.call(
            deed,
            Some(PATIENCE),
            |_: &str| {},
            |reached| {
                let pods: Api<Pod> = Api::namespaced(reached.client.clone(), &namespace);
                let pod = &pod;
                async move { pods.get(pod).await }
            },
        );
        let got = got.await.map_err(|trouble| failed(&trouble))?;
        let reason = match judge(&got, &Asked { program: "sh".into(), path: None, timeout: None }) {
            Verdict::Running { .. } => return Ok(()),
            Verdict::Ended(judged) => {
                return Err(io::Error::other(format!("the instance `{name}` does not start: {}", judged.outcome)));
            }
            Verdict::Waiting { reason, .. } => reason,
        };
        if clock.monotonic() >= limit {
            let reason = reason.unwrap_or_else(|| "no reason was given".into());
            let text = format!("the instance `{name}` does not run within {} s: {reason}", limit.as_secs());
            return Err(io::Error::other(text));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Removes one. One that is gone is as good as removed.
pub(in crate::executor::gke) async fn cleanup(clusters: &Arc<Clusters>, instance: &str) -> io::Result<()> {
    let Some((namespace, pod)) = place(instance) else {
        return Err(io::Error::other(format!("`{instance}` is no instance that was launched by hand")));
    };
    let cluster = Cluster::home(clusters);
    let parameters = DeleteParams { grace_period_seconds: Some(GRACE_SECONDS), ..DeleteParams::default() };
    let deed = Deed { verb: "delete", resource: "pods" };
    let deleted = cluster.call(
        deed,
        Some(PATIENCE),
        |_: &str| {},
        |reached| {
            let pods: Api<Pod> = Api::namespaced(reached.client.clone(), &namespace);
            let (pod, parameters) = (&pod, parameters.clone());
            async move { pods.delete(pod, &parameters).await.map(drop) }
        },
    );
    match deleted.await {
        Ok(()) | Err(Trouble::Absent) => Ok(()),
        Err(trouble) => Err(failed(&trouble)),
    }
}

fn failed(trouble: &Trouble) -> io::Error {
    io::Error::other(trouble.words())
}
