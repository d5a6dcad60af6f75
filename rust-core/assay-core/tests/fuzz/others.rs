//! Functions of one text, and templates.

use assay_core::metrics::Stop;
use assay_core::metrics::distinct_n::{DISTINCT_N, DistinctN};
use assay_core::metrics::extract::{EXTRACT, Extractor};
use assay_core::metrics::perplexity::perplexity;
use assay_core::template::Template;
use minijinja::{Value, context};

use crate::options::draw;
use crate::texts::{Random, json, text};
use crate::{Case, Target, ensure};

const TEXTS: usize = 24;

pub(crate) fn targets() -> Vec<Target> {
    vec![
        Target { name: "llm_extract", run: Box::new(extract) },
        Target { name: "llm_distinct_n", run: Box::new(distinct) },
        Target { name: "llm_perplexity", run: Box::new(perplexities) },
        Target { name: "llm_prompt", run: Box::new(prompts) },
    ]
}

fn extract(random: &mut Random, case: &mut Case) -> Result<(), String> {
    let options = draw(&EXTRACT, random);
    case.options = format!("{:?}", options.as_map());
    let Ok(extractor) = Extractor::new(&options, &Stop::default()) else { return Ok(()) };
    let fallback = options.text("fallback");
    for _ in 0..TEXTS {
        let text = if random.once_in(3) { format!("{} {}", text(random), json(random, 3)) } else { text(random) };
        case.begin(&text, &[]);
        let found = extractor.extract(&text);
        ensure!(found == extractor.extract(&text), "another answer the second time");
        ensure!(fallback.is_none() || found.is_some(), "nothing in spite of the fallback");
        let Some(found) = found.filter(|found| fallback != Some(found.as_str())) else { continue };
        let whole = !options.flag("strip_reasoning");
        let right = match options.text("method").unwrap_or("whole") {
            "whole" => !whole || found == text,
            "last_number" | "first_number" => found.parse::<f64>().is_ok(),
            "regex" => !whole || text.contains(&found),
            "marker" => !found.contains('\n') && (!whole || text.contains(&found)),
            "gsm8k" => found == "[invalid]" || !whole || text.contains(&found),
            _ => true,
        };
        ensure!(right, "extracted {found:?}");
        if random.once_in(8) {
            let stop = Stop::default();
            stop.set();
            Extractor::new(&options, &stop).map_err(|e| e.to_string())?.extract(&text);
        }
    }
    Ok(())
}

fn distinct(random: &mut Random, case: &mut Case) -> Result<(), String> {
    let options = draw(&DISTINCT_N, random);
    case.options = format!("{:?}", options.as_map());
    let mut distinct = DistinctN::new(&options);
    for _ in 0..TEXTS {
        let text = text(random);
        case.begin(&text, &[]);
        let share = distinct.value(&text);
        ensure!(share.is_none_or(|share| 0.0 < share && share <= 1.0), "{share:?}");
    }
    Ok(())
}

fn perplexities(random: &mut Random, case: &mut Case) -> Result<(), String> {
    for _ in 0..TEXTS {
        let logprobs: Vec<f64> = (0..random.below(40))
            .map(|_| match random.below(60) {
                0 => f64::NEG_INFINITY,
                1 => f64::NAN,
                2 => -0.0,
                3 => f64::MIN,
                _ => -random.unit() * 20.0,
            })
            .collect();
        case.begin(&format!("{logprobs:?}"), &[]);
        let found = perplexity(&logprobs);
        let none = logprobs.is_empty() || logprobs.iter().any(|x| x.is_nan());
        ensure!(found.is_none() == none, "{found:?}");
        ensure!(found.is_none_or(|found| found >= 1.0), "{found:?}");
    }
    Ok(())
}

/// Stands in every value and in no message.
const SECRET: &str = "s3cr3t";

/// What templates are put together from; `x` is a text, `n` a number, `list` a list of texts, `row` a struct, `none` NULL.
const PARTS: &[&str] = &[
    "{{ x }}",
    "{{ x | upper }}",
    "{{ x | trim | length }}",
    "{{ n + 1 }}",
    "{{ n / 0 }}",
    "{{ n // 3 }}",
    "{{ n % 0 }}",
    "{{ x ~ n }}",
    "{{ x + 1 }}",
    "{{ x[0] }}",
    "{{ x[-1] }}",
    "{{ x[1:3] }}",
    "{{ x[::-1] }}",
    "{{ list[9] }}",
    "{{ list | join(', ') }}",
    "{{ list | tojson }}",
    "{{ row | tojson(indent=2) }}",
    "{{ row.a }}",
    "{{ row.z }}",
    "{{ row.z | default('d') }}",
    "{{ none }}",
    "{{ none | d }}",
    "{{ x | replace('a', '{{') }}",
    "{{ x | int }}",
    "{{ x | float }}",
    "{{ x | title }}",
    "{{ x | indent(2) }}",
    "{{ x | list | reverse | join }}",
    "{{ x | sort }}",
    "{{ list | sort | unique | first }}",
    "{{ list | batch(0) | list }}",
    "{{ list | slice(0) | list }}",
    "{{ x | round }}",
    "{{ n | round(400) }}",
    "{{ list | sum }}",
    "{{ x | urlencode }}",
    "{{ x | e }}",
    "{{ x | safe }}",
    "{{ x * 3 }}",
    "{{ x | center(20) }}",
    "{{ range(n) | list }}",
    "{{ x | format(1) }}",
    "{{ x.upper() }}",
    "{{ x is string }}",
    "{{ 'a' in x }}",
    "{{ list is iterable and x is defined }}",
    "{% for c in x %}{{ loop.index }}{{ c }}{% endfor %}",
    "{% for a, b in list %}{{ a }}{% endfor %}",
    "{% for k, v in row | items %}{{ k }}={{ v }};{% else %}-{% endfor %}",
    "{% if x %}",
    "{% elif n %}",
    "{% else %}",
    "{% endif %}",
    "{% for c in list %}",
    "{% break %}",
    "{% endfor %}",
    "{% set y = x %}{{ y }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(x) }}",
    "{% raw %}{{ x }}{% endraw %}",
    "{# {{ x }} #}",
    "{%- if n -%} a {%- endif -%}",
    "{{",
    "}}",
    "{%",
    "%}",
    "{{ x | }}",
    "{{ x | nosuch }}",
    "{{ debug() }}",
    "{{ self }}",
    "{{ namespace(a=1) }}",
    "{{ dict(a=x) }}",
    "{% filter upper %}{{ x }}{% endfilter %}",
    "{% with z = x %}{{ z }}{% endwith %}",
    "{% do list.append(1) %}",
    "{{ x.a.b.c }}",
    "{{ -x }}",
    "{{ not x }}",
    "{{ x ** 2 }}",
    "{{ n ** 400 }}",
    "{{ 9223372036854775807 + n }}",
    "{{ x < n }}",
    "{{ list < list }}",
    "{{ {x: 1} }}",
    "{{ [x] * 3 }}",
];

fn prompts(random: &mut Random, case: &mut Case) -> Result<(), String> {
    let mut source = String::new();
    for _ in 0..random.below(6) {
        match random.below(4) {
            0 => source.push_str(&text(random)),
            _ => source.push_str(random.pick(PARTS)),
        }
    }
    case.options = format!("{source:?}");
    let template = match Template::compile(&source) {
        Ok(template) => template,
        Err(_) => return Ok(()),
    };
    let _ = template.check_variables(&["x", "n", "list", "row", "none"]);
    for _ in 0..TEXTS {
        let x = format!("{}{SECRET}{}", text(random), text(random));
        case.begin(&x, &[]);
        let list: Vec<String> = (0..random.below(4)).map(|_| format!("{SECRET}{}", text(random))).collect();
        let n = [0, 1, 3, -1, i64::MAX, i64::MIN][random.below(if source.contains("range") { 4 } else { 6 })];
        let row = context! {
            x => x.as_str(), n => n, list => list, row => context! { a => SECRET, b => [1.5, f64::NAN], c => () }, none => (),
        };
        match template.render(row) {
            Err(e) => ensure!(!e.to_string().contains(SECRET), "the error holds the row: {e}"),
            Ok(text) => ensure!(source != "{{ x }}" || text == x, "printed {text:?}"),
        }
        let plain = Template::compile("a{{ x }}b").and_then(|t| t.render(context! { x => Value::from(x.as_str()) }));
        ensure!(plain.as_ref().is_ok_and(|text| *text == format!("a{x}b")), "printed {plain:?}");
    }
    Ok(())
}
