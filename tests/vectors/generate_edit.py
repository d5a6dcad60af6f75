#!/usr/bin/env python3
"""Writes edit.jsonl: inputs of our own, expected values from jiwer and rapidfuzz.

    python3.11 -m venv .venv && .venv/bin/pip install -r requirements-edit.txt && .venv/bin/python generate_edit.py

One JSON object a line, ASCII only. `class` is "strict" where a library is behind the number, "spec" where it is the rule
itself, typed here with Python's re.
"""

import json
import math
import pathlib
import re

import jiwer
import rapidfuzz
from rapidfuzz import fuzz
from rapidfuzz.distance import OSA, Indel, JaroWinkler, Levenshtein

HERE = pathlib.Path(__file__).parent
RAPIDFUZZ = f"rapidfuzz {rapidfuzz.__version__}"
JIWER = "jiwer 4.0.0"

# (prediction, references), in many scripts and then the corners of the rules.
PAIRS = [
    # Latin: English, German, French, Spanish, Polish, Turkish, Vietnamese
    (
        "The ferry leaves the harbour at half past six.",
        ["The ferry left the harbor at half past six.", "At six it leaves."],
    ),
    ("Der Müller mahlte gestern das Mehl", ["Die Müllerin mahlt heute Mehl", "der müller mahlte gestern das mehl"]),
    ("L’hiver, les étangs gèlent peu à peu.", ["L'hiver les étangs gelent peu a peu", "Les étangs gèlent."]),
    ("¿Dónde está el molino viejo?", ["Donde esta el viejo molino", "¿Dónde está el molino nuevo?"]),
    ("Gęś żuje źdźbło", ["Ges zuje zdzblo", "Gęś żuła źdźbło trawy"]),
    ("ISPARTA'nın gülü İYİDİR", ["ısparta'nın gülü iyidir", "Isparta'nin gulu iyidir"]),
    ("Con mèo ngủ trên mái nhà", ["Con mèo nằm ngủ trên mái nhà", "Con meo ngu tren mai nha"]),
    # Cyrillic, Greek, Armenian, Georgian
    ("Зимой река замерзает до самого дна", ["Зимою река промерзает до дна", "Летом река мелеет"]),
    ("Το καράβι φεύγει από το λιμάνι", ["Το καραβι έφυγε απ' το λιμάνι", "το λιμάνι"]),
    ("Գետը հոսում է դեպի ծով", ["Գետը հոսում էր ծով", "գետը"]),
    ("მდინარე ზღვას უერთდება", ["მდინარე ზღვას ერთვის", "ზღვა"]),
    # Hebrew, Arabic with marks, Persian, Urdu
    ("הנהר זורם אל הים", ["הנהר זרם לים", "הים"]),
    ("يجري النهرُ نحو البحر", ["يجري النهر إلى البحر", "البحر"]),
    ("کتاب\u200cها روی میز هستند", ["کتابها روی میز هستند", "کتاب ها روی میز است"]),
    # Devanagari, Bengali, Tamil, Telugu
    ("नदी समुद्र की ओर बहती है", ["नदी सागर की ओर बहती थी", "समुद्र"]),
    ("নদী সাগরের দিকে বয়ে যায়", ["নদী সাগরে যায়", "সাগর"]),
    ("ஆறு கடலை நோக்கி ஓடுகிறது", ["ஆறு கடலில் சேர்கிறது", "கடல்"]),
    ("నది సముద్రం వైపు ప్రవహిస్తుంది", ["నది సముద్రంలో కలుస్తుంది"]),
    # Thai, Khmer, Burmese, Ethiopic
    ("แม่น้ำไหลลงสู่ทะเล", ["แม่น้ำไหลออกทะเล", "ทะเล"]),
    ("ទន្លេហូរទៅសមុទ្រ", ["ទន្លេ ហូរ ទៅ សមុទ្រ"]),
    ("မြစ်သည် ပင်လယ်သို့ စီးဆင်းသည်", ["မြစ် ပင်လယ်ထဲ စီးသည်"]),
    ("ወንዙ ወደ ባሕር ይፈስሳል", ["ወንዙ ወደ ባህር ፈሰሰ"]),
    # Chinese, Japanese, Korean
    ("河水慢慢地流向大海。", ["河水流向了大海", "大海慢慢流向河水"]),
    ("川は　ゆっくりと　海へ流れる", ["川はゆっくり海に流れる", "海"]),
    ("강물은 천천히 바다로 흐른다", ["강물이 바다로 천천히 흘렀다", "바다"]),
    # Beyond the basic plane, emoji sequences, combining marks
    ("𐌲𐌿𐍄𐌹𐍃𐌺 𐍂𐌰𐌶𐌳𐌰", ["𐌲𐌿𐍄𐌹𐍃𐌺𐌰 𐍂𐌰𐌶𐌳𐌰"]),
    ("sunny 🌞🌞 day 👩🏽‍🚀", ["sunny 🌞 day 👩‍🚀", "sunny day"]),
    ("re\u0301sume\u0301", ["résumé", "resume"]),
    # Whitespace of every kind, alone and together
    ("one\ttwo three", ["one two three", "one\ttwo  three"]),
    ("one \t two\n\nthree", ["one two three", "one two\nthree"]),
    ("a\xa0b\xa0\xa0c", ["a b c", "a\xa0b c"]),
    ("a\u3000b \u3000c\u2003\u2009d", ["a b c d", "a\u3000b c d"]),
    ("a\x1cb\x1d\x1ec\x1f", ["a b c", "a\x1cb c"]),
    ("a\u200bb\ufeff c\u180ed", ["ab cd", "a\u200bb\ufeff c\u180ed"]),
    ("\x85 padded \u2028", ["padded", " padded "]),
    # Order, repeats, swaps
    ("word " * 30 + "end", ["word " * 17 + "end", "end"]),
    ("to and fro and to and fro", ["fro and to and fro and to"]),
    ("abcdefghij", ["badcfehgji", "jihgfedcba", "abcdefghij"]),
    ("CA", ["ABC", "AC"]),
    ("MARTHA", ["MARHTA", "MARTHAS"]),
    ("DWAYNE", ["DUANE"]),
    ("DIXON", ["DICKSONX"]),
    ("prefixed", ["prefixes", "prefabricated", "xprefixed"]),
    # Lengths around a word of the kernels
    ("ab" * 31 + "c", ["ba" * 31]),
    ("ab" * 32, ["ba" * 32, "ab" * 32 + "a"]),
    ("ab" * 32 + "c", ["ba" * 33, "c" + "ab" * 32]),
    ("xyz" * 43, ["yxz" * 42 + "z"]),
    ("the quick brown fox jumps over the lazy dog " * 9, ["the quick brown cat jumped over a lazy dog " * 9]),
    ("длинная строка без конца и края " * 7, ["длинная строка с концом и краем " * 7]),
    ("春夏秋冬东南西北" * 20, ["春夏秋冬西南东北" * 19]),
    # Empty and nearly
    ("", [""]),
    ("", ["x"]),
    ("word", [""]),
    ("two words", ["", " "]),
    (" ", ["\n\t"]),
    ("a", ["a", "b"]),
    ("\x00", ["\x00\x00"]),
]

# (predictions, references), one reference each.
CORPORA = [
    (["one two three", "four five", ""], ["one two", "four six", "seven"]),
    (["Зимой река", "зимой  река замерзает"], ["зимой река", "зимой река замёрзла"]),
    (["extra words", ""], ["", ""]),
]

NUMBERS = [
    ("It weighs 12,345.60 kg.", ["12345.6", "12,345.6"]),
    ("From 3 to 5", ["3", "5"]),
    ("1,23,456", ["456", "23456"]),
    ("12,3456", ["6", "3456"]),
    ("1234,567", ["567"]),
    ("6.02e23 and 6.02E+23", ["602000000000000000000000"]),
    ("1e", ["1"]),
    ("1e400", ["2e400", "-1e400"]),
    ("-0.0", ["0"]),
    ("7-3", ["-3", "3"]),
    ("+-5", ["-5"]),
    (".5", ["5", "0.5"]),
    ("5.", ["5"]),
    ("٤٢", ["42"]),
    ("４２", ["42"]),
    ("nothing", ["nothing"]),
    ("100.0000001", ["100"]),
    ("99", ["100"]),
]

GSM8K = [
    ("So he pays $1,250.00 in all.", ["He pays 1250.\n#### 1,250.00"]),
    ("The total is 48.", ["48 + 0 = 48\n#### 48"]),
    ("#### -3", ["-3"]),
    ("Wait... no", ["5"]),
    ("", ["5"]),
    ("7 . , $ -", ["7"]),
    ("--8", ["-8"]),
    ("It is -$20", ["-20"]),
    ("10 or 12?", ["10", "12"]),
    ("x = 5.\n", ["5"]),
    ("３", ["3"]),
]

NUMBER = re.compile(r"[-+]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")


def number(text, which):
    found = NUMBER.findall(text)
    return float(found[0 if which == "first" else -1].replace(",", "")) if found else None


def numeric_match(prediction, references, params):
    value = number(prediction, params["extract"])
    values = [number(reference, "last") for reference in references]
    close = [
        value is not None
        and v is not None
        and math.isclose(value, v, rel_tol=params["rel_tol"], abs_tol=params["abs_tol"])
        for v in values
    ]
    return int(any(close))


def gsm8k_ignore(text):
    for pattern in (",", r"\$", r"(?s).*#### ", r"\.$"):
        text = re.sub(pattern, "", text)
    return text.lower()


def gsm8k_extract(text):
    found = re.findall(r"(-?[$0-9.,]{2,})|(-?[0-9]+)", text)
    return next(group for group in found[-1] if group).strip() if found else "[invalid]"


def edit_rows():
    def row(metric, prediction, references, params, expected, source, kind="strict"):
        return {
            "metric": metric,
            "prediction": prediction,
            "references": references,
            "params": params,
            "expected": expected,
            "source": source,
            "class": kind,
        }

    points = {"unit": "unicode code point"}
    for prediction, references in PAIRS:
        for reference in references:
            pair = (prediction, reference)
            expected = {
                "distance": Levenshtein.distance(*pair),
                "normalized_similarity": Levenshtein.normalized_similarity(*pair),
                "max_len": max(map(len, pair)),
            }
            yield row("levenshtein", prediction, [reference], points, expected, f"{RAPIDFUZZ} distance.Levenshtein")
            expected = {
                "ratio_0_100": fuzz.ratio(*pair),
                "ratio_0_1": Indel.normalized_similarity(*pair),
                "indel_distance": Indel.distance(*pair),
            }
            yield row("indel_ratio", prediction, [reference], points, expected, f"{RAPIDFUZZ} fuzz.ratio")
            expected = {"similarity": JaroWinkler.similarity(*pair)}
            source = f"{RAPIDFUZZ} distance.JaroWinkler.similarity"
            yield row("jaro_winkler", prediction, [reference], {"prefix_weight": 0.1}, expected, source)
            expected = {"distance": OSA.distance(*pair)}
            yield row("osa_distance", prediction, [reference], {}, expected, f"{RAPIDFUZZ} distance.OSA.distance")
        params = {"transform": "jiwer wer_default", "reference_reduce": "min"}
        expected = {"wer": min(jiwer.wer(reference, prediction) for reference in references)}
        yield row("wer", prediction, references, params, expected, f"{JIWER} wer")
        params = {"transform": "jiwer cer_default", "reference_reduce": "min"}
        expected = {"cer": min(jiwer.cer(reference, prediction) for reference in references)}
        yield row("cer", prediction, references, params, expected, f"{JIWER} cer")

    for predictions, references in CORPORA:
        lists = [[reference] for reference in references]
        expected = {"wer": jiwer.wer(references, predictions)}
        yield row(
            "corpus_wer", predictions, lists, {"transform": "jiwer wer_default"}, expected, f"{JIWER} wer over lists"
        )
        expected = {"cer": jiwer.cer(references, predictions)}
        yield row(
            "corpus_cer", predictions, lists, {"transform": "jiwer cer_default"}, expected, f"{JIWER} cer over lists"
        )

    for prediction, references in NUMBERS:
        for extract, rel_tol, abs_tol in (
            ("last", 1e-9, 0.0),
            ("first", 1e-9, 0.0),
            ("last", 0.01, 0.0),
            ("last", 0.0, 1.0),
        ):
            params = {"extract": extract, "rel_tol": rel_tol, "abs_tol": abs_tol}
            expected = {"score": numeric_match(prediction, references, params)}
            yield row("numeric_match", prediction, references, params, expected, "python re and math.isclose", "spec")

    for prediction, references in GSM8K:
        extracted = gsm8k_extract(prediction)
        cleaned = gsm8k_ignore(extracted)
        expected = {
            "score": int(any(cleaned == gsm8k_ignore(reference) for reference in references)),
            "extracted": extracted,
            "cleaned": cleaned,
        }
        source = "rule of lm_eval 0.4.13 tasks/gsm8k, typed here with python re"
        yield row(
            "gsm8k_flexible_extract", prediction, references, {"reference_reduce": "any"}, expected, source, "spec"
        )


def main():
    counts = {}
    with open(HERE / "edit.jsonl", "w", encoding="ascii", newline="\n") as file:
        for row in edit_rows():
            counts[row["metric"]] = counts.get(row["metric"], 0) + 1
            row = {"id": f"{row['metric']}-{counts[row['metric']]:03}", **row}
            file.write(json.dumps(row, allow_nan=False) + "\n")
    print(counts)


if __name__ == "__main__":
    main()
