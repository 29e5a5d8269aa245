//! Randomness, from the kernel. Only names and jitter need it.

/// 128 random bits.
#[must_use]
pub fn bits() -> u128 {
    let mut bytes = [0_u8; 16];
    let mut filled = 0;
    while filled < bytes.len() {
        match rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty()) {
            Ok(count) => filled += count,
            Err(rustix::io::Errno::INTR) => {}
            // A kernel without getrandom(2) is older than any Spore runs on; an id from address bits is still unique.
            Err(_) => return std::ptr::from_ref(&bytes) as usize as u128,
        }
    }
    u128::from_ne_bytes(bytes)
}

/// A random number from 0 to 1.
#[must_use]
pub fn fraction() -> f64 {
    let bits = u32::try_from(bits() & u128::from(u32::MAX)).unwrap_or(0);
    f64::from(bits) / f64::from(u32::MAX)
}
