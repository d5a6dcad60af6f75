//! Options drawn from a function's own table.

use assay_core::options::{FunctionInfo, OptionKind, Options, resolve};
use serde_json::{Map, Value, json};

use crate::texts::{Random, pattern, text};

/// Options of a function; what the table takes, but not always what the function does.
pub(crate) fn draw(function: &FunctionInfo, random: &mut Random) -> Options {
    let mut given = Map::new();
    for option in function.options {
        if random.once_in(2) {
            given.insert(option.name.to_string(), value(option.name, &option.kind, random));
        }
    }
    resolve(function, &given).unwrap_or_default()
}

fn value(name: &str, kind: &OptionKind, random: &mut Random) -> Value {
    match kind {
        OptionKind::Bool => json!(random.once_in(2)),
        OptionKind::Int { min, max } => {
            let near = (*min).max(0).saturating_add(random.below(10) as i64).min(*max);
            json!([near, near, near, near, *min, *max][random.below(6)])
        }
        OptionKind::Float { min, max } => {
            let unit = random.unit().clamp(*min, *max);
            let wide = (random.unit() * 10.0).clamp(*min, *max);
            json!([unit, unit, wide, min.max(-1e300), max.min(1e300)][random.below(5)])
        }
        OptionKind::Choice(words) => json!(random.pick(words)),
        OptionKind::TextList => json!((0..random.below(4)).map(|_| path(random)).collect::<Vec<_>>()),
        OptionKind::Text | OptionKind::Json => match name {
            "weights" => {
                let n = 1 + random.below(6);
                json!((0..n).map(|_| random.unit() / n as f64).collect::<Vec<_>>())
            }
            "pattern" => json!(pattern(random)),
            "path" => json!(path(random)),
            "marker" => json!(random.pick(&["####", "A:", "\n", "é", "", " "])),
            _ => json!(text(random)),
        },
    }
}

fn path(random: &mut Random) -> String {
    random
        .pick(&["$", "$.a", "$.a.b", "$[0]", "$.a[1].b", "/a", "/a/0", "", "/", "/a~1b", "$.", "$..a", "a", "$['a']"])
        .to_string()
}
