//! Templates: checked in a plan, evaluated in a run, small in all they do.

use indexmap::IndexMap;
use serde_json::json;
use spore::model::{Concurrency, ParamType, Policy, Span, Task, TaskStatus, Template};
use spore::plan::{Capability, Options, Scope, TemplateError, condition, evaluate, plan, value};

use super::{env, id, matrix, param, planned_with, remarks, spore, task};

#[test]
fn templates_are_checked_before_anything_runs() {
    let mut spore = spore(vec![
        task(1, "a", &[]),
        matrix(task(2, "m", &[]), &[("shard", json!([1, 2]))]),
        env(
            task(3, "ok", &["a", "m"]),
            "{{ params.region }}{{ tasks.a.outputs.x }}{{ tasks[\"m[1]\"].status }}{{ run.id }}",
        ),
        env(task(4, "t1", &["a"]), "{{ params.regin }}"),
        env(task(5, "t2", &[]), "{{ tasks.a.outputs.x }}"),
        env(task(6, "t3", &["m"]), "{{ tasks.m.outputs.x }}"),
        env(task(7, "t4", &[]), "{{ matrix.shard }}"),
        env(task(8, "t5", &[]), "{{ env.HOME }}"),
        env(task(9, "t6", &[]), "{{ oops"),
        env(task(10, "t7", &["ok"]), "{% if tasks['a'].outputs.x %}y{% endif %}"),
        env(task(11, "t8", &["a"]), "{{ tasks.a.output }}"),
        Task { when: Some("params.region == 'eu'".into()), ..task(12, "t9", &[]) },
        Task { when: Some("tasks.b.outputs.x".into()), ..task(13, "t10", &[]) },
        env(task(14, "t11", &[]), "{{ params.region | uper }}"),
    ]);
    spore.params = IndexMap::from([("region".to_owned(), param(ParamType::String, Some(json!("eu")), &json!([])))]);
    spore.finally = vec![env(task(15, "last", &[]), "{{ tasks.a.status }}")];
    spore.concurrency = Some(Concurrency { group: "g-{{ params.region }}".into(), policy: Policy::Queue });
    let planned = planned_with(&spore, &Options::default());
    assert_eq!(
        remarks(&planned.diagnostics),
        [
            "error unknown-variable 4: no parameter is called `regin` (did you mean `region`?)",
            "error unknown-variable 5: `t2` uses what `a` hands on, but does not need it (add `a` to its needs)",
            "error unknown-variable 6: `m` runs once for each combination of its matrix, each with outputs of its own (name \
         one of them: `tasks[\"m[1]\"]`)",
            "error unknown-variable 7: the matrix of `t4` has no `shard` (the task has no matrix)",
            "error unknown-variable 8: templates do not see the environment (a command reads it by itself: write `$NAME` in \
         the script)",
            "error bad-template 9: syntax error: unexpected end of input, expected end of variable block (a template is text \
         with `{{ expression }}` in it)",
            "error unknown-variable 11: `tasks.a.output` is not known (did you mean `outputs`?)",
            "error unknown-variable 13: no task is called `b` (write `tasks[\"2.1\"]` where an id has dots or dashes)",
            "error bad-template 14: no filter is called `uper` (a template is text with `{{ expression }}` in it)",
        ]
    );
    spore.tasks.truncate(1);
    let planned = planned_with(&spore, &Options::default());
    assert_eq!(planned.plan.expect("a plan").concurrency.expect("a group").group, Template("g-eu".into()));
    spore.concurrency = Some(Concurrency { group: "g-{{ run.id }}".into(), policy: Policy::Queue });
    let planned = planned_with(&spore, &Options::default());
    assert_eq!(planned.diagnostics[0].code, "unknown-variable");
}

#[test]
fn diagnostics_of_templates_stand_where_the_template_does() {
    let text = "tasks:\n  a:\n    run: x\n    env: {X: \"{{ params.gone }}\"}\n";
    let spore = spore(vec![Task { span: Span::new(9, 10), ..env(task(1, "a", &[]), "{{ params.gone }}") }]);
    let planned = plan(&spore, text, &Options::default(), &[Capability::available("terminal")]);
    assert_eq!(&text[planned.diagnostics[0].span.range()], "{{ params.gone }}");
}

pub(super) fn scope() -> Scope {
    let params = IndexMap::from([("region".to_owned(), json!("eu")), ("n".to_owned(), json!(3))]);
    let scope = Scope::new("nightly", "RUN", &params);
    let outputs = IndexMap::from([("rows".to_owned(), json!("12")), ("list".to_owned(), json!(["a", "b"]))]);
    scope.task_ended(&id("extract"), TaskStatus::Succeeded, &outputs);
    scope.task_ended(&id("2.1"), TaskStatus::Failed, &IndexMap::new());
    scope.with_matrix(&IndexMap::from([("shard".to_owned(), json!(2))]))
}

#[test]
fn templates_come_to_text() {
    for (template, text) in [
        ("plain {x}", "plain {x}"),
        ("{{ spore.id }}-{{ run.id }}-{{ params.region }}\n", "nightly-RUN-eu\n"),
        ("{{ tasks.extract.outputs.rows | int + 1 }}", "13"),
        ("{{ tasks[\"2.1\"].status }}", "failed"),
        ("{{ matrix.shard }}{% if params.n > 2 %}!{% endif %}", "2!"),
        ("{{ tasks.extract.outputs.list | join(',') }}", "a,b"),
        ("{{ '<a>' | replace('a', '&') }}", "<&>"),
        ("{{ params.gone | default('none') }}", "none"),
        ("{{ tasks['extract' ~ ''].outputs['rows'] }}", "12"),
    ] {
        assert_eq!(evaluate(&template.into(), &scope()).as_deref(), Ok(text), "{template}");
    }
}

#[test]
fn what_is_missing_is_named() {
    let message = |template: &str| evaluate(&template.into(), &scope()).expect_err("missing").to_string();
    assert_eq!(message("{{ params.regoin }}"), "`params.regoin` is not there; did you mean `region`?");
    assert_eq!(
        message("{{ tasks.extract.outputs.bytes }}"),
        "`tasks.extract.outputs.bytes` is not there; there is `list` and `rows`"
    );
    assert_eq!(message("{{ tasks['3'].outputs.x }}"), "`tasks.3` is not there; there is `2.1` and `extract`");
    assert_eq!(
        message("{{ tasks['2.1'].outputs.x }}"),
        "`tasks.2.1.outputs.x` is not there; there is nothing in its place"
    );
    assert_eq!(
        message("{{ nothing }}"),
        "`nothing` is not there; there is `params`, `tasks`, `matrix`, `run` and `spore`"
    );
}

#[test]
fn templates_end_soon_and_stay_small() {
    for template in [
        "{% for x in [1] %}{{ x }}{% endfor %}",
        "{% set x = 'a' %}{{ x }}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{{ 'x' * 100000000 }}",
        "{{ range(1000000000) }}",
        "{{ 'aaaaaaaaaa' | replace('a', 'aaaaaaaaaa') | indent(100000000) }}",
        "{% include 'x' %}",
        "{{ ((((((((((((((((((((((((((((((((((((((((1",
    ] {
        assert!(evaluate(&template.into(), &scope()).is_err(), "{template}");
    }
    let replaces = "| replace('a', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa') ".repeat(10);
    assert_eq!(evaluate(&Template(format!("{{{{ 'a' {replaces} }}}}")), &scope()), Err(TemplateError::TooMuch));
    assert!(evaluate(&Template("{{ params.n }}".repeat(20_000)), &scope()).is_err());
}

#[test]
fn conditions_come_to_yes_or_no() {
    for (template, expected) in [
        ("{{ tasks.extract.outputs.rows | int > 0 }}", Some(true)),
        ("tasks.extract.outputs.rows | int > 20", Some(false)),
        ("true", Some(true)),
        ("no", Some(false)),
        ("{{ params.n }}", Some(true)),
        ("{{ 0 }}", Some(false)),
        ("{{ '' }}", Some(false)),
        ("{{ tasks.extract.status == 'succeeded' and params.region in ['eu'] }}", Some(true)),
        ("{{ params.region }}", None),
        ("params.gone", None),
    ] {
        assert_eq!(condition(&template.into(), &scope()).ok(), expected, "{template}");
    }
}

#[test]
fn values_keep_their_types() {
    let with = json!({"n": "{{ params.n }}", "text": "n={{ params.n }}", "deep": [{"list": "{{ tasks.extract.outputs.list }}"}], "plain": 1});
    let expected = json!({"n": 3, "text": "n=3", "deep": [{"list": ["a", "b"]}], "plain": 1});
    assert_eq!(value(&with, &scope()), Ok(expected));
    let missing = value(&json!(["{{ params.gone }}"]), &scope()).expect_err("missing").to_string();
    assert_eq!(missing, "`params.gone` is not there; there is `n` and `region`");
}
