//! The table of the language: every key of every object, with its shape, its sentence and an example.
//!
//! The decoder looks keys up here and the JSON Schema is made from here, so that an editor and Spore cannot disagree.
//! How a value is read stands in `workflow`; what other tools call a key stands in `foreign`.

use super::foreign;
use crate::model::Kind;

/// A map with known keys.
#[derive(Debug)]
pub(super) struct Object {
    /// What it is called in messages and in the schema.
    pub(super) name: &'static str,
    /// What it is for.
    pub(super) doc: &'static str,
    /// Its keys.
    pub(super) fields: &'static [Field],
    /// Keys of other tools, with what to write instead.
    pub(super) foreign: &'static [(&'static str, &'static str)],
}

impl Object {
    /// The index and field of the key `name`.
    pub(super) fn field(&self, name: &str) -> Option<(usize, &'static Field)> {
        self.fields.iter().enumerate().find(|(_, field)| field.name == name)
    }
}

/// A key.
#[derive(Debug)]
pub(super) struct Field {
    /// As authors write it.
    pub(super) name: &'static str,
    /// What its value looks like.
    pub(super) shape: Shape,
    /// Whether it must be there.
    pub(super) required: bool,
    /// What it is for, in one sentence.
    pub(super) doc: &'static str,
    /// What holds when it is left out, as YAML.
    pub(super) default: Option<&'static str>,
    /// A value, as YAML.
    pub(super) example: &'static str,
}

/// What a value looks like.
#[derive(Debug)]
pub(super) enum Shape {
    /// The name of a spore.
    Name,
    /// Any scalar, taken as written.
    Text,
    /// Text with `{{ … }}` in it, perhaps.
    Template,
    /// `true` or `false`.
    Flag,
    /// A whole number from the first to the second.
    Count(u32, u32),
    /// A number of at least the given one.
    Number(u32),
    /// A duration longer than nothing.
    Duration,
    /// One of these words.
    Word(&'static [&'static str]),
    /// One text or a list of them.
    Texts,
    /// Branch patterns: one, a list, or nothing for every branch.
    Branches,
    /// One task id or a list of them.
    Needs,
    /// A cron line.
    Cron,
    /// One cron line or object, or a list of them.
    Timers(&'static Object),
    /// One of these words, or a list of them.
    Words(&'static [&'static str]),
    /// A whole number from the first to the second, either side of nothing.
    Signed(i32, i32),
    /// A script, or a list that is a program and its arguments.
    Run,
    /// Exit codes: one or a list.
    ExitCodes,
    /// Any scalar.
    Scalar,
    /// A list of scalars.
    Scalars,
    /// Names of axes, each with a list of scalars.
    Axes,
    /// Environment variables, each with a scalar or a secret.
    Env,
    /// A map without rules.
    Free,
    /// Anything.
    Any,
    /// An object.
    Object(&'static Object),
    /// An object, or a short form of it.
    Short(&'static Object, &'static Shape),
    /// Parameter names, each with a parameter or its default.
    Params,
    /// Task ids, each with a task.
    Tasks,
}

impl Shape {
    /// The shape in words, as in "must be …".
    pub(super) fn expected(&self) -> String {
        match self {
            Self::Name => "a name".to_owned(),
            Self::Text | Self::Template => "a text".to_owned(),
            Self::Flag => "`true` or `false`".to_owned(),
            Self::Count(min, max) if *max == u32::MAX => format!("a whole number, {min} or more"),
            Self::Count(min, max) => format!("a whole number from {min} to {max}"),
            Self::Number(min) => format!("a number, {min} or more"),
            Self::Duration => "a duration such as `30s` or `5m`".to_owned(),
            Self::Word([word]) => format!("`{word}`"),
            Self::Word(words) => format!("one of {}", names(words)),
            Self::Texts => "a text or a list of texts".to_owned(),
            Self::Branches => "a branch, a list of branches, or nothing".to_owned(),
            Self::Needs => "a task id or a list of task ids".to_owned(),
            Self::Cron => "a cron line such as `0 6 * * *`".to_owned(),
            Self::Timers(object) => format!("a cron line, a map ({}), or a list of them", object.name),
            Self::Words(words) => format!("{}, or a list of them", names(words)),
            Self::Signed(min, max) => format!("a whole number from {min} to {max}"),
            Self::Run => "a script, or a list of a program and its arguments".to_owned(),
            Self::ExitCodes => "an exit code or a list of exit codes".to_owned(),
            Self::Scalar => "a text, a number, `true` or `false`".to_owned(),
            Self::Scalars => "a list of texts or numbers".to_owned(),
            Self::Axes => "a map from names to lists of values".to_owned(),
            Self::Env => "a map from names to values".to_owned(),
            Self::Free => "a map".to_owned(),
            Self::Any => "a value".to_owned(),
            Self::Object(object) => format!("a map ({})", object.name),
            Self::Short(object, short) => format!("{}, or a map ({})", short.expected(), object.name),
            Self::Params => "a map from parameter names to defaults or descriptions".to_owned(),
            Self::Tasks => "a map from task ids to tasks".to_owned(),
        }
    }
}

/// Words in backticks, the last after `or`.
pub(super) fn names(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

const fn field(name: &'static str, shape: Shape, doc: &'static str, example: &'static str) -> Field {
    Field { name, shape, required: false, doc, default: None, example }
}

impl Field {
    const fn default(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }

    const fn required(mut self) -> Self {
        self.required = true;
        self
    }
}

/// The languages of a script.
pub(super) const LANGUAGES: &[&str] = &["sh", "bash", "zsh", "python", "node", "ruby", "perl"];

const TASK_IDS: &str = "{build: make, test: {needs: [build], run: make test}}";

/// A whole YAML spore, and the front matter of a markdown one.
pub(super) static SPORE: Object = Object {
    name: "spore",
    doc: "A spore: a file that Spore reads tasks from.",
    foreign: foreign::SPORE,
    fields: &[
        field("spore", Shape::Name, "The name of the spore; without one it is called by its path.", "nightly-report"),
        field("id", Shape::Name, "The same as `spore`.", "nightly-report"),
        field("kind", Shape::Word(&Kind::NAMES), "What the file is; without it a watcher never runs it.", "workflow"),
        field("title", Shape::Text, "What people call it.", "Nightly report"),
        field("description", Shape::Text, "What it is for.", "Counts rows and publishes the report."),
        field(
            "on",
            Shape::Short(&ON, &Shape::Words(&["drop", "push"])),
            "What starts it by itself.",
            "{schedule: \"0 6 * * *\"}",
        ),
        field("priority", Shape::Signed(-100, 100), "Of what waits to run, the highest goes first.", "10").default("0"),
        field("params", Shape::Params, "The values a run is given.", "{region: us-central1}"),
        field("env", Shape::Env, "Environment variables of every task.", "{LANG: C.UTF-8}"),
        field("defaults", Shape::Object(&DEFAULTS), "Settings of every task that has none.", "{timeout: 10m}"),
        field(
            "concurrency",
            Shape::Short(&CONCURRENCY, &Shape::Template),
            "What keeps two runs of it apart; a text is the group.",
            "{group: report, policy: skip}",
        ),
        field("timeout", Shape::Duration, "The longest time for a whole run.", "2h"),
        field("tasks", Shape::Tasks, "The tasks, by id.", TASK_IDS),
        field(
            "finally",
            Shape::Tasks,
            "Tasks that run when the others have ended, whatever happened.",
            "{notify: ./notify.sh}",
        ),
        field("metadata", Shape::Free, "Free keys and values.", "{owner: data-team}"),
        field("verb", Shape::Text, "Of a command: what to do.", "restart"),
        field("noun", Shape::Text, "Of a command: what to do it to.", "worker"),
        field("modifiers", Shape::Any, "Of a command: how to do it.", "[gracefully]"),
        field("parameters", Shape::Free, "Of a command: its arguments.", "{count: 2}"),
        field("target", Shape::Text, "Of a command: the instance it is for.", "builder-1"),
        field("reply_to", Shape::Text, "Of a command: where the answer goes.", "results/replies"),
        field("run", Shape::Run, "Of a command: the one thing it runs.", "./restart.sh"),
        field("language", Shape::Word(LANGUAGES), "The language of `run`.", "bash").default("sh"),
        field("instructions", Shape::Text, "Of an agent: what it is told.", "You review code."),
        field(
            "checklist",
            Shape::Word(&["update"]),
            "Lets a run tick off the boxes of a checklist in place.",
            "update",
        ),
    ],
};

/// `on`.
pub(super) static ON: Object = Object {
    name: "on",
    doc: "What starts a spore by itself.",
    foreign: &[("cron", "schedule"), ("pull_request", "push"), ("start", "session: start")],
    fields: &[
        field("drop", Shape::Flag, "The file arrives in a watched folder, or has new contents.", "true"),
        field(
            "push",
            Shape::Short(&PUSH, &Shape::Branches),
            "A git push; a text or list is its branches.",
            "{branches: [main]}",
        ),
        field(
            "schedule",
            Shape::Timers(&SCHEDULE),
            "Moments on the clock; a text is a cron line in this machine's time.",
            "\"0 6 * * *\"",
        ),
        field("session", Shape::Words(&["start", "end", "prompt"]), "Moments of a coding agent's session.", "start"),
    ],
};

/// One of `on.schedule`.
pub(super) static SCHEDULE: Object = Object {
    name: "schedule",
    doc: "Moments on the clock.",
    foreign: &[
        ("tz", "timezone"),
        ("time_zone", "timezone"),
        ("zone", "timezone"),
        ("expression", "cron"),
        ("policy", "overlap"),
        ("overlap_policy", "overlap"),
        ("catchup", "catch_up"),
        ("catchup_window", "catch_up"),
    ],
    fields: &[
        field("cron", Shape::Cron, "Minute, hour, day, month, weekday; or `@daily` and its like.", "\"0 6 * * *\"")
            .required(),
        field("timezone", Shape::Text, "The time zone it is meant in; without one, this machine's.", "Europe/Berlin"),
        field(
            "overlap",
            Shape::Word(&["skip", "queue", "replace"]),
            "What happens when its run before has not ended.",
            "queue",
        )
        .default("skip"),
        field("catch_up", Shape::Count(0, 100), "How many missed moments are made up for, the latest of them.", "0")
            .default("1"),
    ],
};

/// `on.push`.
pub(super) static PUSH: Object = Object {
    name: "push",
    doc: "Which pushes start a spore.",
    foreign: &[("branch", "branches"), ("path", "paths"), ("files", "paths")],
    fields: &[
        field("branches", Shape::Texts, "Branch patterns; without any, every branch.", "[main]"),
        field("paths", Shape::Texts, "Path patterns; without any, every path.", "[\"data/**\"]"),
    ],
};

/// One of `params`.
pub(super) static PARAM: Object = Object {
    name: "param",
    doc: "A value that a run is given.",
    foreign: &[("choices", "enum"), ("options", "enum"), ("values", "enum"), ("value", "default")],
    fields: &[
        field(
            "type",
            Shape::Word(&["string", "integer", "number", "boolean"]),
            "Its type; without one, that of the default.",
            "string",
        ),
        field("default", Shape::Scalar, "The value when none is given.", "us-central1"),
        field("enum", Shape::Scalars, "The only values allowed.", "[us-central1, europe-west1]"),
        field("required", Shape::Flag, "Whether a run must give it; true for one without a default.", "false"),
        field("description", Shape::Text, "What it is for.", "Where the report runs."),
    ],
};

/// `concurrency`.
pub(super) static CONCURRENCY: Object = Object {
    name: "concurrency",
    doc: "Runs of one group never overlap.",
    foreign: &[("cancel-in-progress", "policy: replace"), ("name", "group"), ("overlap_policy", "policy")],
    fields: &[
        field("group", Shape::Template, "The name of the group.", "\"report-{{ params.region }}\"").required(),
        field("policy", Shape::Word(&["queue", "skip", "replace"]), "What a second run does.", "skip").default("queue"),
    ],
};

/// `retry`.
pub(super) static RETRY: Object = Object {
    name: "retry",
    doc: "When a failed attempt is followed by another.",
    foreign: foreign::RETRY,
    fields: &[
        field("limit", Shape::Count(0, 99), "Attempts after the first.", "3").required(),
        field("backoff", Shape::Duration, "The wait before the second attempt.", "2s").default("1s"),
        field("factor", Shape::Number(1), "How much longer each further wait is.", "2").default("2"),
        field("max", Shape::Duration, "The longest wait.", "1m").default("1m"),
        field("on_exit", Shape::ExitCodes, "Exit codes worth another attempt; without any, every failure.", "[75]"),
    ],
};

/// A secret, as the value of an environment variable.
pub(super) static SECRET: Object = Object {
    name: "secret",
    doc: "A secret: looked up when an attempt starts, and masked wherever it would appear.",
    foreign: &[("name", "secret"), ("path", "file"), ("env", "secret")],
    fields: &[
        field("secret", Shape::Text, "The environment variable that holds it.", "DEPLOY_TOKEN").required(),
        field("file", Shape::Text, "A file that holds it instead.", "/run/secrets/token"),
    ],
};

const RETRY_FIELD: Field =
    field("retry", Shape::Short(&RETRY, &Shape::Count(0, 99)), "When to try again; a number is the limit.", "3")
        .default("0");
const EXECUTOR: Field = field("executor", Shape::Text, "Where it runs.", "cloud-run").default("terminal");
const TIMEOUT: Field = field("timeout", Shape::Duration, "The longest time for one attempt.", "5m");
const CONTINUE: Field =
    field("continue_on_failure", Shape::Flag, "Whether dependents run although it failed.", "true").default("false");
const WORKDIR: Field =
    field("workdir", Shape::Text, "The folder it runs in, relative to the root.", "services/api").default(".");
const ENV: Field =
    field("env", Shape::Env, "Environment variables; values may be templates.", "{ROWS: \"{{ params.rows }}\"}");
const WITH: Field = field("with", Shape::Free, "Settings of the executor; texts may be templates.", "{memory: 512Mi}");

/// `defaults`.
pub(super) static DEFAULTS: Object = Object {
    name: "defaults",
    doc: "Settings of every task that does not have its own.",
    foreign: foreign::TASK,
    fields: &[EXECUTOR, TIMEOUT, RETRY_FIELD, CONTINUE, WORKDIR, ENV, WITH],
};

/// One of `tasks` or `finally`.
pub(super) static TASK: Object = Object {
    name: "task",
    doc: "A named unit of work. A text in its place is its script, a list a program and its arguments.",
    foreign: foreign::TASK,
    fields: &[
        field(
            "run",
            Shape::Run,
            "What it runs: a script, taken literally, or a list of a program and its arguments.",
            "make test",
        ),
        field("needs", Shape::Needs, "The tasks that must have ended well before.", "[build]"),
        field("when", Shape::Template, "A condition; when it is false the task is skipped.", "\"{{ params.deploy }}\""),
        ENV,
        EXECUTOR,
        WITH,
        TIMEOUT,
        RETRY_FIELD,
        field("title", Shape::Text, "What people call it.", "Run the tests"),
        field("description", Shape::Text, "What it is for; to an agent, what to do.", "Runs the unit tests."),
        field("language", Shape::Word(LANGUAGES), "The language of the script.", "python").default("sh"),
        CONTINUE,
        WORKDIR,
        field("matrix", Shape::Axes, "Repeats it for every combination of values.", "{shard: [1, 2, 3]}"),
        field("max_parallel", Shape::Count(1, u32::MAX), "How many of its repetitions may run at a time.", "2"),
        field("idempotent", Shape::Flag, "Whether running it twice is the same as running it once.", "true")
            .default("false"),
        field("optional", Shape::Flag, "Whether a run may leave it out.", "true").default("false"),
        field("artifacts", Shape::Texts, "Patterns of the files it makes.", "[\"out/*.csv\"]"),
        field("agent", Shape::Text, "The agent that does it.", "reviewer"),
        field("instance", Shape::Text, "A long-lived instance it shares with others.", "builder"),
    ],
};
