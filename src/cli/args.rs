//! The command line, as clap reads it.

mod executors;
#[cfg(feature = "sim")]
mod sim;
mod watching;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(super) use executors::ExecutorsCommand;
#[cfg(feature = "sim")]
pub(super) use sim::{Gke, GkeCommand, SimCommand};
pub(super) use watching::{QueueCommand, Unit, UnitCommand, Watch, WatchedCommand};

use super::exit::Exit;
use super::hook::HookEvent;
use crate::engine::Wish;

/// The name, the version and the commit it was built from.
pub(super) const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("SPORE_COMMIT"), ")");

/// Runs the commands in markdown and YAML files, and writes what happened back as new files.
#[derive(Debug, Parser)]
#[command(name = "spore", version = VERSION, arg_required_else_help = true, disable_help_subcommand = true)]
#[command(after_help = after_help())]
pub(super) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(super) command: Command,

    /// Whether to colour the output.
    #[arg(long, global = true, value_enum, default_value_t = Colour::Auto, value_name = "WHEN", visible_alias = "colour")]
    pub(super) color: Colour,
}

/// What stands below the list of commands: an example, and the table of exit codes.
fn after_help() -> String {
    let codes = Exit::TABLE.iter().map(|(_, code, meaning)| format!("\n  {code:>3}  {meaning}"));
    format!("Example:\n  spore init && spore run hello.md\n\nExit codes:{}", codes.collect::<String>())
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Colour {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Also into files and pipes.
    Always,
    /// Not even on a terminal.
    Never,
}

/// How to print.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs; its shape is in `spore schema`.
    Json,
}

/// How to print a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum PlanFormat {
    /// For people: a tree of waves.
    #[default]
    Text,
    /// For programs; its shape is in `spore schema plan`.
    Json,
    /// A flowchart that git hosts draw inside markdown.
    Mermaid,
    /// A graph for Graphviz.
    Dot,
}

/// How to print, where text and JSON are the choices.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Output {
    /// How to print.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(super) format: Format,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a folder ready: git repository, spore.toml and a first spore that runs.
    #[command(after_help = "Example:\n  spore init work && cd work && spore run hello.md")]
    Init {
        /// The folder; it is made when it is not there.
        #[arg(default_value = ".")]
        dir: PathBuf,
        #[command(flatten)]
        output: Output,
    },

    /// Say everything that is wrong with spores.
    #[command(
        after_help = "Examples:\n  spore check\n  spore check plans/ tasks.md --format json\n\nExits with 3 when anything is an error."
    )]
    Check {
        /// Files and folders; folders are searched for .md, .markdown, .yaml and .yml.
        #[arg(default_value = ".")]
        paths: Vec<PathBuf>,
        #[command(flatten)]
        output: Output,
    },

    /// Show what would run, in which order, where and why, and what would not.
    #[command(after_help = "Examples:\n  spore plan build.md\n  spore plan tasks.md --format mermaid")]
    Plan {
        /// The spore; FILE#ID chooses one of several in a file.
        file: PathBuf,
        #[command(flatten)]
        selection: Selection,
        /// How to print.
        #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
        format: PlanFormat,
    },

    /// Run a spore and write its result.
    #[command(
        after_help = "Examples:\n  spore run build.md\n  spore run deploy.yaml --param region=europe-west1 --jobs 4\n  spore run build.md --only test --format json"
    )]
    Run {
        /// The spore; FILE#ID chooses one of several in a file.
        file: PathBuf,
        #[command(flatten)]
        selection: Selection,
        #[command(flatten)]
        conduct: Conduct,
        /// Show the plan and run nothing.
        #[arg(long, short = 'n')]
        dry_run: bool,
        /// Begin a run of its own, even where the same one was broken off and could go on.
        #[arg(long)]
        new: bool,
    },

    /// Go on with a run whose engine is gone: what still runs is taken over, what has ended is not run again.
    #[command(
        after_help = "Examples:\n  spore resume\n  spore resume 01K9Z\n\nWithout RUN it goes on with every run that was broken off, oldest first; with --format json it then prints\na list. Exits with 4 when there is none."
    )]
    Resume {
        /// The run: its id, the beginning or end of it, `latest`, or `@2` for the second newest.
        run: Option<String>,
        #[command(flatten)]
        conduct: Conduct,
    },

    /// Watch a folder: what arrives in it runs, and results are written and committed.
    #[command(
        after_help = "Examples:\n  spore watch\n  spore watch plans --jobs 4 --trust approve\n  spore watch --detach\n\nIt ends at Ctrl-C; what runs goes on, and the next watcher takes it up."
    )]
    Watch(Watch),

    #[command(flatten)]
    Watched(WatchedCommand),

    /// Say what became of a task that was lost, then run what did not succeed.
    #[command(
        after_help = "Examples:\n  spore resolve latest deploy --ran\n  spore resolve 01K9Z deploy --rerun\n\nA task is lost when nobody could see how it ended, as after a power cut."
    )]
    Resolve {
        /// The run: its id, the beginning or end of it, `latest`, or `@2` for the second newest.
        run: String,
        /// The task that was lost.
        task: String,
        #[command(flatten)]
        said: Said,
        #[command(flatten)]
        conduct: Conduct,
    },

    /// List runs, newest first.
    #[command(after_help = "Example:\n  spore runs --limit 5")]
    Runs {
        /// How many runs.
        #[arg(long, short = 'l', default_value_t = 20, value_name = "N")]
        limit: usize,
        #[command(flatten)]
        output: Output,
    },

    /// Show one run: its tasks, attempts and outputs.
    #[command(after_help = "Examples:\n  spore show latest\n  spore show 01K9Z --format json")]
    Show {
        /// The run: its id, the beginning or end of it, `latest`, or `@2` for the second newest.
        run: String,
        #[command(flatten)]
        output: Output,
    },

    /// Print what the tasks of a run printed.
    #[command(after_help = "Examples:\n  spore logs latest\n  spore logs latest build --follow")]
    Logs {
        /// The run: its id, the beginning or end of it, `latest`, or `@2` for the second newest.
        run: String,
        /// The task; without it, all of them, one after the other.
        task: Option<String>,
        /// Go on printing until the run has ended.
        #[arg(long, short = 'f')]
        follow: bool,
        /// Which attempt; without it, the last.
        #[arg(long, value_name = "N")]
        attempt: Option<u32>,
        #[command(flatten)]
        output: Output,
    },

    /// Run again what did not succeed; what did is not run again, and its outputs are reused.
    #[command(after_help = "Examples:\n  spore retry latest\n  spore retry 01K9Z --from build")]
    Retry {
        /// The run: its id, the beginning or end of it, `latest`, or `@2` for the second newest.
        run: String,
        /// Run what failed and what was skipped because of it; so does a retry without options.
        #[arg(long, conflicts_with = "from")]
        failed: bool,
        /// Run this task and everything that depends on it.
        #[arg(long, value_name = "TASK")]
        from: Option<String>,
        /// Begin a run of its own, even where the same retry was broken off and could go on.
        #[arg(long)]
        new: bool,
        #[command(flatten)]
        conduct: Conduct,
    },

    /// Remove the folders of old runs; their result spores stay.
    #[command(
        after_help = "Examples:\n  spore prune --dry-run\n  spore prune --keep-days 7\n  spore prune --keep-runs 20 --keep-days 7\n\nWithout an option, the newest 100 runs and those of the last 30 days are kept.\nWhat has not ended, or needs somebody's decision, is always kept."
    )]
    Prune {
        /// Keep runs that began in the last N days; 0 keeps none for their age.
        #[arg(long, value_name = "N")]
        keep_days: Option<u32>,
        /// Keep the newest N runs; with --keep-days too, a run is kept if either keeps it.
        #[arg(long, value_name = "N")]
        keep_runs: Option<usize>,
        /// Say what would be removed, and remove nothing.
        #[arg(long, short = 'n')]
        dry_run: bool,
        #[command(flatten)]
        output: Output,
    },

    /// List the places that tasks can run in, ask whether they can be used, remove what they have left.
    #[command(
        after_help = "Examples:\n  spore executors\n  spore executors check gke\n  spore executors clean gke --dry-run"
    )]
    Executors {
        /// What to do; without it, they are listed.
        #[command(subcommand)]
        what: Option<ExecutorsCommand>,
        #[command(flatten)]
        output: Output,
    },

    /// Look at what spores would do and approve it, or decide what may run in a folder by itself.
    #[command(
        after_help = "Examples:\n  spore trust deploy.md\n  spore trust --mode open ~/plans\n  spore trust --mode signed --signers ~/.ssh/allowed_signers\n  spore trust --list\n\nWhat a person starts with `spore run` needs no approval. Exits with 5 when something stays without one."
    )]
    Trust(Trust),
    /// Have git and coding agents tell Spore what happens.
    #[command(
        after_help = "Examples:\n  spore hooks install git\n  spore hooks install git --bare ~/srv/plans.git\n  spore hooks install claude --project\n  spore hooks status"
    )]
    Hooks {
        /// Which.
        #[command(subcommand)]
        what: HooksCommand,
    },

    /// Tell Spore that something has happened; installed hooks do so.
    #[command(
        after_help = "Example:\n  echo '{\"session_id\": \"1\", \"reason\": \"exit\"}' | spore hook session-end --agent claude\n\nOnly pre-commit ever fails."
    )]
    Hook {
        /// What has happened.
        #[arg(value_enum)]
        event: HookEvent,
        /// Which agent's session it is.
        #[arg(long, value_name = "NAME", default_value = "generic")]
        agent: String,
        /// What git gives to its hook.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENT")]
        arguments: Vec<String>,
    },

    /// Look at everything that can keep runs from going on, and say what to type.
    #[command(
        after_help = "Examples:\n  spore doctor\n  spore doctor ~/plans --format json\n\nIt changes nothing. Exits with 111 when something keeps runs from going on."
    )]
    Doctor {
        /// The folder.
        #[arg(default_value = ".")]
        dir: PathBuf,
        #[command(flatten)]
        output: Output,
    },

    /// Try spores on a simulated place: no account, no network, no cost.
    #[cfg(feature = "sim")]
    #[command(
        after_help = "Examples:\n  spore sim gke\n  spore sim gke -- kubectl get pods --all-namespaces\n  spore sim gke status"
    )]
    Sim {
        /// Which place.
        #[command(subcommand)]
        what: SimCommand,
    },

    /// Print the JSON Schema of a file or an output.
    #[command(
        after_help = "Examples:\n  spore schema spore > spore.schema.json\n  spore schema plan\n  spore schema --list"
    )]
    Schema {
        /// Of what: `spore`, `result`, `plan` and so on; --list names all.
        #[arg(required_unless_present = "list")]
        kind: Option<String>,
        /// List what there are schemas of.
        #[arg(long)]
        list: bool,
        #[command(flatten)]
        output: Output,
    },

    /// Print a completion script for a shell.
    #[command(after_help = "Example:\n  spore completions bash > ~/.local/share/bash-completion/completions/spore")]
    Completions {
        /// The shell.
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
}

/// What to approve, or to decide.
#[derive(Debug, Args)]
pub(super) struct Trust {
    /// The spores to look at; with --mode or --list, the folder.
    #[arg(value_name = "FILE")]
    pub(super) paths: Vec<PathBuf>,
    /// Approve without asking.
    #[arg(long, short = 'y')]
    pub(super) yes: bool,
    /// List what is decided and approved for the folder.
    #[arg(long, conflicts_with_all = ["yes", "revoke", "mode"])]
    pub(super) list: bool,
    /// Take an approval back: that of a digest or its beginning, or all of a file; may be repeated.
    #[arg(long, value_name = "FILE|DIGEST", conflicts_with_all = ["yes", "mode", "paths"])]
    pub(super) revoke: Vec<String>,
    /// Decide what may run in the folder by itself.
    #[arg(long, value_enum, value_name = "MODE", conflicts_with = "yes")]
    pub(super) mode: Option<TrustMode>,
    /// Who may sign, for --mode signed: a file of ssh-keygen's ALLOWED SIGNERS, or lines `gpg FINGERPRINT`. Spore keeps a copy.
    #[arg(long, value_name = "FILE", requires = "mode")]
    pub(super) signers: Option<PathBuf>,
    #[command(flatten)]
    pub(super) output: Output,
}

/// What to do with hooks.
#[derive(Debug, Subcommand)]
pub(super) enum HooksCommand {
    /// Install them; what is there already is kept, and is called first.
    Install(HooksTarget),
    /// Take them out again.
    Uninstall(HooksTarget),
    /// Say which are installed.
    Status {
        /// The folder.
        #[arg(default_value = ".")]
        dir: PathBuf,
        #[command(flatten)]
        output: Output,
    },
}

/// Whose hooks.
#[derive(Debug, Args)]
pub(super) struct HooksTarget {
    /// Whose.
    #[arg(value_enum)]
    pub(super) caller: Caller,
    /// The folder of spores, or the bare repository.
    #[arg(default_value = ".")]
    pub(super) dir: PathBuf,
    /// Of an agent: in your own settings, for every folder.
    #[arg(long, conflicts_with = "project")]
    pub(super) user: bool,
    /// Of an agent: in the settings of the folder; so it is when nothing is said.
    #[arg(long)]
    pub(super) project: bool,
    /// Of git: in a bare repository, for what is pushed to it.
    #[arg(long)]
    pub(super) bare: bool,
    /// Of a bare repository: the folder in which pushed spores run; it is cloned when it is not there.
    #[arg(long, value_name = "FOLDER", requires = "bare")]
    pub(super) into: Option<PathBuf>,
    #[command(flatten)]
    pub(super) output: Output,
}

/// What may run in a folder by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum TrustMode {
    /// Everything in it.
    Open,
    /// What came by a commit that an allowed signer has signed.
    Signed,
    /// What a person approved.
    Approve,
}

impl From<TrustMode> for crate::trust::Mode {
    fn from(mode: TrustMode) -> Self {
        match mode {
            TrustMode::Open => Self::Open,
            TrustMode::Signed => Self::Signed,
            TrustMode::Approve => Self::Approve,
        }
    }
}

/// Who calls hooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Caller {
    /// Git.
    Git,
    /// Claude Code.
    Claude,
    /// Qwen Code.
    Qwen,
    /// Any other agent, by shell lines that it can be told to call.
    Generic,
}

/// What became of a task that was lost.
#[derive(Clone, Copy, Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Said {
    /// It did what it should: it counts as done.
    #[arg(long)]
    pub(super) ran: bool,
    /// It is to run again.
    #[arg(long)]
    pub(super) rerun: bool,
}

/// Which tasks, and with which parameters.
#[derive(Debug, Default, Args)]
pub(super) struct Selection {
    /// Give a parameter its value.
    #[arg(long = "param", short = 'p', value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub(super) params: Vec<(String, String)>,
    /// Run only this task and what it needs; may be repeated.
    #[arg(long, value_name = "TASK")]
    pub(super) only: Vec<String>,
    /// Run this task and everything that depends on it; what lies before counts as done.
    #[arg(long, value_name = "TASK", conflicts_with = "only")]
    pub(super) from: Option<String>,
}

/// How to run.
#[derive(Debug, Args)]
pub(super) struct Conduct {
    /// Tasks at a time; without it, what spore.toml says, else the number of cores (a retry or resumed run: what it had).
    #[arg(long, short = 'j', value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(super) jobs: Option<u32>,
    /// Commit the result spore, whatever spore.toml says.
    #[arg(long, overrides_with = "no_commit")]
    pub(super) commit: bool,
    /// Only write the result spore, whatever spore.toml says.
    #[arg(long, overrides_with = "commit")]
    pub(super) no_commit: bool,
    #[command(flatten)]
    pub(super) output: Output,
}

impl Conduct {
    /// What the command line says about committing, if anything.
    #[must_use]
    pub(super) fn wants_commit(&self) -> Option<Wish> {
        match (self.commit, self.no_commit) {
            (true, _) => Some(Wish::Now),
            (_, true) => Some(Wish::Never),
            _ => None,
        }
    }
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("a parameter is given as KEY=VALUE".to_owned()),
    }
}
