//! The resources that the cluster knows, by the names that the API gives them.

/// One resource.
#[derive(Debug, PartialEq, Eq)]
pub struct Resource {
    /// Its API group; empty for the core group.
    pub group: &'static str,
    /// The version that is served.
    pub version: &'static str,
    /// Its name in paths.
    pub plural: &'static str,
    /// Its name for people who mean one.
    pub singular: &'static str,
    /// Its name in objects.
    pub kind: &'static str,
    /// What kubectl lets people abbreviate it to.
    pub short: &'static [&'static str],
    /// Whether its objects live in a namespace.
    pub namespaced: bool,
    /// Whether it has a status that is written by a path of its own.
    pub status: bool,
    /// Whether it belongs to `kubectl get all`.
    pub all: bool,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $group:literal $version:literal $plural:literal $singular:literal [$($short:literal),*] $namespaced:literal $status:literal $all:literal;)*) => {
        /// A kind of objects.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Kind {
            $($(#[$doc])* $name,)*
        }

        impl Kind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// What the API says of it.
            #[must_use]
            pub fn resource(self) -> &'static Resource {
                match self {
                    $(Self::$name => &Resource {
                        group: $group, version: $version, plural: $plural, singular: $singular, kind: stringify!($name),
                        short: &[$($short),*], namespaced: $namespaced, status: $status, all: $all,
                    },)*
                }
            }
        }
    };
}

kinds! {
    // name = group version plural singular short names, namespaced, with a status, part of `all`
    /// A namespace.
    Namespace = "" "v1" "namespaces" "namespace" ["ns"] false true false;
    /// A machine.
    Node = "" "v1" "nodes" "node" ["no"] false true false;
    /// A pod.
    Pod = "" "v1" "pods" "pod" ["po"] true true true;
    /// Something that happened.
    Event = "" "v1" "events" "event" ["ev"] true false false;
    /// Small files and values.
    ConfigMap = "" "v1" "configmaps" "configmap" ["cm"] true false false;
    /// Secret files and values.
    Secret = "" "v1" "secrets" "secret" [] true false false;
    /// A name for pods on the network.
    Service = "" "v1" "services" "service" ["svc"] true true true;
    /// Who a pod is.
    ServiceAccount = "" "v1" "serviceaccounts" "serviceaccount" ["sa"] true false false;
    /// A disk that is asked for.
    PersistentVolumeClaim = "" "v1" "persistentvolumeclaims" "persistentvolumeclaim" ["pvc"] true true false;
    /// How much a namespace may hold.
    ResourceQuota = "" "v1" "resourcequotas" "resourcequota" ["quota"] true true false;
    /// Pods that are to end.
    Job = "batch" "v1" "jobs" "job" [] true true true;
    /// Pods that are to stay, and to change slowly.
    Deployment = "apps" "v1" "deployments" "deployment" ["deploy"] true true true;
    /// So many equal pods.
    ReplicaSet = "apps" "v1" "replicasets" "replicaset" ["rs"] true true true;
    /// Who may talk to whom. Kept, not enforced.
    NetworkPolicy = "networking.k8s.io" "v1" "networkpolicies" "networkpolicy" ["netpol"] true false false;
    /// Which pods go first.
    PriorityClass = "scheduling.k8s.io" "v1" "priorityclasses" "priorityclass" ["pc"] false false false;
}

impl Kind {
    /// The kind that a path names.
    #[must_use]
    pub fn of_path(group: &str, version: &str, plural: &str) -> Option<Self> {
        let named = |kind: &&Self| {
            let resource = kind.resource();
            (resource.group, resource.version, resource.plural) == (group, version, plural)
        };
        Self::ALL.iter().find(named).copied()
    }

    /// The kind that an object says it is of.
    #[must_use]
    pub fn of_object(api_version: &str, kind: &str) -> Option<Self> {
        let named = |known: &&Self| known.resource().kind == kind && known.api_version() == api_version;
        Self::ALL.iter().find(named).copied()
    }

    /// `v1`, `batch/v1`, …
    #[must_use]
    pub fn api_version(self) -> String {
        let resource = self.resource();
        match resource.group {
            "" => resource.version.to_owned(),
            group => format!("{group}/{}", resource.version),
        }
    }
}
