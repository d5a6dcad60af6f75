//! Which layer BERTScore takes by the name of a model: where its correlation with the judgement of people was greatest, as bert-score
//! 0.3.13 has it.

use std::path::Path;

/// For the families that Assay runs.
const LAYERS: &[(&str, usize)] = &[
    ("ProsusAI/finbert", 10),
    ("SpanBERT/spanbert-base-cased", 8),
    ("SpanBERT/spanbert-large-cased", 17),
    ("allenai/scibert_scivocab_cased", 9),
    ("allenai/scibert_scivocab_uncased", 8),
    ("bert-base-cased-finetuned-mrpc", 9),
    ("bert-base-chinese", 8),
    ("bert-base-multilingual-cased", 9),
    ("bert-base-uncased", 9),
    ("bert-large-uncased", 18),
    ("dbmdz/bert-base-turkish-cased", 10),
    ("dbmdz/distilbert-base-turkish-cased", 4),
    ("distilbert-base-multilingual-cased", 5),
    ("distilbert-base-uncased", 5),
    ("distilbert-base-uncased-distilled-squad", 4),
    ("distilroberta-base", 5),
    ("microsoft/mpnet-base", 8),
    ("princeton-nlp/sup-simcse-bert-base-uncased", 10),
    ("princeton-nlp/sup-simcse-bert-large-uncased", 18),
    ("princeton-nlp/sup-simcse-roberta-base", 10),
    ("princeton-nlp/sup-simcse-roberta-large", 16),
    ("princeton-nlp/unsup-simcse-bert-base-uncased", 10),
    ("princeton-nlp/unsup-simcse-bert-large-uncased", 18),
    ("princeton-nlp/unsup-simcse-roberta-base", 8),
    ("princeton-nlp/unsup-simcse-roberta-large", 13),
    ("roberta-base", 10),
    ("roberta-base-openai-detector", 7),
    ("roberta-large", 17),
    ("roberta-large-mnli", 19),
    ("roberta-large-openai-detector", 15),
    ("vinai/bertweet-base", 9),
    ("xlm-roberta-base", 9),
    ("xlm-roberta-large", 17),
];

/// By the name under which the model was published or else that of its folder. The part before the slash need not be there.
pub(super) fn default_layers(folder: &Path, published: Option<&str>) -> Option<usize> {
    let folder = folder.file_name().and_then(|name| name.to_str());
    let short = |name: &str| name.rsplit('/').next().unwrap_or(name).to_string();
    let find = |name: &str| LAYERS.iter().find(|(known, _)| *known == name || short(known) == short(name));
    published.and_then(find).or_else(|| folder.and_then(find)).map(|(_, layers)| *layers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_either_name() {
        let at = |folder: &str, published| default_layers(Path::new(folder), published);
        assert_eq!(at("/models/x", Some("FacebookAI/roberta-large")), Some(17));
        assert_eq!(at("/models/mpnet-base", Some("other")), Some(8));
        assert_eq!(at("/models/x", None), None);
    }
}
