"""Pairs per second of the libraries that the metrics are compared with: metrics_peer.py FILE SECONDS NAME...

Prints a line `<name> <pairs per second>` for each name, by the processor time of passes that take SECONDS together.
Without arguments after FILE, prints the versions.
"""

from __future__ import annotations

import functools
import gc
import re
import string
import sys
import time
from collections import Counter
from collections.abc import Callable
from importlib.metadata import version

import jiwer
from metric_texts import read
from nltk.stem.porter import PorterStemmer
from nltk.translate.meteor_score import meteor_score
from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA, JaroWinkler, Levenshtein
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU, CHRF, TER

Score = Callable[[str, str], object]
LIBRARIES = ["sacrebleu", "rouge-score", "jiwer", "rapidfuzz", "nltk", "numpy"]


def tokens(text: str) -> list[str]:
    """The official SQuAD 1.1 script."""
    text = "".join(c for c in text.lower() if c not in PUNCTUATION)
    return re.sub(r"\b(a|an|the)\b", " ", text).split()


PUNCTUATION = set(string.punctuation)


def token_f1(prediction: str, reference: str) -> float:
    p, r = tokens(prediction), tokens(reference)
    common = sum((Counter(p) & Counter(r)).values())
    if common == 0:
        return 0.0
    precision, recall = common / len(p), common / len(r)
    return 2 * precision * recall / (precision + recall)


class NoSynonyms:
    """WordNet without words, as llm_meteor has none."""

    def synsets(self, _: str) -> list:
        return []


def scorers() -> dict[str, Score]:
    bleu, chrf, chrf_words, ter = BLEU(effective_order=True), CHRF(), CHRF(word_order=2), TER()
    rouge = RougeScorer(["rouge1", "rouge2", "rougeL"])
    stemmed = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=True)
    stemmer, synonyms = PorterStemmer(), NoSynonyms()
    return {
        "BLEU": lambda p, r: bleu.sentence_score(p, [r]),
        "chrF": lambda p, r: chrf.sentence_score(p, [r]),
        "chrF++": lambda p, r: chrf_words.sentence_score(p, [r]),
        "TER": lambda p, r: ter.sentence_score(p, [r]),
        "ROUGE-1+2+L": lambda p, r: rouge.score(r, p),
        "ROUGE-1+2+L stemmed": lambda p, r: stemmed.score(r, p),
        "METEOR": lambda p, r: meteor_score([r.split()], p.split(), stemmer=stemmer, wordnet=synonyms),
        "SQuAD F1": token_f1,
        "WER": lambda p, r: jiwer.wer(r, p),
        "CER": lambda p, r: jiwer.cer(r, p),
        "Levenshtein": Levenshtein.normalized_similarity,
        "Indel": fuzz.ratio,
        "OSA": OSA.distance,
        "Jaro-Winkler": JaroWinkler.similarity,
    }


#: rapidfuzz compares lists pair by pair without Python in between.
BATCHES = {
    "Levenshtein batch": Levenshtein.normalized_similarity,
    "Indel batch": fuzz.ratio,
    "OSA batch": OSA.distance,
    "Jaro-Winkler batch": JaroWinkler.similarity,
}


def caches() -> list[functools._lru_cache_wrapper]:
    """sacrebleu remembers the tokens of texts, which a real run sees once."""
    known = [found for found in gc.get_objects() if isinstance(found, functools._lru_cache_wrapper)]
    return [found for found in known if found.__module__.startswith("sacrebleu")]


def main(path: str, *arguments: str) -> None:
    if not arguments:
        print(", ".join(f"{library} {version(library)}" for library in LIBRARIES))
        return
    seconds, names = float(arguments[0]), arguments[1:]
    pairs, known = read(path), scorers()
    predictions, references = [p for p, _ in pairs], [r for _, r in pairs]
    for name in names:
        if name in BATCHES:
            scorer = BATCHES[name]

            def score_all(scorer=scorer) -> None:
                process.cpdist(predictions, references, scorer=scorer, workers=1)
        else:
            score = known[name]

            def score_all(score=score) -> None:
                for prediction, reference in pairs:
                    score(prediction, reference)

        known.get(name, lambda p, r: None)(*pairs[0])
        remembered = caches()
        begun, passes = time.process_time(), 0
        while passes == 0 or time.process_time() - begun < seconds:
            for cache in remembered:
                cache.cache_clear()
            score_all()
            passes += 1
        print(name, passes * len(pairs) / (time.process_time() - begun))


if __name__ == "__main__":
    main(*sys.argv[1:])
