//! Jobs and instances that were left in the cluster, by their labels.

use std::fmt::Debug;
use std::io;
use std::sync::Arc;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, ListParams, Preconditions};
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use super::client::{Cluster, Clusters, Deed, Reached, Trouble};
use super::names;
use super::outcome::is_over;
use crate::executor::Leftover;
use crate::model::RunId;

/// Objects asked for at a time.
const PAGE: u32 = 500;

/// Every Job and every instance of Spore that can be seen: in all namespaces, or where that is not allowed, in the one of the
/// kubeconfig.
pub(super) async fn list(clusters: &Arc<Clusters>, folder: &str) -> io::Result<Vec<Leftover>> {
    let cluster = Cluster::home(clusters);
    let reached = cluster.reach().await.map_err(|trouble| failed(&trouble))?;
    let ours = format!("{}={}", names::MANAGED_BY, names::SPORE);
    let jobs: Vec<Job> = seen(&cluster, &reached, "jobs", &ours).await?;
    let instances: Vec<Pod> = seen(&cluster, &reached, "pods", &format!("{ours},{}", names::INSTANCE)).await?;
    let jobs = jobs.iter().map(|job| {
        let conditions = job.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
        let is_over =
            conditions.iter().any(|one| ["Complete", "Failed"].contains(&one.type_.as_str()) && one.status == "True");
        leftover(job, is_over, &reached.server, folder)
    });
    let instances = instances.iter().map(|pod| leftover(pod, is_over(pod), &reached.server, folder));
    Ok(jobs.chain(instances).collect())
}

fn leftover<K: ResourceExt>(object: &K, is_over: bool, server: &str, folder: &str) -> Leftover {
    let label = |key: &str| object.labels().get(key).map(String::as_str);
    Leftover {
        name: object.name_any(),
        place: format!("{server} {}", object.namespace().unwrap_or_default()),
        run: label(names::RUN).and_then(RunId::parse),
        is_ours: label(names::FOLDER) == Some(folder),
        is_over,
    }
}

async fn seen<K>(cluster: &Cluster, reached: &Reached, resource: &'static str, labels: &str) -> io::Result<Vec<K>>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let deed = Deed { verb: "list", resource };
    let everywhere: Api<K> = Api::all(reached.client.clone());
    let seen = match pages(cluster, &everywhere, deed, labels).await {
        Err(Trouble::Forbidden(_)) => {
            let here: Api<K> = Api::namespaced(reached.client.clone(), &cluster.namespace(reached));
            pages(cluster, &here, deed, labels).await
        }
        seen => seen,
    };
    seen.map_err(|trouble| failed(&trouble))
}

async fn pages<K>(cluster: &Cluster, api: &Api<K>, deed: Deed, labels: &str) -> Result<Vec<K>, Trouble>
where
    K: Clone + Debug + DeserializeOwned,
{
    let mut all = Vec::new();
    let mut wanted = ListParams::default().labels(labels).limit(PAGE);
    loop {
        let page = cluster.ask(deed, |_| async { api.list(&wanted).await }).await?;
        let next = page.metadata.continue_.clone().filter(|next| !next.is_empty());
        all.extend(page.items);
        match next {
            Some(next) => wanted.continue_token = Some(next),
            None => return Ok(all),
        }
    }
}

/// Removes one, if it is still of the same run.
pub(super) async fn remove(clusters: &Arc<Clusters>, leftover: &Leftover) -> io::Result<()> {
    let cluster = Cluster::home(clusters);
    let reached = cluster.reach().await.map_err(|trouble| failed(&trouble))?;
    let Some((_, namespace)) = leftover.place.rsplit_once(' ').filter(|(server, _)| *server == reached.server) else {
        return Err(io::Error::other(format!(
            "`{}` is in another cluster than the kubeconfig names now",
            leftover.name
        )));
    };
    if names::is_instance(&leftover.name) {
        let at_once = DeleteParams { grace_period_seconds: Some(1), ..DeleteParams::default() };
        remove_one::<Pod>(&cluster, &reached, namespace, leftover, ("pods", at_once)).await
    } else {
        remove_one::<Job>(&cluster, &reached, namespace, leftover, ("jobs", DeleteParams::background())).await
    }
}

async fn remove_one<K>(
    cluster: &Cluster,
    reached: &Reached,
    namespace: &str,
    leftover: &Leftover,
    (resource, parameters): (&'static str, DeleteParams),
) -> io::Result<()>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let api: Api<K> = Api::namespaced(reached.client.clone(), namespace);
    let got = cluster.ask(Deed { verb: "get", resource }, |_| async { api.get_opt(&leftover.name).await });
    let Some(object) = got.await.map_err(|trouble| failed(&trouble))? else { return Ok(()) };
    let is_same = object.labels().get(names::MANAGED_BY).is_some_and(|by| by == names::SPORE)
        && object.labels().get(names::RUN).and_then(|run| RunId::parse(run)) == leftover.run;
    if !is_same {
        return Err(io::Error::other(format!("`{}` is not what was listed", leftover.name)));
    }
    let parameters = match object.uid() {
        Some(uid) => parameters.preconditions(Preconditions { uid: Some(uid), resource_version: None }),
        None => parameters,
    };
    let deed = Deed { verb: "delete", resource };
    match cluster.ask(deed, |_| async { api.delete(&leftover.name, &parameters).await.map(drop) }).await {
        Ok(()) | Err(Trouble::Absent) => Ok(()),
        Err(trouble) => Err(failed(&trouble)),
    }
}

fn failed(trouble: &Trouble) -> io::Error {
    io::Error::other(trouble.words())
}
