//! One attempt, from its beginning to its end, whatever the cluster does meanwhile.

mod begin;
mod bring;
mod finish;
mod see;
mod stop;

pub(super) use see::attend;
