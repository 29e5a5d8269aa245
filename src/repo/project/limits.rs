//! The section `[limits]`.

use serde::Deserialize;
use toml::Spanned;

use super::Text;
use crate::model::Limits;
use crate::repo::Error;

/// The section as it is written.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Authored {
    spore_bytes_max: Option<Spanned<u64>>,
    log_head_bytes_max: Option<Spanned<u64>>,
    log_tail_bytes_max: Option<Spanned<u64>>,
    output_bytes_max: Option<Spanned<u64>>,
    artifacts_max: Option<Spanned<u64>>,
    attempts_max: Option<Spanned<u64>>,
    template_fuel: Option<Spanned<u64>>,
    grace: Option<Spanned<String>>,
}

impl Authored {
    /// Sets what is written, each within what still makes sense on one machine.
    pub(super) fn apply(self, limits: &mut Limits, text: Text<'_>) -> Result<(), Error> {
        let within = |name: &str, written: Option<Spanned<u64>>, most: u64| text.number(name, written, 1, most);
        let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        if let Some(number) = within("spore_bytes_max", self.spore_bytes_max, 1 << 30)? {
            limits.spore_bytes_max = size(number);
        }
        if let Some(number) = within("log_head_bytes_max", self.log_head_bytes_max, 1 << 40)? {
            limits.log_head_bytes_max = number;
        }
        if let Some(number) = within("log_tail_bytes_max", self.log_tail_bytes_max, 1 << 30)? {
            limits.log_tail_bytes_max = number;
        }
        if let Some(number) = within("output_bytes_max", self.output_bytes_max, 1 << 30)? {
            limits.output_bytes_max = number;
        }
        if let Some(number) = within("artifacts_max", self.artifacts_max, 1_000_000)? {
            limits.artifacts_max = size(number);
        }
        if let Some(number) = within("attempts_max", self.attempts_max, 100_000)? {
            limits.attempts_max = u32::try_from(number).unwrap_or(u32::MAX);
        }
        if let Some(number) = within("template_fuel", self.template_fuel, 1_000_000_000)? {
            limits.template_fuel = number;
        }
        if let Some(grace) = self.grace {
            limits.grace = text.duration("grace", grace.get_ref(), grace.span().start)?;
        }
        Ok(())
    }
}
