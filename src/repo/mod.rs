//! The folder and its git repository: finding and reading spores, writing results as new files, committing only those.

mod error;
mod files;
mod git;
mod group;
mod init;
mod mark;
mod project;
mod result;
mod rewrite;
mod root;
mod secret;
mod source;
mod trash;

pub use error::Error;
pub use files::{Found, count_folders, find_spores};
pub use git::{Author, Batch, Commit, Head, IndexState, Message, Outlook, Refused, Written};
pub use git::{Brought, Signers, Verified, bringing, verify_commit};
pub use git::{
    changed_between, commit_batch, commit_new, find_commit, git_outlook, head_of, read_blob_at, read_committed,
};
pub use group::{Entry, Group, Holder, Turn, enter_group, list_groups};
pub use init::{InitReport, init};
pub use mark::{mark_run, mark_runs, marked_runs, unmark_run};
pub use project::{GitSettings, Project, Pull, WatchSettings};
pub use result::{find_result, read_template, write_result};
pub use rewrite::{Rewrite, rewrite_source};
pub use root::Root;
pub use secret::{NoSecret, find_secret};
pub use source::read_source;
pub use trash::{discard_run, empty_trash, weigh_trash};
