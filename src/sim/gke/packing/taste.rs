//! On which machines a pod may go: what it wants of them, and what it tolerates.

use std::collections::BTreeMap;

use crate::sim::gke::Terms;

/// Labels that tell single machines of one group apart.
const OWN_LABELS: [&str; 5] = [
    "kubernetes.io/hostname",
    "node.kubernetes.io/instance-type",
    "topology.kubernetes.io/zone",
    "cloud.google.com/gke-nodepool",
    "cloud.google.com/machine-family",
];

/// What keeps pods off a machine that do not tolerate it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Taint {
    /// Its name.
    pub key: String,
    /// Its value; may be empty.
    pub value: String,
    /// `NoSchedule`, `NoExecute` or `PreferNoSchedule`; the last one keeps nobody off.
    pub effect: String,
}

/// Which taints a pod does not mind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Toleration {
    /// The name of the taint; without one, any.
    pub key: Option<String>,
    /// Its value; without one, any.
    pub value: Option<String>,
    /// Its effect; without one, any.
    pub effect: Option<String>,
}

/// Machines that are alike to every pod, but for what tells single ones apart.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group {
    /// The labels that all of them have.
    pub labels: BTreeMap<String, String>,
    /// What keeps pods off them.
    pub taints: Vec<Taint>,
}

/// Where a pod may go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taste {
    /// Labels that the machine must have.
    pub selector: BTreeMap<String, String>,
    /// Required node affinity: one of these must hold, unless there are none.
    pub affinity: Vec<Terms>,
    /// The taints that it does not mind.
    pub tolerations: Vec<Toleration>,
}

/// Why a machine does not suit a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Dislike {
    Labels,
    Taint(String),
}

impl Group {
    /// Divides the labels of a machine into those of its group and its own.
    #[must_use]
    pub fn of(labels: BTreeMap<String, String>, taints: Vec<Taint>) -> (Self, BTreeMap<String, String>) {
        let (own, labels) = labels.into_iter().partition(|(name, _)| OWN_LABELS.contains(&name.as_str()));
        (Self { labels, taints }, own)
    }
}

impl Toleration {
    fn covers(&self, taint: &Taint) -> bool {
        let is = |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
        is(&self.key, &taint.key) && is(&self.value, &taint.value) && is(&self.effect, &taint.effect)
    }
}

impl Taste {
    /// Whether machines of the group may suit, as far as can be said of all of them.
    pub(super) fn of_group(&self, group: &Group) -> Result<(), Dislike> {
        let minded = |taint: &&Taint| {
            taint.effect != "PreferNoSchedule" && !self.tolerations.iter().any(|toleration| toleration.covers(taint))
        };
        let mut selector = self.selector.iter().filter(|(name, _)| !OWN_LABELS.contains(&name.as_str()));
        if !selector.all(|(name, value)| group.labels.get(name) == Some(value)) {
            return Err(Dislike::Labels);
        }
        match group.taints.iter().find(minded) {
            Some(taint) if taint.value.is_empty() => Err(Dislike::Taint(taint.key.clone())),
            Some(taint) => Err(Dislike::Taint(format!("{}: {}", taint.key, taint.value))),
            None => Ok(()),
        }
    }

    /// Whether one machine of a group that suits does, too.
    pub(super) fn of_machine(&self, group: &Group, own: &BTreeMap<String, String>) -> bool {
        let mut selector = self.selector.iter().filter(|(name, _)| OWN_LABELS.contains(&name.as_str()));
        if !selector.all(|(name, value)| own.get(name) == Some(value)) {
            return false;
        }
        if self.affinity.is_empty() {
            return true;
        }
        let mut labels = group.labels.clone();
        labels.extend(own.iter().map(|(name, value)| (name.clone(), value.clone())));
        self.affinity.iter().any(|terms| terms.match_labels(&labels))
    }
}
