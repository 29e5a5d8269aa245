//! Jobs that were left in the cluster, by their labels.

use std::io;
use std::sync::Arc;

use k8s_openapi::api::batch::v1::Job;
use kube::api::{DeleteParams, ListParams};
use kube::{Api, ResourceExt as _};

use super::client::{Cluster, Clusters, Deed, Trouble};
use super::names;
use crate::executor::Leftover;
use crate::model::RunId;

/// Jobs asked for at a time.
const PAGE: u32 = 500;

/// Every Job of Spore that can be seen: in all namespaces, or where that is not allowed, in the one of the kubeconfig.
pub(super) async fn list(clusters: &Arc<Clusters>, folder: &str) -> io::Result<Vec<Leftover>> {
    let cluster = Cluster::home(clusters);
    let reached = cluster.reach().await.map_err(|trouble| failed(&trouble))?;
    let everywhere: Api<Job> = Api::all(reached.client.clone());
    let jobs = match pages(&cluster, &everywhere).await {
        Err(Trouble::Forbidden(_)) => {
            pages(&cluster, &Api::namespaced(reached.client.clone(), &cluster.namespace(&reached)))
                .await
                .map_err(|trouble| failed(&trouble))?
        }
        jobs => jobs.map_err(|trouble| failed(&trouble))?,
    };
    Ok(jobs.iter().map(|job| leftover(job, &reached.server, folder)).collect())
}

fn leftover(job: &Job, server: &str, folder: &str) -> Leftover {
    let label = |key: &str| job.labels().get(key).map(String::as_str);
    let conditions = job.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    Leftover {
        name: job.name_any(),
        place: format!("{server} {}", job.namespace().unwrap_or_default()),
        run: label(names::RUN).and_then(RunId::parse),
        is_ours: label(names::FOLDER) == Some(folder),
        is_over: conditions
            .iter()
            .any(|one| ["Complete", "Failed"].contains(&one.type_.as_str()) && one.status == "True"),
    }
}

async fn pages(cluster: &Cluster, jobs: &Api<Job>) -> Result<Vec<Job>, Trouble> {
    let deed = Deed { verb: "list", resource: "jobs" };
    let mut all = Vec::new();
    let mut wanted = ListParams::default().labels(&format!("{}={}", names::MANAGED_BY, names::SPORE)).limit(PAGE);
    loop {
        let page = cluster.ask(deed, |_| async { jobs.list(&wanted).await }).await?;
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
    let jobs: Api<Job> = Api::namespaced(reached.client.clone(), namespace);
    let got = cluster.ask(Deed { verb: "get", resource: "jobs" }, |_| async { jobs.get_opt(&leftover.name).await });
    let Some(job) = got.await.map_err(|trouble| failed(&trouble))? else { return Ok(()) };
    let is_same = job.labels().get(names::MANAGED_BY).is_some_and(|by| by == names::SPORE)
        && job.labels().get(names::RUN).and_then(|run| RunId::parse(run)) == leftover.run;
    if !is_same {
        return Err(io::Error::other(format!("the Job `{}` is not the one that was listed", leftover.name)));
    }
    let background = DeleteParams::background();
    let background = match job.uid() {
        Some(uid) => background.preconditions(kube::api::Preconditions { uid: Some(uid), resource_version: None }),
        None => background,
    };
    let deed = Deed { verb: "delete", resource: "jobs" };
    match cluster.ask(deed, |_| async { jobs.delete(&leftover.name, &background).await.map(drop) }).await {
        Ok(()) | Err(Trouble::Absent) => Ok(()),
        Err(trouble) => Err(failed(&trouble)),
    }
}

fn failed(trouble: &Trouble) -> io::Error {
    io::Error::other(trouble.words())
}
