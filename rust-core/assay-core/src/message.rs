//! Messages of a chat, as every provider format gets them.

use crate::error::{Error, ErrorKind, Result, hint};

/// Who says a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Instructions that stand above the chat.
    System,
    /// The same under the newer name of OpenAI.
    Developer,
    /// The one who asks.
    User,
    /// The model.
    Assistant,
    /// The result of a tool call.
    Tool,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 5] = [Role::System, Role::Developer, Role::User, Role::Assistant, Role::Tool];

    /// The name in a prompt, for instance `user`.
    pub fn name(self) -> &'static str {
        match self {
            Role::System => "system",
            Role::Developer => "developer",
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::Tool => "tool",
        }
    }

    /// The role of that name. Errors: [`ErrorKind::InvalidArgument`] with the nearest name; the given one is row data and is
    /// not shown.
    ///
    /// ```
    /// use assay_core::message::Role;
    /// assert_eq!(Role::parse("user").unwrap(), Role::User);
    /// assert_eq!(Role::parse("usr").unwrap_err().message(), "a message has an unknown role; did you mean 'user'?");
    /// ```
    pub fn parse(name: &str) -> Result<Self> {
        Role::ALL.into_iter().find(|role| role.name() == name).ok_or_else(|| {
            let message = format!("a message has an unknown role{}", hint(name, Role::ALL.map(Role::name)));
            Error::new(ErrorKind::InvalidArgument, message)
        })
    }

    /// Whether the message is instructions: system or developer.
    pub fn is_instruction(self) -> bool {
        matches!(self, Role::System | Role::Developer)
    }
}

/// What a message says. Not `Debug`: it is a user's data.
#[derive(Clone, PartialEq, Eq)]
pub enum Content<'a> {
    /// Nothing: an assistant's message that only calls tools.
    Empty,
    /// Text.
    Text(&'a str),
    /// Texts and images, in order.
    Parts(Vec<Part<'a>>),
}

/// One part of a message's content.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// Text.
    Text(&'a str),
    /// An image that the provider fetches, or a `data:` URL.
    ImageUrl(&'a str),
    /// An image.
    Image {
        /// The image file.
        bytes: &'a [u8],
        /// Its media type, for instance `image/png`.
        media_type: &'a str,
    },
}

/// One message of a chat. Not `Debug`: it is a user's data.
///
/// ```
/// use assay_core::message::{Content, Message, Role};
/// let hi = Message::text(Role::User, "Hi");
/// assert!(hi.content == Content::Text("Hi") && hi.tool_calls.is_none());
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Message<'a> {
    /// Who says it.
    pub role: Role,
    /// What is said.
    pub content: Content<'a>,
    /// The tools that an assistant called: a JSON list in the form of OpenAI's chat completions, for every provider:
    /// `[{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"x\": 1}"}}]`. It is the form of the
    /// completion's `tool_calls`.
    pub tool_calls: Option<&'a str>,
    /// The call that a tool's message answers: its `id`.
    pub tool_call_id: Option<&'a str>,
}

impl<'a> Message<'a> {
    /// A message of text.
    pub fn text(role: Role, content: &'a str) -> Self {
        Message { role, content: Content::Text(content), tool_calls: None, tool_call_id: None }
    }

    /// The text of the message, its parts joined; images are left out.
    pub fn joined_text(&self) -> std::borrow::Cow<'a, str> {
        match &self.content {
            Content::Empty => "".into(),
            Content::Text(text) => (*text).into(),
            Content::Parts(parts) => {
                let texts =
                    parts.iter().filter_map(|part| if let Part::Text(text) = part { Some(*text) } else { None });
                texts.collect::<String>().into()
            }
        }
    }

    /// The `tool_calls` as typed calls; empty where there are none. Errors: [`ErrorKind::InvalidArgument`] where they are
    /// no list in the form that [`Message::tool_calls`] says.
    ///
    /// ```
    /// use assay_core::message::{Content, Message, Role};
    /// let calls = r#"[{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"x\": 1}"}}]"#;
    /// let message = Message { content: Content::Empty, tool_calls: Some(calls), ..Message::text(Role::Assistant, "") };
    /// let call = message.calls().unwrap().remove(0);
    /// assert_eq!((call.id.as_str(), call.name.as_str(), call.arguments.as_str()), ("c1", "f", r#"{"x": 1}"#));
    /// ```
    pub fn calls(&self) -> Result<Vec<ToolCall>> {
        match self.tool_calls {
            None => Ok(Vec::new()),
            Some(text) => ToolCall::parse_list(text),
        }
    }
}

/// One call of a tool.
#[derive(Clone, PartialEq, Eq)]
pub struct ToolCall {
    /// By which its result refers to it; empty where the provider gives none.
    pub id: String,
    /// The tool.
    pub name: String,
    /// The arguments as JSON text.
    pub arguments: String,
}

impl ToolCall {
    fn parse_list(text: &str) -> Result<Vec<ToolCall>> {
        let invalid = || {
            Error::new(
                ErrorKind::InvalidArgument,
                "tool_calls of a message must be a JSON list of \
                 {\"id\", \"type\": \"function\", \"function\": {\"name\", \"arguments\"}}",
            )
        };
        let values: Vec<serde_json::Value> = serde_json::from_str(text).map_err(|_| invalid())?;
        values.iter().map(|value| ToolCall::read(value).ok_or_else(invalid)).collect()
    }

    fn read(value: &serde_json::Value) -> Option<ToolCall> {
        let function = value.get("function")?;
        Some(ToolCall {
            id: value.get("id").and_then(|id| id.as_str()).unwrap_or_default().to_string(),
            name: function.get("name")?.as_str()?.to_string(),
            arguments: match function.get("arguments") {
                None => "{}".to_string(),
                Some(serde_json::Value::String(text)) => text.clone(),
                Some(object) => object.to_string(),
            },
        })
    }

    /// A list of calls in the form of OpenAI's chat completions: the completion's `tool_calls`. `None` for an empty list.
    pub fn to_json(calls: &[ToolCall]) -> Option<String> {
        let json = |call: &ToolCall| {
            serde_json::json!({"id": call.id, "type": "function",
                "function": {"name": call.name, "arguments": call.arguments}})
        };
        (!calls.is_empty()).then(|| serde_json::Value::from(calls.iter().map(json).collect::<Vec<_>>()).to_string())
    }
}
