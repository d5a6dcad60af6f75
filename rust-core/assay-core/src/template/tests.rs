use minijinja::context;

use super::*;

fn render(source: &str, row: Value) -> Result<String> {
    Template::compile(source)?.render(row)
}

fn assert_renders(source: &str, row: Value, expected: &str) {
    assert_eq!(render(source, row).unwrap(), expected, "{source}");
}

#[test]
fn data_is_printed_as_it_is() {
    for text in ["$5 \\1 \\n", "{{ x }} {% if %} {# #}", "<b>&amp;'\"</b>", "日本語 🇫🇷 e\u{301}", "\u{0}\u{1f}\r\n"]
    {
        assert_renders("{{ x }}|{{ x }}", context! { x => text }, &format!("{text}|{text}"));
    }
}

#[test]
fn loops_conditions_and_nested_fields() {
    let row = context! { q => context! { text => "2+2?", hard => false }, shots => [("1+1?", 2), ("2*3?", 6)] };
    assert_renders(
        "{% for question, answer in shots %}{{ loop.index }}. {{ question }} {{ answer }}\n{% endfor %}\
         {% if q.hard %}Hard: {% else %}Easy: {% endif %}{{ q.text | upper }}",
        row,
        "1. 1+1? 2\n2. 2*3? 6\nEasy: 2+2?",
    );
    assert_renders("{% set n = 2 %}{{ n * 3 }}{% raw %}{{ n }}{% endraw %}", context! {}, "6{{ n }}");
}

#[test]
fn a_null_is_named_and_default_replaces_it() {
    let row = || context! { x => () };
    let e = render("a\n{{ x }}", row()).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::TemplateRender);
    assert!(e.message().starts_with("the template does not render, line 2: it prints a NULL; give a default"), "{e}");
    assert_renders("{{ x | default('-') }}{{ x | d }}{{ x | d(1) }}", row(), "-1");
    assert_renders("{% if x %}yes{% endif %}{% if x is none %}no{% endif %}", row(), "no");
    assert_renders("{{ '' | default('e') }}{{ '' | default('e', true) }}{{ 0 | d('z') }}", row(), "e0");
    assert_renders("{{ x | tojson }}", row(), "null");
}

#[test]
fn what_is_undefined_is_an_error() {
    let row = || context! { x => context! { y => 1 } };
    assert_eq!(render("{{ x.z }}", row()).unwrap_err().kind(), ErrorKind::TemplateRender);
    assert_eq!(render("{% if x.z %}{% endif %}", row()).unwrap_err().kind(), ErrorKind::TemplateRender);
    assert_renders("{{ x.z | default('none') }}{% if x.z is defined %}!{% endif %}", row(), "none");
}

#[test]
fn errors_hold_no_data() {
    for source in
        ["{{ x + 1 }}", "{{ x | int }}", "{{ x.y.z }}", "{{ x() }}", "{{ x.f() }}", "{{ [1] | attr(x) | int }}"]
    {
        let e = render(source, context! { x => "secret" }).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::TemplateRender, "{source}");
        assert!(!e.to_string().contains("secret"), "{e}");
    }
}

#[test]
fn syntax_errors_say_where() {
    let e = Template::compile("one\ntwo {{ x").unwrap_err();
    assert_eq!(e.kind(), ErrorKind::TemplateSyntax);
    assert!(e.message().starts_with("the template does not parse, line 2: "), "{e}");
    for source in ["{% for %}", "{{ x | nosuchfilter( }}", "{% endif %}", "{{ 'a }}"] {
        assert_eq!(Template::compile(source).unwrap_err().kind(), ErrorKind::TemplateSyntax, "{source}");
    }
}

#[test]
fn other_templates_cannot_be_included() {
    for source in ["{% include 'x' %}", "{% extends 'x' %}", "{% import 'x' as y %}", "{% from 'x' import y %}"] {
        assert_eq!(Template::compile(source).unwrap_err().kind(), ErrorKind::TemplateSyntax, "{source}");
    }
}

#[test]
fn variables_are_checked_against_fields() {
    let template = Template::compile(
        "{% for c in choices %}{{ loop.index }}{{ c }}{% endfor %}{% set y = range(3) %}{{ y }}{{ questoin.text }}",
    )
    .unwrap();
    assert_eq!(template.variables(), ["choices", "questoin"]);
    assert!(template.check_variables(&["questoin", "choices", "more"]).is_ok());
    let e = template.check_variables(&["question", "choices"]).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::TemplateVariable);
    assert_eq!(
        e.message(),
        "the template uses 'questoin', which no field of its struct gives; did you mean 'question'?"
    );
}

#[test]
fn the_row_cannot_be_dumped() {
    let template = Template::compile("{{ debug() }}").unwrap();
    assert!(template.check_variables(&["x"]).is_err());
}

#[test]
fn json_keeps_characters_and_order() {
    let row = context! { x => context! { b => "<é'\n>", a => [1, 2], n => f64::NAN } };
    assert_renders("{{ x.b | tojson }} {{ x.a | tojson }} {{ x.n | tojson }}", row, "\"<é'\\n>\" [1, 2] null");
    assert_renders("{{ {'k': [1.5, true]} | tojson }}", context! {}, "{\"k\": [1.5, true]}");
    assert_renders("{{ [1, {'a': []}] | tojson(indent=2) }}", context! {}, "[\n  1,\n  {\n    \"a\": []\n  }\n]");
}

#[test]
fn endless_recursion_ends() {
    let source = "{% macro m(n) %}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}";
    assert_eq!(render(source, context! {}).unwrap_err().kind(), ErrorKind::TemplateRender);
}
