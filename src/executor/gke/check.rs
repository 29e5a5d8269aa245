//! Whether the cluster can be reached, and what Spore may do there.

use std::sync::Arc;

use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use k8s_openapi::api::core::v1::Node;
use kube::api::{ListParams, PostParams};
use kube::{Api, ResourceExt as _};

use super::client::{Cluster, Clusters, Deed, Trouble};
use crate::executor::Check;

/// What a run needs: group, resource, subresource, verbs.
const NEEDS: [(&str, &str, &str, &[&str]); 6] = [
    ("batch", "jobs", "", &["create", "get", "list", "watch", "delete", "deletecollection"]),
    ("", "pods", "", &["create", "get", "list", "watch", "delete", "deletecollection"]),
    ("", "pods", "log", &["get"]),
    ("", "pods", "exec", &["create"]),
    ("", "secrets", "", &["create", "get", "list", "patch", "delete"]),
    ("", "configmaps", "", &["create", "get", "list", "patch", "delete"]),
];

/// Looks.
pub(super) async fn check(clusters: &Arc<Clusters>) -> Check {
    let mut check = Check { executor: "gke".into(), ..Check::default() };
    let cluster = Cluster::home(clusters);
    let reached = match cluster.reach().await {
        Ok(reached) => reached,
        Err(trouble) => {
            check.missing.push(trouble.words());
            return check;
        }
    };
    let mut fact = |name: &str, text: &str| check.facts.push((name.to_owned(), text.to_owned()));
    fact("cluster", &reached.server);
    let namespace = cluster.namespace(&reached);
    fact("namespace", &namespace);
    let deed = Deed { verb: "get", resource: "version" };
    match cluster.ask(deed, |reached| async move { reached.client.apiserver_version().await }).await {
        Ok(version) => fact("version", &version.git_version),
        Err(trouble) => {
            check.missing.push(trouble.words());
            return check;
        }
    }
    fact("kind", &kind(&cluster).await);
    missing(&cluster, &namespace, &mut check.missing).await;
    check
}

/// Whether it is Autopilot, as far as its machines tell.
async fn kind(cluster: &Cluster) -> String {
    let deed = Deed { verb: "list", resource: "nodes" };
    let wanted = ListParams::default().limit(20);
    let nodes = cluster.ask(deed, |reached| {
        let (nodes, wanted): (Api<Node>, _) = (Api::all(reached.client.clone()), wanted.clone());
        async move { nodes.list(&wanted).await }
    });
    match nodes.await {
        Ok(nodes) if nodes.items.is_empty() => "no machine at the moment, as on an Autopilot cluster at rest".into(),
        Ok(nodes) => {
            let is_autopilot = |node: &Node| {
                node.name_any().starts_with("gk3-")
                    || node.labels().iter().any(|(key, value)| key.contains("autopilot") || value.contains("autopilot"))
            };
            match nodes.items.iter().any(is_autopilot) {
                true => "GKE Autopilot".into(),
                false
                    if nodes
                        .items
                        .iter()
                        .any(|node| node.labels().keys().any(|key| key.contains("cloud.google.com"))) =>
                {
                    "GKE Standard".into()
                }
                false => "Kubernetes".into(),
            }
        }
        Err(_) => "unknown, because its machines cannot be listed".into(),
    }
}

async fn missing(cluster: &Cluster, namespace: &str, missing: &mut Vec<String>) {
    for (group, resource, subresource, verbs) in NEEDS {
        let mut denied = Vec::new();
        for verb in verbs {
            match may(cluster, namespace, (group, resource, subresource), verb).await {
                Ok(true) => {}
                Ok(false) => denied.push(*verb),
                Err(trouble) => {
                    missing.push(format!("what is allowed cannot be asked: {}", trouble.words()));
                    return;
                }
            }
        }
        if denied.is_empty() {
            continue;
        }
        let whole = if subresource.is_empty() { resource.to_owned() } else { format!("{resource}/{subresource}") };
        let named = if group.is_empty() { whole.clone() } else { format!("{whole}.{group}") };
        let verbs = denied.join(",");
        missing.push(format!(
            "this user may not {} {whole} in the namespace `{namespace}`; let its owner run `kubectl create role \
             spore-{resource}{} --verb={verbs} --resource={named} -n {namespace}` and bind it with `kubectl create \
             rolebinding`",
            denied.join(", "),
            if subresource.is_empty() { String::new() } else { format!("-{subresource}") },
        ));
    }
}

async fn may(
    cluster: &Cluster,
    namespace: &str,
    (group, resource, subresource): (&str, &str, &str),
    verb: &str,
) -> Result<bool, Trouble> {
    let wanted = ResourceAttributes {
        group: Some(group.to_owned()),
        namespace: Some(namespace.to_owned()),
        resource: Some(resource.to_owned()),
        subresource: (!subresource.is_empty()).then(|| subresource.to_owned()),
        verb: Some(verb.to_owned()),
        ..ResourceAttributes::default()
    };
    let spec =
        SelfSubjectAccessReviewSpec { resource_attributes: Some(wanted), ..SelfSubjectAccessReviewSpec::default() };
    let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
    let deed = Deed { verb: "create", resource: "selfsubjectaccessreviews" };
    let reviewed = cluster.ask(deed, |reached| {
        let (reviews, review): (Api<SelfSubjectAccessReview>, _) = (Api::all(reached.client.clone()), review.clone());
        async move { reviews.create(&PostParams::default(), &review).await }
    });
    Ok(reviewed.await?.status.is_some_and(|status| status.allowed))
}
