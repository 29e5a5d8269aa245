//! One attempt, from its beginning to its end, whatever the cluster does meanwhile.

mod begin;
mod bring;
mod finish;
mod see;
mod stop;

pub(super) use begin::Begun;
pub(super) use bring::bring;
pub(super) use finish::masked;
pub(super) use see::{Attendance, OBJECT_PATIENCE};
