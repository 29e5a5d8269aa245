//! The door for people: reads the command line, calls the staircase, says what went wrong.

use std::process::ExitCode;

use clap::Parser;

use super::args::{Cli, Command, WatchedCommand};
use super::exit::Exit;
use super::failure::Failure;
use super::screen::{self, Screen};
use super::{
    asking, doctor, executors, history, hook, hooks, inspect, perform, prune, setup, status, trust, unit, watch,
};
use crate::engine::Keep;
use crate::executor::terminal;
use crate::model::RunId;

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    if let Some(exit) = supervisor() {
        return exit;
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are errors to clap too; those it prints to standard output, and they end well.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Success }.into();
        }
    };
    let screen = Screen::look(cli.color);
    start_log(&screen);
    let exit = match dispatch(cli.command, &screen) {
        Ok(exit) => exit,
        Err(failure) => {
            screen::complain(&failure.text(screen.err));
            failure.exit()
        }
    };
    exit.into()
}

/// A supervisor is no door for people: it is started by an engine, with words that only engines know, and is to be there
/// at once. So it does not go through clap.
fn supervisor() -> Option<ExitCode> {
    let mut words = std::env::args_os().skip(1);
    if words.next()? != terminal::SUBCOMMAND {
        return None;
    }
    let supervised = match words.next() {
        None => terminal::supervise_many(),
        Some(root) => {
            let (run_dir, run) = (words.next()?, words.next()?);
            terminal::supervise(root.as_ref(), run_dir.as_ref(), RunId::parse(run.to_str()?)?)
        }
    };
    Some(if supervised.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn dispatch(command: Command, screen: &Screen) -> Result<Exit, Failure> {
    match command {
        Command::Init { dir, output } => setup::init(&dir, output.format, screen),
        Command::Check { paths, output } => inspect::check(&paths, output.format, screen),
        Command::Plan { file, selection, format } => inspect::plan(&file, selection, format, screen),
        Command::Watch(words) => watch::watch(&words, screen),
        Command::Watched(command) => watched(command, screen),
        Command::Run { file, selection, conduct, dry_run: true, .. } => {
            perform::only_plan(&file, selection, &conduct, screen)
        }
        Command::Run { file, selection, conduct, new, .. } => perform::run(&file, selection, &conduct, new, screen),
        Command::Resume { run, conduct } => perform::resume(run.as_deref(), &conduct, screen),
        Command::Resolve { run, task, said, conduct } => perform::resolve(&run, &task, said, &conduct, screen),
        Command::Runs { limit, output } => history::runs(limit, output.format, screen),
        Command::Show { run, output } => history::show(&run, output.format, screen),
        Command::Logs { run, task, follow, attempt, output } => {
            history::logs(&run, &history::Wanted { task, follow, attempt, format: output.format }, screen)
        }
        Command::Retry { run, failed: _, from, new, conduct } => perform::retry(&run, from, new, &conduct, screen),
        Command::Hook { event, agent, arguments } => Ok(hook::hook(event, &agent, &arguments, screen)),
        Command::Hooks { what } => hooks::hooks(what, screen),
        Command::Prune { keep_days, keep_runs, dry_run, output } => {
            prune::prune(Keep { days: keep_days, runs: keep_runs }, dry_run, output.format, screen)
        }
        Command::Trust(asked) => trust::trust(&asked, screen),
        Command::Executors { what, output } => executors::executors(what.as_ref(), output.format, screen),
        Command::Doctor { dir, output } => doctor::doctor(&dir, output.format, screen),
        #[cfg(feature = "sim")]
        Command::Sim { what } => super::sim::sim(what, screen),
        Command::Schema { kind, list, output } => setup::schema(kind.as_deref(), list, output.format),
        Command::Completions { shell } => setup::completions(shell),
    }
}

fn watched(command: WatchedCommand, screen: &Screen) -> Result<Exit, Failure> {
    match command {
        WatchedCommand::Status { dir, follow, output } => status::status(&dir, follow, output.format, screen),
        WatchedCommand::Cancel { runs, now, dir, output } => asking::cancel(&dir, &runs, now, output.format, screen),
        WatchedCommand::Queue { what, dir, output } => asking::queue(what.as_ref(), &dir, output.format, screen),
        WatchedCommand::Pause { dir, time, off, output } => asking::pause(&dir, time, off, output.format, screen),
        WatchedCommand::Service { what } => unit::unit(&what, screen),
    }
}

/// What Spore does inside, to standard error, for who sets `SPORE_LOG` (such as `SPORE_LOG=debug`).
fn start_log(screen: &Screen) {
    let Ok(filter) = std::env::var("SPORE_LOG") else { return };
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
        .with_writer(std::io::stderr)
        .with_ansi(screen.err.colour)
        .without_time()
        .finish();
    // Only a second call could fail, and this is the first.
    let _ = tracing::subscriber::set_global_default(subscriber);
}
