//! One container: started, heard, ended, started again.

use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;

use super::super::controllers::Fact;
use super::super::{Cluster, Kind, faults, home};
use super::attending::{begin, end, given, hear, spoken};
use super::image::Image;
use super::leftovers::MARK;
use super::logs::{Log, Stream};
use super::pod::Stop;
use super::shared::Pod;
use super::status::{Ended, State};
use super::volumes;
use super::{Place, environment, whole};
use crate::os::process::{Attended, End, Pipes, Variables};
use crate::os::{file, random};

/// Bytes of a container's last words that are kept.
const MESSAGE_BYTES_MAX: usize = 4096;
/// Lines and bytes of a log that stand for the last words of a container that has failed without any.
const FALLBACK: (usize, usize) = (80, 2048);
/// For how long what is still in the pipes of an ended container is waited for, before and after all that could hold
/// them was ended.
const AFTERWARDS: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(1)];
/// How long a container must run for its crashes to be forgotten.
const FORGIVEN: Duration = Duration::from_mins(10);

/// A container of a pod that is alive.
pub(super) struct Attendance<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) pod: &'a Pod,
    pub(super) slot: usize,
    pub(super) volumes: &'a std::collections::HashMap<String, std::path::PathBuf>,
    pub(super) stop: watch::Receiver<Stop>,
    /// `Always`, `OnFailure` or `Never`.
    pub(super) policy: &'a str,
}

impl Attendance<'_> {
    /// Carries it through, with all its starts. Returns its last exit code; none when it never ran.
    pub(super) async fn run(mut self) -> Option<i32> {
        let mut crashes = 0;
        loop {
            let container = self.container();
            if !self.pull(&container).await {
                return None;
            }
            let place = self.settle(&container).await?;
            let begun = self.cluster.clock.monotonic();
            let ended = self.once(&container, place).await;
            let code = ended.code;
            self.pod.set(self.slot, |slot| {
                slot.state = State::Terminated(ended.clone());
                slot.place = None;
            });
            let again = match self.policy {
                "Always" => true,
                "OnFailure" => code != 0,
                _ => false,
            };
            if !again || self.is_stopped() {
                return Some(code);
            }
            if self.cluster.clock.monotonic().saturating_sub(begun) > FORGIVEN {
                crashes = 0;
            }
            let waited = self.back_off(ended, crashes).await;
            crashes += 1;
            if !waited {
                return Some(code);
            }
        }
    }

    fn container(&self) -> Arc<Value> {
        self.pod.slots().get(self.slot).map(|slot| Arc::clone(&slot.container)).unwrap_or_default()
    }

    fn is_stopped(&self) -> bool {
        *self.stop.borrow() != Stop::No
    }

    fn wait_for(&self, reason: &'static str, message: impl Into<String>) {
        let message = message.into();
        self.pod.set(self.slot, |slot| slot.state = State::Waiting { reason, message });
    }

    fn tell(&self, is_warning: bool, reason: &'static str, message: &str) {
        self.tell_of(&self.container(), is_warning, reason, message);
    }

    fn tell_of(&self, container: &Value, is_warning: bool, reason: &'static str, message: &str) {
        let slots = if self.pod.slots().get(self.slot).is_some_and(|slot| slot.is_init) {
            "initContainers"
        } else {
            "containers"
        };
        let field = format!("spec.{slots}{{{}}}", container["name"].as_str().unwrap_or_default());
        let host = self.pod.wants.host.as_str();
        self.cluster.events.tell(
            &self.cluster.store,
            &Fact {
                kind: Kind::Pod,
                namespace: &self.pod.namespace,
                name: &self.pod.name,
                uid: &self.pod.uid,
                field: &field,
                is_warning,
                reason,
                message,
                component: "kubelet",
                host,
            },
        );
    }

    /// Waits for so long; false when the pod is to stop.
    async fn pause(&mut self, duration: Duration) -> bool {
        let stop = &mut self.stop;
        tokio::select! {
            () = tokio::time::sleep(duration) => true,
            _ = stop.wait_for(|stop| *stop != Stop::No) => false,
        }
    }

    /// Waits before the next start; false when the pod is to stop.
    async fn back_off(&mut self, ended: Ended, crashes: u32) -> bool {
        let settings = &self.cluster.kubelet.settings;
        // The first crash costs nothing.
        let delay = crashes.checked_sub(1).map_or(Duration::ZERO, |doublings| {
            settings.back_off.saturating_mul(2_u32.saturating_pow(doublings)).min(settings.back_off_max)
        });
        if delay.is_zero() {
            self.pod.set(self.slot, |slot| slot.last = Some(ended));
        } else {
            let Pod { namespace, name, uid, .. } = self.pod;
            let container = self.container();
            let container = container["name"].as_str().unwrap_or_default();
            let message = format!(
                "back-off {} restarting failed container={container} pod={name}_{namespace}({uid})",
                spoken(delay)
            );
            self.tell(
                true,
                "BackOff",
                &format!("Back-off restarting failed container {container} in pod {name}_{namespace}({uid})"),
            );
            self.pod.set(self.slot, |slot| {
                slot.last = Some(ended.clone());
                slot.state = State::Waiting { reason: "CrashLoopBackOff", message };
            });
            if !self.pause(delay).await {
                self.pod.set(self.slot, |slot| slot.state = State::Terminated(ended));
                return false;
            }
        }
        self.pod.set(self.slot, |slot| slot.restarts += 1);
        true
    }

    /// Waits until the image is there; false when the pod is to stop.
    async fn pull(&mut self, container: &Value) -> bool {
        let image = container["image"].as_str().unwrap_or_default();
        let mut delay = self.cluster.kubelet.settings.back_off;
        loop {
            let known = Image::of(image);
            match faults::image_error(self.cluster, image, known == Image::Missing) {
                None if known != Image::Invalid => break,
                None => {
                    let message = format!(
                        "Failed to apply default image tag \"{image}\": couldn't parse image name \"{image}\": invalid reference format"
                    );
                    self.tell(true, "InspectFailed", &message);
                    self.wait_for("InvalidImageName", message);
                    let _ = self.stop.wait_for(|stop| *stop != Stop::No).await;
                    return false;
                }
                Some(message) => {
                    self.tell(true, "Failed", &format!("Failed to pull image \"{image}\": {message}"));
                    self.wait_for("ErrImagePull", message);
                    if !self.pause(delay / 4).await {
                        return false;
                    }
                    let message = format!("Back-off pulling image \"{image}\"");
                    self.tell(false, "BackOff", &message);
                    self.wait_for("ImagePullBackOff", message);
                    if !self.pause(delay).await {
                        return false;
                    }
                    delay = (delay * 2).min(self.cluster.kubelet.settings.back_off_max);
                }
            }
        }
        let message = format!("Container image \"{image}\" already present on machine");
        self.tell(false, "Pulled", &message);
        match faults::start_delay(self.cluster, &self.pod.name) {
            Some(delay) => self.pause(delay).await,
            None => !self.is_stopped(),
        }
    }

    /// Where the container is to stand, once all that it asks for is there; `None` when the pod is to stop before.
    async fn settle(&mut self, container: &Value) -> Option<Arc<Place>> {
        loop {
            let from = self.cluster.store.version();
            match self.place(container) {
                Ok(place) => return (!self.is_stopped()).then(|| Arc::new(place)),
                Err(message) => {
                    self.tell(true, "Failed", &format!("Error: {message}"));
                    self.wait_for("CreateContainerConfigError", message);
                }
            }
            if !given(self.cluster, from, &mut self.stop).await {
                return None;
            }
        }
    }

    fn place(&self, container: &Value) -> Result<Place, String> {
        // The downward API tells what only the status knows.
        let mut pod = self.pod.value();
        pod["status"]["podIP"] = self.pod.address.clone().into();
        pod["status"]["hostIP"] = "10.128.0.2".into();
        let asked = environment::variables(self.cluster, &pod, container)?;
        let paths = volumes::paths(container, &asked, self.volumes, &self.termination(container))?;
        let root = match Image::of(container["image"].as_str().unwrap_or_default()) {
            Image::Root(root) => Some(root),
            _ => None,
        };
        let translate = |text: &str| if root.is_some() { text.to_owned() } else { paths.translate(text) };
        let text = |error: io::Error| error.to_string();
        let home = self.pod.folder.join("home");
        file::create_private_dir_all(&home).map_err(text)?;
        let folder = match container["workingDir"].as_str().filter(|folder| !folder.is_empty()) {
            Some(folder) => translate(folder).into(),
            None if root.is_some() => "/".into(),
            // The root of this machine is no place to write into.
            None => home.clone(),
        };
        if root.is_none() && folder.starts_with(&self.cluster.folder) {
            file::create_private_dir_all(&folder).map_err(text)?;
        }
        let own_path = std::env::var("PATH").unwrap_or_default();
        let host = pod["spec"]["hostname"].as_str().unwrap_or(&self.pod.name);
        let home = if root.is_some() { Path::new("/root") } else { &home };
        let mut variables = Variables::default();
        let mut set = |name: &str, value: &str| variables.set(name.as_ref(), value.as_ref());
        set("PATH", &own_path);
        set("HOME", &home.to_string_lossy());
        set("HOSTNAME", host);
        if let Some(server) = self.cluster.kubelet.server.get() {
            set("KUBERNETES_SERVICE_HOST", &server.ip().to_string());
            set("KUBERNETES_SERVICE_PORT", &server.port().to_string());
        }
        let mut path = own_path.clone();
        for (name, value) in &asked {
            let value = translate(value);
            if !set(name, &value) {
                return Err(format!("the value of {name} holds a NUL character"));
            }
            if name == "PATH" {
                path = value;
            }
        }
        Ok(Place { variables, path, paths, folder, root })
    }

    fn termination(&self, container: &Value) -> std::path::PathBuf {
        self.pod.folder.join(format!("{}.termination", container["name"].as_str().unwrap_or_default()))
    }

    /// Starts it and hears it to its end.
    async fn once(&mut self, container: &Value, mut place: Arc<Place>) -> Ended {
        let id = format!("{:032x}{:032x}", random::bits(), random::bits());
        let full_id = format!("containerd://{id}");
        let variables = &mut Arc::make_mut(&mut place).variables;
        variables.set(MARK.as_ref(), id.as_ref());
        variables.set(home::MARK.as_ref(), self.cluster.folder.as_os_str());
        let started = self.cluster.store.now();
        let failed = |message: String, reason: &'static str, code: i32| Ended {
            code,
            reason,
            message,
            started: "1970-01-01T00:00:00Z".into(),
            finished: self.cluster.store.now(),
            id: full_id.clone(),
        };
        let log = match self.open(container) {
            Ok(log) => log,
            Err(error) => return failed(error.to_string(), "ContainerCannotRun", 128),
        };
        self.pod.set(self.slot, |slot| {
            slot.previous_log = slot.log.replace(Arc::clone(&log));
            slot.id.clone_from(&full_id);
        });
        let (attended, pipes) = match begin(container, &place) {
            Ok(begun) => begun,
            Err(because) => {
                log.close();
                let message = format!(
                    "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: {because}"
                );
                self.tell_of(container, true, "Failed", &format!("Error: {message}"));
                return failed(message, "StartError", 128);
            }
        };
        self.tell_of(
            container,
            false,
            "Created",
            &format!("Created container: {}", container["name"].as_str().unwrap_or_default()),
        );
        self.tell_of(
            container,
            false,
            "Started",
            &format!("Started container {}", container["name"].as_str().unwrap_or_default()),
        );
        self.pod.set(self.slot, |slot| {
            slot.state = State::Running(started.clone());
            slot.place = Some(Arc::clone(&place));
        });
        let (code, is_out_of_memory) = self.attend(container, attended, pipes, &log, &id).await;
        log.close();
        let reason = match code {
            0 => "Completed",
            _ if is_out_of_memory => "OOMKilled",
            _ => "Error",
        };
        let message = self.last_words(container, code, &log);
        Ended { code, reason, message, started, finished: self.cluster.store.now(), id: full_id }
    }

    /// Makes the files that a start needs.
    fn open(&self, container: &Value) -> io::Result<Arc<Log>> {
        let restarts = self.pod.slots().get(self.slot).map_or(0, |slot| slot.restarts);
        let termination = self.termination(container);
        // The start before may have put something else there.
        let removed = match termination.symlink_metadata() {
            Ok(metadata) if metadata.is_dir() => file::remove_tree(&termination),
            Ok(_) => file::remove(&termination),
            Err(_) => Ok(()),
        };
        removed.and_then(|()| file::write_as(&termination, b"", 0o600))?;
        let stem = self.pod.folder.join(format!("{}.{restarts}.log", container["name"].as_str().unwrap_or_default()));
        Ok(Arc::new(Log::new(&stem, self.cluster.kubelet.settings.logs)?))
    }

    /// Hears it until it has ended, and ends it when the pod is to stop. Returns its exit code, and whether it took too
    /// much memory.
    async fn attend(
        &mut self,
        container: &Value,
        mut attended: Attended,
        pipes: Pipes,
        log: &Log,
        id: &str,
    ) -> (i32, bool) {
        let limit = whole(&container["resources"]["limits"]["memory"]);
        let memory = limit.map(|bytes| self.cluster.kubelet.memory.watch(attended.group(), bytes));
        let hearing = async {
            tokio::join!(
                hear(self.cluster, pipes.out, Stream::Out, log),
                hear(self.cluster, pipes.err, Stream::Err, log)
            )
        };
        tokio::pin!(hearing);
        let mut is_heard = false;
        let mut stop = self.stop.clone();
        let ending = end(self.cluster, &mut attended, &mut stop, id);
        tokio::pin!(ending);
        let end = loop {
            tokio::select! {
                end = &mut ending => break end,
                _ = &mut hearing, if !is_heard => is_heard = true,
            }
        };
        if !is_heard && tokio::time::timeout(AFTERWARDS[0], &mut hearing).await.is_err() {
            // Somebody who has left the group holds a pipe.
            self.cluster.kubelet.leftovers.end(id).await;
            let _ = tokio::time::timeout(AFTERWARDS[1], &mut hearing).await;
        }
        if *self.stop.borrow() == Stop::No {
            self.cluster.kubelet.leftovers.end_later(id);
        } else {
            self.cluster.kubelet.leftovers.end(id).await;
        }
        let code = match end {
            Ok(End::Code(code)) => code,
            Ok(End::Signal(number)) => 128 + number,
            Ok(End::TimedOut) | Err(_) => 255,
        };
        (code, memory.is_some_and(|memory| memory.was_over()))
    }

    fn last_words(&self, container: &Value, code: i32, log: &Arc<Log>) -> String {
        let mut words = written(&self.termination(container)).unwrap_or_default();
        let falls_back = container["terminationMessagePolicy"] == "FallbackToLogsOnError";
        if words.is_empty() && code != 0 && falls_back {
            words = log.tail(FALLBACK.0, FALLBACK.1);
        }
        String::from_utf8_lossy(&words).into_owned()
    }
}

/// The end of what a container wrote as its last words. It may have put anything there: a link is not followed, a pipe is not
/// waited for, and of a long file only the end is read.
fn written(place: &Path) -> io::Result<Vec<u8>> {
    let mut file = file::open_unlinked(place)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Ok(Vec::new());
    }
    let most = MESSAGE_BYTES_MAX as u64;
    file.seek(SeekFrom::Start(metadata.len().saturating_sub(most)))?;
    let mut words = Vec::new();
    file.take(most).read_to_end(&mut words)?;
    Ok(words)
}
