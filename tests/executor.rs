//! Executors: one suite that every executor passes, and what only the terminal must bear.

/// Hands the cases that hold everywhere to a macro that makes tests of them, with others that hold in its place.
macro_rules! every_case {
    ($tests:ident $(, $more:ident)*) => {
        $tests!(
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
            $($more,)*
        );
    };
}

#[cfg(all(feature = "gke", feature = "sim"))]
mod gke;
mod ground;
mod mask;
mod misbehaviour;
mod spares;
mod suite;
mod terminal;

use ground::Ground;
use spore::model::Limits;

/// The suite, on the terminal: with a supervisor started for each run, and with those that wait for one.
macro_rules! on_the_terminal {
    ($($case:ident),* $(,)?) => {
        $(
            #[tokio::test]
            async fn $case() {
                let terminal = ground::terminal(Limits::DEFAULT);
                suite::$case(&Ground::new(&terminal)).await;
            }
        )*

        mod with_spares {
            use super::*;

            $(
                #[tokio::test]
                async fn $case() {
                    let terminal = ground::terminal(Limits::DEFAULT).with_spares(Some(spares::shared()));
                    suite::$case(&Ground::new(&terminal)).await;
                }
            )*
        }
    };
}

every_case!(on_the_terminal, unknown_attempts_are_unknown, instances_come_and_go);
