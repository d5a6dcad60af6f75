use std::sync::Arc;

use arrow::array::{ListArray, StringArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{Field, Fields};

use super::*;

fn texts(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn structs(columns: Vec<(&str, ArrayRef)>) -> ArrayRef {
    let fields: Fields =
        columns.iter().map(|(name, column)| Field::new(*name, column.data_type().clone(), true)).collect();
    Arc::new(StructArray::new(fields, columns.into_iter().map(|(_, column)| column).collect(), None))
}

fn lists(lengths: &[usize], items: ArrayRef) -> ArrayRef {
    let field = Arc::new(Field::new("element", items.data_type().clone(), true));
    Arc::new(ListArray::new(field, OffsetBuffer::from_lengths(lengths.iter().copied()), items, None))
}

fn status(result: std::result::Result<Vec<Message<'_>>, NoRequest>) -> (Status, String) {
    result.err().map(|none| (none.status, none.error.message().to_string())).unwrap()
}

#[test]
fn tool_calls_and_their_results() {
    let array = lists(
        &[3, 1, 1, 1, 1, 1],
        structs(vec![
            (
                "role",
                texts(&[
                    Some("user"),
                    Some("assistant"),
                    Some("tool"),
                    Some("tool"),
                    Some("user"),
                    Some("user"),
                    Some("robot"),
                    None,
                ]),
            ),
            ("content", texts(&[Some("2+2?"), None, Some("4"), Some("4"), Some("a"), None, Some("a"), Some("a")])),
            ("tool_calls", texts(&[None, Some("[]"), None, None, Some("[]"), None, None, None])),
            ("tool_call_id", texts(&[None, None, Some("c1"), None, None, None, None, None])),
        ]),
    );
    let chats = Chats::new(&array).unwrap();
    let chat = chats.get(0).ok().unwrap();
    assert_eq!(chat.iter().map(|m| m.role.name()).collect::<Vec<_>>(), ["user", "assistant", "tool"]);
    assert!(chat[1].content == Content::Empty && chat[1].tool_calls == Some("[]"));
    assert_eq!(chat[2].tool_call_id, Some("c1"));
    for (row, expected, says) in [
        (1, Status::InvalidRequest, "needs the tool_call_id"),
        (2, Status::InvalidRequest, "only a message of the role assistant can have tool_calls"),
        (3, Status::NoPrompt, "no role or no content"),
        (4, Status::InvalidRequest, "unknown role; known: "),
        (5, Status::NoPrompt, "no role or no content"),
    ] {
        let (status, message) = status(chats.get(row));
        assert!(status == expected && message.contains(says), "{row}: {status:?} {message}");
        assert!(!message.contains("robot"), "row data in a message");
    }
}

#[test]
fn parts_of_every_kind() {
    let png: &[u8] = b"\x89PNG\r\n";
    let images: ArrayRef = Arc::new(BinaryArray::from(vec![
        None,
        None,
        Some(png),
        Some(b"\xff\xd8\xffx"),
        Some(b"BM"),
        Some(b"BM"),
        None,
        None,
        None,
    ]));
    let parts = structs(vec![
        (
            "type",
            texts(&[
                Some("text"),
                Some("image_url"),
                Some("image"),
                None,
                Some("image"),
                None,
                Some("txt"),
                Some("text"),
                None,
            ]),
        ),
        ("text", texts(&[Some("What?"), None, None, None, None, None, Some("a"), None, Some("a")])),
        (
            "image_url",
            texts(&[None, Some("http://h/a"), None, None, None, None, None, Some("http://h/b"), Some("http://h/c")]),
        ),
        ("image", images),
        ("media_type", texts(&[None, None, None, None, Some("image/bmp"), None, None, None, None])),
    ]);
    let contents = lists(&[5, 1, 1, 1, 1], parts);
    let array = lists(&[1; 5], structs(vec![("role", texts(&[Some("user"); 5])), ("content", contents)]));
    let chats = Chats::new(&array).unwrap();
    let chat = chats.get(0).ok().unwrap();
    let expected = vec![
        Part::Text("What?"),
        Part::ImageUrl("http://h/a"),
        Part::Image { bytes: png, media_type: "image/png" },
        Part::Image { bytes: b"\xff\xd8\xffx", media_type: "image/jpeg" },
        Part::Image { bytes: b"BM", media_type: "image/bmp" },
    ];
    assert!(chat[0].content == Content::Parts(expected));
    for (row, says) in [
        (1, "no media_type"),
        (2, "unknown type; did you mean 'text'?"),
        (3, "exactly one of text"),
        (4, "exactly one of text"),
    ] {
        let (status, message) = status(chats.get(row));
        assert!(status == Status::InvalidRequest && message.contains(says), "{row}: {message}");
    }
}

#[test]
fn other_columns_are_refused_with_what_is_taken() {
    let role = || ("role", texts(&[Some("user")]));
    let content = || ("content", texts(&[Some("a")]));
    for (items, says) in [
        (texts(&[Some("a")]), "a prompt is STRING or ARRAY<STRUCT<role"),
        (structs(vec![role()]), "a prompt is STRING or ARRAY<STRUCT<role"),
        (structs(vec![content()]), "a prompt is STRING or ARRAY<STRUCT<role"),
        (structs(vec![role(), content(), ("tool_call", texts(&[None]))]), "did you mean 'tool_calls'?"),
        (structs(vec![role(), ("content", lists(&[1], structs(vec![("img", texts(&[None]))])))]), "has no field 'img'"),
        (
            structs(vec![role(), ("content", lists(&[1], structs(vec![("image", texts(&[None]))])))]),
            "a prompt is STRING",
        ),
    ] {
        let e = Chats::new(&lists(&[1], items)).err().unwrap();
        assert_eq!(e.kind(), ErrorKind::UnsupportedType);
        assert!(e.message().contains(says), "{e}");
    }
}
