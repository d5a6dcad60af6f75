//! A column of chats: `ARRAY<STRUCT<role, content [, tool_calls, tool_call_id]>>`, whatever its Arrow layout.

use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayRef, BinaryArray, BinaryViewArray, LargeBinaryArray, StructArray};
use arrow::datatypes::DataType;

use super::columns::Texts;
use crate::completion::Status;
use crate::error::{Error, ErrorKind, Result, hint};
use crate::message::{Content, Message, Part, Role};
use crate::provider::FUNCTION;

use super::requests::NoRequest;

const MESSAGE_FIELDS: &[&str] = &["role", "content", "tool_calls", "tool_call_id"];
const PART_FIELDS: &[&str] = &["type", "text", "image_url", "image", "media_type"];
const PART_TYPES: &[&str] = &["text", "image_url", "image"];

/// A column of chats.
pub(super) struct Chats<'a> {
    lists: Lists<'a>,
    messages: &'a StructArray,
    roles: Texts<'a>,
    contents: Contents<'a>,
    tool_calls: Texts<'a>,
    tool_call_ids: Texts<'a>,
}

enum Contents<'a> {
    Texts(Texts<'a>),
    Parts(Box<Parts<'a>>),
}

struct Parts<'a> {
    lists: Lists<'a>,
    parts: &'a StructArray,
    types: Texts<'a>,
    texts: Texts<'a>,
    image_urls: Texts<'a>,
    images: Bytes<'a>,
    media_types: Texts<'a>,
}

impl<'a> Chats<'a> {
    /// The column as chats. Errors: [`ErrorKind::UnsupportedType`] for another type, or for a field that a message or a part
    /// does not have.
    pub(super) fn new(array: &'a ArrayRef) -> Result<Self> {
        let (lists, messages) = list_of_structs(array).ok_or_else(|| unsupported(array.data_type()))?;
        check_fields(messages, "message", MESSAGE_FIELDS)?;
        let text = |name: &str| text_field(messages, name, array.data_type());
        let content = messages.column_by_name("content").ok_or_else(|| unsupported(array.data_type()))?;
        let contents = match list_of_structs(content) {
            None => Contents::Texts(text("content")?),
            Some((lists, parts)) => {
                check_fields(parts, "part of a message's content", PART_FIELDS)?;
                let text = |name: &str| text_field(parts, name, array.data_type());
                let images = match parts.column_by_name("image") {
                    None => Bytes::Null,
                    Some(images) => Bytes::new(images).ok_or_else(|| unsupported(array.data_type()))?,
                };
                Contents::Parts(Box::new(Parts {
                    lists,
                    parts,
                    types: text("type")?,
                    texts: text("text")?,
                    image_urls: text("image_url")?,
                    images,
                    media_types: text("media_type")?,
                }))
            }
        };
        if messages.column_by_name("role").is_none() {
            return Err(unsupported(array.data_type()));
        }
        Ok(Chats {
            lists,
            messages,
            roles: text("role")?,
            contents,
            tool_calls: text("tool_calls")?,
            tool_call_ids: text("tool_call_id")?,
        })
    }

    /// The chat of `row`, or why there is none.
    pub(super) fn get(&self, row: usize) -> std::result::Result<Vec<Message<'a>>, NoRequest> {
        let range = self.lists.range(row).ok_or_else(|| NoRequest::no_prompt("the prompt is NULL"))?;
        if range.is_empty() {
            return Err(NoRequest::no_prompt("the prompt has no message"));
        }
        range.map(|i| self.message(i)).collect()
    }

    fn message(&self, i: usize) -> std::result::Result<Message<'a>, NoRequest> {
        let valid = |texts: &Texts<'a>| if self.messages.is_null(i) { None } else { texts.get(i) };
        let none = || NoRequest::no_prompt("a message of the prompt has no role or no content");
        let role = Role::parse(valid(&self.roles).ok_or_else(none)?).map_err(invalid)?;
        let tool_calls = valid(&self.tool_calls).filter(|calls| !calls.trim().is_empty());
        let tool_call_id = valid(&self.tool_call_ids);
        let content = match &self.contents {
            Contents::Texts(texts) => valid(texts).map(Content::Text),
            Contents::Parts(parts) => match parts.lists.range(i) {
                None => None,
                Some(range) => {
                    Some(Content::Parts(range.map(|part| parts.get(part)).collect::<Result<_>>().map_err(invalid)?))
                }
            },
        };
        let content = match content {
            Some(content) => content,
            None if tool_calls.is_some() => Content::Empty,
            None => return Err(none()),
        };
        let wrong = |what: &str| Err(invalid(Error::new(ErrorKind::InvalidArgument, what)));
        if tool_calls.is_some() && role != Role::Assistant {
            return wrong("only a message of the role assistant can have tool_calls");
        }
        match (role, tool_call_id) {
            (Role::Tool, None) => return wrong("a message of the role tool needs the tool_call_id that it answers"),
            (Role::Tool, Some(_)) | (_, None) => {}
            (_, Some(_)) => return wrong("only a message of the role tool can have a tool_call_id"),
        }
        Ok(Message { role, content, tool_calls, tool_call_id })
    }
}

impl<'a> Parts<'a> {
    fn get(&self, i: usize) -> Result<Part<'a>> {
        let wrong = |what: String| Err(Error::new(ErrorKind::InvalidArgument, what));
        if self.parts.is_null(i) {
            return wrong("a part of a message's content is NULL".to_string());
        }
        let (text, url, bytes) = (self.texts.get(i), self.image_urls.get(i), self.images.get(i));
        match self.types.get(i) {
            None | Some("text" | "image_url" | "image") => {}
            Some(other) => {
                let near = hint(other, PART_TYPES.iter().copied());
                return wrong(format!("a part of a message's content has an unknown type{near}"));
            }
        }
        match (self.types.get(i), text, url, bytes) {
            (None | Some("text"), Some(text), None, None) => Ok(Part::Text(text)),
            (None | Some("image_url" | "image"), None, Some(url), None) => Ok(Part::ImageUrl(url)),
            (None | Some("image"), None, None, Some(bytes)) => {
                let media_type = self.media_types.get(i).or_else(|| media_type_of(bytes));
                match media_type {
                    Some(media_type) => Ok(Part::Image { bytes, media_type }),
                    None => wrong(
                        "an image is no PNG, JPEG, GIF or WebP and has no media_type, such as 'image/bmp'".to_string(),
                    ),
                }
            }
            _ => wrong(
                "a part of a message's content must have exactly one of text, image_url and image, and its type must say \
                 which"
                    .to_string(),
            ),
        }
    }
}

/// The media type of an image by its first bytes.
fn media_type_of(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

fn invalid(error: Error) -> NoRequest {
    NoRequest { status: Status::InvalidRequest, error }
}

/// The error for a column that is no prompt.
pub(super) fn unsupported(data_type: &DataType) -> Error {
    Error::new(
        ErrorKind::UnsupportedType,
        format!(
            "{}: a prompt is STRING or ARRAY<STRUCT<role: STRING, content: STRING [, tool_calls: STRING, tool_call_id: \
             STRING]>>, where content may be an ARRAY<STRUCT<type: STRING, text: STRING, image_url: STRING, image: BINARY, \
             media_type: STRING>>, not {data_type}",
            FUNCTION.name
        ),
    )
}

fn check_fields(structs: &StructArray, what: &str, known: &[&str]) -> Result<()> {
    match structs.fields().iter().find(|field| !known.contains(&field.name().as_str())) {
        None => Ok(()),
        Some(field) => Err(Error::new(
            ErrorKind::UnsupportedType,
            format!(
                "{}: a {what} has no field '{}'{}",
                FUNCTION.name,
                field.name(),
                hint(field.name(), known.iter().copied())
            ),
        )),
    }
}

fn text_field<'a>(structs: &'a StructArray, name: &str, prompt: &DataType) -> Result<Texts<'a>> {
    match structs.column_by_name(name) {
        None => Ok(Texts::Null),
        Some(column) => Texts::new(column).map_err(|_| unsupported(prompt)),
    }
}

fn list_of_structs(array: &ArrayRef) -> Option<(Lists<'_>, &StructArray)> {
    let (offsets, items) = match array.data_type() {
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            (list.value_offsets().iter().map(|offset| *offset as usize).collect(), list.values())
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            (list.value_offsets().iter().map(|offset| *offset as usize).collect(), list.values())
        }
        _ => return None,
    };
    Some((Lists { array, offsets }, items.as_struct_opt()?))
}

/// Where the list of each row begins and ends.
struct Lists<'a> {
    array: &'a ArrayRef,
    offsets: Vec<usize>,
}

impl Lists<'_> {
    /// The items of `row`; `None` for NULL.
    fn range(&self, row: usize) -> Option<std::ops::Range<usize>> {
        self.array.is_valid(row).then(|| self.offsets[row]..self.offsets[row + 1])
    }
}

/// A column of bytes.
enum Bytes<'a> {
    Small(&'a BinaryArray),
    Large(&'a LargeBinaryArray),
    View(&'a BinaryViewArray),
    Null,
}

impl<'a> Bytes<'a> {
    fn new(array: &'a ArrayRef) -> Option<Self> {
        Some(match array.data_type() {
            DataType::Binary => Bytes::Small(array.as_binary()),
            DataType::LargeBinary => Bytes::Large(array.as_binary()),
            DataType::BinaryView => Bytes::View(array.as_binary_view()),
            DataType::Null => Bytes::Null,
            _ => return None,
        })
    }

    fn get(&self, row: usize) -> Option<&'a [u8]> {
        match self {
            Bytes::Small(a) => a.is_valid(row).then(|| a.value(row)),
            Bytes::Large(a) => a.is_valid(row).then(|| a.value(row)),
            Bytes::View(a) => a.is_valid(row).then(|| a.value(row)),
            Bytes::Null => None,
        }
    }
}

#[cfg(test)]
mod tests;
