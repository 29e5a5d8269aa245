//! What `spore sim gke` says to people.

use std::fmt::Write as _;

use super::report::{ServedReport, StandingReport};
use super::style::{Style, clean};

/// Where the cluster is, and how to reach it.
#[must_use]
pub fn served_text(report: &ServedReport, _: Style) -> String {
    let file = clean(&report.kubeconfig);
    format!(
        "A simulated GKE cluster is ready. Its containers are processes of this machine.\n\n  export KUBECONFIG={}\n\n\
         kubectl, and spores with `executor: gke`, find it there. Ctrl-C ends it, with all that runs in it.\n",
        quoted(&file)
    )
}

/// As a shell reads it.
fn quoted(text: &str) -> String {
    if text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+@".contains(c)) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// How it stands.
#[must_use]
pub fn standing_text(report: &StandingReport, _: Style) -> String {
    let mut text = String::new();
    let phases: Vec<String> =
        report.pods.iter().map(|(phase, count)| format!("{count} {}", phase.to_lowercase())).collect();
    let pods: usize = report.pods.values().sum();
    let more = if phases.is_empty() { String::new() } else { format!(" ({})", phases.join(", ")) };
    let _ = writeln!(text, "nodes  {}\npods   {pods}{more}\njobs   {}", report.nodes, report.jobs);
    let (requested, there) = (report.cpu_milli_requested, report.cpu_milli_allocatable);
    let share = (requested * 100).checked_div(there).unwrap_or(0);
    let _ = writeln!(text, "cpu    {requested}m of {there}m requested ({share} %)");
    let _ = writeln!(text, "cost   {:.2} $/h, estimated", report.dollars_an_hour);
    if report.unscheduled > 0 {
        let _ = writeln!(text, "{} of the pods wait for a node: `kubectl describe pod` says why.", report.unscheduled);
    }
    text
}
