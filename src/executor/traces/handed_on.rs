//! From what a command wrote to what its attempt hands on: masked, or the attempt's failure.

use indexmap::IndexMap;
use serde_json::Value;

use crate::executor::Mask;
use crate::model::{AttemptEnd, Outcome};

/// Adds to `end` what the command handed on, masked; whether a secret was among it. What cannot be read fails an attempt
/// that would have succeeded.
pub(in crate::executor) fn hand_on(
    end: &mut AttemptEnd,
    mask: &Mask,
    written: Result<IndexMap<String, Value>, String>,
) -> bool {
    let remarks = end.remarks.len();
    let mut holds_secret = false;
    match written {
        Ok(outputs) => {
            for (name, value) in outputs {
                let masked = mask.value(value.clone());
                if masked != value {
                    end.remarks.push(format!("the output `{name}` holds a secret, which was masked"));
                }
                end.outputs.insert(mask.text(&name).into_owned(), masked);
            }
            holds_secret = end.remarks.len() > remarks;
        }
        // A command that failed anyway keeps its own way of failing.
        Err(reason) if end.outcome == Outcome::Succeeded => {
            let reason = Some(mask.text(&reason).into_owned());
            end.outcome = Outcome::Failed { exit_code: Some(0), signal: None, reason };
        }
        Err(reason) => end.remarks.push(reason),
    }
    for remark in &mut end.remarks {
        *remark = mask.text(remark).into_owned();
    }
    holds_secret
}
