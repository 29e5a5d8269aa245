//! What goes wrong with requests: because somebody asked for it, or by chance, which is the same for the same seed.
//!
//! Each rule counts the requests that it concerns, and whether it strikes depends on that number alone; so who sends the same
//! requests in the same order meets the same faults.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::{StreamExt as _, stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::autopilot::{draw, fraction};
use super::{Cluster, Refusal};

/// Rules that may stand at once.
const RULES_MAX: usize = 100;
/// The longest delay of an answer, milliseconds.
const DELAY_MILLISECONDS_MAX: u64 = 600_000;
/// Pieces of a stream after which it is cut at the latest.
const PIECES_MAX: u64 = 8;

/// What can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The answer comes late.
    Latency,
    /// 401: the token is not taken.
    Unauthorized,
    /// 409: the object has changed.
    Conflict,
    /// 410: the version is too old.
    Gone,
    /// 429, with the time to wait.
    TooMany,
    /// 500.
    Internal,
    /// 503.
    Unavailable,
    /// The connection breaks before there is an answer.
    Down,
    /// The request is done, and the connection breaks before its answer.
    LostAnswer,
    /// A log that is followed breaks off.
    CutLog,
    /// A watch breaks off.
    CutWatch,
    /// An event of a watch is never sent.
    LostEvent,
    /// A container starts late.
    SlowKubelet,
    /// An image is not to be had.
    ImageError,
    /// A pod is deleted as soon as it runs.
    VanishedPod,
}

/// All of them, for who has named one that is none.
const KINDS: &str = "latency, unauthorized, conflict, gone, too-many, internal, unavailable, down, lost-answer, cut-log, \
                     cut-watch, lost-event, slow-kubelet, image-error and vanished-pod";

/// One thing that goes wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Rule {
    /// What.
    pub kind: Kind,
    /// How often, from 0 to 1.
    #[serde(default = "always")]
    pub rate: f64,
    /// How many times at most; without it, for as long as the rule stands.
    #[serde(default)]
    pub times: Option<u64>,
    /// For how long, from when the rule came; without it, until it is taken away.
    #[serde(default)]
    pub seconds: Option<f64>,
    /// Only requests of this method: `GET`, `POST`, …
    #[serde(default)]
    pub method: Option<String>,
    /// Only requests whose path has this in it: `/jobs`. For images, only those with this in their name.
    #[serde(default)]
    pub path: Option<String>,
    /// How late an answer or a container comes, and how long 429 and 503 say to wait.
    #[serde(default = "second")]
    pub milliseconds: u64,
}

fn always() -> f64 {
    1.0
}

fn second() -> u64 {
    1_000
}

/// The rules that stand, and how often each has been asked.
#[derive(Debug)]
pub(super) struct Faults {
    seed: u64,
    standing: Mutex<Vec<Standing>>,
}

#[derive(Debug)]
struct Standing {
    rule: Rule,
    /// Tells its drawings from those of other rules.
    salt: u64,
    asked: u64,
    struck: u64,
    /// Since when, by the monotonic clock; set when it is first asked.
    since: Option<Duration>,
}

impl Rule {
    /// One that always holds.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        Self { kind, rate: 1.0, times: None, seconds: None, method: None, path: None, milliseconds: 1_000 }
    }

    /// Reads `KIND=RATE`, such as `too-many=0.05`.
    ///
    /// # Errors
    /// In a sentence, when it is no such thing.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (kind, rate) = text.split_once('=').unwrap_or((text, "1"));
        let known = serde_json::from_value(kind.into());
        let kind = known.map_err(|_| format!("there is no fault `{kind}`; there are {KINDS}"))?;
        let rate = rate.parse().ok().filter(|rate| (0.0..=1.0).contains(rate));
        let rate = rate.ok_or_else(|| format!("the rate of `{text}` must be a number from 0 to 1"))?;
        Ok(Self { rate, ..Self::new(kind) })
    }
}

impl Faults {
    pub(super) fn new(seed: u64, rules: Vec<Rule>) -> Self {
        let faults = Self { seed, standing: Mutex::default() };
        for rule in rules.into_iter().take(RULES_MAX) {
            faults.push(rule);
        }
        faults
    }

    fn standing(&self) -> MutexGuard<'_, Vec<Standing>> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, rule: Rule) {
        let mut standing = self.standing();
        let salt = 1 + standing.last().map_or(0, |last| last.salt);
        standing.push(Standing { rule, salt, asked: 0, struck: 0, since: None });
    }

    /// Lets something go wrong from now on.
    ///
    /// # Errors
    /// When the rule makes no sense, or there are too many.
    pub(super) fn add(&self, rule: Rule) -> Result<(), Refusal> {
        let is_time = |seconds: f64| (0.0..=1e9).contains(&seconds);
        if !(0.0..=1.0).contains(&rule.rate) || !rule.seconds.is_none_or(is_time) {
            return Err(Refusal::bad_request("the rate of a fault is from 0 to 1, and its seconds are not negative"));
        }
        if self.standing().len() >= RULES_MAX {
            return Err(Refusal::bad_request(format!("{RULES_MAX} faults stand already; take them away first")));
        }
        self.push(rule);
        Ok(())
    }

    /// Lets nothing go wrong any more.
    pub(super) fn clear(&self) {
        self.standing().clear();
    }

    /// The rules that stand, with how often each struck.
    pub(super) fn list(&self) -> Vec<(Rule, u64)> {
        self.standing().iter().map(|standing| (standing.rule.clone(), standing.struck)).collect()
    }

    /// Whether something of these kinds happens to a request (or an image) now: the first rule that strikes.
    fn strike(&self, kinds: &[Kind], method: &str, path: &str, now: Duration) -> Option<(Rule, u64)> {
        let seed = self.seed;
        self.standing().iter_mut().find_map(|standing| {
            let rule = &standing.rule;
            let concerns = kinds.contains(&rule.kind)
                && rule.method.as_deref().is_none_or(|only| only.eq_ignore_ascii_case(method))
                && rule.path.as_deref().is_none_or(|part| path.contains(part));
            let since = *standing.since.get_or_insert(now);
            let is_over = rule.times.is_some_and(|times| standing.struck >= times)
                || rule.seconds.is_some_and(|seconds| now.saturating_sub(since).as_secs_f64() > seconds);
            if !concerns || is_over {
                return None;
            }
            standing.asked += 1;
            let strikes = fraction(draw(seed, standing.salt, standing.asked)) < rule.rate;
            if !strikes {
                return None;
            }
            standing.struck += 1;
            Some((rule.clone(), draw(seed, standing.salt ^ 0xff00, standing.asked)))
        })
    }
}

/// What a request meets before anything is done for it: nothing, a delay, or an answer that is none.
pub(super) async fn before(cluster: &Cluster, method: &Method, path: &str) -> Option<Response> {
    let strike = |kinds: &[Kind]| cluster.plant.faults.strike(kinds, method.as_str(), path, cluster.clock.monotonic());
    if let Some((rule, _)) = strike(&[Kind::Latency]) {
        tokio::time::sleep(Duration::from_millis(rule.milliseconds.min(DELAY_MILLISECONDS_MAX))).await;
    }
    let answers =
        [Kind::Down, Kind::Unauthorized, Kind::Conflict, Kind::Gone, Kind::TooMany, Kind::Internal, Kind::Unavailable];
    let (rule, _) = strike(&answers)?;
    let refusal = match rule.kind {
        Kind::Unauthorized => Refusal::new(401, "Unauthorized", "Unauthorized"),
        Kind::Conflict => Refusal::new(
            409,
            "Conflict",
            "Operation cannot be fulfilled: the object has been modified; please apply your changes to the latest version and try again",
        ),
        Kind::Gone => Refusal::expired(1, cluster.store.version()),
        Kind::TooMany => Refusal::new(
            429,
            "TooManyRequests",
            "the server has received too many requests and has asked us to try again later",
        ),
        Kind::Internal => Refusal::new(500, "InternalError", "Internal error occurred: etcdserver: request timed out"),
        Kind::Unavailable => {
            Refusal::new(503, "ServiceUnavailable", "the server is currently unable to handle the request")
        }
        _ => return Some(broken()),
    };
    let mut answer = (
        StatusCode::from_u16(refusal.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        [(header::CONTENT_TYPE, "application/json")],
        refusal.status().to_string(),
    )
        .into_response();
    if matches!(rule.kind, Kind::TooMany | Kind::Unavailable) {
        answer.headers_mut().insert(header::RETRY_AFTER, rule.milliseconds.div_ceil(1_000).max(1).into());
    }
    Some(answer)
}

/// What becomes of an answer on its way: it may be lost, and a log or a watch may break off or lack an event.
pub(super) fn after(cluster: &Cluster, method: &Method, path: &str, query: &str, answer: Response) -> Response {
    let strike = |kinds: &[Kind]| cluster.plant.faults.strike(kinds, method.as_str(), path, cluster.clock.monotonic());
    let asks = |name: &str| query.split('&').any(|part| part == format!("{name}=1") || part == format!("{name}=true"));
    let is_log = path.ends_with("/log") && asks("follow");
    if !is_log && !asks("watch") {
        return if strike(&[Kind::LostAnswer]).is_some() { broken() } else { answer };
    }
    let pieces = |drawn: u64| usize::try_from(drawn % PIECES_MAX).unwrap_or(0) + 1;
    if let Some((_, drawn)) = strike(&[if is_log { Kind::CutLog } else { Kind::CutWatch }]) {
        let (parts, body) = answer.into_parts();
        let until = body.into_data_stream().take(pieces(drawn)).chain(stream::once(async { Err(cut()) }));
        return Response::from_parts(parts, Body::from_stream(until));
    }
    if !is_log && let Some((_, drawn)) = strike(&[Kind::LostEvent]) {
        let lost = pieces(drawn);
        let (parts, body) = answer.into_parts();
        let rest = body.into_data_stream().enumerate();
        let rest = rest.filter_map(move |(at, piece)| std::future::ready((at + 1 != lost).then_some(piece)));
        return Response::from_parts(parts, Body::from_stream(rest));
    }
    answer
}

/// How long a container is to wait before it starts.
pub(super) fn start_delay(cluster: &Cluster, pod: &str) -> Option<Duration> {
    let (rule, _) = cluster.plant.faults.strike(&[Kind::SlowKubelet], "", pod, cluster.clock.monotonic())?;
    Some(Duration::from_millis(rule.milliseconds.min(DELAY_MILLISECONDS_MAX)))
}

/// Whether a pod is to vanish, once it runs.
pub(super) fn vanishes(cluster: &Cluster, pod: &str) -> bool {
    cluster.plant.faults.strike(&[Kind::VanishedPod], "", pod, cluster.clock.monotonic()).is_some()
}

/// Why an image is not to be had now, in the kubelet's words; one that is `missing` never is.
pub(super) fn image_error(cluster: &Cluster, image: &str, missing: bool) -> Option<String> {
    let strikes = || cluster.plant.faults.strike(&[Kind::ImageError], "", image, cluster.clock.monotonic()).is_some();
    (missing || strikes()).then(|| {
        format!(
            "failed to pull and unpack image \"{image}\": failed to resolve reference \"{image}\": {image}: not found"
        )
    })
}

/// An answer in the middle of which the connection breaks.
fn broken() -> Response {
    let mut answer = Body::from_stream(stream::once(async { Err::<&[u8], _>(cut()) })).into_response();
    // A length that never comes makes sure that nobody takes it for an empty answer.
    answer.headers_mut().insert(header::CONTENT_LENGTH, 1.into());
    answer
}

fn cut() -> axum::Error {
    axum::Error::new(std::io::Error::from(std::io::ErrorKind::ConnectionReset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_faults_names_each_of_them_and_no_other() {
        for name in KINDS.split([',', ' ']).filter(|word| !word.is_empty() && *word != "and") {
            assert!(Rule::parse(&format!("{name}=0.5")).is_ok(), "{name}");
        }
        let schema = schemars::schema_for!(Kind);
        let known = schema.to_value().to_string().matches("\"const\"").count();
        assert_eq!(KINDS.split(", ").count() + 1, known);
    }

    #[test]
    fn the_same_seed_strikes_the_same_requests() {
        let struck = |seed| {
            let rule = Rule { path: Some("/jobs".into()), ..Rule::parse("too-many=0.3").expect("a rule") };
            let faults = Faults::new(seed, vec![rule]);
            (0..300)
                .filter(|number| {
                    let path = if number % 3 == 0 { "/pods" } else { "/jobs" };
                    faults.strike(&[Kind::TooMany], "GET", path, Duration::ZERO).is_some()
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(struck(1), struck(1));
        assert_ne!(struck(1), struck(2));
        assert!(struck(1).iter().all(|number| number % 3 != 0));
        assert!((30..90).contains(&struck(1).len()), "{}", struck(1).len());
    }

    #[test]
    fn a_fault_ends_after_its_times_and_its_seconds() {
        let faults = Faults::new(0, vec![Rule { times: Some(2), ..Rule::new(Kind::Internal) }]);
        let at = |seconds| Duration::from_secs(seconds);
        let strikes = |now| faults.strike(&[Kind::Internal], "GET", "/", now).is_some();
        assert_eq!([strikes(at(0)), strikes(at(0)), strikes(at(0))], [true, true, false]);
        faults.clear();
        faults.add(Rule { seconds: Some(5.0), ..Rule::new(Kind::Internal) }).expect("added");
        assert_eq!([strikes(at(10)), strikes(at(15)), strikes(at(16))], [true, true, false]);
        assert!(faults.add(Rule { rate: 2.0, ..Rule::new(Kind::Down) }).is_err());
        assert!(Rule::parse("too-many=x").is_err() && Rule::parse("nothing=1").is_err());
    }

    fn cluster(rules: Vec<Rule>) -> Cluster {
        let machinery = crate::sim::gke::Machinery { faults: rules, ..Default::default() };
        let clock = std::sync::Arc::new(crate::os::clock::SystemClock::new());
        Cluster::like(clock, "/nowhere".into(), crate::sim::gke::Settings { machinery, ..Default::default() })
    }

    async fn text(answer: Response) -> Result<String, axum::Error> {
        let bytes = axum::body::to_bytes(answer.into_body(), 1_000).await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    #[tokio::test]
    async fn requests_are_refused_as_the_api_refuses_them() {
        for (kind, code, reason) in [
            (Kind::Unauthorized, 401, "Unauthorized"),
            (Kind::Conflict, 409, "Conflict"),
            (Kind::Gone, 410, "Expired"),
            (Kind::TooMany, 429, "TooManyRequests"),
            (Kind::Internal, 500, "InternalError"),
            (Kind::Unavailable, 503, "ServiceUnavailable"),
        ] {
            let cluster = cluster(vec![Rule { times: Some(1), ..Rule::new(kind) }]);
            let answer = before(&cluster, &Method::GET, "/api").await.expect("struck");
            assert_eq!(answer.status().as_u16(), code);
            assert_eq!(answer.headers().contains_key(header::RETRY_AFTER), [429, 503].contains(&code));
            assert!(text(answer).await.expect("a body").contains(&format!("\"reason\":\"{reason}\"")));
            assert!(before(&cluster, &Method::GET, "/api").await.is_none(), "once only");
        }
        let down = cluster(vec![Rule::new(Kind::Down)]);
        let answer = before(&down, &Method::GET, "/api").await.expect("struck");
        assert!(text(answer).await.is_err(), "the connection breaks");
    }

    #[tokio::test]
    async fn streams_break_off_or_lack_a_piece() {
        let answer = || {
            let pieces = (0..9).map(|number| Ok::<_, axum::Error>(format!("{number}")));
            Body::from_stream(stream::iter(pieces)).into_response()
        };
        let path = "/api/v1/pods";
        let lossy = cluster(vec![Rule::new(Kind::LostEvent)]);
        let left = text(after(&lossy, &Method::GET, path, "watch=1", answer())).await.expect("whole");
        assert_eq!(left.len(), 8, "{left}");
        assert_eq!(text(after(&lossy, &Method::GET, path, "", answer())).await.expect("whole").len(), 9);
        let cutting = cluster(vec![Rule::new(Kind::CutLog), Rule::new(Kind::CutWatch), Rule::new(Kind::LostAnswer)]);
        assert!(text(after(&cutting, &Method::GET, path, "watch=true", answer())).await.is_err());
        assert!(text(after(&cutting, &Method::GET, "/x/log", "follow=true", answer())).await.is_err());
        assert!(text(after(&cutting, &Method::POST, path, "", answer())).await.is_err());
        assert!(image_error(&lossy, "x:missing", true).is_some_and(|message| message.contains("not found")));
        assert!(image_error(&lossy, "x:1", false).is_none() && start_delay(&lossy, "p").is_none());
    }
}
