//! The folder and its git repository: finding and reading spores, writing results as new files, committing only those.

mod error;
mod files;
mod git;
mod group;
mod inbox;
mod init;
mod mark;
mod project;
mod recent;
mod result;
mod rewrite;
mod root;
mod secret;
mod source;
mod survey;
mod trash;
mod wanted;
mod watched;

pub use error::Error;
pub use files::{Found, count_folders, find_spores};
pub use git::{Author, Batch, Commit, Head, IndexState, Message, Outlook, Pulled, Pushed, Refused, Written};
pub use git::{Brought, Signers, Verified, bringing, verify_commit};
pub use git::{HookHome, calling_home, clone_local, hook_home, latest_move, remember_served};
pub use git::{
    Staged, commit_batch, commit_new, find_commit, git_outlook, head_of, moved_paths, paths_between, pull, push,
    read_blob_at, read_committed, staged_files,
};
pub use group::{Entry, Group, Holder, Turn, enter_group, list_groups};
pub use inbox::{Arrived, discard_letter, inbox, make_inbox, post_letter, read_letters};
pub use init::{InitReport, init};
pub use mark::{mark_run, mark_runs, marked_runs, unmark_run};
pub use project::{GitSettings, Project, Pull, WatchSettings};
pub use recent::{last_session, recent_pages, remember_session};
pub use result::{find_result, read_template, write_result};
pub use rewrite::{Rewrite, rewrite_source};
pub use root::Root;
pub use secret::{NoSecret, find_secret};
pub use source::read_source;
pub use survey::{Arrival, Changes, Gone, RootState, Survey};
pub use trash::{discard_run, empty_trash, weigh_trash};
pub use wanted::is_watched;
pub use watched::{Watch, is_under_watch, take_watch, watched_by};
