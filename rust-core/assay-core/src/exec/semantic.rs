//! Row functions over vectors and local models.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::types::{Float32Type, Float64Type};
use arrow::array::{Array, ArrayBuilder, ArrayRef, Float64Array, Float64Builder, StructArray};
use arrow::datatypes::DataType;

use crate::completion::{CallError, Completion, Status};
use crate::error::{Error, ErrorKind, Result};
use crate::exec::columns::{References, Texts};
use crate::exec::completion_schema::{embeddings, fields};
use crate::exec::text::NotTaken;
use crate::metrics::Stop;
use crate::options::{FunctionInfo, OptionInfo, OptionKind, Options};
use crate::semantic::{self, BertScore, BertScorer, Idf, Model, cosine_similarity};

/// `llm_cosine_similarity(a, b)`.
const COSINE: FunctionInfo = FunctionInfo { name: "llm_cosine_similarity", options: &[] };

/// `llm_semantic_similarity(prediction, reference, model)` with a local model, whose folder is the constant.
const SIMILARITY: FunctionInfo = FunctionInfo { name: "llm_semantic_similarity", options: &[] };

/// `llm_embed(model, text)` with a local model, whose folder is the constant.
const EMBED: FunctionInfo = FunctionInfo { name: "assay_local_embed", options: &[] };

/// `llm_bertscore(prediction, reference, model [, options])`, the model's folder being the constant.
const BERT_SCORE: FunctionInfo = FunctionInfo {
    name: "llm_bertscore",
    options: &[
        OptionInfo {
            name: "num_layers",
            kind: OptionKind::Int { min: 0, max: 1000 },
            default: "",
            doc: "The layer whose vectors are compared; by default bert-score's for a model of this name.",
            per_row: false,
        },
        OptionInfo {
            name: "idf_sents",
            kind: OptionKind::TextList,
            default: "",
            doc: "Texts in which the inverse document frequencies are counted that weigh tokens; without them all weigh the same.",
            per_row: false,
        },
        OptionInfo {
            name: "rescale_with_baseline",
            kind: OptionKind::Bool,
            default: "false",
            doc: "Whether the scores of unrelated texts, from the file baseline_path, become 0.",
            per_row: false,
        },
        OptionInfo {
            name: "baseline_path",
            kind: OptionKind::Text,
            default: "",
            doc: "A file of bert-score with the scores of unrelated texts by layer.",
            per_row: false,
        },
    ],
};

/// All of them.
pub(super) const FUNCTIONS: &[&FunctionInfo] = &[&BERT_SCORE, &COSINE, &EMBED, &SIMILARITY];

/// One of them. Models are checked when it is made and read at its first rows.
#[derive(Debug)]
pub(super) enum SemanticFunction {
    Cosine,
    Similarity(String),
    Embed(String),
    BertScore { folder: String, options: Options },
}

impl SemanticFunction {
    /// The function of that name. Errors: [`ErrorKind::LocalModel`], and those of options that only the model shows to be wrong.
    pub(super) fn new(info: &FunctionInfo, options: Options, constant: Option<&str>) -> Result<SemanticFunction> {
        if info.name == COSINE.name {
            return Ok(SemanticFunction::Cosine);
        }
        let Some(folder) = constant.map(str::to_string) else {
            return Err(Error::new(ErrorKind::InvalidArgument, format!("{} needs the folder of a model", info.name)));
        };
        let facts = semantic::check(&folder)?;
        if info.name == SIMILARITY.name {
            return Ok(SemanticFunction::Similarity(folder));
        }
        if info.name == EMBED.name {
            return Ok(SemanticFunction::Embed(folder));
        }
        let layers = facts.layers_for_bert_score(layers(&options))?;
        if options.flag("rescale_with_baseline") != options.text("baseline_path").is_some() {
            return Err(Error::new(
                ErrorKind::InvalidOption,
                format!("{}: rescale_with_baseline and baseline_path go together", info.name),
            ));
        }
        if let Some(path) = options.text("baseline_path") {
            semantic::read_baseline(path, layers)?;
        }
        Ok(SemanticFunction::BertScore { folder, options })
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            SemanticFunction::Cosine => COSINE.name,
            SemanticFunction::Similarity(_) => SIMILARITY.name,
            SemanticFunction::Embed(_) => EMBED.name,
            SemanticFunction::BertScore { .. } => BERT_SCORE.name,
        }
    }

    pub(super) fn arity(&self) -> usize {
        if matches!(self, SemanticFunction::Embed(_)) { 1 } else { 2 }
    }

    /// Over the columns of `args`, on the calling task's share of the machine: one thread. `not_taken` makes the error for the
    /// column that stands at a place of `args`.
    pub(super) fn eval(
        &self,
        args: &[&ArrayRef],
        rows: usize,
        stop: &Stop,
        not_taken: &dyn Fn(usize, &DataType, &str) -> Error,
    ) -> Result<ArrayRef> {
        let texts = |i: usize| Texts::new(args[i]).map_err(|found| not_taken(i, &found, "a STRING"));
        let references =
            || References::new(args[1]).map_err(|found| not_taken(1, &found, "a STRING or an ARRAY<STRING>"));
        match self {
            SemanticFunction::Cosine => {
                let vectors = |i: usize| Vectors::new(args[i], &|found, wanted| not_taken(i, found, wanted));
                let (a, b) = (vectors(0)?, vectors(1)?);
                let cosine = |row| cosine_similarity(a.get(row)?, b.get(row)?);
                Ok(Arc::new((0..rows).map(cosine).collect::<Float64Array>()))
            }
            SemanticFunction::Embed(folder) => embed(folder, &texts(0)?, rows, stop),
            SemanticFunction::Similarity(folder) => {
                similarities(folder, &Pairs::new(&texts(0)?, &references()?, rows), stop)
            }
            SemanticFunction::BertScore { folder, options } => {
                bert_scores(folder, options, &Pairs::new(&texts(0)?, &references()?, rows), stop)
            }
        }
    }
}

fn layers(options: &Options) -> Option<usize> {
    options.int("num_layers").map(|layers| layers as usize)
}

/// A column of vectors.
enum Vectors<'a> {
    Null,
    Lists(&'a ArrayRef),
}

impl<'a> Vectors<'a> {
    fn new(array: &'a ArrayRef, not_taken: NotTaken<'_>) -> Result<Self> {
        let is_number = |t: &DataType| matches!(t, DataType::Float32 | DataType::Float64);
        match array.data_type() {
            DataType::Null => Ok(Vectors::Null),
            DataType::List(item) if is_number(item.data_type()) => Ok(Vectors::Lists(array)),
            other => Err(not_taken(other, "an ARRAY<FLOAT> or an ARRAY<DOUBLE>")),
        }
    }

    /// The numbers in `row`; `None` where the list or one of them is NULL.
    fn get(&self, row: usize) -> Option<Vec<f64>> {
        let Vectors::Lists(array) = self else { return None };
        let list = array.as_list::<i32>();
        if list.is_null(row) {
            return None;
        }
        let values = list.value(row);
        if values.null_count() > 0 {
            return None;
        }
        Some(match values.as_primitive_opt::<Float32Type>() {
            Some(values) => values.values().iter().map(|v| f64::from(*v)).collect(),
            None => values.as_primitive::<Float64Type>().values().to_vec(),
        })
    }
}

/// The rows that have a prediction and at least one reference.
struct Pairs<'a> {
    rows: usize,
    places: Vec<usize>,
    predictions: Vec<&'a str>,
    references: Vec<Vec<&'a str>>,
}

impl<'a> Pairs<'a> {
    fn new(predictions: &Texts<'a>, references: &References<'a>, rows: usize) -> Pairs<'a> {
        let mut pairs = Pairs { rows, places: Vec::new(), predictions: Vec::new(), references: Vec::new() };
        let mut found = Vec::new();
        for row in 0..rows {
            let Some(prediction) = predictions.get(row) else { continue };
            match references {
                References::One(texts) => {
                    found.clear();
                    found.extend(texts.get(row));
                }
                References::Many(lists) => {
                    lists.get(row, &mut found);
                }
            }
            if !found.is_empty() {
                pairs.places.push(row);
                pairs.predictions.push(prediction);
                pairs.references.push(found.clone());
            }
        }
        pairs
    }

    /// A column with `values` in the rows of the pairs, and NULL elsewhere and for what is no number.
    fn column(&self, values: impl Iterator<Item = f64>) -> ArrayRef {
        let mut column = Float64Builder::with_capacity(self.rows);
        for (place, value) in self.places.iter().zip(values) {
            column.append_nulls(place - column.len());
            column.append_option((!value.is_nan()).then_some(value));
        }
        column.append_nulls(self.rows - column.len());
        Arc::new(column.finish())
    }
}

fn embed(folder: &str, texts: &Texts<'_>, rows: usize, stop: &Stop) -> Result<ArrayRef> {
    let model = Model::open(folder)?;
    let texts: Vec<Option<&str>> = (0..rows).map(|row| texts.get(row)).collect();
    let given: Vec<&str> = texts.iter().flatten().copied().collect();
    let mut vectors = semantic::on_one_thread(|| model.embed(&given, stop))??.into_iter();
    let completion = |text: Option<&str>| match text {
        Some(text) => {
            let mut completion = Completion::uncalled("local", Status::Ok);
            completion.embedding = vectors.next();
            completion.usage.input_tokens = Some(model.count_tokens(text) as i64);
            completion
        }
        None => {
            let mut completion = Completion::uncalled("local", Status::NoPrompt);
            completion.error = Some(CallError {
                condition: Status::NoPrompt.condition().to_string(),
                message: "the text is NULL".to_string(),
                retryable: false,
                http_status: None,
            });
            completion
        }
    };
    let completions: Vec<Option<Completion>> = texts.into_iter().map(completion).map(Some).collect();
    Ok(Arc::new(embeddings(&completions)?))
}

fn similarities(folder: &str, pairs: &Pairs<'_>, stop: &Stop) -> Result<ArrayRef> {
    let model = Model::open(folder)?;
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut texts = Vec::new();
    for text in pairs.predictions.iter().chain(pairs.references.iter().flatten()) {
        places.entry(*text).or_insert_with(|| {
            texts.push(*text);
            texts.len() - 1
        });
    }
    let vectors = semantic::on_one_thread(|| model.embed(&texts, stop))??;
    let vector = |text: &str| vectors[places[text]].iter().map(|v| f64::from(*v));
    Ok(pairs.column(pairs.predictions.iter().zip(&pairs.references).map(|(prediction, references)| {
        let all = references.iter().filter_map(|reference| cosine_similarity(vector(prediction), vector(reference)));
        all.reduce(f64::max).unwrap_or(f64::NAN)
    })))
}

fn bert_scores(folder: &str, options: &Options, pairs: &Pairs<'_>, stop: &Stop) -> Result<ArrayRef> {
    let model = Model::open(folder)?;
    let mut scorer = BertScorer::new(model.clone(), layers(options))?;
    if let Some(texts) = options.get("idf_sents").and_then(|list| list.as_array()) {
        let texts: Vec<&str> = texts.iter().filter_map(|text| text.as_str()).collect();
        scorer = scorer.with_idf(Idf::of_texts(&model, &texts));
    }
    if let Some(path) = options.text("baseline_path") {
        let baseline = semantic::read_baseline(path, scorer.layers())?;
        scorer = scorer.rescaled(baseline);
    }
    let rows: Vec<(&str, &[&str])> =
        pairs.predictions.iter().copied().zip(pairs.references.iter().map(Vec::as_slice)).collect();
    let scores = semantic::on_one_thread(|| scorer.score(&rows, stop))??;
    let column =
        |of: fn(&BertScore) -> f64| pairs.column(scores.iter().map(|score| score.as_ref().map_or(f64::NAN, of)));
    let columns = vec![column(|s| s.precision), column(|s| s.recall), column(|s| s.f1)];
    let mut valid = vec![false; pairs.rows];
    pairs.places.iter().for_each(|&place| valid[place] = true);
    let types = fields(&[("precision", DataType::Float64), ("recall", DataType::Float64), ("f1", DataType::Float64)]);
    StructArray::try_new(types, columns, Some(valid.into()))
        .map(|array| Arc::new(array) as ArrayRef)
        .map_err(|e| Error::internal(format!("scores do not form a struct: {e}")))
}
