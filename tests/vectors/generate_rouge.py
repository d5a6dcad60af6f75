#!/usr/bin/env python3
"""Writes rouge.jsonl: inputs of our own, expected values from rouge-score and nltk.

    python3.11 -m venv .venv && .venv/bin/pip install -r requirements-rouge.txt && .venv/bin/python generate_rouge.py

The format is that of lexical.jsonl. `rouge_unicode` is rouge-score with a tokenizer of our own: the rule of
llm_rouge_unicode, written a second time with the properties of the `regex` package.
"""

import json
import pathlib
from importlib.metadata import version

import regex
from nltk.translate.meteor_score import meteor_score
from rouge_score.rouge_scorer import RougeScorer
from rouge_score.tokenizers import Tokenizer

TARGET = pathlib.Path(__file__).parent / "rouge.jsonl"
TYPES = ["rouge1", "rouge2", "rouge3", "rougeL", "rougeLsum"]

# (prediction, references)
PAIRS = [
    # Latin: English, German, French, Spanish, Turkish, Vietnamese, Polish, Finnish
    (
        "The ferry leaves the harbour at nine and reaches the island before noon.",
        [
            "The ferry reaches the island before noon after leaving the harbour at nine.",
            "Before noon the boat leaves for the island.",
        ],
    ),
    ("She didn't say: \"we'll see\" twice!", ["She did not say we will see.", "she didn t say we ll see twice"]),
    (
        "Die Kinder spielten gestern im großen Garten.",
        ["Gestern spielten die Kinder im Garten", "DIE KINDER IM GROSSEN GARTEN"],
    ),
    ("L’été dernier, nous avons visité l'Île de Ré.", ["Nous avons visité l'île de Ré l'été dernier.", "ete dernier"]),
    ("¿Dónde está la biblioteca del señor Núñez?", ["La biblioteca del señor Núñez está aquí.", "donde esta"]),
    ("İzmir'in IŞIKLARI ve İstanbul", ["izmir'in ışıkları ve istanbul", "i zmir in i stanbul", "İZMİR"]),
    ("Trời hôm nay nhiều mây và có mưa.", ["Hôm nay trời có mưa", "troi hom nay"]),
    ("Gżegżółka śpiewała wczoraj w lesie.", ["Wczoraj w lesie śpiewała gżegżółka", "gzegzolka"]),
    ("Hyvää huomenta, öljylamppu!", ["hyvää öljylamppu huomenta"]),
    # Cyrillic, Greek
    ("Вчера вечером поезд опоздал на два часа.", ["Поезд опоздал вчера на два часа.", "ПОЕЗД НЕ ОПОЗДАЛ"]),
    ("Ο ΓΙΑΝΝΗΣ ΚΑΙ Ο ΚΩΣΤΑΣ, ΦΙΛΟΙ.", ["Ο Γιάννης και ο Κώστας φίλοι", "ο γιαννης και ο κωστας, φιλοι.", "γιαννησ"]),
    # Hebrew, Arabic with marks, Persian with a zero-width non-joiner
    ("הספר הישן נמצא על המדף העליון.", ["הספר נמצא על המדף", "המדף העליון"]),
    ("ذهبَ الوَلَدُ إلى المدرسةِ صباحًا.", ["ذهب الولد إلى المدرسة", "ذهبَ الوَلَدُ صباحًا"]),
    ("او می\u200cرود و کتاب\u200cها را می\u200cخواند.", ["او میرود و کتابها را میخواند", "او می رود"]),
    # Devanagari, Bengali, Tamil, Telugu, Sinhala
    ("बच्चे नदी के किनारे खेल रहे हैं।", ["नदी के किनारे बच्चे खेलते हैं", "बच्चे खेल रहे हैं।"]),
    ("আমরা কাল বাজারে যাব।", ["কাল আমরা বাজারে যাব", "আমরা যাব"]),
    ("மழை நாளை பெய்யும் என்று சொன்னார்.", ["நாளை மழை பெய்யும்", "என்று சொன்னார்"]),
    ("పిల్లలు పాట పాడారు", ["పాట పాడారు పిల్లలు"]),
    ("ක්‍රීඩා ශ්‍රී ලංකා", ["ක්රීඩා ශ්රී ලංකා"]),
    # Thai, Khmer, Lao, Burmese: no spaces
    ("พรุ่งนี้ฝนจะตกที่เชียงใหม่ ๑๒ ชั่วโมง", ["ฝนจะตกพรุ่งนี้", "เชียงใหม่ ๑๒"]),
    ("ថ្ងៃនេះមេឃស្រឡះ ២០២៤", ["មេឃស្រឡះថ្ងៃនេះ", "២០២៤"]),
    ("ມື້ນີ້ອາກາດດີ", ["ອາກາດດີມື້ນີ້"]),
    ("ဒီနေ့ ရာသီဥတု ကောင်းတယ်။", ["ရာသီဥတု ကောင်းတယ် ဒီနေ့"]),
    # Chinese, Japanese, Korean
    ("昨天晚上火车晚点了两个小时。", ["火车昨晚晚点两小时", "昨天晚上，火车晚点了。"]),
    ("明日はタワーへ　行きます。２０２５年", ["タワーへ明日行きます", "2025年 明日は"]),
    ("𠮷野家 〇時 々 ﾃｽﾄ", ["吉野家 〇時々 テスト"]),
    ("어제 저녁 기차가 두 시간 늦었다.", ["기차가 어제 두 시간 늦었다", "저녁 기차"]),
    # Georgian, Armenian, Ethiopic, Cherokee, Deseret
    ("ᲓᲦᲔᲡ წვიმს თბილისში", ["დღეს თბილისში წვიმს"]),
    ("Այսօր անձրև է գալիս։", ["ԱՅՍՕՐ գալիս է անձրև"]),
    ("ዛሬ ዝናብ ይዘንባል።", ["ዝናብ ዛሬ ይዘንባል"]),
    ("ᎣᏏᏲ ᎢᎦ", ["ꭳꮟᏺ ᎢᎦ", "ꭳꮟᏺ ꭲꭶ"]),
    ("𐐏𐐯𐑊𐐬 𐐶𐐲𐑉𐑊𐐼", ["𐐷𐐯𐑊𐐬 𐐎𐐲𐑉𐑊𐐼"]),
    # the two signs beyond ASCII that lower to ASCII, ligatures, full-width and circled letters
    ("300 \u212a and \u212aelvin, \u212bngström", ["300 k and kelvin ngstr m", "kelvin"]),
    ("ﬁne ﬂow ﬀ ａｂｃ ⅷ ⓐⓑ ² ½", ["fine flow", "ａｂｃ Ⅷ ⒶⒷ ²"]),
    # emoji, variation selectors, joiners, marks without a letter
    ("👩‍👩‍👧 ☺\ufe0f 1\ufe0f\u20e3 ok 🇫🇷", ["1\u20e3 ok", "👩‍👩‍👧 ☺\ufe0f"]),
    ("cafe\u0301 re\u0301sume\u0301", ["café résumé", "cafe\u0301 resume"]),
    ("\u0301 -\u0301a \u0301\u0302", ["a", "\u0301"]),
    ("co\u00adop\u200ber\u2060ate", ["coop er ate", "cooperate"]),
    # tokens of ASCII: apostrophes, underscores, digits, case
    ("snake_case camelCase kebab-case v1.2.3 3,000", ["snake case camelcase kebab case v1 2 3 3 000", "v1 3000"]),
    ("U.S. e.g. A.B.C.", ["us eg abc", "u s e g a b c"]),
    ("ALL CAPS and all caps", ["all caps AND ALL CAPS"]),
    ("x\x00y\x01z \x7fq", ["x y z q", "x\x00y\x01z"]),
    # whitespace: what str.split knows
    ("one\x1ctwo\x1dthree\x1efour\x1ffive", ["one two three four five", "five four"]),
    ("a\x85b\xa0c\u1680d\u2003e\u2028f\u205fg\u3000h", ["a b c d e f g h", "h g f"]),
    ("p\u200bq\ufeffr s", ["p q r s", "p\u200bq\ufeffr s"]),
    (" \t\n\x0b\x0c\r ", ["", " \n"]),
    # stems: each step, irregular words, three letters and four
    (
        "The nationally organised relational generalizations",
        ["national organise relate general", "nation organization"],
    ),
    ("running runs ran runner flies flying died dying skies sky", ["run fly die sky", "flies dies skied"]),
    (
        "agreed feed bled plastered motoring sing hopping falling filing",
        ["agree feed bleed plaster motor sing hop fall file"],
    ),
    ("happily happy enjoys enjoying boys by try tries tried", ["happi enjoy boy by tri", "trying boy"]),
    ("news innings outing cannings howe proceeds succeeded exceed", ["new inning out canning how proceed succeed"]),
    ("caresses ponies ties cats gas bus buses ies yes", ["caress poni tie cat ga bu"]),
    ("controlling rolled cease rate probate adoption", ["control roll ceas rate probat adopt"]),
    ("archaeology geologist geologically radically fulfully", ["archaeolog geolog radic"]),
    ("a*ded *ded x*ding", ["ad *d xd", "a*d"]),
    ("naïvely cafés étés ééing aééed über-cooling", ["naïve café été aé über-cool"]),
    ("ass as ads ing sing eds", ["as ad in s", "ass ads"]),
    # order and repetition
    ("red green blue red green blue red", ["blue green red blue green red", "red red red"]),
    ("a b c d e f g h", ["h g f e d c b a", "a c e g b d f h"]),
    ("the the the the cat", ["the cat the", "the"]),
    ("to be or not to be", ["not to be or to be", "to be to be to be or"]),
    # equal F, different precision and recall
    ("a b", ["a b x y", "a", "b"]),
    ("x y z", ["x", "x y z p q r s t u", "q"]),
    # lines
    (
        "first line here\nsecond line there\nthird one",
        ["second line here\nfirst line there", "third one\n\n\nfirst line here"],
    ),
    ("a x\nb", ["a a b\nc", "a\na\nb"]),
    ("w x y\nx w z\nw", ["w w x\nz y x w", "w\nx\ny\nz"]),
    ("one two\none two\none two", ["one two", "two one\none two"]),
    ("\n\n\na b\n \nc d\n", ["a b\nc d", "c d\na b", "\n"]),
    ("a b\r\nc d\r\n", ["a b\nc d", "c\rd\na\rb"]),
    ("line\u2028separator\x0bfeed\nnew", ["separator line\nfeed new"]),
    ("东风\n西风 压倒\n东风", ["西风压倒东风\n东风", "东风"]),
    # empty texts and texts without tokens of ASCII
    ("", ["", "x"]),
    ("x", ["", "?!"]),
    ("?!", ["?!", "…"]),
]

# Longer than one and than two machine words, and sentences at their limits.
WORDS = ["oak", "elm", "ash", "fir", "yew", "box", "bay", "fig", "nut", "pea", "rye", "oat", "hop", "tea"]


def cycle(n, step, words=WORDS, line=0):
    """`n` words in an order that repeats late; a line break after every `line` of them."""
    text = ""
    for i in range(n):
        text += words[(i * i * step + i // 3) % len(words)]
        text += "\n" if line and i % line == line - 1 else " "
    return text


for size in (63, 64, 65, 127, 128, 129, 200):
    PAIRS.append((cycle(size, 3), [cycle(size, 5), cycle(size + 1, 2)]))
    PAIRS.append((cycle(2 * size, 1, line=size), [cycle(2 * size, 3, line=7), cycle(size, 5, line=size - 1)]))
PAIRS.append((cycle(300, 1, line=5), [cycle(300, 3, line=11)]))
PAIRS.append((cycle(300, 1, WORDS[:2], line=33), [cycle(300, 3, WORDS[:2], line=32)]))

FORM = regex.compile(r"[\u00AD\u200C\u200D\uFE00-\uFE0F\U000E0100-\U000E01EF]")
LETTER = regex.compile(r"[\p{L}\p{Nl}]")
NO_SPACES = regex.compile(
    r"\p{scx=Han}|\p{scx=Hiragana}|\p{scx=Katakana}|\p{Script=Thai}|\p{Script=Khmer}|\p{Script=Lao}|\p{Script=Myanmar}"
)
# Marks without a base, a base and its marks, or what cuts.
PIECE = regex.compile(r"\p{M}|([\p{Alphabetic}\p{N}--\p{M}])\p{M}*|(.)", regex.V1 | regex.DOTALL)


class AnyScript(Tokenizer):
    """The tokens of llm_rouge_unicode."""

    def tokenize(self, text):
        tokens = [""]
        for match in PIECE.finditer(FORM.sub("", text.lower())):
            base, other = match.groups()
            if other is not None:
                tokens.append("")
            elif base is not None and LETTER.match(base) and NO_SPACES.match(base):
                tokens += [match.group(0), ""]
            elif base is not None:
                tokens[-1] += match.group(0)
        return [token for token in tokens if token]


class NoSynonyms:
    """In place of WordNet."""

    def synsets(self, word):
        return []


def rows():
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

    rouge = f"rouge-score {version('rouge-score')} RougeScorer.score_multi"
    stemmed = f"{rouge}, nltk {version('nltk')} PorterStemmer"
    meteor = f"nltk {version('nltk')} meteor_score, without synonyms"
    scorers = {stem: RougeScorer(TYPES, use_stemmer=stem) for stem in (False, True)}
    any_script = RougeScorer(TYPES, tokenizer=AnyScript())
    for i, (prediction, references) in enumerate(PAIRS):
        for j, kind in enumerate(TYPES if len(prediction) < 400 else TYPES[3:]):
            stem = (i + j) % 2 == 0
            score = scorers[stem].score_multi(references, prediction)[kind]
            params = {"use_stemmer": stem, "split_summaries": False}
            yield row(kind, prediction, references, params, expected(score), stemmed if stem else rouge)
        for kind in dict.fromkeys(("rougeL", TYPES[i % len(TYPES)])):
            score = any_script.score_multi(references, prediction)[kind]
            source = f"{rouge}, tokenizer of generate_rouge.py with regex {version('regex')}"
            yield row("rouge_unicode", prediction, references, {"rouge_type": kind}, expected(score), source)
        params = {"alpha": 0.9, "beta": 3.0, "gamma": 0.5}
        if i % 4 == 3:
            params = {
                "alpha": (0.0, 0.5, 0.8, 1.0)[i // 4 % 4],
                "beta": (0.0, 1.5, 2.0)[i // 4 % 3],
                "gamma": (1.0, 0.3)[i // 4 % 2],
            }
        score = meteor_score([r.split() for r in references], prediction.split(), wordnet=NoSynonyms(), **params)
        yield row("meteor", prediction, references, params, {"score": score}, meteor)
    for metric in (*TYPES, "rouge_unicode", "meteor"):
        for prediction, references in ((None, ["x"]), ("x", [None]), ("x", [])):
            yield row(metric, prediction, references, {}, {"score": None}, "NULL gives NULL", "policy")


def expected(score):
    return {"precision": float(score.precision), "recall": float(score.recall), "fmeasure": float(score.fmeasure)}


if __name__ == "__main__":
    counts = {}
    with open(TARGET, "w", encoding="ascii", newline="\n") as file:
        for line in rows():
            counts[line["metric"]] = counts.get(line["metric"], 0) + 1
            line = {"id": f"{line['metric']}-{counts[line['metric']]:03}"} | line
            file.write(json.dumps(line, allow_nan=False) + "\n")
    print(TARGET.name, counts)
