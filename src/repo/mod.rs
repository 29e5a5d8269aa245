//! The folder and its git repository: finding and reading spores, writing results as new files, committing only those.

mod error;
mod files;
mod git;
mod init;
mod project;
mod result;
mod root;
mod source;

pub use error::Error;
pub use files::{Found, find_spores};
pub use git::{Author, Commit, IndexState, Message, commit_new};
pub use init::{InitReport, init};
pub use project::Project;
pub use result::write_result;
pub use root::Root;
pub use source::read_source;
