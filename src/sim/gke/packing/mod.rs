//! Packing: which pod goes onto which machine, and which machines are to be had. Pure: values in, decisions out.

mod amounts;
mod pool;
mod purchase;
mod shapes;
mod taste;
#[cfg(test)]
mod tests;

pub use amounts::Amounts;
pub use pool::{MachineId, Pool, Wish};
pub use purchase::{Bought, buy};
pub use shapes::{Family, Shape};
pub use taste::{Group, Taint, Taste, Toleration};
