//! The machines that can be had, what is left of them for pods, and what they cost.

use super::Amounts;

/// Machines that serve the same pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// Pods that ask for nothing special.
    General,
    /// The compute class `Balanced`.
    Balanced,
    /// The compute class `Scale-Out`, on x86.
    ScaleOut,
    /// The compute class `Scale-Out`, on Arm.
    ScaleOutArm,
    /// The compute class `Performance`.
    Performance,
    /// Pods with an NVIDIA T4.
    T4,
    /// Pods with an NVIDIA L4.
    L4,
    /// Pods with an NVIDIA A100 of 40 GB.
    A100,
}

/// One kind of machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The series and the variant: `e2-standard`.
    pub series: &'static str,
    /// Processors.
    pub cpus: u32,
    /// Memory.
    pub memory_mib: u32,
    /// Accelerators.
    pub gpus: u32,
    /// Millionths of a dollar an hour, in us-central1.
    pub price_micro: u64,
}

/// series, memory of each processor in MiB, sizes, millionths of a dollar an hour for each processor and for each GiB.
///
/// Prices: `https://cloud.google.com/compute/vm-instance-pricing`, us-central1, list prices of 2025; they only weigh machines
/// against each other.
type Series = (&'static str, u32, &'static [u32], u64, u64);

const GENERAL: &[Series] = &[
    ("e2-standard", 4_096, &[2, 4, 8, 16, 32], 21_812, 2_924),
    ("e2-highcpu", 1_024, &[2, 4, 8, 16, 32], 21_812, 2_924),
    ("e2-highmem", 8_192, &[2, 4, 8, 16], 21_812, 2_924),
];
const BALANCED: &[Series] = &[
    ("n2-standard", 4_096, &[2, 4, 8, 16, 32, 48, 64, 80, 96, 128], 31_611, 4_237),
    ("n2-highcpu", 1_024, &[2, 4, 8, 16, 32, 48, 64, 80, 96], 31_611, 4_237),
    ("n2-highmem", 8_192, &[2, 4, 8, 16, 32, 48, 64, 80, 96], 31_611, 4_237),
    ("n2d-standard", 4_096, &[224], 27_502, 3_686),
];
const SCALE_OUT: &[Series] = &[("t2d-standard", 4_096, &[1, 2, 4, 8, 16, 32, 48, 60], 27_502, 3_686)];
const SCALE_OUT_ARM: &[Series] = &[("t2a-standard", 4_096, &[1, 2, 4, 8, 16, 32, 48], 25_200, 3_400)];
const PERFORMANCE: &[Series] = &[
    ("c3-standard", 4_096, &[4, 8, 22, 44, 88, 176], 33_982, 4_556),
    ("c3-highcpu", 2_048, &[4, 8, 22, 44, 88, 176], 33_982, 4_556),
    ("c3-highmem", 8_192, &[4, 8, 22, 44, 88, 176], 33_982, 4_556),
];
/// series, processors, memory in GiB, accelerators, millionths of a dollar an hour.
const T4: &[(&str, u32, u32, u32, u64)] = &[
    ("n1-standard", 8, 30, 1, 730_000),
    ("n1-standard", 32, 120, 2, 2_220_000),
    ("n1-standard", 64, 240, 4, 4_440_000),
];
const L4: &[(&str, u32, u32, u32, u64)] = &[
    ("g2-standard", 8, 32, 1, 853_000),
    ("g2-standard", 24, 96, 2, 1_998_000),
    ("g2-standard", 48, 192, 4, 3_996_000),
    ("g2-standard", 96, 384, 8, 7_992_000),
];
const A100: &[(&str, u32, u32, u32, u64)] = &[
    ("a2-highgpu", 12, 85, 1, 3_673_000),
    ("a2-highgpu", 24, 170, 2, 7_347_000),
    ("a2-highgpu", 48, 340, 4, 14_693_000),
    ("a2-highgpu", 96, 680, 8, 29_387_000),
];

/// What the system's own pods take on each machine. An estimate: Google documents that they are there, not how much they take.
const SYSTEM_CPU_MILLI: u32 = 180;
const SYSTEM_MEMORY_MIB: u32 = 360;
/// The disk of each machine.
const DISK_MIB: u32 = 100 * 1_024;
/// Pods on one machine: Kubernetes' own bound.
const PODS_MAX: u32 = 110;

impl Family {
    /// The machines of the family.
    #[must_use]
    pub fn shapes(self) -> Vec<Shape> {
        let series = match self {
            Self::General => GENERAL,
            Self::Balanced => BALANCED,
            Self::ScaleOut => SCALE_OUT,
            Self::ScaleOutArm => SCALE_OUT_ARM,
            Self::Performance => PERFORMANCE,
            Self::T4 => return with_gpus(T4),
            Self::L4 => return with_gpus(L4),
            Self::A100 => return with_gpus(A100),
        };
        let shapes = series.iter().flat_map(|(series, memory, sizes, per_cpu, per_gib)| {
            sizes.iter().map(move |cpus| Shape {
                series,
                cpus: *cpus,
                memory_mib: memory * cpus,
                gpus: 0,
                price_micro: u64::from(*cpus) * per_cpu + u64::from(memory * cpus) * per_gib / 1_024,
            })
        });
        shapes.collect()
    }

    /// The family of an accelerator, as the label `cloud.google.com/gke-accelerator` names it.
    #[must_use]
    pub fn of_accelerator(name: &str) -> Option<Self> {
        match name {
            "nvidia-tesla-t4" => Some(Self::T4),
            "nvidia-l4" => Some(Self::L4),
            "nvidia-tesla-a100" => Some(Self::A100),
            _ => None,
        }
    }
}

fn with_gpus(table: &'static [(&str, u32, u32, u32, u64)]) -> Vec<Shape> {
    let shape = |(series, cpus, memory, gpus, price_micro): &(&'static str, u32, u32, u32, u64)| Shape {
        series,
        cpus: *cpus,
        memory_mib: memory * 1_024,
        gpus: *gpus,
        price_micro: *price_micro,
    };
    table.iter().map(shape).collect()
}

impl Shape {
    /// Its name: `e2-standard-4`. Machines of the series `a2` are named by their accelerators.
    #[must_use]
    pub fn name(&self) -> String {
        match self.series {
            "a2-highgpu" => format!("{}-{}g", self.series, self.gpus),
            series => format!("{series}-{}", self.cpus),
        }
    }

    /// All that it has.
    #[must_use]
    pub fn capacity(&self) -> Amounts {
        Amounts {
            cpu_milli: self.cpus * 1_000,
            memory_mib: self.memory_mib,
            ephemeral_mib: DISK_MIB,
            gpus: self.gpus,
            pods: PODS_MAX,
        }
    }

    /// What Kubernetes itself leaves of it: `https://cloud.google.com/kubernetes-engine/docs/concepts/plan-node-sizes`.
    ///
    /// Processors: 6 % of the first, 1 % of the next, 0.5 % of the next two, 0.25 % of the others are kept back. Memory: 25 %
    /// of the first 4 GiB, 20 % of the next 4, 10 % of the next 8, 6 % of the next 112, 2 % of the rest, and 100 MiB. Disk: a
    /// tenth, and 6 GiB with 35 % of it.
    #[must_use]
    pub fn allocatable(&self) -> Amounts {
        let milli = self.cpus * 1_000;
        let steps = |whole: u32, steps: &[(u32, u32)]| {
            let mut left = whole;
            let mut kept = 0_u64;
            for (size, parts) in steps {
                let here = left.min(*size);
                kept += u64::from(here) * u64::from(*parts);
                left -= here;
            }
            u32::try_from(kept.div_ceil(10_000)).unwrap_or(u32::MAX)
        };
        let cpu_kept = steps(milli, &[(1_000, 600), (1_000, 100), (2_000, 50), (u32::MAX, 25)]);
        let memory_steps = [(4_096, 2_500), (4_096, 2_000), (8_192, 1_000), (112 * 1_024, 600), (u32::MAX, 200)];
        let memory_kept = steps(self.memory_mib, &memory_steps) + 100;
        let disk_kept = DISK_MIB / 10 + (DISK_MIB / 2).min(6 * 1_024 + DISK_MIB * 35 / 100).min(100 * 1_024);
        Amounts {
            cpu_milli: milli - cpu_kept,
            memory_mib: self.memory_mib.saturating_sub(memory_kept),
            ephemeral_mib: DISK_MIB - disk_kept,
            gpus: self.gpus,
            pods: PODS_MAX,
        }
    }

    /// What is left of it for the pods of users.
    #[must_use]
    pub fn room(&self) -> Amounts {
        let system =
            Amounts { cpu_milli: SYSTEM_CPU_MILLI, memory_mib: SYSTEM_MEMORY_MIB, ephemeral_mib: 0, gpus: 0, pods: 8 };
        self.allocatable().minus(&system)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_what_google_documents() {
        // Of 4 processors and 16 GiB, 80 thousandths, 2,663 MiB and 100 MiB are kept back.
        let shape = Family::General.shapes().into_iter().find(|shape| shape.name() == "e2-standard-4").expect("there");
        let left = shape.allocatable();
        assert_eq!(left.cpu_milli, 3_920);
        assert_eq!(left.memory_mib, 16_384 - 2_663 - 100);
        assert!(Family::A100.shapes().iter().any(|shape| shape.name() == "a2-highgpu-8g"));
    }

    #[test]
    fn the_largest_pod_that_is_admitted_fits_somewhere() {
        for (family, cpu_milli, memory_gib) in [
            (Family::General, 30_000, 110),
            (Family::Balanced, 222_000, 851),
            (Family::ScaleOut, 54_000, 216),
            (Family::ScaleOutArm, 43_000, 172),
        ] {
            let pod = Amounts { cpu_milli, memory_mib: memory_gib * 1_024, ephemeral_mib: 10_240, gpus: 0, pods: 1 };
            let fits = family.shapes().iter().any(|shape| pod.fits(&shape.room()));
            assert!(fits, "{family:?}");
        }
    }
}
