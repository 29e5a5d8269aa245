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

on_gke!(
    success_and_failure_are_told,
    signals_are_told,
    what_is_not_found_never_starts,
    time_runs_out,
    a_cancelled_command_may_say_goodbye,
    cancelling_now_asks_nobody,
    cancelling_before_the_start_starts_nothing,
    starting_twice_finds_the_first,
    outputs_are_handed_on,
    broken_outputs_fail_the_attempt,
    the_environment_is_as_told,
    arguments_need_no_shell,
    scripts_end_at_the_first_failure,
    logs_are_read_by_cursor,
    much_output_keeps_head_and_tail,
    secrets_are_masked_everywhere,
    unknown_attempts_are_unknown,
);
