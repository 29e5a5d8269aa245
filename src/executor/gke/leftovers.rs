//! What was left in the cluster, by its labels: Jobs, instances, and objects that were made for a Job that never came to be.

use std::io;
use std::sync::Arc;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{DeleteParams, ListParams, Preconditions};
use kube::core::{ObjectList, PartialObjectMeta};
use kube::{Api, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;

use super::client::{Cluster, Clusters, Deed, Reached, Trouble};
use super::names;
use super::outcome::is_over;
use crate::executor::Leftover;
use crate::model::RunId;

/// Objects asked for at a time.
const PAGE: u32 = 500;
/// Kinds of objects, as they stand before their names.
const SECRETS: &str = "secrets";
const CONFIG_MAPS: &str = "configmaps";
/// What everything of Spore has.
const EVERYTHING: &str = "";

/// Everything of Spore that can be seen: in all namespaces, or where that is not allowed, in the one of the kubeconfig.
pub(super) async fn list(clusters: &Arc<Clusters>, folder: &str) -> io::Result<Vec<Leftover>> {
    let cluster = Cluster::home(clusters);
    let reached = cluster.reach().await.map_err(|trouble| failed(&trouble))?;
    let seen = Seen { cluster: &cluster, reached: &reached, folder };
    let jobs = seen.pages("jobs", EVERYTHING, async |jobs: Api<Job>, wanted| jobs.list(&wanted).await).await;
    let mut all: Vec<Leftover> = jobs.map_err(|trouble| failed(&trouble))?.iter().map(|job| seen.job(job)).collect();
    let instances = seen.pages("pods", names::INSTANCE, async |pods: Api<Pod>, wanted| pods.list(&wanted).await).await;
    let instances = instances.map_err(|trouble| failed(&trouble))?;
    all.extend(instances.iter().map(|pod| seen.leftover(&pod.metadata, pod.name_any(), is_over(pod))));
    // What belongs to a Job goes with it. What does not was made by an engine that died before it had made the Job.
    all.extend(seen.objects::<Secret>(SECRETS).await.map_err(|trouble| failed(&trouble))?);
    all.extend(seen.objects::<ConfigMap>(CONFIG_MAPS).await.map_err(|trouble| failed(&trouble))?);
    Ok(all)
}

/// A cluster that is looked at.
struct Seen<'a> {
    cluster: &'a Cluster,
    reached: &'a Reached,
    folder: &'a str,
}

impl Seen<'_> {
    /// All of a kind that have the label, page by page.
    async fn pages<K, T, F>(&self, resource: &'static str, label: &str, list: F) -> Result<Vec<T>, Trouble>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
        T: Clone,
        F: AsyncFn(Api<K>, ListParams) -> kube::Result<ObjectList<T>>,
    {
        let (mut is_everywhere, mut all) = (true, Vec::new());
        let ours = format!("{}={}", names::MANAGED_BY, names::SPORE);
        let labels = if label.is_empty() { ours } else { format!("{ours},{label}") };
        let mut wanted = ListParams::default().labels(&labels).limit(PAGE);
        loop {
            let page = self.cluster.ask(Deed { verb: "list", resource }, |reached| {
                let api: Api<K> = if is_everywhere {
                    Api::all(reached.client.clone())
                } else {
                    Api::namespaced(reached.client.clone(), &self.cluster.namespace(&reached))
                };
                list(api, wanted.clone())
            });
            let page = match page.await {
                Err(Trouble::Forbidden(_)) if is_everywhere => {
                    is_everywhere = false;
                    continue;
                }
                page => page?,
            };
            let next = page.metadata.continue_.clone().filter(|next| !next.is_empty());
            all.extend(page.items);
            match next {
                Some(next) => wanted.continue_token = Some(next),
                None => return Ok(all),
            }
        }
    }

    fn job(&self, job: &Job) -> Leftover {
        let conditions = job.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
        let is_end = |kind: &str| kind == "Complete" || kind == "Failed";
        let is_over = conditions.iter().any(|one| is_end(&one.type_) && one.status == "True");
        self.leftover(&job.metadata, job.name_any(), is_over)
    }

    /// Objects that belong to nothing. Whoever may not list them has none.
    async fn objects<K>(&self, resource: &'static str) -> Result<Vec<Leftover>, Trouble>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + std::fmt::Debug,
    {
        // Their contents are nobody's business here.
        let list = async |objects: Api<K>, wanted: ListParams| objects.list_metadata(&wanted).await;
        let objects: Vec<PartialObjectMeta<K>> = match self.pages(resource, EVERYTHING, list).await {
            Err(Trouble::Forbidden(_)) => return Ok(Vec::new()),
            objects => objects?,
        };
        let alone = objects.iter().filter(|object| object.owner_references().is_empty());
        let leftover = |object: &PartialObjectMeta<K>| {
            self.leftover(&object.metadata, format!("{resource}/{}", object.name_any()), true)
        };
        Ok(alone.map(leftover).collect())
    }

    fn leftover(&self, metadata: &ObjectMeta, name: String, is_over: bool) -> Leftover {
        let label = |key: &str| metadata.labels.as_ref().and_then(|labels| labels.get(key)).map(String::as_str);
        Leftover {
            name,
            place: format!("{} {}", self.reached.server, metadata.namespace.as_deref().unwrap_or_default()),
            run: label(names::RUN).and_then(RunId::parse),
            is_ours: label(names::FOLDER) == Some(self.folder),
            is_over,
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
    let client = reached.client.clone();
    match leftover.name.split_once('/') {
        Some((SECRETS, name)) => {
            remove_one::<Secret>(&cluster, SECRETS, &Api::namespaced(client, namespace), name, leftover).await
        }
        Some((_, name)) => {
            remove_one::<ConfigMap>(&cluster, CONFIG_MAPS, &Api::namespaced(client, namespace), name, leftover).await
        }
        None if names::is_instance(&leftover.name) => {
            remove_one::<Pod>(&cluster, "pods", &Api::namespaced(client, namespace), &leftover.name, leftover).await
        }
        None => {
            remove_one::<Job>(&cluster, "jobs", &Api::namespaced(client, namespace), &leftover.name, leftover).await
        }
    }
}

async fn remove_one<K>(
    cluster: &Cluster,
    resource: &'static str,
    api: &Api<K>,
    name: &str,
    leftover: &Leftover,
) -> io::Result<()>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug,
{
    let got = cluster.ask(Deed { verb: "get", resource }, |_| async { api.get_metadata_opt(name).await });
    let Some(object) = got.await.map_err(|trouble| failed(&trouble))? else { return Ok(()) };
    let is_same = object.labels().get(names::MANAGED_BY).is_some_and(|by| by == names::SPORE)
        && object.labels().get(names::RUN).and_then(|run| RunId::parse(run)) == leftover.run;
    if !is_same {
        return Err(io::Error::other(format!("`{}` is not the one that was listed", leftover.name)));
    }
    let background = DeleteParams::background();
    let background = match object.uid() {
        Some(uid) => background.preconditions(Preconditions { uid: Some(uid), resource_version: None }),
        None => background,
    };
    match cluster
        .ask(Deed { verb: "delete", resource }, |_| async { api.delete(name, &background).await.map(drop) })
        .await
    {
        Ok(()) | Err(Trouble::Absent | Trouble::Conflict(_)) => Ok(()),
        Err(trouble) => Err(failed(&trouble)),
    }
}

fn failed(trouble: &Trouble) -> io::Error {
    io::Error::other(trouble.words())
}
