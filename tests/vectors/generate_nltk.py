#!/usr/bin/env python3
"""Writes nltk.jsonl: sentence BLEU as nltk has it, of the pairs of mt.jsonl and some corners of its rules.

    python3.11 -m venv .venv && .venv/bin/pip install -r requirements-rouge.txt && .venv/bin/python generate_nltk.py

The lines are those of lexical.jsonl. Where nltk raises an error, the expected score is NaN.
"""

import json
import pathlib
import warnings

import nltk
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

HERE = pathlib.Path(__file__).parent
SOURCE = f"nltk {nltk.__version__} translate.bleu_score.sentence_bleu"

CORNERS = [
    ("", ["a b c"]),
    ("a b c", [""]),
    ("a", ["a"]),
    ("a b", ["a b"]),
    ("a b c", ["a b c d", "a b x"]),
    ("a b c d", ["a b c d"]),
    ("x y z", ["a b c d"]),
    ("a b x y a b", ["y a b a", "a b x"]),
    ("the the the the the the the", ["the cat is on the mat", "there is a cat on the mat"]),
    ("one\ttwo\u3000three\u00a0four five", ["one two three four five six"]),
]

# What SmoothingFunction takes is beside what sentence_bleu takes.
PARAMETERS = [
    *({"smoothing": f"method{i}"} for i in range(8)),
    {"smoothing": "method1", "epsilon": 0.01},
    {"smoothing": "method4", "k": 3},
    {"smoothing": "method6", "alpha": 2},
    {"smoothing": "method7", "k": 7},
    {"smoothing": "method1", "auto_reweigh": True},
    {"smoothing": "method5", "auto_reweigh": True},
    {"smoothing": "method2", "weights": [0.5, 0.5]},
    {"smoothing": "method5", "weights": [0.6, 0.4]},
    {"smoothing": "method3", "weights": [0.1, 0.2, 0.3, 0.2, 0.1, 0.1]},
    {"smoothing": "method7", "weights": [0.2, 0.2, 0.2, 0.2, 0.2]},
    {"smoothing": "method6", "weights": [0.333, 0.333, 0.334]},
    {"weights": [1.0]},
    {},
]


def pairs():
    found = []
    for line in (HERE / "mt.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        pair = (row["prediction"], row["references"])
        if row["metric"] == "sentence_bleu" and pair not in found:
            found.append(pair)
    return found


def score(prediction, references, smoothing="method0", epsilon=0.1, alpha=5, k=5, weights=(0.25,) * 4, **others):
    function = getattr(SmoothingFunction(epsilon=epsilon, alpha=alpha, k=k), smoothing)
    try:
        return float(
            sentence_bleu(
                [text.split() for text in references],
                prediction.split(),
                weights=tuple(weights),
                smoothing_function=function,
                **others,
            )
        )
    except (AssertionError, IndexError):
        return "NaN"


def main():
    warnings.simplefilter("ignore")
    cases = [(pair, params) for pair in CORNERS for params in PARAMETERS]
    # Each pair with some of the parameters, each of them with as many pairs.
    cases += [(pair, PARAMETERS[(4 * i + j) % len(PARAMETERS)]) for i, pair in enumerate(pairs()) for j in range(4)]
    with open(HERE / "nltk.jsonl", "w") as file:
        for number, ((prediction, references), params) in enumerate(cases, start=1):
            row = {
                "id": f"nltk_sentence_bleu-{number:03}",
                "metric": "nltk_sentence_bleu",
                "prediction": prediction,
                "references": references,
                "params": params,
                "expected": {"score_0_1": score(prediction, references, **params)},
                "source": SOURCE,
                "class": "strict",
            }
            file.write(json.dumps(row) + "\n")
    print(len(cases))


if __name__ == "__main__":
    main()
