#!/usr/bin/env python3
"""Writes lexical.jsonl and stats/basic.jsonl: inputs of our own, expected values from independent libraries.

    python3.11 -m venv .venv && .venv/bin/pip install -r requirements.txt && .venv/bin/python generate.py

One JSON object a line, ASCII only. `class` is "strict" (must match within `tolerance`) or "policy" (a NULL on either
side: the score is NULL). NaN and infinities are the strings "NaN", "Infinity" and "-Infinity".
"""

import json
import math
import pathlib
import re
import string

import mpmath
import numpy as np
import scipy
import scipy.stats
import statsmodels
import transformers
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import DescrStatsW
from transformers.data.metrics.squad_metrics import compute_exact, compute_f1, normalize_answer

HERE = pathlib.Path(__file__).parent
mpmath.mp.dps = 50

# (prediction, references), in eighteen scripts and then the corners of the rules.
PAIRS = [
    # Latin: English, German, French, Turkish, Vietnamese, Polish
    ("The river Danube flows through ten countries.", ["Danube", "the Danube", "river danube"]),
    ("An owl, a fox and the badger!", ["a badger, an owl and a fox", "owl fox badger"]),
    ("It weighs 3.5 kg (about 7.7 lb).", ["3.5 kg", "35 kg", "about 3.5kg"]),
    ("Grüße aus der Straße", ["grüße aus der strasse", "GRÜSSE AUS DER STRASSE", "grüße aus der straße"]),
    ("L’été à la mer, c'est l'idéal.", ["l'été à la mer", "été a la mer"]),
    ("İSTANBUL'un IĞDIR'a uzaklığı", ["istanbulun ığdıra uzaklığı", "i̇stanbulun iğdira uzaklığı"]),
    ("Đà Nẵng là thành phố biển", ["đà nẵng", "Da Nang là thành phố biển"]),
    ("Zażółć gęślą jaźń", ["ZAŻÓŁĆ GĘŚLĄ JAŹŃ", "zazolc gesla jazn"]),
    # Cyrillic, Greek
    ("Столица Сербии — Белград.", ["белград", "Столица Сербии Белград"]),
    ("ΟΔΥΣΣΕΥΣ και ΠΗΝΕΛΟΠΗ ΣΑΣ", ["οδυσσευς και πηνελοπη σας", "οδυσσευσ και πηνελοπη"]),
    ("Η απάντηση είναι: ΣΊΣΥΦΟΣ.", ["σίσυφος", "ο σίσυφος"]),
    # Hebrew, Arabic with marks, Persian with a zero-width non-joiner
    ("העיר הגדולה היא חיפה.", ["חיפה", "העיר היא חיפה"]),
    ("عاصمةُ مصرَ هي القاهرة", ["القاهرة", "عاصمة مصر هي القاهرة"]),
    ("می\u200cخواهم کتاب بخوانم", ["می\u200cخواهم کتاب", "میخواهم کتاب بخوانم"]),
    # Devanagari, Bengali, Tamil, Telugu: vowel signs are no word characters
    ("भारत की राजधानी नई दिल्ली है।", ["नई दिल्ली", "राजधानी दिल्ली है"]),
    ("ঢাকা বাংলাদেশের রাজধানী", ["ঢাকা", "বাংলাদেশের রাজধানী ঢাকা"]),
    ("தமிழ்நாட்டின் தலைநகரம் சென்னை", ["சென்னை", "தலைநகரம் சென்னை"]),
    ("హైదరాబాద్ పెద్ద నగరం", ["పెద్ద నగరం", "హైదరాబాద్"]),
    # Thai, Khmer, Burmese: no spaces
    ("เมืองหลวงคือกรุงเทพมหานคร", ["กรุงเทพมหานคร", "เมืองหลวงคือกรุงเทพมหานคร"]),
    ("រាជធានីភ្នំពេញ", ["ភ្នំពេញ", "រាជធានី ភ្នំពេញ"]),
    ("နေပြည်တော် မြို့", ["နေပြည်တော်", "မြို့ နေပြည်တော်"]),
    # Georgian (with the capitals that lower to it), Armenian, Ethiopic
    ("ᲗᲑᲘᲚᲘᲡᲘ არის დედაქალაქი", ["თბილისი არის დედაქალაქი", "თბილისი"]),
    ("ԵՐԵՎԱՆ՝ մայրաքաղաք", ["երևան", "երեվան՝ մայրաքաղաք"]),
    ("አዲስ አበባ፡ ዋና ከተማ", ["አዲስ አበባ", "ዋና ከተማ"]),
    # Chinese, Japanese, Korean: full-width punctuation stays, the ideographic space splits
    ("答案是：北京。", ["北京", "答案是北京"]),
    ("東京　と　大阪", ["東京 と 大阪", "大阪　東京"]),
    ("ＡＢＣ the ＡＮ ａｎ", ["ａｂｃ ａｎ ａｎ", "abc"]),
    ("정답은 서울입니다!", ["서울입니다", "정답은 부산입니다"]),
    # Cherokee and Deseret have case too; emoji and combining marks
    ("ᎠᎳᏍᎦ ꭰꮃꮝꭶ", ["ꭰꮃꮝꭶ ꭰꮃꮝꭶ", "ᎠᎳᏍᎦ"]),
    ("𐐔𐐇𐐝𐐀𐐡𐐇𐐓", ["𐐼𐐯𐑅𐐨𐑉𐐯𐐻"]),
    ("👩‍👩‍👧 family 🇫🇷!", ["👩‍👩‍👧 family 🇫🇷", "family"]),
    ("cafe\u0301 the\u0301 a\u0301 an", ["café", "cafe\u0301 the\u0301 a\u0301"]),
    # articles at every kind of boundary
    ("a an the A AN THE", ["", "the"]),
    ("–a– the—an «the» a", ["–– — «»", "a"]),
    ("athe thea an1 1an a_b the_", ["athe thea an1 1an ab the", "athe"]),
    ("a\u0903 a\u200d the\u00ad an\u00b2 the\u2460", ["\u0903 \u200d \u00ad an\u00b2 the\u2460"]),
    ("the.a.an", ["theaan", ""]),
    # whitespace: what Python's split knows and others do not
    ("one\x1ctwo\x1dthree\x1efour\x1ffive", ["one two three four five"]),
    ("x\x85y\xa0z\u1680w\u2003v\u2028u\u205ft\u3000s", ["x y z w v u t s"]),
    ("x\u200by\ufeffz", ["x y z", "x\u200by\ufeffz"]),
    (" \t\n\x0b\x0c\r ", ["", " "]),
    # punctuation: ASCII goes, the rest stays
    (string.punctuation, ["", "!"]),
    ("“quoted” ‘text’ … – —", ["quoted text", "“quoted” ‘text’ … – —"]),
    ("$5 \\1 {{x}} %s", ["5 1 x s", "$5 \\1 {{x}} %s"]),
    # counts
    ("yes yes yes no", ["yes no", "no no yes", "yes yes yes no"]),
    ("to be or not to be that is the question", ["to be is to do", "question to be"]),
    ("word " * 40, ["word " * 17, "word"]),
    (
        "alpha-beta-gamma-delta-epsilon alphabetagammadeltaepsilon",
        ["alphabetagammadeltaepsilon", "alphabetagammadeltaepsilom"],
    ),
    # empty and control characters
    ("", [""]),
    ("", ["x", ""]),
    ("x", [""]),
    ("\x00a\x00 \x01the\x7f b", ["\x00\x00 \x01\x7f b", "b"]),
    ("K\u212bngstr\u00f6m \u212a \u2126", ["k\u00e5ngstr\u00f6m k ω", "kångström"]),
    ("ǅungla Ǆ ŉ ǰ ﬁ ﬃ ẞ", ["ǆungla ǆ ŉ ǰ ﬁ ﬃ ß"]),
]


def lexical_rows():
    def row(metric, prediction, references, params, score, source):
        return {
            "metric": metric,
            "prediction": prediction,
            "references": references,
            "params": params,
            "expected": {"score": score},
            "source": source,
            "class": "strict",
        }

    squad = f"transformers {transformers.__version__} squad_metrics, max over references"
    for prediction, references in PAIRS:
        normal = normalize_answer(prediction)
        assert normal == normalize(prediction)
        yield row(
            "exact_match", prediction, references, {"normalize": "none"}, int(prediction in references), "python =="
        )
        yield row(
            "exact_match",
            prediction,
            references,
            {"normalize": "squad"},
            max(compute_exact(r, prediction) for r in references),
            squad,
        )
        yield row(
            "squad_f1",
            prediction,
            references,
            {"variant": "v2.0"},
            max(compute_f1(r, prediction) for r in references),
            squad,
        )
        yield row(
            "squad_f1",
            prediction,
            references,
            {"variant": "v1.1"},
            max(f1_v11(prediction, r) for r in references),
            "evaluate-v1.1.py f1_score, re-typed",
        )
        yield row(
            "contains",
            prediction,
            references,
            {"normalize": "none", "case_sensitive": True},
            int(any(r in prediction for r in references)),
            "python in",
        )
        yield row(
            "contains",
            prediction,
            references,
            {"normalize": "none", "case_sensitive": False},
            int(any(r.lower() in prediction.lower() for r in references)),
            "python in after str.lower",
        )
        yield row(
            "contains",
            prediction,
            references,
            {"normalize": "squad", "case_sensitive": False},
            int(any(normalize_answer(r) in normal for r in references)),
            "python in after normalize_answer",
        )
    for metric in ("exact_match", "squad_f1", "contains"):
        for prediction, references in ((None, ["x"]), ("x", [None]), ("x", [])):
            yield {
                "metric": metric,
                "prediction": prediction,
                "references": references,
                "params": {},
                "expected": {"score": None},
                "source": "NULL gives NULL",
                "class": "policy",
            }


def normalize(text):
    text = "".join(c for c in text.lower() if c not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def f1_v11(prediction, reference):
    prediction, reference = normalize(prediction).split(), normalize(reference).split()
    common = sum(min(prediction.count(t), reference.count(t)) for t in set(prediction))
    if common == 0:
        return 0
    precision, recall = common / len(prediction), common / len(reference)
    return 2 * precision * recall / (precision + recall)


def samples():
    rng = np.random.default_rng(20240131)
    yield "two", [0.25, 0.75]
    yield "likert", rng.integers(1, 6, 40).astype(float).tolist()
    yield "scores", np.round(rng.beta(2, 5, 30), 4).tolist()
    yield "latencies", np.round(rng.lognormal(5, 1, 75), 2).tolist()
    yield "offset", (1e9 + np.round(rng.normal(0, 1, 25), 3)).tolist()
    yield "tiny", (np.round(rng.exponential(1, 20), 6) * 1e-150).tolist()
    yield "huge", (np.round(rng.normal(1, 1, 20), 6) * 1e150).tolist()
    yield "signs", np.round(rng.standard_t(3, 200), 5).tolist()
    yield "zeros", [0.0] * 30 + [0.1, 0.2, 0.9]


def stats_rows():
    def row(function, inputs, params, expected, tolerance, source, kind="strict"):
        return {
            "function": function,
            "class": kind,
            "inputs": inputs,
            "params": params,
            "expected": expected,
            "tolerance": tolerance,
            "source": source,
        }

    close = {"type": "abs_rel", "abs": 0.0, "rel": 1e-9}
    statsmodels_source = f"statsmodels {statsmodels.__version__}"
    for name, x in samples():
        data = DescrStatsW(x)
        for level in (0.8, 0.95, 0.999):
            for method, interval in (("t", data.tconfint_mean), ("normal", data.zconfint_mean)):
                low, high = interval(alpha=1 - level)
                scale = max(abs(v) for v in x)
                yield row(
                    "mean_ci",
                    {"x": x},
                    {"method": method, "confidence": level, "data": name},
                    {"mean": math.fsum(x) / len(x), "se": float(data.std_mean), "low": float(low), "high": float(high)},
                    # An offset costs the other library digits.
                    {"type": "abs_rel", "abs": 1e-13 * scale, "rel": 1e-8 if name == "offset" else 1e-9},
                    f"{statsmodels_source} DescrStatsW",
                )
    for x in ([], [2.5], [2.5] * 4, [1.0, math.nan], [1.0, math.inf], [-math.inf, 0.0, 1.0]):
        for method in ("t", "normal"):
            yield row(
                "mean_ci", {"x": x}, {"method": method, "confidence": 0.95}, {}, close, "no interval", "degenerate"
            )

    for n in (1, 2, 5, 19, 100, 12345, 10**9):
        for k in sorted({0, 1, n // 3, n // 2, n - 1, n}):
            for level in (0.9, 0.99):
                low, high = proportion_confint(k, n, alpha=1 - level, method="wilson")
                yield row(
                    "proportion_ci",
                    {"successes": k, "n": n},
                    {"method": "wilson", "confidence": level},
                    {"estimate": k / n, "low": float(low), "high": float(high)},
                    {"type": "abs_rel", "abs": 1e-12, "rel": 1e-9},
                    f"{statsmodels_source} proportion_confint",
                )

    yield from bootstrap_rows(row)
    yield from special_rows(row)


def bootstrap_rows(row):
    runs, resamples = 12, 9999
    for name, x in samples():
        if name in ("two", "zeros", "tiny", "huge"):
            continue  # Two values are computed below; the powers of the last two leave the range of doubles in scipy.
        for method, scipy_method in (("percentile", "percentile"), ("bca", "BCa")):
            results = [
                scipy.stats.bootstrap(
                    (np.array(x),),
                    np.mean,
                    method=scipy_method,
                    n_resamples=resamples,
                    vectorized=True,
                    rng=np.random.default_rng(seed),
                )
                for seed in range(runs)
            ]
            low = np.array([r.confidence_interval.low for r in results])
            high = np.array([r.confidence_interval.high for r in results])
            yield row(
                "bootstrap_ci",
                {"x": x},
                {"statistic": "mean", "method": method, "confidence": 0.95, "data": name},
                {
                    "low": float(low.mean()),
                    "high": float(high.mean()),
                    "bootstrap_se": float(np.mean([r.standard_error for r in results])),
                },
                {
                    "type": "mc",
                    "B": resamples,
                    "K": runs,
                    "sd_low": float(low.std(ddof=1)),
                    "sd_high": float(high.std(ddof=1)),
                    "atom": 0.1 / len(x) if name == "likert" else None,
                },
                f"scipy {scipy.__version__} stats.bootstrap, mean over {runs} seeds",
            )
    for n, k in ((2, 1), (7, 2), (20, 1), (50, 33), (400, 40), (5000, 4999)):
        x = [0.0] * (n - k) + [1.0] * k
        p = k / n
        binomial = scipy.stats.binom(n, p)
        z0 = scipy.stats.norm.ppf((binomial.cdf(k - 1) + binomial.cdf(k)) / 2)
        deviations = np.array(x) - p
        a = float((deviations**3).sum() / (6 * (deviations**2).sum() ** 1.5))
        for level in (0.9, 0.95):
            for method in ("percentile", "bca"):
                alphas = [(1 - level) / 2, (1 + level) / 2]
                if method == "bca":
                    z = scipy.stats.norm.ppf(alphas)
                    alphas = scipy.stats.norm.cdf(z0 + (z0 + z) / (1 - a * (z0 + z)))
                low, high = (float(binomial.ppf(alpha)) / n for alpha in alphas)
                yield row(
                    "bootstrap_ci",
                    {"x": x},
                    {"statistic": "mean", "method": method, "confidence": level},
                    {
                        "low": low,
                        "high": high,
                        "exact_low": low,
                        "exact_high": high,
                        "bootstrap_se": math.sqrt(p * (1 - p) / n),
                        "endpoint_on_cdf_jump": [False, False],
                    },
                    {"type": "mc", "B": 1, "K": 1, "sd_low": 0.0, "sd_high": 0.0, "atom": None},
                    f"scipy {scipy.__version__} stats.binom: the limit of infinitely many resamples",
                )
    for name, x in samples():
        d = [mpmath.mpf(v) for v in x]
        mean = sum(d) / len(d)
        d = [v - mean for v in d]
        a = sum(v**3 for v in d) / (6 * sum(v**2 for v in d) ** mpmath.mpf("1.5"))
        yield row(
            "bca_acceleration",
            {"x": x},
            {"statistic": "mean", "data": name},
            {"acceleration": float(a)},
            {"type": "abs_rel", "abs": 1e-9, "rel": 1e-7},
            f"mpmath {mpmath.__version__}, closed form",
        )


def special_rows(row):
    source = f"mpmath {mpmath.__version__}, 50 digits"
    close = {"type": "abs_rel", "abs": 0.0, "rel": 1e-12}

    def beta(x, a, b):
        return mpmath.betainc(a, b, 0, x, regularized=True)

    for x in (-30, -8.5, -2, -0.1, 0, 0.3, 1.5, 6):
        yield row("norm_cdf", {"x": x}, {}, {"value": float(mpmath.ncdf(x))}, close, source)
    for p in (1e-300, 1e-17, 0.003, 0.07, 0.075, 0.3, 0.5000001, 0.925, 0.9999):
        exact = mpmath.findroot(
            lambda x, p=p: mpmath.log(mpmath.ncdf(x)) - mpmath.log(mpmath.mpf(p)), float(scipy.stats.norm.ppf(p))
        )
        yield row("norm_ppf", {"p": p}, {}, {"value": float(exact)}, close, source)
    for df in (0.5, 1, 2, 3, 10, 47.5, 1000, 1e7):
        for t in (1e-6, 0.4, 1, 3, 20, 1e5):
            t_, df_ = mpmath.mpf(t), mpmath.mpf(df)
            value = beta(df_ / (df_ + t_**2), df_ / 2, mpmath.mpf(1) / 2)
            if value > 1e-290:
                yield row(
                    "t_two_sided_p",
                    {"t": t, "df": df},
                    {},
                    {"value": float(value)},
                    {"type": "abs_rel", "abs": 0.0, "rel": 1e-9},
                    source,
                )
        for p in (1e-12, 0.001, 0.2, 0.499, 0.6, 0.975, 0.9995):
            # The distribution function at what we expect must give p back.
            value = float(scipy.stats.t.ppf(p, df))
            t_, df_ = mpmath.mpf(value), mpmath.mpf(df)
            tail = beta(df_ / (df_ + t_**2), df_ / 2, mpmath.mpf(1) / 2) / 2
            if abs(tail / min(mpmath.mpf(p), 1 - mpmath.mpf(p)) - 1) < 1e-10:
                yield row(
                    "t_ppf",
                    {"p": p, "df": df},
                    {},
                    {"value": value},
                    {"type": "abs_rel", "abs": 0.0, "rel": 1e-9},
                    f"scipy {scipy.__version__} stats.t.ppf, where mpmath's distribution function gives p back",
                )
    for a, b in ((0.5, 0.5), (1, 30), (4, 2.5), (300, 700), (5e5, 0.5)):
        for x in (1e-4, 0.29, 0.31, 0.8, 0.999999):
            value = beta(mpmath.mpf(x), mpmath.mpf(a), mpmath.mpf(b))
            if value > 1e-290:
                yield row(
                    "beta_cdf",
                    {"a": a, "b": b, "x": x},
                    {},
                    {"value": float(value)},
                    {"type": "abs_rel", "abs": 0.0, "rel": 1e-10},
                    source,
                )
    for n, p in ((1, 0.5), (12, 0.03), (300, 0.9), (10_000, 0.123)):
        for k in sorted({0, n // 10, n // 2, int(n * p), n - 1}):
            value = beta(1 - mpmath.mpf(p), n - k, k + 1)
            if value > 1e-290:
                yield row(
                    "binom_cdf",
                    {"k": k, "n": n, "p": p},
                    {},
                    {"value": float(value)},
                    {"type": "abs_rel", "abs": 0.0, "rel": 1e-10},
                    source,
                )


def encoded(value):
    if isinstance(value, dict):
        return {k: encoded(v) for k, v in value.items()}
    if isinstance(value, list):
        return [encoded(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def write(name, key, rows):
    counts = {}
    with open(HERE / name, "w", encoding="ascii", newline="\n") as file:
        for row in rows:
            counts[row[key]] = counts.get(row[key], 0) + 1
            line = {"id": f"{row[key]}-{counts[row[key]]:03}"} | encoded(row)
            file.write(json.dumps(line, allow_nan=False) + "\n")
    print(name, counts)


if __name__ == "__main__":
    write("lexical.jsonl", "metric", lexical_rows())
    write("stats/basic.jsonl", "function", stats_rows())
