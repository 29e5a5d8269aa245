//! What is asked right before an attempt starts.

/// Says whether what was allowed to run is still what would run.
pub trait Guard: Send + Sync + std::fmt::Debug {
    /// Whether an attempt may start now.
    ///
    /// # Errors
    /// Why it may not, and what to type, in one sentence.
    fn still_holds(&self) -> Result<(), String>;
}
