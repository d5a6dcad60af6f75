#!/usr/bin/env python3
"""Writes questions.jsonl: factual questions with their accepted answers, for the demo.

    python make_questions.py           write the file
    python make_questions.py --check   fail if the file is not what would be written

Each line has ``id``, ``category``, ``question`` and ``answers``, the usual form of the answer first. The facts stand in
facts.py; numbers are computed. The output depends on nothing else: no clock, no random numbers, no network.
"""

import argparse
import datetime
import hashlib
import json
import sys
from collections import Counter
from pathlib import Path

import facts

OUTPUT = Path(__file__).with_name("questions.jsonl")
ORDINALS = {1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd"}
WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
NUMBER_WORDS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
]


def pick(topic, i, low, high):
    """The i-th number of a topic, spread over low..high like chance, but the same every time."""
    digest = hashlib.sha256(f"{topic} {i}".encode()).digest()
    return low + int.from_bytes(digest[:8], "big") % (high - low + 1)


def ordinal(n):
    return f"{n}{ORDINALS.get(n, 'th')}"


def number_forms(n):
    """A number in digits, with separators where that differs, and in words if it is small."""
    forms = [str(n)]
    if abs(n) >= 1000:
        forms.append(f"{n:,}")
    if n < 0:
        forms.append(f"−{-n}")
    if 0 <= n < len(NUMBER_WORDS):
        forms.append(NUMBER_WORDS[n])
    return forms


def roman(n):
    values = [(1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC")]
    values += [(50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")]
    text = ""
    for value, numeral in values:
        text += numeral * (n // value)
        n %= value
    return text


def countries():
    for name, continent, capital, currency, language in facts.COUNTRIES:
        if capital:
            yield "capitals", f"What is the capital of {name}?", capital
        if continent:
            continents = facts.CONTINENT_FORMS.get(continent, continent)
            yield "continents", f"On which continent is {name}?", continents
        if currency:
            yield "currencies", f"What is the currency of {name}?", currency
        if language:
            yield "languages", f"What is the most widely spoken language in {name}?", language


def us_states():
    for state, capital in facts.STATES:
        yield "us_state_capitals", f"What is the capital of the US state of {state}?", capital


def chemistry():
    for number, (symbol, names) in enumerate(facts.ELEMENTS, start=1):
        name = names.split("|")[0]
        yield "element_symbols", f"What is the chemical symbol of {name}?", symbol
        yield "atomic_numbers", f"What is the atomic number of {name}?", number_forms(number)
    for compound, formula in facts.FORMULAS:
        yield "chemical_formulas", f"What is the chemical formula of {compound}?", formula


def writing():
    for language, script in facts.SCRIPTS:
        yield "scripts", f"In which script is {language} usually written?", script
    for language, code in facts.LANGUAGE_CODES:
        yield "language_codes", f"What is the ISO 639-1 code of {language}?", code
    for place, letter in enumerate(facts.GREEK_LETTERS, start=1):
        yield "alphabets", f"What is the {ordinal(place)} letter of the Greek alphabet?", letter
    for word in facts.SPELLING_WORDS:
        letter = word[0]
        place = ord(letter) - ord("A") + 1
        yield "alphabets", f"What is the word for {letter} in the NATO phonetic alphabet?", word
        yield "alphabets", f"What is the {ordinal(place)} letter of the English alphabet?", [letter, letter.lower()]


def astronomy():
    for place, planet in enumerate(facts.PLANETS, start=1):
        yield "planets", f"What is the {ordinal(place)} planet from the Sun?", planet
    for moon, planet in facts.MOONS:
        yield "planets", f"Around which planet does the moon {moon} orbit?", planet
    for question, planet in facts.ASTRONOMY:
        yield "planets", question, planet


def culture():
    for work, author in facts.BOOKS:
        yield "literature", f"Who wrote {work}?", author
    for work, painter in facts.PAINTINGS:
        yield "painting", f"Who painted {work}?", painter
    for work, composer in facts.MUSIC:
        yield "music", f"Who composed {work}?", composer
    for place, country in facts.PLACES:
        verb = "are" if place.split()[-1] in ("Towers", "Lines", "Falls") or "Cliffs" in place else "is"
        yield "places", f"In which country {verb} {place}?", country
    for event, year in facts.YEARS:
        yield "history", f"In which year {event}?", str(year)


def animals():
    for animal, kind in facts.ANIMALS:
        article = "an" if kind[0] in "aeiou" else "a"
        question = f"Is {animal} a mammal, a bird, a reptile, an amphibian or a fish?"
        yield "animals", question, [kind, f"{article} {kind}"]


def units():
    for unit, smaller, factor in facts.UNITS:
        values = [3, 8] + [pick(f"{unit} in {smaller}", i, 10, 60) for i in range(3)]
        for value in sorted(set(values)):
            answers = number_forms(value * factor)
            answers.append(f"{value * factor} {smaller}")
            yield "unit_conversions", f"How many {smaller} are {value} {unit}?", answers


def arithmetic():
    for i in range(40):
        a, b = pick("sum a", i, 12, 999), pick("sum b", i, 12, 999)
        yield "arithmetic", f"What is {a} + {b}?", number_forms(a + b)
        a, b = pick("difference a", i, 100, 999), pick("difference b", i, 12, 999)
        yield "arithmetic", f"What is {a} - {b}?", number_forms(a - b)
        a, b = pick("product a", i, 6, 40), pick("product b", i, 3, 25)
        yield "arithmetic", f"What is {a} * {b}?", number_forms(a * b)
    for i in range(20):
        a, b = pick("quotient a", i, 3, 40), pick("quotient b", i, 3, 20)
        yield "arithmetic", f"What is {a * b} / {b}?", number_forms(a)
    for a in range(11, 26):
        yield "arithmetic", f"What is the square of {a}?", number_forms(a * a)
        yield "arithmetic", f"What is the square root of {a * a}?", number_forms(a)


def numerals():
    for i in range(50):
        n = pick("roman", i, 4, 2999)
        yield "roman_numerals", f"How is {n} written in Roman numerals?", roman(n)
        n = pick("from roman", i, 4, 2999)
        yield "roman_numerals", f"Which number is the Roman numeral {roman(n)}?", number_forms(n)
    for i in range(30):
        n = pick("binary", i, 5, 127)
        yield "number_systems", f"Which decimal number is binary {n:b}?", number_forms(n)
        n = pick("hexadecimal", i, 17, 4095)
        forms = [f"{n:X}", f"{n:x}", f"0x{n:X}", f"0x{n:x}"]
        yield "number_systems", f"How is decimal {n} written in hexadecimal?", forms


def calendar():
    for i, month in enumerate(MONTHS):
        later = MONTHS[(i + 1) % 12]
        earlier = MONTHS[i - 1]
        yield "calendar", f"Which month comes after {month}?", later
        yield "calendar", f"Which month comes before {month}?", earlier
        yield "calendar", f"What is the {ordinal(i + 1)} month of the year?", month
    for i, day in enumerate(WEEKDAYS):
        yield "weekdays", f"Which day of the week comes after {day}?", WEEKDAYS[(i + 1) % 7]
    for i in range(50):
        date = datetime.date(1900, 1, 1) + datetime.timedelta(days=pick("weekday", i, 0, 45_000))
        written = f"{date.day} {MONTHS[date.month - 1]} {date.year}"
        yield "weekdays", f"On which day of the week was {written} in the Gregorian calendar?", WEEKDAYS[date.weekday()]
    for year in [1600, 1700, 1800, 1900, 2000, 2100] + [pick("leap", i, 1901, 2099) for i in range(20)]:
        is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        yield "leap_years", f"Is {year} a leap year in the Gregorian calendar?", "yes" if is_leap else "no"


TOPICS = [
    countries,
    us_states,
    chemistry,
    writing,
    astronomy,
    culture,
    animals,
    units,
    arithmetic,
    numerals,
    calendar,
]


def rows():
    """All rows, without repeated questions, each category numbered from 1."""
    seen = set()
    numbers = Counter()
    for topic in TOPICS:
        for category, question, answers in topic():
            if question in seen:
                continue
            seen.add(question)
            numbers[category] += 1
            if isinstance(answers, str):
                answers = answers.split("|")
            yield {
                "id": f"{category}-{numbers[category]:03}",
                "category": category,
                "question": question,
                "answers": list(dict.fromkeys(answers)),
            }


def render():
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare with the file instead of writing it")
    arguments = parser.parse_args()
    text = render()
    if not arguments.check:
        OUTPUT.write_text(text, encoding="utf-8")
        return 0
    if OUTPUT.exists() and OUTPUT.read_text(encoding="utf-8") == text:
        return 0
    print(f"{OUTPUT.name} is not up to date: run {Path(__file__).name}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
