//! From an order to a process.

use std::path::PathBuf;
use std::sync::Arc;

use super::prepare::{Start, prepare, prepare_shell, refused};
use crate::executor::terminal::environment::Base;
use crate::executor::terminal::wire::Order;
use crate::model::{Attempt, LOGS_FOLDER, OUTPUTS_FOLDER, Outcome, RunId};
use crate::os::file;
use crate::os::process::{Launched, Refusal};

/// Where the run is that is supervised.
#[derive(Debug)]
pub(super) struct Ground {
    pub(super) run: RunId,
    pub(super) root: Arc<PathBuf>,
    pub(super) run_dir: Arc<PathBuf>,
    /// What every command's environment begins with: that of the engine which began the run.
    pub(super) base: Base,
}

impl Ground {
    /// Makes the folders for logs and outputs.
    pub(super) fn make_folders(&self) -> std::io::Result<()> {
        file::create_dir_all(&self.run_dir.join(LOGS_FOLDER))?;
        file::create_dir_all(&self.run_dir.join(OUTPUTS_FOLDER))
    }

    /// Starts the process of an order. What is wrong with the order stays wrong; a machine that could not start it may do
    /// so later.
    pub(super) fn start(&self, order: Order) -> Result<Launched, Outcome> {
        let attempt = self.attempt(order);
        let start = prepare(&attempt, &self.base).map_err(for_good)?;
        match self.launch(&attempt, &start) {
            Err(_) if start.spares_shell => {
                self.launch(&attempt, &prepare_shell(&attempt, &self.base).map_err(for_good)?)
            }
            launched => launched,
        }
    }

    fn launch(&self, attempt: &Attempt, start: &Start) -> Result<Launched, Outcome> {
        if let Some((path, text)) = &start.script {
            let folder = path.parent().unwrap_or(path);
            file::create_dir_all(folder)
                .and_then(|()| file::write_script(path, text.as_bytes()))
                .map_err(|error| for_now(format!("the script cannot be written to `{}`: {error}", path.display())))?;
        }
        start.launch(attempt, &self.base).start().map_err(|error| {
            let refusal = Refusal::of(&error);
            let reason = refused(refusal, start, attempt, &error);
            if refusal == Refusal::Shortage { for_now(reason) } else { for_good(reason) }
        })
    }

    fn attempt(&self, order: Order) -> Attempt {
        let workdir = if order.workdir.is_empty() { self.root.to_path_buf() } else { self.root.join(&order.workdir) };
        Attempt {
            id: order.id(self.run),
            command: order.command,
            env: order.env,
            secrets: Arc::default(),
            root: Arc::clone(&self.root),
            workdir,
            run_dir: Arc::clone(&self.run_dir),
            timeout: order.timeout,
            grace: order.grace,
            artifacts: Arc::default(),
            with: Arc::default(),
            jobs: order.jobs,
            instance: None,
            recalled: None,
        }
    }
}

fn for_good(reason: String) -> Outcome {
    Outcome::NotStarted { reason, permanent: true }
}

fn for_now(reason: String) -> Outcome {
    Outcome::NotStarted { reason, permanent: false }
}
