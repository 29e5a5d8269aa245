//! The suite on a simulated cluster, served by the real program, and what only a cluster must bear.
#![expect(clippy::disallowed_methods, reason = "the tests stand outside of the house: they start it and its clients")]

mod cluster;
mod deaths;
mod driver;
mod faults;
mod instance;
mod program;
mod trouble;

use cluster::{gke, ground};

macro_rules! on_gke {
    ($($case:ident),* $(,)?) => {
        $(
            #[tokio::test]
            async fn $case() {
                let gke = gke();
                super::suite::$case(&ground(&gke, stringify!($case))).await;
            }
        )*

        mod with_faults {
            use super::cluster::{faulty, ground_in};

            $(
                #[tokio::test]
                async fn $case() {
                    let gke = faulty().gke();
                    crate::executor::suite::$case(&ground_in(faulty(), &gke, stringify!($case))).await;
                }
            )*
        }
    };
}

every_case!(on_gke, unknown_attempts_are_unknown);
