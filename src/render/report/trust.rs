//! What a spore would do if it were allowed to, and what is allowed, as JSON.

use schemars::JsonSchema;
use serde::Serialize;

use super::CommandReport;
use crate::model::{Digest, TaskId, Timestamp};

/// What became of a spore's approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TrustState {
    /// It is approved as it is.
    Approved,
    /// It, or a file that its commands name, was approved as something else.
    Changed,
    /// It was never approved.
    New,
    /// It cannot be approved.
    Refused,
}

/// A command, to the letter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TrustedCommand {
    /// The spore's identity.
    pub spore: String,
    /// The task.
    pub task: TaskId,
    /// Where it runs.
    pub executor: String,
    /// Who reads the script; `null` for a program with its arguments.
    pub language: Option<String>,
    /// The command, without anything evaluated.
    pub command: CommandReport,
}

/// A secret that a spore asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, JsonSchema)]
pub struct SecretReport {
    /// The variable of the engine that holds it.
    pub name: String,
    /// The variable that commands get it in.
    pub variable: String,
    /// The file that holds it instead.
    pub file: Option<String>,
}

/// A file that the commands name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ScriptReport {
    /// Its path: relative to the root, or in full where it leads out of it.
    pub path: String,
    /// What is there, in words.
    pub what: String,
    /// Its content.
    pub digest: Option<Digest>,
    /// Its text, where it has one that is not too long.
    pub text: Option<String>,
}

/// A text that is another one than when it was approved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ChangeReport {
    /// The file.
    pub path: String,
    /// The lines that came (`+`) and went (`-`), with some around them.
    pub difference: String,
}

/// What `spore trust FILE` prints of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TrustReport {
    /// The file.
    pub path: String,
    /// What an approval is of: the spore and the files that its commands name.
    pub digest: Digest,
    /// Whether it is approved.
    pub state: TrustState,
    /// When it was approved: as it is, or as it was before.
    pub approved: Option<Timestamp>,
    /// Why it cannot be approved.
    pub refused: Option<String>,
    /// Where its commands run.
    pub executors: Vec<String>,
    /// The images that they run in.
    pub images: Vec<String>,
    /// The agents that it names.
    pub agents: Vec<String>,
    /// The secrets that it asks for.
    pub secrets: Vec<SecretReport>,
    /// Its commands.
    pub commands: Vec<TrustedCommand>,
    /// The files that they name, which the approval is bound to.
    pub scripts: Vec<ScriptReport>,
    /// Files that it says it makes itself: not bound.
    pub made: Vec<String>,
    /// What it runs that only running it can tell: not bound.
    pub unclear: Vec<String>,
    /// What has changed since it was approved.
    pub changes: Vec<ChangeReport>,
    /// Whether an approval counts in its folder: not where everything may run, or a signature decides.
    pub counts: bool,
    /// Whether it would run by itself as it is.
    pub runs: bool,
    /// Why not.
    pub because: Option<String>,
    /// What to do about that.
    pub hint: Option<String>,
    /// What to know besides.
    pub warnings: Vec<String>,
}

/// One approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ApprovalReport {
    /// Where the spore stood.
    pub path: String,
    /// What was approved.
    pub digest: Digest,
    /// When.
    pub approved: Timestamp,
}

/// What `spore trust --list`, `--mode` and `--revoke` print.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TrustListReport {
    /// The folder.
    pub folder: String,
    /// What was decided: `open`, `signed` or `approve`; `null` when nobody has, which is as `approve`.
    pub mode: Option<String>,
    /// When.
    pub decided: Option<Timestamp>,
    /// What a spore needs to run, by the decision and by what the folder asks on top: `signed`, `approve`.
    pub asks: Vec<String>,
    /// The file that the allowed signers were read from.
    pub signers: Option<String>,
    /// Fingerprints of the gpg keys that may sign.
    pub gpg: Vec<String>,
    /// What is approved, newest first.
    pub approvals: Vec<ApprovalReport>,
    /// What was just taken back.
    pub revoked: Vec<Digest>,
    /// What to know besides.
    pub warnings: Vec<String>,
}
