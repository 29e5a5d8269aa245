//! Randomness, from the kernel. Only names and jitter need it.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

/// 128 random bits.
#[must_use]
pub fn bits() -> u128 {
    let mut bytes = [0_u8; 16];
    let mut filled = 0;
    while filled < bytes.len() {
        match rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty()) {
            Ok(count) => filled += count,
            Err(rustix::io::Errno::INTR) => {}
            // A sandbox may forbid the call. The keys of the standard library's hash maps are random, too.
            Err(_) => return u128::from(std_bits()) << 64 | u128::from(std_bits()),
        }
    }
    u128::from_ne_bytes(bytes)
}

fn std_bits() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// A random number from 0 to 1.
#[must_use]
pub fn fraction() -> f64 {
    let bits = u32::try_from(bits() & u128::from(u32::MAX)).unwrap_or(0);
    f64::from(bits) / f64::from(u32::MAX)
}
