//! Templates: the one place that evaluates `{{ … }}`, for plans and for runs.
//!
//! What a template may do is kept small, so that it ends soon and stays small whatever it says: expressions and
//! `{% if %}`, no loops, no variables of its own, no macros, and only filters that cannot make much of little. Nothing
//! that is missing turns into an empty string.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use indexmap::IndexMap;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Object, Serde, Value as Item};
use minijinja::{Environment, ErrorKind, UndefinedBehavior};
use serde_json::Value;

use crate::model::{Limits, TaskId, TaskStatus, Template};

use super::names::{listed, nearest};
use super::syntax::{ROOTS, admissible, single_expression, subscripts, truth};

/// Bytes that one template may come to.
const RESULT_BYTES_MAX: usize = 1 << 20;
/// Compiled templates kept at a time.
const COMPILED_MAX: usize = 4_096;
/// Filters and functions of the template language that can make much of little.
const BANNED_FILTERS: [&str; 16] = [
    "batch",
    "slice",
    "map",
    "select",
    "reject",
    "selectattr",
    "rejectattr",
    "groupby",
    "chain",
    "zip",
    "indent",
    "format",
    "pprint",
    "attr",
    "dictsort",
    "safe",
];

/// Why a template could not be evaluated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// It is not written as templates are.
    #[error("{0}")]
    Syntax(String),
    /// It names something that is not there.
    #[error("`{name}` is not there{}", known_text(.name, .known))]
    Missing {
        /// The name, as far as it could not be followed.
        name: String,
        /// What stands there instead.
        known: Vec<String>,
    },
    /// It could not be worked out.
    #[error("{0}")]
    Failed(String),
    /// It takes too many steps or comes to too much text.
    #[error("a template may come to {RESULT_BYTES_MAX} bytes and take {} steps", Limits::DEFAULT.template_fuel)]
    TooMuch,
    /// A condition came to something else than true or false.
    #[error("a condition must come to true or false, not to `{0}`")]
    NotACondition(String),
}

fn known_text(name: &str, known: &[String]) -> String {
    let last = name.rsplit('.').next().unwrap_or(name);
    let names = || known.iter().map(String::as_str);
    match nearest(last, names()) {
        Some(near) => format!("; did you mean `{near}`?"),
        None if known.is_empty() => "; there is nothing in its place".to_owned(),
        None => format!("; there is {}", listed(names(), 8)),
    }
}

/// What templates can see. Clones share everything but the matrix, so one scope serves a whole run.
#[derive(Clone)]
pub struct Scope {
    shared: Arc<Shared>,
    matrix: Item,
}

struct Shared {
    environment: Mutex<Compiled>,
    params: Item,
    tasks: Arc<Ended>,
    run: Item,
    spore: Item,
}

struct Compiled {
    environment: Environment<'static>,
    count: usize,
}

/// The tasks that have ended, by name.
#[derive(Debug, Default)]
struct Ended(RwLock<HashMap<String, Item>>);

impl Object for Ended {
    fn get_value(self: &Arc<Self>, key: &Item) -> Option<Item> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(key.as_str()?).cloned()
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("params", &self.shared.params)
            .field("matrix", &self.matrix)
            .finish_non_exhaustive()
    }
}

impl Scope {
    /// The scope of a run: `spore.id`, `run.id` and `params`.
    #[must_use]
    pub fn new(spore: &str, run: &str, params: &IndexMap<String, Value>) -> Self {
        let id = |id: &str| Item::from_pairs([("id", Item::from(id))]);
        let shared = Shared {
            environment: Mutex::new(Compiled { environment: environment(), count: 0 }),
            params: serialized(params),
            tasks: Arc::default(),
            run: id(run),
            spore: id(spore),
        };
        Self { shared: Arc::new(shared), matrix: serialized(&IndexMap::new()) }
    }

    /// The same scope with the values of one matrix combination.
    #[must_use]
    pub fn with_matrix(&self, matrix: &IndexMap<String, Value>) -> Self {
        Self { shared: Arc::clone(&self.shared), matrix: serialized(matrix) }
    }

    /// Makes the end of a task visible: `tasks.<id>.status` and `tasks.<id>.outputs.<name>`, in all clones.
    pub fn task_ended(&self, task: &TaskId, status: TaskStatus, outputs: &IndexMap<String, Value>) {
        let item = Item::from_pairs([("status", Item::from(status.word())), ("outputs", serialized(outputs))]);
        self.shared.tasks.0.write().unwrap_or_else(PoisonError::into_inner).insert(task.to_string(), item);
    }

    fn root(&self, name: &str) -> Option<Item> {
        Some(match name {
            "params" => self.shared.params.clone(),
            "tasks" => Item::from_dyn_object(Arc::clone(&self.shared.tasks)),
            "matrix" => self.matrix.clone(),
            "run" => self.shared.run.clone(),
            "spore" => self.shared.spore.clone(),
            _ => return None,
        })
    }

    fn context(&self) -> Item {
        Item::from_pairs(ROOTS.iter().map(|name| (*name, self.root(name).unwrap_or_default())))
    }

    /// The first name in `source` that leads nowhere, and what stands there.
    fn missing(&self, source: &str) -> Option<TemplateError> {
        Reader::new().names(source).ok()?.into_iter().find_map(|path| self.follow(&path))
    }

    fn follow(&self, path: &[String]) -> Option<TemplateError> {
        let first = path.first()?;
        let Some(mut item) = self.root(first) else {
            let known = ROOTS.iter().map(|root| (*root).to_owned()).collect();
            return Some(TemplateError::Missing { name: first.clone(), known });
        };
        for (at, key) in path.iter().enumerate().skip(1) {
            let found = item.get_item(&Item::from(key.as_str())).unwrap_or_default();
            if found.is_undefined() {
                let mut known: Vec<String> = if at == 1 && first == "tasks" {
                    self.shared.tasks.0.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
                } else {
                    item.try_iter().into_iter().flatten().map(|key| key.to_string()).collect()
                };
                known.sort();
                return Some(TemplateError::Missing { name: path[..=at].join("."), known });
            }
            item = found;
        }
        None
    }
}

fn serialized(values: &IndexMap<String, Value>) -> Item {
    Item::from(Serde(values))
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(Limits::DEFAULT.template_fuel));
    environment.set_recursion_limit(32);
    environment.set_syntax(SyntaxConfig::builder().keep_trailing_newline(true).build().unwrap_or_default());
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    for filter in BANNED_FILTERS {
        environment.remove_filter(filter);
    }
    for function in ["range", "dict", "debug", "namespace"] {
        environment.remove_global(function);
    }
    environment.add_filter("replace", replace);
    environment.add_filter("join", join);
    environment
}

/// `replace` that stops at the size of a result.
fn replace(text: &str, from: &str, to: &str) -> Result<String, minijinja::Error> {
    let count = text.matches(from).count();
    bounded(text.len().saturating_add(count.saturating_mul(to.len())))?;
    Ok(text.replace(from, to))
}

/// `join` that stops at the size of a result.
fn join(items: &Item, between: Option<&str>) -> Result<String, minijinja::Error> {
    let between = between.unwrap_or_default();
    let mut joined = String::new();
    for (at, item) in items.try_iter()?.enumerate() {
        if at > 0 {
            joined.push_str(between);
        }
        joined.push_str(&item.to_string());
        bounded(joined.len())?;
    }
    Ok(joined)
}

fn bounded(bytes: usize) -> Result<(), minijinja::Error> {
    if bytes > RESULT_BYTES_MAX {
        return Err(minijinja::Error::new(ErrorKind::OutOfFuel, "too much text"));
    }
    Ok(())
}

/// A place for at most [`RESULT_BYTES_MAX`] bytes.
#[derive(Default)]
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > RESULT_BYTES_MAX {
            return Err(io::Error::other("too much text"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The text that `template` comes to in `scope`.
///
/// # Errors
/// When it is written wrongly, names what is not there, or takes too much.
pub fn evaluate(template: &Template, scope: &Scope) -> Result<String, TemplateError> {
    if template.is_literal() {
        return Ok(template.0.clone());
    }
    render(&template.0, scope)
}

fn render(source: &str, scope: &Scope) -> Result<String, TemplateError> {
    let mut compiled = scope.shared.environment.lock().unwrap_or_else(PoisonError::into_inner);
    if compiled.environment.get_template(source).is_err() {
        admissible(source).map_err(TemplateError::Syntax)?;
        if compiled.count >= COMPILED_MAX {
            compiled.environment.clear_templates();
            compiled.count = 0;
        }
        let added = compiled.environment.add_template_owned(source.to_owned(), source.to_owned());
        added.map_err(|error| TemplateError::Syntax(plain(&error)))?;
        compiled.count += 1;
    }
    let template = compiled.environment.get_template(source).map_err(|error| TemplateError::Syntax(plain(&error)))?;
    let mut out = Bounded::default();
    template.render_captured_to(scope.context(), &mut out).map_err(|error| failure(&error, source, scope))?;
    String::from_utf8(out.0).map_err(|error| TemplateError::Failed(error.to_string()))
}

fn failure(error: &minijinja::Error, source: &str, scope: &Scope) -> TemplateError {
    match error.kind() {
        ErrorKind::UndefinedError => scope
            .missing(source)
            .unwrap_or_else(|| TemplateError::Failed("it names something that is not there".into())),
        ErrorKind::OutOfFuel | ErrorKind::WriteFailure => TemplateError::TooMuch,
        _ => TemplateError::Failed(plain(error)),
    }
}

/// The error in one line, without the name of the template, which is its text.
fn plain(error: &minijinja::Error) -> String {
    let kind = error.kind().to_string();
    error.detail().map_or(kind.clone(), |detail| format!("{kind}: {detail}"))
}

/// Whether `template` comes to true in `scope`. Text without `{{ … }}` that is no plain yes or no is read as an
/// expression.
///
/// # Errors
/// As [`evaluate`], and when it comes to neither yes nor no.
pub fn condition(template: &Template, scope: &Scope) -> Result<bool, TemplateError> {
    let source = condition_source(template);
    let text = evaluate(&source, scope)?;
    truth(&text).ok_or(TemplateError::NotACondition(text))
}

/// The condition as a template in full.
pub(super) fn condition_source(template: &Template) -> Template {
    let text = template.0.trim();
    if template.is_literal() && truth(text).is_none() {
        Template(format!("{{{{ {text} }}}}"))
    } else {
        template.clone()
    }
}

/// `value` with every text in it evaluated. A text that is one `{{ … }}` and nothing else keeps the type of what it
/// comes to, where that is a number, a yes or no, a list or a map.
///
/// # Errors
/// As [`evaluate`], of the first text that fails.
pub fn value(value: &Value, scope: &Scope) -> Result<Value, TemplateError> {
    Ok(match value {
        Value::String(text) if Template::from(text.as_str()).is_literal() => value.clone(),
        Value::String(text) => match single_expression(text) {
            Some(expression) => typed(expression, text, scope)?,
            None => Value::String(render(text, scope)?),
        },
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| self::value(item, scope)).collect::<Result<_, _>>()?)
        }
        Value::Object(map) => Value::Object(
            map.iter().map(|(key, item)| Ok((key.clone(), self::value(item, scope)?))).collect::<Result<_, _>>()?,
        ),
        other => other.clone(),
    })
}

fn typed(expression: &str, source: &str, scope: &Scope) -> Result<Value, TemplateError> {
    admissible(source).map_err(TemplateError::Syntax)?;
    let compiled = scope.shared.environment.lock().unwrap_or_else(PoisonError::into_inner);
    let expression =
        compiled.environment.compile_expression(expression).map_err(|error| TemplateError::Syntax(plain(&error)))?;
    let item = expression.eval(scope.context()).map_err(|error| failure(&error, source, scope))?;
    if item.is_undefined() {
        return Err(scope.missing(source).unwrap_or_else(|| TemplateError::Failed("it comes to nothing".into())));
    }
    let value = serde_json::to_value(&item).map_err(|error| TemplateError::Failed(error.to_string()))?;
    Ok(value)
}

/// Reads templates without evaluating them.
pub(super) struct Reader {
    environment: Environment<'static>,
}

impl Reader {
    pub(super) fn new() -> Self {
        Self { environment: environment() }
    }

    /// Every name that `source` speaks of, as the way to it: `["tasks", "2.1", "outputs", "rows"]`.
    ///
    /// # Errors
    /// When the template is not written as templates are.
    pub(super) fn names(&self, source: &str) -> Result<BTreeSet<Vec<String>>, TemplateError> {
        admissible(source).map_err(TemplateError::Syntax)?;
        let template =
            self.environment.template_from_str(source).map_err(|error| TemplateError::Syntax(plain(&error)))?;
        let dotted = template.undeclared_variables(true);
        let mut found: BTreeSet<Vec<String>> =
            dotted.iter().map(|path| path.split('.').map(str::to_owned).collect()).collect();
        let subscripts = subscripts(source);
        if !subscripts.is_empty() {
            // The bare name only says that something is taken out of it; what, the subscripts say.
            found.retain(|path| path.len() > 1 || !subscripts.iter().any(|other| other[0] == path[0]));
            found.extend(subscripts);
        }
        Ok(found)
    }
}
