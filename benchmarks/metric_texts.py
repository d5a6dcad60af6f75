"""Pairs of texts for the metrics: a reference, and a prediction that has most of it."""

from __future__ import annotations

import json
import random
from pathlib import Path

SYLLABLES = [a + b for a in [*"bdfgklmnprstv", "st", "tr"] for b in ("a", "e", "i", "o", "u", "an", "er", "ing")]


def vocabulary(rng: random.Random) -> list[str]:
    """Made-up words, the short ones first."""
    words = {
        "".join(rng.choice(SYLLABLES) for _ in range(1 + (i > 30) + (i > 500) * rng.randrange(3))) for i in range(4000)
    }
    return sorted(words, key=lambda word: (len(word), word))


def sentences(rng: random.Random, words: list[str], n: int) -> str:
    """About `n` words of a Zipf distribution, with marks and capitals where sentences end and begin."""
    chosen = [words[int(len(words) ** rng.random()) - 1] for _ in range(max(1, round(n * rng.uniform(0.8, 1.2))))]
    for i in range(len(chosen)):
        if i % 12 == 0:
            chosen[i] = chosen[i].capitalize()
        if i % 12 == 11 or i == len(chosen) - 1:
            chosen[i] += "."
        elif rng.random() < 0.06:
            chosen[i] += ","
    return " ".join(chosen)


def changed(rng: random.Random, text: str, words: list[str]) -> str:
    """The text with a quarter of the words changed, and a block of them moved."""
    tokens = text.split(" ")
    for i in range(len(tokens)):
        if rng.random() < 0.15:
            tokens[i] = rng.choice(words[:300])
    tokens = [token for token in tokens if rng.random() > 0.05] or tokens
    at, length = rng.randrange(len(tokens)), rng.randrange(1, 5)
    block = tokens[at : at + length]
    del tokens[at : at + length]
    to = rng.randrange(len(tokens) + 1)
    tokens[to:to] = block
    return " ".join(tokens)


def pairs(words_per_text: int, n: int) -> list[tuple[str, str]]:
    """The same pairs in every run: prediction and reference."""
    rng = random.Random(words_per_text)
    words = vocabulary(rng)
    references = [sentences(rng, words, words_per_text) for _ in range(n)]
    return [(changed(rng, reference, words), reference) for reference in references]


def long_pairs(length: int = 100_000) -> dict[str, tuple[str, str]]:
    """Pairs of texts of so many bytes, each hard for some metric."""
    rng = random.Random(length)
    words = vocabulary(rng)

    def text(pieces: list[str], space: str) -> str:
        found, size = [], 0
        while size < length:
            found.append(rng.choice(pieces))
            size += len((found[-1] + space).encode())
        return space.join(found)[:length]

    few = text(["a", "b", "c", "d"], ""), text(["a", "b", "c", "d"], "")
    prose = text(words, " "), text(words, " ")
    blocks = prose[0].split(" ")
    moved = [word for i in range(0, len(blocks), 40) for word in [*blocks[i + 20 : i + 40], *blocks[i : i + 20]]]
    short = text(["a", "b", "c"], " "), text(["a", "b", "c"], " ")
    lines = [" ".join(words) for words in zip(*[iter(prose[0].split(" "))] * 9, strict=False)]
    shuffled = rng.sample(lines, len(lines))
    few_words = " ".join(rng.choice("abcdefghijklmnop") for _ in range(700))
    han = [chr(0x4E00 + i) for i in range(20_000)]
    return {
        "four letters": few,
        "random words": prose,
        "moved blocks": (" ".join(moved), prose[0]),
        "three words": short,
        "shuffled lines": ("\n".join(shuffled), "\n".join(lines)),
        "few words, many words": (
            few_words + " " + "x" * (length - 1 - len(few_words)),
            text(list("abcdefghijklmnop"), " "),
        ),
        "Han characters": (text(han, "")[: length // 3], text(han, "")[: length // 3]),
        "numbers": ("[" + text(["12", "3.5", "7"], ",") + "1]", "[" + text(["12", "3.5", "7"], ",") + "1]"),
        "the same": (prose[0], prose[0] + "!"),
    }


def write_pairs(path: Path, texts: list[tuple[str, str]]) -> Path:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(pair) + "\n" for pair in texts)
    return path


def write(folder: Path, words_per_text: int, n: int) -> Path:
    """Writes the pairs as JSON lines."""
    return write_pairs(folder / f"metrics-{words_per_text}.jsonl", pairs(words_per_text, n))


def read(path: str) -> list[tuple[str, str]]:
    with open(path, encoding="utf-8") as file:
        return [tuple(json.loads(line)) for line in file]
