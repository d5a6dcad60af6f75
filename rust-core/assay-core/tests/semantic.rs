//! Local models against transformers, sentence-transformers and bert-score: tiny ones of every family, whose weights are made of
//! their names, and a real one where it is at hand (`$ASSAY_MINILM`, a folder; reference values in `$ASSAY_SHARED/vectors`).
#![cfg(feature = "semantic")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use assay_core::ErrorKind;
use assay_core::metrics::Stop;
use assay_core::semantic::{self, BertScore, BertScorer, Idf, Model, cosine_similarity, read_baseline};
use serde_json::{Value, json};

fn vectors() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/semantic.json");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// A folder that goes away.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str) -> Temporary {
        // Tests of one process have models of one name.
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("assay-semantic-{}-{number}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Temporary(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// As `weights` of generate_semantic.py.
fn weights(name: &str, count: u64) -> Vec<u8> {
    let seed = u64::from(crc32fast::hash(name.as_bytes()));
    let is_norm = name.to_lowercase().contains("norm") && name.ends_with("weight");
    let value = |i: u64| {
        let mut x = (i * 2_654_435_761 + seed) & 0xffff_ffff;
        for _ in 0..2 {
            x = ((x ^ (x >> 16)) * 0x045d_9f3b) & 0xffff_ffff;
        }
        let uniform = (x ^ (x >> 16)) as f64 / 2f64.powi(31) - 1.0;
        (if is_norm { 1.0 + 0.2 * uniform } else { 0.25 * uniform }) as f32
    };
    (0..count).flat_map(|i| value(i).to_le_bytes()).collect()
}

fn safetensors(shapes: &Value) -> Vec<u8> {
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    for (name, shape) in shapes.as_object().unwrap() {
        let count: u64 = shape.as_array().unwrap().iter().map(|dim| dim.as_u64().unwrap()).product();
        let from = data.len();
        data.extend(weights(name, count));
        header.insert(name.clone(), json!({"dtype": "F32", "shape": shape, "data_offsets": [from, data.len()]}));
    }
    let header = serde_json::to_vec(&header).unwrap();
    [(header.len() as u64).to_le_bytes().to_vec(), header, data].concat()
}

fn write_model(vectors: &Value, model: &Value) -> Temporary {
    let folder = Temporary::new(model["name"].as_str().unwrap());
    for (file, value) in model["files"].as_object().unwrap() {
        let path = folder.0.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, serde_json::to_vec(value).unwrap()).unwrap();
    }
    let tokenizer = &vectors["tokenizers"][model["tokenizer"].as_str().unwrap()];
    fs::write(folder.0.join("tokenizer.json"), serde_json::to_vec(tokenizer).unwrap()).unwrap();
    fs::write(folder.0.join("model.safetensors"), safetensors(&model["tensors"])).unwrap();
    folder
}

fn named<'a>(vectors: &'a Value, name: &str) -> &'a Value {
    vectors["models"].as_array().unwrap().iter().find(|model| model["name"] == name).unwrap()
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn assert_close(found: f64, expected: f64, tolerance: f64, what: &str) {
    assert!((found - expected).abs() <= tolerance, "{what}: {found} instead of {expected}");
}

fn wide(vector: &[f32]) -> impl Iterator<Item = f64> {
    vector.iter().map(|v| f64::from(*v))
}

type Part = fn(&BertScore) -> f64;

#[test]
fn every_family_gives_what_transformers_gives() {
    let vectors = vectors();
    let texts = texts(&vectors["texts"]);
    for model in vectors["models"].as_array().unwrap() {
        let name = model["name"].as_str().unwrap();
        let folder = write_model(&vectors, model);
        semantic::check(folder.path()).unwrap();
        let read = Model::open(folder.path()).unwrap();
        let found = read.embed(&texts, &Stop::default()).unwrap();
        for (i, (found, expected)) in found.iter().zip(model["embeddings"].as_array().unwrap()).enumerate() {
            let expected = numbers(expected);
            assert_eq!(found.len(), expected.len(), "{name}");
            assert_eq!(found.len(), read.dimension(), "{name}");
            for (found, expected) in found.iter().zip(expected) {
                assert_close(f64::from(*found), expected, 2e-5, &format!("{name}, text {i}"));
            }
        }
    }
}

#[test]
fn bert_score_of_every_family_is_that_of_bert_score() {
    let vectors = vectors();
    let texts = texts(&vectors["texts"]);
    let pairs: Vec<(usize, Vec<usize>)> = serde_json::from_value(vectors["pairs"].clone()).unwrap();
    for model in vectors["models"].as_array().unwrap() {
        let folder = write_model(&vectors, model);
        let read = Model::open(folder.path()).unwrap();
        for (key, expected) in model["bert_score"].as_object().unwrap() {
            let layers = expected["layers"].as_u64().unwrap() as usize;
            let mut scorer = BertScorer::new(read.clone(), Some(layers)).unwrap();
            if expected["idf"].as_bool().unwrap() {
                scorer = scorer.with_idf(Idf::of_texts(&read, &texts[..4]));
            }
            let references: Vec<Vec<&str>> =
                pairs.iter().map(|(_, all)| all.iter().map(|&i| texts[i]).collect()).collect();
            let rows: Vec<(&str, &[&str])> =
                pairs.iter().zip(&references).map(|((i, _), all)| (texts[*i], all.as_slice())).collect();
            let found = scorer.score(&rows, &Stop::default()).unwrap();
            let measures: [(&str, Part); 3] =
                [("precision", |s| s.precision), ("recall", |s| s.recall), ("f1", |s| s.f1)];
            for (measure, of) in measures {
                for (i, (found, expected)) in found.iter().zip(numbers(&expected[measure])).enumerate() {
                    let what = format!("{} {key} {measure}, pair {i}", model["name"]);
                    assert_close(of(found.as_ref().unwrap()), expected, 2e-5, &what);
                }
            }
        }
    }
}

#[test]
fn a_text_has_the_same_bits_in_any_company_on_any_number_of_threads() {
    let vectors = vectors();
    let texts = texts(&vectors["texts"]);
    for name in ["bert", "mpnet", "modernbert"] {
        let folder = write_model(&vectors, named(&vectors, name));
        let model = Model::open(folder.path()).unwrap();
        let many: Vec<&str> = texts.iter().cycle().take(200).copied().collect();
        let bits = |vector: &[f32]| vector.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        let alone: Vec<_> =
            texts.iter().map(|text| bits(&model.embed(&[text], &Stop::default()).unwrap()[0])).collect();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        let together = pool.install(|| model.embed(&many, &Stop::default()).unwrap());
        for (i, vector) in together.iter().enumerate() {
            assert_eq!(bits(vector), alone[i % texts.len()], "{name} {i}");
        }
    }
}

#[test]
fn a_folder_is_read_once_until_it_changes() {
    let vectors = vectors();
    let folder = write_model(&vectors, named(&vectors, "distilbert"));
    let first = Model::open(folder.path()).unwrap();
    assert!(Arc::ptr_eq(&first, &Model::open(&format!("file:{}", folder.path())).unwrap()));
    fs::write(folder.0.join("modules.json"), "[]").unwrap();
    assert!(!Arc::ptr_eq(&first, &Model::open(folder.path()).unwrap()));
}

#[test]
fn after_a_stop_there_is_an_error() {
    let vectors = vectors();
    let folder = write_model(&vectors, named(&vectors, "roberta"));
    let stop = Stop::default();
    stop.set();
    let error = Model::open(folder.path()).unwrap().embed(&["a"], &stop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

#[test]
fn errors_name_what_is_wrong_with_a_folder() {
    let vectors = vectors();
    let model = named(&vectors, "bert");
    let refused = |change: &dyn Fn(&Path)| {
        let folder = write_model(&vectors, model);
        change(&folder.0);
        let error = semantic::check(folder.path()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LocalModel);
        assert_eq!(Model::open(folder.path()).unwrap_err(), error);
        error.message().replace(folder.path(), "FOLDER")
    };
    let remove = |name: &'static str| move |folder: &Path| fs::remove_file(folder.join(name)).unwrap();
    assert_eq!(
        refused(&remove("tokenizer.json")),
        "the model in FOLDER: tokenizer.json is missing: the folder has 1_Pooling, config.json, model.safetensors, modules.json, \
         sentence_bert_config.json, tokenizer_config.json; save the tokenizer with \
         AutoTokenizer.from_pretrained(...).save_pretrained(folder)"
    );
    assert!(refused(&remove("model.safetensors")).starts_with("the model in FOLDER: model.safetensors is missing"));
    assert!(refused(&remove("config.json")).starts_with("the model in FOLDER: config.json is missing"));
    assert!(
        refused(&remove("1_Pooling/config.json")).starts_with("the model in FOLDER: 1_Pooling/config.json is missing")
    );
    let config = |key: &'static str, value: Value| {
        move |folder: &Path| {
            let mut config = model["files"]["config.json"].clone();
            config[key] = value.clone();
            fs::write(folder.join("config.json"), config.to_string()).unwrap();
        }
    };
    assert_eq!(
        refused(&config("model_type", json!("gpt2"))),
        "the model in FOLDER: config.json has model_type 'gpt2', which Assay cannot run; it runs bert, camembert, distilbert, \
         modernbert, mpnet, roberta, xlm-roberta"
    );
    assert!(refused(&config("num_hidden_layers", json!(4))).contains("has no tensor encoder.layer.3."));
    assert!(refused(&config("intermediate_size", json!(47))).contains("the files are of different models"));
    assert!(refused(&config("hidden_act", json!("xielu"))).contains("hidden_act 'xielu', which Assay cannot compute"));
    let cut = |folder: &Path| {
        let path = folder.join("model.safetensors");
        let bytes = fs::read(&path).unwrap();
        fs::write(path, &bytes[..bytes.len() - 1]).unwrap();
    };
    assert!(refused(&cut).contains("model.safetensors is damaged"));
    let dense = |folder: &Path| {
        fs::write(
            folder.join("modules.json"),
            r#"[{"path": "2_Dense", "type": "sentence_transformers.models.Dense"}]"#,
        )
        .unwrap();
    };
    assert!(refused(&dense).contains("modules.json has a module Dense, which Assay cannot run"));
    for (path, part) in [("relative", "must be an absolute path"), ("/no/such/folder", "cannot be read")] {
        assert!(semantic::check(path).unwrap_err().message().contains(part));
    }
}

#[test]
fn layers_and_baselines() {
    let vectors = vectors();
    let folder = write_model(&vectors, named(&vectors, "bert"));
    let model = Model::open(folder.path()).unwrap();
    for (layers, part) in [(Some(4), "has 3 layers"), (None, "give option 'num_layers', from 0 to 3")] {
        let error = BertScorer::new(model.clone(), layers).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidOption);
        assert!(error.message().contains(part), "{error}");
    }
    let file = folder.0.join("baseline.tsv");
    fs::write(&file, "LAYER,P,R,F\n0,0.3,0.4,0.35\n1,0.6,0.5,0.2\n").unwrap();
    let baseline = read_baseline(file.to_str().unwrap(), 1).unwrap();
    assert_eq!(baseline, [0.6, 0.5, 0.2]);
    assert_eq!(read_baseline(file.to_str().unwrap(), 2).unwrap_err().kind(), ErrorKind::LocalModel);
    let pair: [(&str, &[&str]); 2] = [("six", &["half past six"]), ("six", &[])];
    let score = |scorer: BertScorer| scorer.score(&pair, &Stop::default()).unwrap();
    let plain = score(BertScorer::new(model.clone(), Some(1)).unwrap());
    let rescaled = score(BertScorer::new(model, Some(1)).unwrap().rescaled(baseline));
    assert_eq!((plain[1], rescaled[1]), (None, None));
    let (plain, rescaled) = (plain[0].unwrap(), rescaled[0].unwrap());
    assert_close(rescaled.precision, (plain.precision - 0.6) / 0.4, 1e-12, "precision");
    assert_close(rescaled.recall, (plain.recall - 0.5) / 0.5, 1e-12, "recall");
    assert_close(rescaled.f1, (plain.f1 - 0.2) / 0.8, 1e-12, "f1");
}

/// The folder of all-MiniLM-L6-v2 and the reference values over it.
fn mini_lm() -> Option<(Arc<Model>, Value)> {
    let shared = match std::env::var_os("ASSAY_SHARED") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
    };
    let values = fs::read(shared.join("vectors/semantic_public.json"));
    let (Some(folder), Ok(values)) = (std::env::var("ASSAY_MINILM").ok(), values) else {
        println!("skipped: no folder of all-MiniLM-L6-v2 (ASSAY_MINILM) or no shared vectors (ASSAY_SHARED)");
        return None;
    };
    Some((Model::open(&folder).unwrap(), serde_json::from_slice(&values).unwrap()))
}

#[test]
fn a_real_model_gives_the_reference_values() {
    let Some((model, values)) = mini_lm() else { return };
    let pairs = values["pairs"].as_array().unwrap();
    let side = |name: &str| pairs.iter().map(|pair| pair[name].as_str().unwrap()).collect::<Vec<_>>();
    let (candidates, references) = (side("candidate"), side("reference"));
    let embedding = &values["embedding"];
    let of_candidates = model.embed(&candidates, &Stop::default()).unwrap();
    let of_references = model.embed(&references, &Stop::default()).unwrap();
    for (i, expected) in numbers(&embedding["cosine"]).into_iter().enumerate() {
        let found = cosine_similarity(wide(&of_candidates[i]), wide(&of_references[i])).unwrap();
        assert_close(found, expected, 1e-5, &format!("cosine {i}"));
    }
    for i in [0, 13] {
        let expected = numbers(&embedding[format!("full_embedding_of_pair{i}_candidate")]);
        for (found, expected) in of_candidates[i].iter().zip(expected) {
            assert_close(f64::from(*found), expected, 1e-5, "embedding");
        }
    }
    let long = values["long_text_truncation"]["text"].as_str().unwrap();
    let found = model.embed(&[long], &Stop::default()).unwrap();
    for (found, expected) in found[0].iter().zip(numbers(&values["long_text_truncation"]["embedding_first8"])) {
        assert_close(f64::from(*found), expected, 1e-5, "long text");
    }
    for (key, expected) in values["bertscore"].as_object().unwrap() {
        let layers = expected["num_layers"].as_u64().unwrap() as usize;
        let mut scorer = BertScorer::new(model.clone(), Some(layers)).unwrap();
        if expected["idf"].as_bool().unwrap() {
            scorer = scorer.with_idf(Idf::of_texts(&model, &references));
        }
        let rows: Vec<(&str, &[&str])> =
            candidates.iter().zip(&references).map(|(c, r)| (*c, std::slice::from_ref(r))).collect();
        assert_scores(&scorer, &rows, expected, key);
    }
    let many = &values["multi_reference"];
    let references: Vec<Vec<&str>> = many["references"].as_array().unwrap().iter().map(texts).collect();
    let candidates = texts(&many["candidates"]);
    let rows: Vec<(&str, &[&str])> = candidates.iter().copied().zip(references.iter().map(Vec::as_slice)).collect();
    let scorer = BertScorer::new(model, Some(6)).unwrap();
    assert_scores(&scorer, &rows, many, "several references");
    let edges = values["edge_cases_bert_score_0.3.13_transformers_4.57.6"].as_array().unwrap();
    for edge in edges {
        let text = |name: &str| match edge[name].as_str().unwrap() {
            "word x 600" => "word ".repeat(600),
            "word x 300" => "word ".repeat(300),
            text => text.to_string(),
        };
        let (candidate, reference) = (text("candidate"), text("reference"));
        assert_scores(&scorer, &[(&candidate, &[&reference])], edge, &format!("edge {edge}"));
    }
}

fn assert_scores(scorer: &BertScorer, rows: &[(&str, &[&str])], expected: &Value, what: &str) {
    let found = scorer.score(rows, &Stop::default()).unwrap();
    let expected: BTreeMap<&str, Vec<f64>> =
        ["P", "R", "F1"].into_iter().map(|key| (key, numbers(&expected[key]))).collect();
    for (i, found) in found.iter().enumerate() {
        let found = found.as_ref().unwrap();
        for (key, found) in [("P", found.precision), ("R", found.recall), ("F1", found.f1)] {
            assert_close(found, expected[key][i], 1e-5, &format!("{what} {key} {i}"));
        }
    }
}
