//! What is gathered of an attempt once its supervisor has told its end: the values it hands on and the files it made.

use super::artifacts::{self, Artifacts};
use crate::executor::{Mask, traces};
use crate::model::{Attempt, AttemptEnd, Limits, Outcome};
use crate::os::file;

/// Adds what the command handed on, masked.
pub(super) fn outputs(attempt: &Attempt, mask: &Mask, limits: &Limits, mut end: AttemptEnd) -> AttemptEnd {
    end.remarks.extend(crate::executor::mask::uncovered(&attempt.secrets));
    if end.began.is_none() {
        return end;
    }
    let path = attempt.id.output_path(&attempt.run_dir);
    if traces::hand_on(&mut end, mask, traces::read(&path, limits.output_bytes_max)) {
        // The command wrote it there in the clear; what is not secret of it is in the journal soon.
        let _ = file::remove(&path);
    }
    end
}

/// Adds the files that the attempt declared. Reads all of them, so it takes its time.
pub(super) fn artifacts(attempt: &Attempt, mask: &Mask, limits: &Limits, mut end: AttemptEnd) -> AttemptEnd {
    if matches!(end.outcome, Outcome::Succeeded | Outcome::Failed { .. }) {
        let Artifacts { recorded, remarks } =
            artifacts::record(&attempt.workdir, &attempt.root, &attempt.artifacts, limits.artifacts_max);
        end.artifacts = recorded;
        for artifact in &mut end.artifacts {
            artifact.path = mask.text(&artifact.path).into_owned();
        }
        end.remarks.extend(remarks.iter().map(|remark| mask.text(remark).into_owned()));
    }
    end
}
