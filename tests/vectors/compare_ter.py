#!/usr/bin/env python3
"""Compares llm_ter with sacrebleu on random pairs of several shapes, with random options; prints what differs.

cargo build --release -p assay-core --example score
python3.11 -m venv .venv && .venv/bin/pip install -r requirements-mt.txt
.venv/bin/python compare_ter.py ../../target/release/examples/score [PAIRS [SEED]]
"""

import json
import random
import subprocess
import sys
from collections import Counter

import sacrebleu
from sacrebleu.metrics import TER

OPTIONS = [
    {},
    {"case_sensitive": True},
    {"normalized": True},
    {"no_punct": True},
    {"normalized": True, "no_punct": True},
    {"normalized": True, "asian_support": True},
    {"no_punct": True, "asian_support": True, "case_sensitive": True},
]
WORDS = [
    "the",
    "a",
    "of",
    "to",
    "and",
    "in",
    "that",
    "is",
    "was",
    "he",
    "for",
    "it",
    "with",
    "I",
    "this",
    "had",
    "not",
    "they",
]
MARKS = [".", ",", "!", "?", "'s", '"', "(", ")", "-", "&amp;", "&quot;", "3.5", "1,000", "...", "'", "é", "$", "<b>"]
ASIAN = [*"山上的老寺庙今天开门東京大阪・カタカナ。、（）ー㈱ﾊﾝ", "ABC", "3", " ", "한국"]


def moved(rng: random.Random, words: list[str], vocabulary: list[str]) -> list[str]:
    """The words with a few blocks moved, and words replaced, deleted and inserted."""
    words = list(words)
    for _ in range(rng.randrange(1, 7)):
        if not words:
            break
        at, length = rng.randrange(len(words)), rng.randrange(1, 14)
        match rng.randrange(5):
            case 0 | 1:
                block = words[at : at + length]
                del words[at : at + length]
                to = rng.randrange(len(words) + 1)
                words[to:to] = block
            case 2:
                words[at] = rng.choice(vocabulary)
            case 3:
                del words[at]
            case _:
                words.insert(at, rng.choice(vocabulary))
    return words


def few(rng):
    """Two or three different words, which match everywhere."""
    vocabulary = [f"w{i}" for i in range(rng.randrange(2, 5))]
    return [[rng.choice(vocabulary) for _ in range(rng.randrange(1, 18))] for _ in range(2)]


def blocks(rng):
    """Many words, of which blocks are moved."""
    vocabulary = [f"w{i}" for i in range(rng.randrange(5, 200))]
    words = [rng.choice(vocabulary) for _ in range(rng.randrange(3, 28))]
    return [moved(rng, words, vocabulary), words]


def prose(rng):
    """Short sentences with marks."""
    vocabulary = WORDS + MARKS
    words = [rng.choice(WORDS) + (rng.choice(MARKS) if rng.random() < 0.3 else "") for _ in range(rng.randrange(1, 20))]
    return [moved(rng, words, vocabulary), words]


def lopsided(rng):
    """One text many times as long as the other, so that the beam is wide or leaves the matrix."""
    vocabulary = [f"w{i}" for i in range(rng.randrange(2, 12))]
    texts = [[rng.choice(vocabulary) for _ in range(n)] for n in (rng.randrange(1, 5), rng.randrange(40, 160))]
    rng.shuffle(texts)
    return texts


def long(rng):
    """Texts beyond the beam and the distance of shifts."""
    vocabulary = [f"w{i}" for i in range(rng.randrange(10, 400))]
    words = [rng.choice(vocabulary) for _ in range(rng.randrange(55, 100))]
    return [moved(rng, words, vocabulary), words]


def asian(rng):
    """Chinese, Japanese and Korean, with and without spaces."""
    texts = ["".join(rng.choice(ASIAN) for _ in range(rng.randrange(0, 25))) for _ in range(2)]
    return [texts[0].split(" "), moved(rng, texts[1].split(" "), ASIAN)]


SHAPES = {few: 100, blocks: 120, prose: 100, lopsided: 12, long: 3, asian: 60}


def rows(pairs: int, seed: int):
    rng = random.Random(seed)
    for _ in range(pairs):
        shape = rng.choices(list(SHAPES), list(SHAPES.values()))[0]
        prediction, reference = shape(rng)
        if rng.random() < 0.2:
            reference = [word.upper() if rng.random() < 0.3 else word for word in reference]
        space = rng.choice([" ", " ", " ", "  ", "\t", "\n", "\u3000", "\u00a0"])
        references = [space.join(reference)]
        if rng.random() < 0.15:
            references += [" ".join(shape(rng)[1]) for _ in range(rng.randrange(1, 3))]
        yield shape.__name__, " ".join(prediction), references, rng.choice(OPTIONS)


def main(score: str, pairs: str = "20000", seed: str = "1") -> None:
    cases = list(rows(int(pairs), int(seed)))
    lines = [
        json.dumps({"metric": "llm_ter", "options": options, "prediction": prediction, "references": references})
        for _, prediction, references, options in cases
    ]
    done = subprocess.run([score], input="\n".join(lines), capture_output=True, text=True, check=True)
    ours = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(ours) == len(cases)
    metrics = {json.dumps(options): TER(**options) for options in OPTIONS}
    tried: Counter[str] = Counter()
    differ: Counter[str] = Counter()
    for (shape, prediction, references, options), found in zip(cases, ours, strict=True):
        expected = metrics[json.dumps(options)].sentence_score(prediction, references).score / 100
        tried[shape] += 1
        if abs(found - expected) > 1e-9 * max(1.0, expected):
            differ[shape] += 1
            if differ.total() <= 20:
                row = {"prediction": prediction, "references": references, "options": options}
                print(f"{shape}: {found}, sacrebleu {expected}: {json.dumps(row)}")
    print(f"sacrebleu {sacrebleu.__version__}, seed {seed}: {differ.total()} of {tried.total():,} pairs differ")
    for shape, count in tried.items():
        print(f"  {shape}: {differ[shape]} of {count:,}")
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
