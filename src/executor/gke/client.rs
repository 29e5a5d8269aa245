//! The way to clusters: a client for each context, and the one loop through which every call goes.
//!
//! A cluster that does not answer for a while is no failure of anything: its control plane is replaced now and then, which
//! takes minutes. So what can pass is waited out, and whoever waits is told.

use std::collections::HashMap;
use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kube::client::UpgradeConnectionError;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use crate::executor::traces::lock;
use crate::os::clock::{Clock as _, SystemClock};
use crate::os::random;

/// How long one request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// After so long without a byte a stream is opened anew: its other end may be gone without a word.
const SILENCE_MAX: Duration = Duration::from_mins(5);
/// The first and the longest pause between two tries.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));
/// How long one may not answer who only looks at it.
const ASKING: Duration = Duration::from_secs(5);
/// How long a cluster may not answer while nothing of the attempt is in it.
pub(super) const PATIENCE: Duration = Duration::from_mins(10);

/// Why a call did not bring what was wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It can pass by itself, and has not so far.
    Passing(String),
    /// The namespace is full.
    Quota(String),
    /// There is no such object.
    Absent,
    /// There is one already, or it is another one.
    Conflict(String),
    /// It is not allowed.
    Forbidden(String),
    /// The cluster will not have it, or there is no way to it.
    Refused(String),
}

impl Trouble {
    /// The trouble, for people.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Passing(text) => format!("the cluster does not answer: {text}"),
            Self::Quota(text) | Self::Conflict(text) | Self::Forbidden(text) | Self::Refused(text) => text.clone(),
            Self::Absent => "the cluster has no such object".into(),
        }
    }
}

/// What a call wants to do, for people who must be told that they may not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deed {
    pub(super) verb: &'static str,
    pub(super) resource: &'static str,
}

/// A cluster that was reached.
pub(super) struct Reached {
    pub(super) client: Client,
    /// The namespace of its context.
    pub(super) namespace: String,
    /// Its address.
    pub(super) server: String,
}

/// The clusters of a kubeconfig.
#[derive(Default)]
pub(super) struct Clusters {
    /// The kubeconfig, where it is not to be looked for.
    kubeconfig: Option<PathBuf>,
    /// The context and the namespace that count where nobody says any.
    home: (Option<String>, Option<String>),
    reached: Mutex<HashMap<Option<String>, Arc<Reached>>>,
}

/// One of them, by its context.
#[derive(Clone)]
pub(super) struct Cluster {
    clusters: Arc<Clusters>,
    context: Option<String>,
}

impl Clusters {
    pub(super) fn of(kubeconfig: PathBuf) -> Self {
        Self { kubeconfig: Some(kubeconfig), ..Self::default() }
    }

    /// As they are, but with a context and a namespace that count where nobody says any.
    pub(super) fn at_home(self, context: Option<String>, namespace: Option<String>) -> Self {
        Self { home: (context, namespace), ..self }
    }

    async fn config(&self, context: Option<&str>) -> Result<Config, String> {
        let options = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
        let mut config = match (&self.kubeconfig, context) {
            (Some(path), _) => {
                let kubeconfig = Kubeconfig::read_from(path).map_err(|error| chain(&error))?;
                Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|error| chain(&error))?
            }
            (None, Some(_)) => Config::from_kubeconfig(&options).await.map_err(|error| chain(&error))?,
            (None, None) => Config::infer().await.map_err(|error| chain(&error))?,
        };
        config.read_timeout = Some(SILENCE_MAX);
        Ok(config)
    }
}

impl Cluster {
    pub(super) fn new(clusters: &Arc<Clusters>, context: Option<&str>) -> Self {
        Self { clusters: Arc::clone(clusters), context: context.map(str::to_owned) }
    }

    /// The cluster that counts where nobody says any.
    pub(super) fn home(clusters: &Arc<Clusters>) -> Self {
        Self::new(clusters, clusters.home.0.as_deref())
    }

    /// The namespace that counts where nobody says any.
    pub(super) fn namespace(&self, reached: &Reached) -> String {
        self.clusters.home.1.clone().unwrap_or_else(|| reached.namespace.clone())
    }

    pub(super) fn context(&self) -> Option<&str> {
        self.context.as_deref()
    }

    /// The client, made on first use.
    pub(super) async fn reach(&self) -> Result<Arc<Reached>, Trouble> {
        if let Some(reached) = lock(&self.clusters.reached).get(&self.context) {
            return Ok(Arc::clone(reached));
        }
        // The client takes the process's choice of cryptography, and panics where there is none. One that was made before
        // is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let refused = |text: String| {
            Trouble::Refused(format!("there is no way to a cluster: {text}; look at `kubectl config get-contexts`"))
        };
        let config = self.clusters.config(self.context.as_deref()).await.map_err(refused)?;
        let (namespace, server) = (config.default_namespace.clone(), config.cluster_url.to_string());
        let client = Client::try_from(config).map_err(|error| refused(chain(&error)))?;
        let reached = Arc::new(Reached { client, namespace, server });
        Ok(Arc::clone(lock(&self.clusters.reached).entry(self.context.clone()).or_insert(reached)))
    }

    /// Has the next call read the kubeconfig anew, unless somebody else saw to that since `reached` was had.
    pub(super) fn forget(&self, reached: &Arc<Reached>) {
        let mut all = lock(&self.clusters.reached);
        if all.get(&self.context).is_some_and(|known| Arc::ptr_eq(known, reached)) {
            all.remove(&self.context);
        }
    }

    /// One try.
    pub(super) async fn once<T, F>(&self, deed: Deed, request: impl FnOnce(Arc<Reached>) -> F) -> Result<T, Trouble>
    where
        F: Future<Output = kube::Result<T>>,
    {
        let reached = self.reach().await?;
        let answer = tokio::time::timeout(REQUEST_TIMEOUT, request(Arc::clone(&reached))).await;
        let Ok(answer) = answer else {
            return Err(Trouble::Passing(format!("no answer within {} s", REQUEST_TIMEOUT.as_secs())));
        };
        answer.map_err(|error| {
            if is_unauthorized(&error) {
                self.forget(&reached);
            }
            trouble(&error, deed)
        })
    }

    /// Tries for a moment: for who looks at a cluster and has nothing in it.
    pub(super) async fn ask<T, F>(&self, deed: Deed, request: impl Fn(Arc<Reached>) -> F) -> Result<T, Trouble>
    where
        F: Future<Output = kube::Result<T>>,
    {
        self.call(deed, Some(ASKING), |_: &str| {}, request).await
    }

    /// Tries until there is an answer, or for `patience`. `tell` hears of every try that brought none.
    pub(super) async fn call<T, F>(
        &self,
        deed: Deed,
        patience: Option<Duration>,
        tell: impl Fn(&str),
        request: impl Fn(Arc<Reached>) -> F,
    ) -> Result<T, Trouble>
    where
        F: Future<Output = kube::Result<T>>,
    {
        let clock = SystemClock::new();
        let mut pauses = Pauses::default();
        loop {
            let trouble = match self.once(deed, &request).await {
                Err(trouble @ Trouble::Passing(_)) => trouble,
                // Whoever has something in the cluster waits for a kubeconfig that comes back, too.
                Err(trouble @ Trouble::Refused(_)) if patience.is_none() && self.reach().await.is_err() => trouble,
                done => return done,
            };
            if patience.is_some_and(|patience| clock.monotonic() > patience) {
                return Err(trouble);
            }
            tell(&trouble.words());
            tokio::time::sleep(pauses.next()).await;
        }
    }
}

/// Growing pauses, none like another, so that a thousand attempts do not come back at once.
#[derive(Debug)]
pub(super) struct Pauses(Duration);

impl Default for Pauses {
    fn default() -> Self {
        Self(PAUSES.0)
    }
}

impl Pauses {
    pub(super) fn next(&mut self) -> Duration {
        let now = self.0;
        self.0 = (now * 2).min(PAUSES.1);
        now.mul_f64(0.75 + random::fraction() / 2.0)
    }
}

/// Whether the token was not taken: a new client gets a new one.
pub(super) fn is_unauthorized(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => status.code == 401,
        kube::Error::UpgradeConnection(UpgradeConnectionError::ProtocolSwitch(code)) => code.as_u16() == 401,
        _ => false,
    }
}

/// What an error means.
pub(super) fn trouble(error: &kube::Error, deed: Deed) -> Trouble {
    let status = match error {
        kube::Error::Api(status) => status,
        kube::Error::Auth(error) => {
            return Trouble::Refused(format!("the kubeconfig's credentials cannot be had: {}", chain(error)));
        }
        // What the cluster said with it is not handed on.
        kube::Error::UpgradeConnection(UpgradeConnectionError::ProtocolSwitch(code)) => {
            let said = kube::core::Status::failure(&format!("it answered {code}"), "").with_code(code.as_u16());
            return match code.as_u16() {
                403 => Trouble::Forbidden(format!(
                    "the cluster does not let this user {} {}; ask its owner for that, and look at `spore executors \
                     check gke`",
                    deed.verb, deed.resource
                )),
                _ => trouble(&kube::Error::Api(said.boxed()), deed),
            };
        }
        kube::Error::InferConfig(error) => return Trouble::Refused(chain(error)),
        error => return Trouble::Passing(chain(error)),
    };
    let message = status.message.clone();
    match status.code {
        404 => Trouble::Absent,
        409 if is_conflict(&status.reason, &message) => Trouble::Conflict(message),
        401 => Trouble::Passing(format!("the credentials were not taken: {message}")),
        403 if message.contains("exceeded quota") => Trouble::Quota(message),
        403 if message.contains(" cannot ") => {
            let Deed { verb, resource } = deed;
            Trouble::Forbidden(format!(
                "the cluster does not let this user {verb} {resource}: {message}; ask its owner for that, and look at \
                 `spore executors check gke`"
            ))
        }
        0 | 408 | 409 | 410 | 429 | 500.. => {
            Trouble::Passing(if message.is_empty() { status.reason.clone() } else { message })
        }
        _ => Trouble::Refused(format!("the cluster refused it: {message}")),
    }
}

/// Whether a 409 says that there is such an object already, or that it is another one. Otherwise somebody has changed
/// something at the same moment, such as the account of a quota: then nothing was done, and it is done in the next try.
fn is_conflict(reason: &str, message: &str) -> bool {
    reason == "AlreadyExists" || message.contains("recondition")
}

/// An error with its causes, as far as they say something new.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    fn of(code: u16, message: &str) -> Trouble {
        let status = Status::failure(message, "Reason").with_code(code).boxed();
        trouble(&kube::Error::Api(status), Deed { verb: "create", resource: "jobs" })
    }

    #[test]
    fn what_can_pass_is_told_from_what_cannot() {
        for code in [401, 408, 429, 500, 503, 504] {
            assert!(matches!(of(code, "x"), Trouble::Passing(_)), "{code}");
        }
        assert_eq!(of(404, "x"), Trouble::Absent);
        assert!(matches!(of(409, "Operation cannot be fulfilled: the object has been modified"), Trouble::Passing(_)));
        assert!(matches!(of(409, "Precondition failed: UID in precondition: a, UID"), Trouble::Conflict(_)));
        assert!(matches!(of(403, "jobs \"a\" is forbidden: exceeded quota: q"), Trouble::Quota(_)));
        assert!(matches!(of(422, "spec.x: invalid"), Trouble::Refused(_)));
        assert!(matches!(of(403, "admission webhook \"w\" denied the request: no"), Trouble::Refused(_)));
        let text = "jobs.batch is forbidden: User \"u\" cannot create resource \"jobs\" in the namespace \"n\"";
        assert!(
            matches!(of(403, text), Trouble::Forbidden(text) if text.contains("create jobs") && text.contains("\"n\""))
        );
    }

    #[test]
    fn pauses_grow_to_an_end() {
        let mut pauses = Pauses::default();
        let all: Vec<Duration> = (0..12).map(|_| pauses.next()).collect();
        assert!(all[0] < Duration::from_millis(400) && all[11] > Duration::from_secs(7), "{all:?}");
        assert!(all.iter().all(|pause| *pause <= Duration::from_millis(12_500)), "{all:?}");
    }
}
