//! What a path means.

use crate::sim::gke::Kind;

/// What a request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// All objects of a kind, of one namespace or of all.
    Many {
        /// What they are.
        kind: Kind,
        /// Where they live; `None` where everywhere is meant, or nowhere.
        namespace: Option<String>,
    },
    /// One object, or a part of it.
    One {
        /// What it is.
        kind: Kind,
        /// Where it lives; empty where its kind has no namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// The part: `status`, `log`, …; empty for the whole.
        part: String,
    },
    /// Something else.
    Other,
}

impl Target {
    /// Reads a path, which begins with `/`.
    pub(super) fn of(path: &str) -> Self {
        let words: Vec<&str> = path.trim_matches('/').split('/').collect();
        let (group, version, rest) = match words.as_slice() {
            ["api", version, rest @ ..] => ("", *version, rest),
            ["apis", group, version, rest @ ..] => (*group, *version, rest),
            _ => return Self::Other,
        };
        let kind = |plural: &str| Kind::of_path(group, version, plural);
        if let ["namespaces", namespace, plural, rest @ ..] = rest
            && let Some(kind) = kind(plural).filter(|kind| kind.resource().namespaced)
        {
            return Self::within(kind, Some(namespace), rest);
        }
        match rest {
            [plural, rest @ ..] => match kind(plural) {
                Some(kind) if !kind.resource().namespaced || rest.is_empty() => Self::within(kind, None, rest),
                _ => Self::Other,
            },
            [] => Self::Other,
        }
    }

    fn within(kind: Kind, namespace: Option<&str>, rest: &[&str]) -> Self {
        let Some((name, part)) = rest.split_first() else {
            return Self::Many { kind, namespace: namespace.map(str::to_owned) };
        };
        Self::One {
            kind,
            namespace: namespace.unwrap_or_default().to_owned(),
            name: (*name).to_owned(),
            part: part.join("/"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_kubernetes_writes_them() {
        let one = |kind, namespace: &str, name: &str, part: &str| Target::One {
            kind,
            namespace: namespace.into(),
            name: name.into(),
            part: part.into(),
        };
        let many = |kind, namespace: Option<&str>| Target::Many { kind, namespace: namespace.map(Into::into) };
        for (path, target) in [
            ("/api/v1/pods", many(Kind::Pod, None)),
            ("/api/v1/namespaces", many(Kind::Namespace, None)),
            ("/api/v1/namespaces/a", one(Kind::Namespace, "", "a", "")),
            ("/api/v1/namespaces/a/status", one(Kind::Namespace, "", "a", "status")),
            ("/api/v1/namespaces/a/pods", many(Kind::Pod, Some("a"))),
            ("/apis/batch/v1/namespaces/a/jobs/b", one(Kind::Job, "a", "b", "")),
            ("/api/v1/namespaces/a/pods/b/log", one(Kind::Pod, "a", "b", "log")),
            ("/api/v1/nodes/n", one(Kind::Node, "", "n", "")),
            ("/api/v1/pods/b", Target::Other),
            ("/apis/batch/v1beta1/jobs", Target::Other),
            ("/apis/batch/v1", Target::Other),
            ("/healthz", Target::Other),
        ] {
            assert_eq!(Target::of(path), target, "{path}");
        }
    }
}
