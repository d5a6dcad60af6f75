#!/usr/bin/env python3
"""Writes mt.jsonl: BLEU, chrF and TER of inputs of our own, as sacrebleu has them.

    python3.11 -m venv .venv && .venv/bin/pip install -r requirements-mt.txt && .venv/bin/python generate_mt.py

The lines are those of lexical.jsonl; scores are sacrebleu's, from 0 to 100. In the rows of corpora `prediction` is a list,
and `references[i]` are the references of `prediction[i]`.

With --classes, prints instead the table of classes of characters in metrics/bleu/classes.rs.
"""

import json
import logging
import pathlib
import sys

import regex
import sacrebleu
from sacrebleu.metrics import BLEU, CHRF, TER

HERE = pathlib.Path(__file__).parent
SOURCE = f"sacrebleu {sacrebleu.__version__}"

# (prediction, references): languages and scripts, and then the corners of the rules.
PAIRS = [
    # Latin: English, German, French, Turkish, Vietnamese, Polish
    (
        "The ferry leaves the harbour at half past nine.",
        ["The ferry leaves the port at nine thirty.", "At half past nine the ferry leaves the harbour."],
    ),
    (
        "Der alte Leuchtturm steht seit 1,5 Jahrhunderten auf der Klippe.",
        ["Seit 1,5 Jahrhunderten steht der alte Leuchtturm auf der Klippe."],
    ),
    (
        "L’oiseau s'est posé sur la branche d'un chêne.",
        ["L'oiseau s'est posé sur une branche du chêne.", "Un oiseau s’est posé sur la branche."],
    ),
    ("İzmir'in ışıkları gece çok güzel.", ["İZMİR'İN IŞIKLARI GECE ÇOK GÜZEL.", "Gece İzmir'in ışıkları çok güzel!"]),
    ("Chợ nổi họp từ sáng sớm.", ["Chợ nổi họp rất sớm vào buổi sáng."]),
    ("Wąż pełznie przez źdźbła trawy.", ["Przez źdźbła trawy pełznie wąż."]),
    # Cyrillic, Greek with its two sigmas
    ("Поезд приходит на вокзал в 7:45.", ["Поезд прибывает на вокзал в 7.45.", "В 7:45 поезд приходит на вокзал."]),
    ("Ο ΣΚΥΛΟΣ ΤΟΥΣ ΚΟΙΜΑΤΑΙ.", ["ο σκύλος τους κοιμάται.", "ο σκυλος τους κοιμαται."]),
    # Hebrew, Arabic, Persian with a zero-width non-joiner
    ("הספר החדש מונח על השולחן.", ["הספר מונח על השולחן החדש."]),
    ("وصلت السفينة إلى الميناء، ثم غادرت.", ["غادرت السفينة الميناء؛ ثم وصلت.", "وصلت السفينةُ إلى الميناء"]),
    ("کتاب‌ها روی میز ۳٫۵ ماند", ["روی میز کتاب‌ها ۳٫۵ ماند"]),
    # Devanagari, Bengali, Tamil
    ("पहाड़ों पर आज भारी बर्फ़ गिरी।", ["आज पहाड़ों पर बहुत बर्फ़ गिरी।"]),
    ("নদীর ধারে একটি পুরোনো বটগাছ আছে।", ["একটি পুরোনো বটগাছ নদীর ধারে আছে।"]),
    ("மழை பெய்ததால் ஆறு நிரம்பியது.", ["ஆறு நிரம்பியது, மழை பெய்ததால்."]),
    # Thai, Khmer and Burmese, Georgian, Armenian, Ethiopic
    ("ตลาดน้ำเปิดตั้งแต่เช้าตรู่", ["ตลาดน้ำเปิดแต่เช้า"]),
    ("ទន្លេ ហូរ ទៅ សមុទ្រ។ မိုးရွာသည်။", ["ទន្លេហូរទៅសមុទ្រ។ မိုး ရွာသည်။"]),
    ("ᲛᲗᲔᲑᲨᲘ თოვს. Լեռներում ձյուն է։", ["მთებში თოვს. ԼԵՌՆԵՐՈՒՄ ձյուն է։"]),
    ("በተራራው ላይ ዝናብ ዘነበ።", ["ዝናብ በተራራው ላይ ዘነበ፡፡"]),
    # Chinese, with characters beyond the BMP, Japanese, Korean
    ("山上的老寺庙，今天开门。", ["今天山上的旧寺庙开门。", "山上的老寺庙今天开门！"]),
    ("𠮷野家的𠀀字 ABC１２３（括号）", ["吉野家的𠀀字ABC 123 (括号)"]),
    ("港の・船は「九時」に出る。カタカナもﾊﾝｶｸ。", ["船は九時に港を出る。片仮名もハンカク。"]),
    ("등대는 바닷가 언덕 위에 있다.", ["바닷가 언덕 위에 등대가 있다."]),
    # emoji and combining marks
    ("👩‍👩‍👧 on the beach 🏖️ 🇫🇷!", ["👩‍👩‍👧 on a beach 🏖 🇫🇷", "family on the beach"]),
    ("cafe\u0301 nai\u0308ve e\u0301\u0302", ["café naïve é̂", "cafe naive e"]),
    # empty texts, whitespace only, one token
    ("", ["harbour"]),
    ("harbour", [""]),
    ("", [""]),
    (" \t\n", ["  \u3000"]),
    ("harbour", ["harbour", ""]),
    ("a", ["b"]),
    ("a b", ["a b"]),
    # points, commas and dashes by digits; symbols; entities
    (
        "3.5 .5 5. 1..2 1...2 a.b a..5 5-6 5--6 a-b -7 1,234.5,",
        ["3.5 . 5 5 . 1 . . 2 1 . . .2 a . b a . .5 5 - 6 5 - -6 a-b -7 1,234.5 ,"],
    ),
    (".5 x 5.", [". 5 x 5 .", ".5 x 5."]),
    ("£5 + €7 = 12 © «5» “x”—y… ½. ٣٫١ Ⅷ. 2000.", ["£ 5 + € 7 = 12 © « 5 » “ x ” — y … ½ . ٣ ٫ ١ Ⅷ . 2000 ."]),
    ("&quot;a&quot; &amp;lt; &lt;b&gt; <skipped>c d-\ne f\n-g", ['"a" < <b> c de fg', '" a " &lt; < b > cd - e f - g']),
    ("John's dog's; it's\u2003fine it's", ["John 's dog 's ; it 's fine it 's", "John's dog's; it's\u2003fine it's"]),
    ('(hi) "hi" hi! ... a, ,a , (a', ['( hi ) " hi " hi ! . . . a , , a , ( a']),
    # whitespace: what Python's split knows and others do not
    ("one\x1ctwo\x1dthree\x1efour\x1ffive\x85six\xa0seven", ["one two three four five six seven"]),
    ("x\u200by\ufeffz \u1680a\u2028b\u205fc\u3000d", ["x y z a b c d", "x\u200by\ufeffz a b c d"]),
    ("a\r\nb \n", ["a b"]),
    # clipped counts, ties of lengths, the first of equal references
    ("the the the the the the the", ["the cat is on the mat", "there is a cat on the mat"]),
    ("a b c d", ["a b", "a b c d e f", "a b c"]),
    ("ab cd", ["ab xx", "yy cd"]),
    ("the cat the cat the cat", ["cat the", "the cat the cat the cat the cat the cat"]),
    # shifts: of a block, beyond its reach, within itself, many
    ("d e f a b c g h", ["a b c d e f g h"]),
    (" ".join(f"w{i}" for i in [*range(5, 60), *range(5)]), [" ".join(f"w{i}" for i in range(60))]),
    (" ".join(f"w{i}" for i in [*range(12, 30), *range(12)]), [" ".join(f"w{i}" for i in range(30))]),
    ("a a b a a b a b b a", ["b a a b a b a a b b", "a b b a b a a b a a"]),
    (" ".join(f"w{i * 7 % 40}" for i in range(40)), [" ".join(f"w{i}" for i in range(40))]),
    # a beam that is left, wider beams, the limit of candidates
    (" ".join(f"w{i % 9}" for i in range(70)), [" ".join(f"w{i % 7}" for i in range(90))]),
    ("w1 w2", [" ".join(f"w{i % 11}" for i in range(150))]),
    (" ".join(f"w{i % 11}" for i in range(150)), ["w1 w2"]),
    (" ".join(f"w{i * i % 13}" for i in range(90)), [" ".join(f"w{i * i * i % 13}" for i in range(90))]),
]

BLEU_OPTIONS = [
    {},
    {"tokenize": "intl"},
    {"tokenize": "zh"},
    {"tokenize": "char", "lowercase": True},
    {"tokenize": "none", "effective_order": False},
    {"smooth_method": "floor"},
    {"smooth_method": "add-k", "smooth_value": 0.5, "max_ngram_order": 2},
    {"smooth_method": "none", "lowercase": True},
]
CHRF_OPTIONS = [
    {},
    {"word_order": 2},
    {"beta": 1, "lowercase": True, "whitespace": True},
    {"char_order": 10, "word_order": 1, "eps_smoothing": True},
]
TER_OPTIONS = [
    {},
    {"case_sensitive": True},
    {"normalized": True},
    {"no_punct": True, "asian_support": True},
    {"normalized": True, "no_punct": True, "asian_support": True},
]
METRICS = {
    "bleu": (BLEU, BLEU_OPTIONS, {"effective_order": True}),
    "chrf": (CHRF, CHRF_OPTIONS, {}),
    "ter": (TER, TER_OPTIONS, {}),
}


def rows():
    for name, (metric, options, sentence) in METRICS.items():
        for params in ({**sentence, **given} for given in options):
            for prediction, references in PAIRS:
                score = metric(**params).sentence_score(prediction, references).score
                yield ("sentence_bleu" if name == "bleu" else name), prediction, references, params, score
    for name, (metric, options, _) in METRICS.items():
        for params in options:
            # All pairs, those of one reference, and the first few.
            for pairs in (PAIRS, [pair for pair in PAIRS if len(pair[1]) == 1], PAIRS[:3]):
                predictions = [prediction for prediction, _ in pairs]
                references = [references for _, references in pairs]
                score = metric(**params).corpus_score(predictions, streams(references)).score
                yield f"corpus_{name}", predictions, references, params, score


def streams(references):
    """References as sacrebleu takes them: the first of each row, the second of each row and so on, None where none is."""
    most = max(map(len, references))
    return [[row[i] if i < len(row) else None for row in references] for i in range(most)]


def classes():
    """Ranges of characters beyond ASCII that are numbers (D), punctuation (P) and symbols (S)."""
    kinds = [("D", regex.compile(r"\p{N}")), ("P", regex.compile(r"\p{P}")), ("S", regex.compile(r"\p{S}"))]
    ranges = []
    for code in (code for code in range(0x80, 0x110000) if not 0xD800 <= code < 0xE000):
        kind = next((kind for kind, pattern in kinds if pattern.match(chr(code))), None)
        if kind and ranges and ranges[-1][1:] == [code - 1, kind]:
            ranges[-1][1] = code
        elif kind:
            ranges.append([code, code, kind])
    line = "   "
    for first, last, kind in ranges:
        item = f" (0x{first:x}, 0x{last:x}, {kind}),"
        if len(line) + len(item) > 120:
            print(line)
            line = "   "
        line += item
    print(line)


def main():
    logging.disable(logging.WARNING)
    counts = {}
    with open(HERE / "mt.jsonl", "w") as file:
        for metric, prediction, references, params, score in rows():
            counts[metric] = counts.get(metric, 0) + 1
            row = {
                "id": f"{metric}-{counts[metric]:03}",
                "metric": metric,
                "prediction": prediction,
                "references": references,
                "params": params,
                "expected": {"score": score},
                "source": SOURCE,
                "class": "strict",
            }
            file.write(json.dumps(row) + "\n")
    print(counts)


if __name__ == "__main__":
    classes() if sys.argv[1:] == ["--classes"] else main()
