//! The answer key: which question a prompt asks, and what a model of some accuracy says to it.

use std::collections::HashMap;
use std::path::Path;

use serde_json::Value;

use crate::config::Error;
use crate::hash::StableHash;

/// Questions and their accepted answers.
#[derive(Debug, Clone, Default)]
pub struct AnswerKey {
    rows: Vec<Row>,
    by_question: HashMap<String, usize>,
    by_category: HashMap<String, Vec<usize>>,
    /// The length of the longest question in bytes.
    longest: usize,
}

#[derive(Debug, Clone)]
struct Row {
    question: String,
    answers: Vec<String>,
    category: String,
}

impl AnswerKey {
    /// Reads JSON Lines with `question` (or `input`, `prompt`: text, or messages whose last user message it is), `answers`
    /// (or `references`, `reference`, `answer`: text or a list) and, if there is one, `category`; other fields are ignored.
    /// Of equal questions the first counts.
    pub fn read(path: impl AsRef<Path>) -> Result<AnswerKey, Error> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|error| Error::new(format!("{}: {error}", path.display())))?;
        AnswerKey::parse(&text).map_err(|error| Error::new(format!("{}: {error}", path.display())))
    }

    /// Reads JSON Lines from a string; see [`AnswerKey::read`].
    pub fn parse(json_lines: &str) -> Result<AnswerKey, Error> {
        let mut key = AnswerKey::default();
        for (i, line) in json_lines.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let row = Row::parse(line).map_err(|what| Error::new(format!("line {}: {what}", i + 1)))?;
            key.push(row);
        }
        Ok(key)
    }

    fn push(&mut self, row: Row) {
        if self.by_question.contains_key(&row.question) {
            return;
        }
        let index = self.rows.len();
        self.longest = self.longest.max(row.question.len());
        self.by_question.insert(row.question.clone(), index);
        self.by_category.entry(row.category.clone()).or_default().push(index);
        self.rows.push(row);
    }

    /// How many questions there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The question that `prompt` asks: the prompt itself, or what is left without `Question:` before and `Answer:` after
    /// it, or the last line that is one, or the longest part of a line (from a word to a sentence's end) that is one.
    pub fn find(&self, prompt: &str) -> Option<&str> {
        self.find_row(prompt).map(|row| row.question.as_str())
    }

    fn find_row(&self, prompt: &str) -> Option<&Row> {
        if self.rows.is_empty() {
            return None;
        }
        let whole = prompt.trim();
        self.lookup(whole)
            .or_else(|| self.lookup(without_answer_mark(whole)))
            .or_else(|| whole.lines().rev().find_map(|line| self.lookup(line.trim())))
            .or_else(|| whole.lines().rev().find_map(|line| self.lookup_inside(line)))
    }

    fn lookup(&self, text: &str) -> Option<&Row> {
        let index = self.by_question.get(text).or_else(|| self.by_question.get(without_question_mark(text)?))?;
        self.rows.get(*index)
    }

    fn lookup_inside(&self, line: &str) -> Option<&Row> {
        let line = line.trim();
        let starts = std::iter::once(0).chain(line.match_indices([' ', '"', '\'']).map(|(at, _)| at + 1));
        let mut ends: Vec<usize> = line.match_indices(['?', '.', '!']).map(|(at, _)| at + 1).collect();
        ends.push(line.len());
        starts.into_iter().find_map(|start| {
            // Only what is no longer than the longest question: the search stays linear in the line.
            let low = ends.partition_point(|end| *end <= start);
            let high = ends.partition_point(|end| *end <= start + self.longest);
            ends.get(low..high)?.iter().rev().find_map(|end| {
                let index = self.by_question.get(line[start..*end].trim())?;
                self.rows.get(*index)
            })
        })
    }

    /// What `model` says to `prompt`. The same arguments always give the same answer.
    pub(crate) fn answer(&self, prompt: &str, speaker: Speaker<'_>) -> String {
        let Some(row) = self.find_row(prompt) else {
            return if self.is_empty() { made_up(prompt, speaker) } else { echo(prompt) };
        };
        let chance = StableHash::new(speaker.seed).text(speaker.model).text(&row.question);
        if chance.number(1).unit() >= speaker.accuracy {
            return self.wrong_answer(row, chance);
        }
        let right = row.answers[0].as_str();
        if chance.number(2).unit() < speaker.verbose_rate {
            return format!("The answer is {right}.");
        }
        right.to_string()
    }

    /// The answer to another question of the same category that this question does not accept.
    fn wrong_answer(&self, row: &Row, chance: StableHash) -> String {
        const TRIES: u64 = 16;
        let peers = self.by_category.get(&row.category).map_or(&[][..], Vec::as_slice);
        for attempt in 0..TRIES {
            let pick = chance.number(10 + attempt).finish() as usize % peers.len().max(1);
            let Some(other) = peers.get(pick).and_then(|index| self.rows.get(*index)) else { break };
            let candidate = &other.answers[0];
            if !row.answers.iter().any(|right| right.to_lowercase() == candidate.to_lowercase()) {
                return candidate.clone();
            }
        }
        "I do not know".to_string()
    }
}

/// Who answers.
#[derive(Clone, Copy)]
pub(crate) struct Speaker<'a> {
    pub(crate) seed: u64,
    pub(crate) model: &'a str,
    pub(crate) accuracy: f64,
    pub(crate) verbose_rate: f64,
    /// The fewest and the most words of a made-up answer.
    pub(crate) words: (u64, u64),
}

impl Row {
    fn parse(line: &str) -> Result<Row, String> {
        let value: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let field = |names: &[&str]| names.iter().find_map(|name| value.get(name).filter(|v| !v.is_null()));
        let question = match field(&["question", "input", "prompt"]) {
            Some(Value::String(text)) => text.trim().to_string(),
            Some(Value::Array(messages)) => messages
                .iter()
                .rev()
                .find(|message| message["role"] == "user")
                .and_then(|message| message["content"].as_str())
                .ok_or("the messages have no user message")?
                .trim()
                .to_string(),
            _ => return Err("no question".to_string()),
        };
        let text = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(flag) => Some(flag.to_string()),
            _ => None,
        };
        let answers: Vec<String> = match field(&["answers", "references", "reference", "answer"]) {
            Some(Value::Array(items)) => items.iter().filter_map(text).collect(),
            Some(single) => text(single).into_iter().collect(),
            None => Vec::new(),
        };
        if answers.is_empty() {
            return Err("no answers".to_string());
        }
        let category = field(&["category"]).and_then(Value::as_str).unwrap_or_default().to_string();
        Ok(Row { question, answers, category })
    }
}

/// `text` without `Question:` or `Q:` before it, if it has one.
fn without_question_mark(text: &str) -> Option<&str> {
    ["Question:", "question:", "QUESTION:", "Q:"].iter().find_map(|mark| text.strip_prefix(mark)).map(str::trim)
}

/// `text` without a last line `Answer:` or `A:`.
fn without_answer_mark(text: &str) -> &str {
    ["Answer:", "answer:", "ANSWER:", "A:"].iter().find_map(|mark| text.strip_suffix(mark)).unwrap_or(text).trim()
}

/// The reply to a question that the key does not have: its own beginning.
fn echo(prompt: &str) -> String {
    const WORDS: usize = 24;
    let start: Vec<&str> = prompt.split_whitespace().take(WORDS).collect();
    format!("I have no answer to this: {}", start.join(" "))
}

/// Text that depends on the prompt, the model and the seed.
fn made_up(prompt: &str, speaker: Speaker<'_>) -> String {
    const WORDS: &[&str] = &[
        "the", "result", "of", "a", "careful", "reading", "is", "that", "most", "rivers", "begin", "in", "quiet",
        "hills", "and", "every", "answer", "follows", "from", "its", "question", "while", "light", "travels",
        "between", "small", "stones", "with", "no", "hurry", "because", "time", "was", "kept", "by", "water", "before",
        "clocks", "were", "made", "for", "towns", "at", "sea", "so", "we", "count", "seven", "or", "eight", "boats",
        "each", "morning",
    ];
    let chance = StableHash::new(speaker.seed).text(speaker.model).text(prompt);
    let (fewest, most) = speaker.words;
    let length = fewest + chance.number(1).finish() % (most - fewest + 1);
    let mut text = String::with_capacity(8 * length as usize);
    for i in 0..length {
        if i > 0 {
            text.push(' ');
        }
        text.push_str(WORDS[chance.number(2 + i).finish() as usize % WORDS.len()]);
    }
    text.push('.');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> AnswerKey {
        AnswerKey::parse(
            r#"
{"id":"1","question":"What is the capital of France?","answers":["Paris"],"category":"capitals"}
{"question":"What is the capital of Côte d'Ivoire?","answers":["Yamoussoukro"],"category":"capitals"}
{"input":"Two lines.\nHow many?","references":["2","two"],"extra":{"a":1}}
{"input":[{"role":"system","content":"x"},{"role":"user","content":"What is 2 + 2?"}],"answer":4}
"#,
        )
        .unwrap()
    }

    #[test]
    fn a_prompt_is_recognised_in_its_usual_wrappings() {
        let key = key();
        let france = Some("What is the capital of France?");
        for prompt in [
            "What is the capital of France?",
            "  What is the capital of France?\n",
            "Question: What is the capital of France?",
            "Q: What is the capital of France?\nA:",
            "Q: What is the capital of Côte d'Ivoire?\nA: Yamoussoukro\nQ: What is the capital of France?\nA:",
            "Answer in one word.\n\nWhat is the capital of France?\n\nAnswer:",
            "Answer briefly: What is the capital of France?",
            "What is the capital of France? Answer in one word.",
            "Please: \"What is the capital of France?\" One word, please.",
        ] {
            assert_eq!(key.find(prompt), france, "{prompt}");
        }
        assert_eq!(key.find("Question: Two lines.\nHow many?\nAnswer:"), Some("Two lines.\nHow many?"));
        assert_eq!(key.find("What is 2 + 2?"), Some("What is 2 + 2?"));
        assert_eq!(key.find("What is the capital of Francea?"), None);
        assert_eq!(key.find(""), None);
    }

    #[test]
    fn a_long_prompt_is_searched_fast() {
        let prompt = "Some words. And more? ".repeat(20_000) + "What is the capital of France? In one word.";
        let began = std::time::Instant::now();
        assert_eq!(key().find(&prompt), Some("What is the capital of France?"));
        assert!(began.elapsed().as_secs_f64() < 2.0);
    }

    #[test]
    fn right_wrong_and_unknown() {
        let key = key();
        let speaker = Speaker { seed: 1, model: "m", accuracy: 1.0, verbose_rate: 0.0, words: (4, 35) };
        assert_eq!(key.answer("What is the capital of France?", speaker), "Paris");
        let wrong = Speaker { accuracy: 0.0, ..speaker };
        assert_eq!(key.answer("What is the capital of France?", wrong), "Yamoussoukro");
        let verbose = Speaker { verbose_rate: 1.0, ..speaker };
        assert_eq!(key.answer("What is the capital of France?", verbose), "The answer is Paris.");
        assert!(key.answer("Who am I?", speaker).ends_with("Who am I?"));
        let none = AnswerKey::default();
        assert_eq!(none.answer("x", speaker), none.answer("x", speaker));
        assert_ne!(none.answer("x", speaker), none.answer("y", speaker));
    }

    #[test]
    fn bad_lines_are_named() {
        let error = AnswerKey::parse("{\"question\":\"a\",\"answers\":[\"b\"]}\n{\"question\":\"a\"}").unwrap_err();
        assert_eq!(error.to_string(), "line 2: no answers");
    }
}
