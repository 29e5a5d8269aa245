//! How much of each resource something needs, or has.

/// So much of each resource. Memory and disk are counted in MiB: a cluster has no use for finer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Amounts {
    /// Thousandths of a processor.
    pub cpu_milli: u32,
    /// Memory.
    pub memory_mib: u32,
    /// Disk that goes with the machine.
    pub ephemeral_mib: u32,
    /// Accelerators.
    pub gpus: u32,
    /// Places for pods.
    pub pods: u32,
}

impl Amounts {
    /// Each resource with its name, as the scheduler says what lacks.
    #[must_use]
    pub fn named(&self) -> [(&'static str, u32); 5] {
        [
            ("cpu", self.cpu_milli),
            ("memory", self.memory_mib),
            ("ephemeral-storage", self.ephemeral_mib),
            ("nvidia.com/gpu", self.gpus),
            ("pods", self.pods),
        ]
    }

    /// Whether all of it is in `free`.
    #[must_use]
    pub fn fits(&self, free: &Self) -> bool {
        self.cpu_milli <= free.cpu_milli
            && self.memory_mib <= free.memory_mib
            && self.ephemeral_mib <= free.ephemeral_mib
            && self.gpus <= free.gpus
            && self.pods <= free.pods
    }

    /// Both together.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        self.both(other, u32::saturating_add)
    }

    /// What is left of it, never less than nothing.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        self.both(other, u32::saturating_sub)
    }

    /// Of each resource the greater one.
    #[must_use]
    pub fn or_more(&self, other: &Self) -> Self {
        self.both(other, u32::max)
    }

    /// The greatest part that it takes of any resource of `whole`.
    #[must_use]
    pub fn share(&self, whole: &Self) -> f64 {
        let shares = self.named().into_iter().zip(whole.named());
        shares.filter(|((_, part), _)| *part > 0).fold(0.0, |most, ((_, part), (_, all))| {
            let share = if all == 0 { f64::INFINITY } else { f64::from(part) / f64::from(all) };
            share.max(most)
        })
    }

    fn both(&self, other: &Self, how: impl Fn(u32, u32) -> u32) -> Self {
        Self {
            cpu_milli: how(self.cpu_milli, other.cpu_milli),
            memory_mib: how(self.memory_mib, other.memory_mib),
            ephemeral_mib: how(self.ephemeral_mib, other.ephemeral_mib),
            gpus: how(self.gpus, other.gpus),
            pods: how(self.pods, other.pods),
        }
    }
}
