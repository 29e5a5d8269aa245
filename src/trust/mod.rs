//! Trust: what the owner of the machine has decided, outside of every folder that is watched, and what it is bound to.

mod approvals;
mod bind;
mod decisions;
mod error;
mod find;
mod place;
mod settings;

pub use approvals::{Approval, Approvals, Script};
pub use bind::{Bound, Held, Named, REFERENCES_MAX, Reference, State, bind};
pub use error::Error;
pub use find::Text;
pub use place::owned_by_me;
pub use settings::{Decision, Mode, Settings};
