//! `spore sim`: serving simulated places.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use super::args::{Format, Gke, GkeCommand, SimCommand};
use super::exit::Exit;
use super::failure::Failure;
use super::screen::{self, Screen};
use crate::os::clock::SystemClock;
use crate::os::process::host;
use crate::os::{file, random};
use crate::render::report::{ServedReport, StandingReport};
use crate::render::{self, Style};
use crate::sim::gke::{Cluster, Home, Server, Settings, ask};

/// Serves, or asks one that is served.
pub(super) fn sim(what: SimCommand, screen: &Screen) -> Result<Exit, Failure> {
    let SimCommand::Gke(mut words) = what;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Runtime)?;
    let exit = match words.what.take() {
        Some(GkeCommand::Status { kubeconfig, output }) => {
            runtime.block_on(status(kubeconfig, output.format, screen.out))
        }
        None => runtime.block_on(serve(words, screen)),
    };
    runtime.shutdown_background();
    exit
}

/// Where the kubeconfig is when nobody says.
fn usual_place() -> Result<PathBuf, Failure> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")));
    state.map(|state| state.join("spore/sim-gke.kubeconfig")).ok_or_else(|| Failure::Usage {
        message: "there is no place for the kubeconfig: neither `XDG_STATE_HOME` nor `HOME` is set".to_owned(),
        hint: "say one with `--kubeconfig FILE`".to_owned(),
    })
}

/// The kubeconfig of the cluster within which this runs, if it does.
fn place_of_command() -> Option<PathBuf> {
    let place = PathBuf::from(std::env::var_os("KUBECONFIG")?);
    std::fs::read_to_string(&place).is_ok_and(|text| Server::wrote(&text)).then_some(place)
}

async fn serve(words: Gke, screen: &Screen) -> Result<Exit, Failure> {
    // A command has a kubeconfig of its own, so that several can run at a time.
    let is_own = words.kubeconfig.is_none() && !words.command.is_empty();
    let place = words.kubeconfig.map_or_else(usual_place, Ok)?;
    let place = std::path::absolute(&place).unwrap_or(place);
    let above = place.parent().unwrap_or(Path::new("/"));
    let home = Home::make(above);
    let home = home.map_err(|error| cannot(&format!("make a folder in `{}`", above.display()), &error))?;
    let folder = home.path().to_path_buf();
    let place = if is_own { folder.join("kubeconfig") } else { place };
    if let Err(failure) = free(&place).await {
        // It is empty; one that stays harms nobody.
        let _ = file::remove_tree(&folder);
        return Err(failure);
    }
    let settings = Settings { denied: words.deny, machinery: words.machines.into(), ..Settings::default() };
    let cluster = Cluster::like(Arc::new(SystemClock::new()), folder.clone(), settings);
    let server = Server::start(Arc::new(cluster), words.port).await;
    let server = match server {
        Ok(server) => server,
        Err(error) => {
            // It is empty; one that stays harms nobody.
            let _ = file::remove_tree(&folder);
            return Err(cannot(&format!("listen on port {}", words.port), &error));
        }
    };
    let exit = attend(&server, &place, &words.command, words.output.format, screen).await;
    let kubeconfig = server.kubeconfig();
    server.end().await;
    forget(&place, &folder, &kubeconfig);
    drop(home);
    exit
}

/// Says where the cluster is, and waits for the end.
async fn attend(
    server: &Server,
    place: &Path,
    command: &[std::ffi::OsString],
    format: Format,
    screen: &Screen,
) -> Result<Exit, Failure> {
    let mut ends = Vec::new();
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
        ends.push(signal(kind).map_err(Failure::Runtime)?);
    }
    let [interrupt, terminate, hangup] = ends.as_mut_slice() else { return Ok(Exit::Unexpected) };
    write_private(place, &server.kubeconfig())?;
    if command.is_empty() {
        let report = ServedReport {
            url: server.url().to_owned(),
            kubeconfig: place.display().to_string(),
            context: "spore-sim-gke".to_owned(),
        };
        screen::print(&match format {
            Format::Json => render::json(&report),
            Format::Text => render::served_text(&report, screen.out),
        })?;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
        return Ok(Exit::Success);
    }
    let variables = [("KUBECONFIG", place.as_os_str().to_owned())];
    // Ctrl-C reaches the command too, and it is the command's to end by it.
    let ended = host(command, &variables);
    tokio::pin!(ended);
    loop {
        tokio::select! {
            code = &mut ended => {
                let name = command.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                return code.map(Exit::As).map_err(|error| Failure::Usage {
                    message: format!("cannot start `{name}`: {error}"),
                    hint: "what stands behind `--` is a command with its arguments".to_owned(),
                });
            }
            _ = interrupt.recv() => {}
            _ = terminate.recv() => return Ok(Exit::Interrupted),
            _ = hangup.recv() => return Ok(Exit::Interrupted),
        }
    }
}

/// Refuses a place where something stands that is not ours to replace.
async fn free(place: &Path) -> Result<(), Failure> {
    let taken = |message: String| Failure::Usage {
        message,
        hint: "say another place with `--kubeconfig FILE`, where nothing is yet".to_owned(),
    };
    match place.symlink_metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Ok(metadata) if metadata.is_file() => {}
        _ => return Err(taken(format!("`{}` is no plain file, and is left as it is", place.display()))),
    }
    let text = std::fs::read_to_string(place).unwrap_or_else(|_| "not to be read".to_owned());
    if text.is_empty() {
        return Ok(());
    }
    if !Server::wrote(&text) {
        let message = format!("`{}` is not a simulated cluster's kubeconfig, and is left as it is", place.display());
        return Err(taken(message));
    }
    if ask(&text, "/status.json").await.is_ok() {
        return Err(taken(format!("a simulated cluster is served already, by `{}`", place.display())));
    }
    Ok(())
}

/// Writes a file that only its owner may read, in place of one that is there.
fn write_private(place: &Path, text: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    let mut name = place.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{:016x}", random::bits() >> 64));
    let temporary = place.with_file_name(name);
    let written = file::private(&temporary)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .and_then(|()| file::rename(&temporary, place));
    written
        .inspect_err(|_| drop(file::remove(&temporary)))
        .map_err(|error| cannot(&format!("write `{}`", place.display()), &error))
}

/// Removes what the cluster has left. A kubeconfig that is another one's by now stays.
fn forget(place: &Path, folder: &Path, kubeconfig: &str) {
    // What cannot be removed harms nobody: the address in it is dead.
    if std::fs::read_to_string(place).is_ok_and(|text| text == kubeconfig) {
        let _ = file::remove(place);
    }
    let _ = file::remove_tree(folder);
}

async fn status(kubeconfig: Option<PathBuf>, format: Format, style: Style) -> Result<Exit, Failure> {
    let place = kubeconfig.or_else(place_of_command).map_or_else(usual_place, Ok)?;
    let none = |error: &std::io::Error| Failure::Usage {
        message: format!("no simulated cluster is served at `{}`: {error}", place.display()),
        hint: "`spore sim gke` starts one; `--kubeconfig FILE` says where another one is".to_owned(),
    };
    let text = std::fs::read_to_string(&place).map_err(|error| none(&error))?;
    let answer = ask(&text, "/status.json").await.map_err(|error| none(&error))?;
    let report: StandingReport = serde_json::from_str(&answer).map_err(|error| none(&error.into()))?;
    screen::print(&match format {
        Format::Json => render::json(&report),
        Format::Text => render::standing_text(&report, style),
    })?;
    Ok(Exit::Success)
}

fn cannot(what: &str, error: &std::io::Error) -> Failure {
    Failure::Usage {
        message: format!("cannot {what}: {error}"),
        hint: "say another place with `--kubeconfig FILE`, or another port with `--port N`".to_owned(),
    }
}
