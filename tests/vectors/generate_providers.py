#!/usr/bin/env python3
"""Writes what the vendors' own clients send: requests_{anthropic,gemini,bedrock}.jsonl, sigv4.jsonl and eventstream.jsonl.

    python3.11 -m venv .venv && .venv/bin/pip install -r requirements-providers.txt && .venv/bin/python generate_providers.py

A line of requests_*.jsonl is a request of ours (settings of the model, options, messages, stream) and what the vendor's client sent
for the same: path with query, some headers, body. A line of sigv4.jsonl is a request and botocore's signature over it. A line
of eventstream.jsonl is a stream of bytes and the frames that botocore reads from it.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import http.server
import json
import pathlib
import struct
import threading
from collections.abc import Callable
from typing import Any
from unittest import mock

import anthropic
import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.eventstream
import botocore.session
from google import genai
from google.genai import types

HERE = pathlib.Path(__file__).parent
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PIXEL_TEXT = base64.b64encode(PIXEL).decode()
ODD = 'Zoë\'s "quote" \\ back\tslash\nnew line \u0001 \u2028 😀 </script>'

WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "unit": {"type": "string", "enum": ["C", "F"]}},
    "required": ["city"],
}
WEATHER_TOOL = {
    "type": "function",
    "function": {"name": "get_weather", "description": "The weather of a city.", "parameters": WEATHER},
}
CLOCK_TOOL = {"type": "function", "function": {"name": "get_time"}}
EMPTY = {"type": "object", "properties": {}}
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name"],
    "additionalProperties": False,
}
JSON_SCHEMA = {"type": "json_schema", "json_schema": {"name": "person", "schema": SCHEMA, "strict": True}}
CALLS = [
    {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Oslo"}'}},
    {"id": "call_2", "type": "function", "function": {"name": "get_time", "arguments": ""}},
]

HI = [{"role": "user", "content": "Hi"}]
TURNS = [
    {"role": "user", "content": "Name a river."},
    {"role": "assistant", "content": "The Danube."},
    {"role": "user", "content": "Another."},
]
TOOL_TURNS = [
    {"role": "user", "content": "Weather and time in Oslo?"},
    {"role": "assistant", "content": "I will look.", "tool_calls": json.dumps(CALLS)},
    {"role": "tool", "content": '{"degrees": 7}', "tool_call_id": "call_1"},
    {"role": "tool", "content": "noon", "tool_call_id": "call_2"},
]
IMAGE_URL = [
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "What is it?"},
            {"type": "image_url", "image_url": "https://example.org/a.png"},
        ],
    }
]
IMAGE_BYTES = [
    {
        "role": "user",
        "content": [
            {"type": "image", "image": PIXEL_TEXT, "media_type": "image/png"},
            {"type": "text", "text": "And this?"},
        ],
    }
]
IMAGE_DATA_URL = [
    {"role": "user", "content": [{"type": "image_url", "image_url": f"data:image/png;base64,{PIXEL_TEXT}"}]}
]


def system(*texts: str, role: str = "system") -> list[dict[str, Any]]:
    return [{"role": role, "content": text} for text in texts]


class Server:
    """Keeps the last request and answers with `reply`."""

    def __init__(self, reply: bytes, stream_reply: bytes) -> None:
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                server.path = self.path
                server.headers = {name.lower(): value for name, value in self.headers.items()}
                server.body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                streams = server.body.get("stream") or "stream" in self.path
                body = stream_reply if streams else reply
                self.send_response(200)
                self.send_header("content-type", "text/event-stream" if streams else "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


def write(name: str, rows: list[dict[str, Any]]) -> None:
    ids = [row["id"] for row in rows]
    assert len(set(ids)) == len(ids), name
    text = "".join(json.dumps(row, ensure_ascii=True, sort_keys=True) + "\n" for row in rows)
    (HERE / name).write_text(text, encoding="ascii")
    print(f"{name}: {len(rows)}")


def row(
    case: str,
    server: Server,
    messages: list[dict[str, Any]],
    options: dict[str, Any],
    headers: list[str],
    settings: dict[str, str],
    stream: bool = False,
) -> dict[str, Any]:
    return {
        "id": case,
        "settings": settings,
        "messages": messages,
        "options": options,
        "stream": stream,
        "path": server.path,
        "headers": {name: server.headers[name] for name in headers},
        "body": server.body,
    }


# --- Anthropic -------------------------------------------------------------------------------------------------------


def anthropic_rows() -> list[dict[str, Any]]:
    message = {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": [],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }
    server = Server(json.dumps(message).encode(), b'event: message_stop\ndata: {"type":"message_stop"}\n\n')
    rows = []
    adaptive = {"type": "adaptive", "display": "summarized"}
    weather = {"name": "get_weather", "description": "The weather of a city.", "input_schema": WEATHER}
    search = {"type": "web_search_20250305", "name": "web_search", "max_uses": 2}

    def case(
        name: str,
        messages: list[dict[str, Any]],
        options: dict[str, Any] | None = None,
        /,
        *,
        stream: bool = False,
        said: list[dict[str, Any]] | None = None,
        **given: Any,
    ) -> None:
        client = anthropic.Anthropic(api_key="k", base_url=server.url, max_retries=0)
        given = {"max_tokens": 4096, "messages": said if said is not None else messages, **given}
        answer = client.messages.create(model="claude-x", stream=stream, **given)
        if stream:
            list(answer)
            server.body["stream"] = True
        else:
            # What is false anyway is not sent by everyone.
            server.body.pop("stream", None)
        settings = {"model": "claude-x", "apiVersion": server.headers["anthropic-version"]}
        if "authorization" in server.headers:
            settings["auth"] = "bearer"
        key = "authorization" if "authorization" in server.headers else "x-api-key"
        headers = ["anthropic-version", "content-type", key]
        rows.append(row(name, server, messages, options or {}, headers, settings, stream))

    case("plain", HI)
    case("odd characters", [{"role": "user", "content": ODD}])
    case("system", system("Be brief.") + HI, said=HI, system="Be brief.")
    case(
        "two systems",
        system("Be brief.") + HI + system("Be kind.", role="developer"),
        said=HI,
        system=[{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Be kind."}],
    )
    case("turns", TURNS)
    case("max_tokens", HI, {"max_tokens": 7}, max_tokens=7)
    case("max_completion_tokens", HI, {"max_completion_tokens": 8}, max_tokens=8)
    case("temperature", HI, {"temperature": 0.25}, extra_body={"temperature": 0.25})
    case("top_p", HI, {"top_p": 0.5}, extra_body={"top_p": 0.5})
    case("one stop", HI, {"stop": "END"}, stop_sequences=["END"])
    case("two stops", HI, {"stop": ["END", "\n\n"]}, stop_sequences=["END", "\n\n"])
    case("tool", HI, {"tools": [WEATHER_TOOL]}, tools=[weather])
    case(
        "strict tool that must be called",
        HI,
        {
            "tools": [{"type": "function", "function": {**WEATHER_TOOL["function"], "strict": True}}],
            "tool_choice": "required",
        },
        tools=[{**weather, "strict": True}],
        tool_choice={"type": "any"},
    )
    two = {"tools": [WEATHER_TOOL, CLOCK_TOOL]}
    two_native = [weather, {"name": "get_time", "input_schema": EMPTY}]
    choice = {"type": "function", "function": {"name": "get_time"}}
    case(
        "one tool of two",
        HI,
        {**two, "tool_choice": choice},
        tools=two_native,
        tool_choice={"type": "tool", "name": "get_time"},
    )
    case("no tool of two", HI, {**two, "tool_choice": "none"}, tools=two_native, tool_choice={"type": "none"})
    case("any tool of two", HI, {**two, "tool_choice": "auto"}, tools=two_native, tool_choice={"type": "auto"})
    native_choice = {"type": "auto", "disable_parallel_tool_use": True}
    one_by_one = {"type": "any", "disable_parallel_tool_use": True}
    case(
        "one call at a time",
        HI,
        {**two, "tool_choice": "required", "parallel_tool_calls": False},
        tools=two_native,
        tool_choice=one_by_one,
    )
    case(
        "native tool", HI, {"tools": [search], "tool_choice": native_choice}, tools=[search], tool_choice=native_choice
    )
    case(
        "tool results",
        TOOL_TURNS,
        two,
        tools=two_native,
        said=[
            TOOL_TURNS[0],
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "I will look."},
                    {"type": "tool_use", "id": "call_1", "name": "get_weather", "input": {"city": "Oslo"}},
                    {"type": "tool_use", "id": "call_2", "name": "get_time", "input": {}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "call_1", "content": '{"degrees": 7}'},
                    {"type": "tool_result", "tool_use_id": "call_2", "content": "noon"},
                ],
            },
        ],
    )
    text = {"type": "text", "text": "What is it?"}
    url = {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}}
    case("image by URL", IMAGE_URL, said=[{"role": "user", "content": [text, url]}])
    pixel = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL_TEXT}}
    case(
        "image in bytes",
        IMAGE_BYTES,
        said=[{"role": "user", "content": [pixel, {"type": "text", "text": "And this?"}]}],
    )
    case("image in a data URL", IMAGE_DATA_URL, said=[{"role": "user", "content": [pixel]}])
    for effort in ("low", "medium", "high", "max"):
        case(f"effort {effort}", HI, {"reasoning_effort": effort}, thinking=adaptive, output_config={"effort": effort})
    case("no thinking", HI, {"reasoning_effort": "none"}, thinking={"type": "disabled"})
    budget = {"type": "enabled", "budget_tokens": 2048, "display": "summarized"}
    case("budget", HI, {"reasoning_effort": "2048"}, thinking=budget, max_tokens=2048 + 4096)
    case("budget and limit", HI, {"reasoning_effort": "2048", "max_tokens": 3000}, thinking=budget, max_tokens=3000)
    form = {"type": "json_schema", "schema": SCHEMA}
    case("schema", HI, {"response_format": JSON_SCHEMA}, output_config={"format": form})
    case(
        "schema and effort",
        HI,
        {"response_format": JSON_SCHEMA, "reasoning_effort": "high"},
        thinking=adaptive,
        output_config={"format": form, "effort": "high"},
    )
    case(
        "extra",
        HI,
        {"extra_body": {"metadata": {"user_id": "u1"}, "service_tier": "standard_only"}},
        metadata={"user_id": "u1"},
        service_tier="standard_only",
    )
    case("stream", HI, stream=True)
    case(
        "stream with tools",
        system("Be brief.") + TURNS,
        {**two, "max_tokens": 5},
        stream=True,
        said=TURNS,
        system="Be brief.",
        tools=two_native,
        max_tokens=5,
    )
    return rows


# --- Gemini ----------------------------------------------------------------------------------------------------------

# The SDK writes some names as Python does, and bytes in the alphabet for URLs; protocol buffers in JSON take either.
CAMEL_CASE = {
    "file_uri": "fileUri",
    "include_thoughts": "includeThoughts",
    "mime_type": "mimeType",
    "parameters_json_schema": "parametersJsonSchema",
    "thinking_budget": "thinkingBudget",
    "thinking_level": "thinkingLevel",
    "thought_signature": "thoughtSignature",
}


def camel_case(value: Any) -> Any:
    if isinstance(value, dict):
        if "data" in value and "mimeType" in camel_case({name: "" for name in value if name != "data"}):
            value = {**value, "data": value["data"].translate(str.maketrans("-_", "+/"))}
        return {CAMEL_CASE.get(name, name): camel_case(inner) for name, inner in value.items()}
    return [camel_case(item) for item in value] if isinstance(value, list) else value


def gemini_rows() -> list[dict[str, Any]]:
    reply = {"candidates": [{"content": {"role": "model", "parts": [{"text": "hi"}]}, "finishReason": "STOP"}]}
    text = json.dumps(reply).encode()
    server = Server(text, b"data: " + text + b"\n\n")
    rows = []
    hello = [types.Content(role="user", parts=[types.Part(text="Hi")])]
    turns = [
        types.Content(role="user", parts=[types.Part(text="Name a river.")]),
        types.Content(role="model", parts=[types.Part(text="The Danube.")]),
        types.Content(role="user", parts=[types.Part(text="Another.")]),
    ]

    def case(
        name: str,
        messages: list[dict[str, Any]],
        options: dict[str, Any] | None = None,
        /,
        *,
        said: Any = None,
        stream: bool = False,
        version: str = "v1beta",
        model: str = "gemini-x",
        **config: Any,
    ) -> None:
        client = genai.Client(api_key="k", http_options=types.HttpOptions(base_url=server.url, api_version=version))
        given = types.GenerateContentConfig(
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True), **config
        )
        contents = said if said is not None else hello
        if stream:
            list(client.models.generate_content_stream(model=model, contents=contents, config=given))
        else:
            client.models.generate_content(model=model, contents=contents, config=given)
        server.body = camel_case(server.body)
        # The role of a system instruction says nothing; the API ignores it.
        server.body.get("systemInstruction", {}).pop("role", None)
        # An empty configuration is none.
        if server.body.get("generationConfig") == {}:
            del server.body["generationConfig"]
        settings = {"model": model, **({} if version == "v1beta" else {"apiVersion": version})}
        headers = ["content-type", "x-goog-api-key"]
        rows.append(row(name, server, messages, options or {}, headers, settings, stream))

    part, content = types.Part, types.Content
    declare = types.FunctionDeclaration
    weather = declare(name="get_weather", description="The weather of a city.", parameters_json_schema=WEATHER)
    clock = declare(name="get_time")

    def choice(mode: str, names: list[str] | None = None) -> types.ToolConfig:
        calling = types.FunctionCallingConfig(mode=mode, allowed_function_names=names)
        return types.ToolConfig(function_calling_config=calling)

    two = {"tools": [WEATHER_TOOL, CLOCK_TOOL]}
    two_native = [types.Tool(function_declarations=[weather, clock])]
    case("plain", HI)
    case("version 1", HI, version="v1")
    case("tuned model", HI, model="tunedModels/mine-1")
    case("odd characters", [{"role": "user", "content": ODD}], said=[content(role="user", parts=[part(text=ODD)])])
    case("system", system("Be brief.") + HI, system_instruction="Be brief.")
    case(
        "two systems",
        system("Be brief.") + HI + system("Be kind."),
        system_instruction=content(role="user", parts=[part(text="Be brief."), part(text="Be kind.")]),
    )
    case("turns", TURNS, said=turns)
    case("max_tokens", HI, {"max_tokens": 7}, max_output_tokens=7)
    case("max_completion_tokens", HI, {"max_completion_tokens": 8}, max_output_tokens=8)
    case("temperature", HI, {"temperature": 1.5}, temperature=1.5)
    case("top_p", HI, {"top_p": 0.5}, top_p=0.5)
    case("top_k", HI, {"temperature": 0.5, "extra_body": {"generationConfig": {"topK": 40}}}, temperature=0.5, top_k=40)
    case("stops", HI, {"stop": ["END", "\n\n"]}, stop_sequences=["END", "\n\n"])
    case("seed", HI, {"seed": 7}, seed=7)
    case(
        "penalties",
        HI,
        {"presence_penalty": 0.5, "frequency_penalty": -0.5},
        presence_penalty=0.5,
        frequency_penalty=-0.5,
    )
    case("logprobs", HI, {"logprobs": True, "top_logprobs": 3}, response_logprobs=True, logprobs=3)
    case("tool", HI, {"tools": [WEATHER_TOOL]}, tools=[types.Tool(function_declarations=[weather])])
    case("any tool of two", HI, {**two, "tool_choice": "auto"}, tools=two_native, tool_config=choice("AUTO"))
    case(
        "tool that must be called", HI, {**two, "tool_choice": "required"}, tools=two_native, tool_config=choice("ANY")
    )
    case("no tool of two", HI, {**two, "tool_choice": "none"}, tools=two_native, tool_config=choice("NONE"))
    named = {"type": "function", "function": {"name": "get_time"}}
    case(
        "one tool of two", HI, {**two, "tool_choice": named}, tools=two_native, tool_config=choice("ANY", ["get_time"])
    )
    case("native tool", HI, {"tools": [{"googleSearch": {}}]}, tools=[types.Tool(google_search=types.GoogleSearch())])
    case(
        "tool results",
        TOOL_TURNS,
        two,
        tools=two_native,
        said=[
            content(role="user", parts=[part(text="Weather and time in Oslo?")]),
            content(
                role="model",
                parts=[
                    part(text="I will look."),
                    part(function_call=types.FunctionCall(id="call_1", name="get_weather", args={"city": "Oslo"})),
                    part(function_call=types.FunctionCall(id="call_2", name="get_time", args={})),
                ],
            ),
            content(
                role="user",
                parts=[
                    part(
                        function_response=types.FunctionResponse(
                            id="call_1", name="get_weather", response={"degrees": 7}
                        )
                    ),
                    part(
                        function_response=types.FunctionResponse(
                            id="call_2", name="get_time", response={"output": "noon"}
                        )
                    ),
                ],
            ),
        ],
    )
    signed = [{**CALLS[0], "extra_content": {"google": {"thought_signature": "c2ln"}}}]
    case(
        "thought signature",
        [
            HI[0],
            {"role": "assistant", "tool_calls": json.dumps(signed)},
            {"role": "tool", "content": "cold", "tool_call_id": "call_1"},
        ],
        said=[
            hello[0],
            content(
                role="model",
                parts=[
                    part(
                        function_call=types.FunctionCall(id="call_1", name="get_weather", args={"city": "Oslo"}),
                        thought_signature=b"sig",
                    )
                ],
            ),
            content(
                role="user",
                parts=[
                    part(
                        function_response=types.FunctionResponse(
                            id="call_1", name="get_weather", response={"output": "cold"}
                        )
                    )
                ],
            ),
        ],
    )
    case(
        "image by URL",
        IMAGE_URL,
        said=[
            content(
                role="user",
                parts=[
                    part(text="What is it?"),
                    part.from_uri(file_uri="https://example.org/a.png", mime_type="image/png"),
                ],
            )
        ],
    )
    case(
        "image in bytes",
        IMAGE_BYTES,
        said=[content(role="user", parts=[part.from_bytes(data=PIXEL, mime_type="image/png"), part(text="And this?")])],
    )
    case(
        "image in a data URL",
        IMAGE_DATA_URL,
        said=[content(role="user", parts=[part.from_bytes(data=PIXEL, mime_type="image/png")])],
    )
    for effort in ("minimal", "low", "medium", "high"):
        case(
            f"effort {effort}",
            HI,
            {"reasoning_effort": effort},
            thinking_config=types.ThinkingConfig(include_thoughts=True, thinking_level=effort.upper()),
        )
    case("no thinking", HI, {"reasoning_effort": "none"}, thinking_config=types.ThinkingConfig(thinking_budget=0))
    case(
        "budget",
        HI,
        {"reasoning_effort": "2048"},
        thinking_config=types.ThinkingConfig(include_thoughts=True, thinking_budget=2048),
    )
    case(
        "schema",
        HI,
        {"response_format": JSON_SCHEMA},
        response_mime_type="application/json",
        response_json_schema=SCHEMA,
    )
    case("JSON", HI, {"response_format": {"type": "json_object"}}, response_mime_type="application/json")
    safety = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_ONLY_HIGH"}]
    case("extra", HI, {"extra_body": {"safetySettings": safety}}, safety_settings=[types.SafetySetting(**safety[0])])
    # The SDK asks for a batch of one, which holds the request of ours.
    for name, options, config in (
        ("embedding", {}, {}),
        (
            "short embedding",
            {"dimensions": 8, "extra_body": {"taskType": "RETRIEVAL_QUERY"}},
            {"output_dimensionality": 8, "task_type": "RETRIEVAL_QUERY"},
        ),
    ):
        client = genai.Client(api_key="k", http_options=types.HttpOptions(base_url=server.url, api_version="v1beta"))
        client.models.embed_content(model="gemini-x", contents="Hi", config=types.EmbedContentConfig(**config))
        server.path = server.path.replace(":batchEmbedContents", ":embedContent")
        [server.body] = server.body["requests"]
        headers = ["content-type", "x-goog-api-key"]
        rows.append({**row(name, server, HI, options, headers, {"model": "gemini-x"}), "kind": "embed"})
    case("stream", HI, stream=True)
    case(
        "stream of version 1",
        system("Be brief.") + TURNS,
        {"max_tokens": 5},
        stream=True,
        version="v1",
        said=turns,
        system_instruction="Be brief.",
        max_output_tokens=5,
    )
    return rows


# --- Bedrock and signatures ------------------------------------------------------------------------------------------

ARN = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-x-v1:0"
NOVA = "amazon.nova-lite-v1:0"
REGIONS = ["us-east-1", "eu-central-1", "ap-southeast-2", "us-gov-west-1"]
KEYS = [
    ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", None),
    ("ASIAEXAMPLE2", "secret+/with==signs", "FwoGZXIvYXdzEXAMPLE//token+with/signs=="),
]
# A common day, a leap day, the first second of a year, the last of a month.
TIMES = [1_795_533_862, 1_709_164_800, 1_767_225_600, 1_772_323_199]


class Clock:
    """Stops botocore's clock at `seconds` since the epoch."""

    def __init__(self) -> None:
        self.seconds = TIMES[0]

    def now(self, remove_tzinfo: bool = True) -> datetime.datetime:
        at = datetime.datetime.fromtimestamp(self.seconds, datetime.timezone.utc)
        return at.replace(tzinfo=None) if remove_tzinfo else at


CLOCK = Clock()


def signature(
    case: str, request: Any, key: tuple[str, str, str | None], region: str, headers: list[str]
) -> dict[str, Any]:
    """A line of sigv4.jsonl for a signed request."""
    return {
        "id": case,
        "url": request.url,
        "headers": {name: request.headers[name] for name in headers},
        "body": request.body.decode() if isinstance(request.body, bytes) else request.body,
        "region": region,
        "time": CLOCK.seconds,
        "access_key_id": key[0],
        "secret_access_key": key[1],
        "session_token": key[2],
        "authorization": as_text(request.headers["Authorization"]),
        "x_amz_date": as_text(request.headers["X-Amz-Date"]),
    }


def as_text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def bedrock_rows() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    signatures: list[dict[str, Any]] = []
    captured: list[Any] = []

    def send(request: Any, **_: Any) -> Any:
        captured.append(request)
        body = {
            "output": {"message": {"role": "assistant", "content": [{"text": "hi"}]}},
            "stopReason": "end_turn",
            "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2},
            "metrics": {"latencyMs": 1},
        }
        raw = mock.Mock(stream=lambda *_, **__: iter([json.dumps(body).encode()]))
        return botocore.awsrequest.AWSResponse(request.url, 200, {"content-type": "application/json"}, raw)

    def case(
        name: str,
        messages: list[dict[str, Any]],
        options: dict[str, Any] | None = None,
        /,
        *,
        said: Any = None,
        model: str = NOVA,
        stream: bool = False,
        endpoint: str | None = None,
        **given: Any,
    ) -> None:
        turn = len(rows)
        key, region = KEYS[turn % 2], REGIONS[turn % 4]
        CLOCK.seconds = TIMES[turn // 2 % 4] + turn
        session = botocore.session.Session()
        client = session.create_client(
            "bedrock-runtime",
            region_name=region,
            aws_access_key_id=key[0],
            aws_secret_access_key=key[1],
            aws_session_token=key[2],
            endpoint_url=endpoint,
        )
        client.meta.events.register("before-send.bedrock-runtime.*", send)
        hi = [{"role": "user", "content": [{"text": "Hi"}]}]
        call = client.converse_stream if stream else client.converse
        call(modelId=model, messages=said if said is not None else hi, **given)
        request = captured.pop()
        base = endpoint or f"https://bedrock-runtime.{region}.amazonaws.com"
        assert request.url.startswith(base), request.url
        settings = {"model": model, "aws.region": region, **({"endpoint": endpoint} if endpoint else {})}
        rows.append(
            {
                "id": name,
                "settings": settings,
                "messages": messages,
                "options": options or {},
                "stream": stream,
                "path": request.url.removeprefix(base),
                "headers": {"content-type": as_text(request.headers["Content-Type"])},
                "body": json.loads(request.body),
            }
        )
        signatures.append(
            signature(name, request, key, region, [])
            | {"headers": {"content-type": as_text(request.headers["Content-Type"])}}
        )

    def tool(name: str, schema: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {"toolSpec": {"name": name, "inputSchema": {"json": schema}, **more}}

    weather = tool("get_weather", WEATHER, description="The weather of a city.")
    two = {"tools": [WEATHER_TOOL, CLOCK_TOOL]}
    two_native = [weather, tool("get_time", EMPTY)]
    turns = [{"role": m["role"], "content": [{"text": m["content"]}]} for m in TURNS]
    case("plain", HI)
    case("profile by ARN", HI, model=ARN)
    case("model without version", HI, model="meta.llama3-70b")
    case("prompt router", HI, model="arn:aws:bedrock:us-east-1:123456789012:default-prompt-router/anthropic.claude:1")
    case("own endpoint", HI, endpoint="http://127.0.0.1:4599")
    case("endpoint with a path", HI, endpoint="https://gateway.example.org/aws/bedrock", model=ARN)
    case("odd characters", [{"role": "user", "content": ODD}], said=[{"role": "user", "content": [{"text": ODD}]}])
    case("system", system("Be brief.") + HI, system=[{"text": "Be brief."}])
    case(
        "two systems",
        system("Be brief.") + HI + system("Be kind."),
        system=[{"text": "Be brief."}, {"text": "Be kind."}],
    )
    case("turns", TURNS, said=turns)
    case(
        "same role twice",
        [*HI, {"role": "user", "content": "there"}],
        said=[{"role": "user", "content": [{"text": "Hi"}, {"text": "there"}]}],
    )
    case("max_tokens", HI, {"max_tokens": 7}, inferenceConfig={"maxTokens": 7})
    case("max_completion_tokens", HI, {"max_completion_tokens": 8}, inferenceConfig={"maxTokens": 8})
    case("sampling", HI, {"temperature": 0.25, "top_p": 0.5}, inferenceConfig={"temperature": 0.25, "topP": 0.5})
    case("stops", HI, {"stop": ["END", "\n\n"]}, inferenceConfig={"stopSequences": ["END", "\n\n"]})
    case("tool", HI, {"tools": [WEATHER_TOOL]}, toolConfig={"tools": [weather]})
    case(
        "strict tool",
        HI,
        {"tools": [{"type": "function", "function": {**WEATHER_TOOL["function"], "strict": True}}]},
        toolConfig={"tools": [tool("get_weather", WEATHER, description="The weather of a city.", strict=True)]},
    )
    for word, native in (("auto", {"auto": {}}), ("required", {"any": {}})):
        case(
            f"tool choice {word}",
            HI,
            {**two, "tool_choice": word},
            toolConfig={"tools": two_native, "toolChoice": native},
        )
    named = {"type": "function", "function": {"name": "get_time"}}
    case(
        "one tool of two",
        HI,
        {**two, "tool_choice": named},
        toolConfig={"tools": two_native, "toolChoice": {"tool": {"name": "get_time"}}},
    )
    cache = {"cachePoint": {"type": "default"}}
    case("native tool", HI, {"tools": [WEATHER_TOOL, cache]}, toolConfig={"tools": [weather, cache]})
    case(
        "tool results",
        TOOL_TURNS,
        two,
        toolConfig={"tools": two_native},
        said=[
            {"role": "user", "content": [{"text": "Weather and time in Oslo?"}]},
            {
                "role": "assistant",
                "content": [
                    {"text": "I will look."},
                    {"toolUse": {"toolUseId": "call_1", "name": "get_weather", "input": {"city": "Oslo"}}},
                    {"toolUse": {"toolUseId": "call_2", "name": "get_time", "input": {}}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"toolResult": {"toolUseId": "call_1", "content": [{"text": '{"degrees": 7}'}]}},
                    {"toolResult": {"toolUseId": "call_2", "content": [{"text": "noon"}]}},
                ],
            },
        ],
    )
    pixel = {"image": {"format": "png", "source": {"bytes": PIXEL}}}
    case("image in bytes", IMAGE_BYTES, said=[{"role": "user", "content": [pixel, {"text": "And this?"}]}])
    case("image in a data URL", IMAGE_DATA_URL, said=[{"role": "user", "content": [pixel]}])
    case(
        "image from S3",
        [{"role": "user", "content": [{"type": "image_url", "image_url": "s3://bucket/a.jpg"}]}],
        said=[
            {
                "role": "user",
                "content": [{"image": {"format": "jpeg", "source": {"s3Location": {"uri": "s3://bucket/a.jpg"}}}}],
            }
        ],
    )
    # The schema is text within the JSON, written as it is here.
    form = {
        "type": "json_schema",
        "structure": {
            "jsonSchema": {"name": "person", "schema": json.dumps(SCHEMA, separators=(",", ":"), sort_keys=True)}
        },
    }
    case("schema", HI, {"response_format": JSON_SCHEMA}, outputConfig={"textFormat": form})
    for effort in ("low", "high", "max"):
        case(f"effort {effort}", HI, {"reasoning_effort": effort}, outputConfig={"effort": effort})
    case(
        "fields of the model",
        HI,
        {"extra_body": {"top_k": 5, "thinking": {"type": "enabled", "budget_tokens": 1024}}},
        additionalModelRequestFields={"top_k": 5, "thinking": {"type": "enabled", "budget_tokens": 1024}},
    )
    guard = {"guardrailIdentifier": "abc", "guardrailVersion": "1"}
    case(
        "fields of the API",
        HI,
        {"max_tokens": 5, "extra_body": {"guardrailConfig": guard, "inferenceConfig": {"temperature": 0.5}, "k": 1}},
        guardrailConfig=guard,
        inferenceConfig={"maxTokens": 5, "temperature": 0.5},
        additionalModelRequestFields={"k": 1},
    )
    return rows, signatures


def more_signatures() -> list[dict[str, Any]]:
    """Requests that no client of Bedrock makes, but that the rules of signing cover."""
    rows = []
    cases = [
        (url, headers)
        for url in (
            "https://bedrock-runtime.us-east-1.amazonaws.com/model/a/converse",
            "https://bedrock-runtime.us-east-1.amazonaws.com/model/a%20b%2Fc%3A0~-_./converse-stream",
            "http://localhost:8080//double//slash/",
            "https://gateway.example.org:8443/x/model/m/converse?b=2&a=1&a=0&empty=&bare",
            "https://gateway.example.org/",
        )
        for headers in (
            {"content-type": "application/json"},
            {"content-type": "application/json", "x-team": "  two   words ", "a-first": "1"},
            {
                "content-type": "application/json",
                "x-amz-target": "T",
                "user-agent": "not signed",
                "expect": "100-continue",
            },
            {"content-type": "application/json", "x-amzn-trace-id": "not signed", "zz": ""},
        )
    ]
    for i, (url, headers) in enumerate(cases):
        key, region = KEYS[i % 2], REGIONS[i % 4]
        CLOCK.seconds = TIMES[i % 4] + 86_400 * i
        body = json.dumps({"i": i, "text": ODD[: 3 * i]}, ensure_ascii=False)
        request = botocore.awsrequest.AWSRequest("POST", url, dict(headers), body.encode())
        credentials = botocore.credentials.Credentials(*key)
        botocore.auth.SigV4Auth(credentials, "bedrock", region).add_auth(request)
        rows.append(signature(f"by hand {i}", request, key, region, list(headers)))
    return rows


# --- Event streams ---------------------------------------------------------------------------------------------------


def header(name: str, kind: int, value: bytes) -> bytes:
    return bytes([len(name)]) + name.encode() + bytes([kind]) + value


def text_header(name: str, value: str) -> bytes:
    return header(name, 7, struct.pack("!H", len(value.encode())) + value.encode())


def frame(headers: bytes, payload: bytes) -> bytes:
    start = struct.pack("!II", len(headers) + len(payload) + 16, len(headers))
    start += struct.pack("!I", binascii.crc32(start))
    whole = start + headers + payload
    return whole + struct.pack("!I", binascii.crc32(whole))


def event(name: str, payload: bytes, kind: str = "event") -> bytes:
    label = ":exception-type" if kind == "exception" else ":event-type"
    headers = text_header(label, name) + text_header(":content-type", "application/json")
    return frame(headers + text_header(":message-type", kind), payload)


def eventstream_rows() -> list[dict[str, Any]]:
    start = event("messageStart", b'{"role":"assistant"}')
    delta = event("contentBlockDelta", '{"contentBlockIndex":0,"delta":{"text":"Zoë 😀"}}'.encode())
    every_type = b"".join(
        [
            header("t", 0, b""),
            header("f", 1, b""),
            header("byte", 2, b"\x80"),
            header("short", 3, b"\x80\x00"),
            header("int", 4, b"\x80\x00\x00\x00"),
            header("long", 5, b"\x80" + b"\x00" * 7),
            header("bytes", 6, struct.pack("!H", 3) + b"\x00\x01\x02"),
            text_header(":event-type", "metadata"),
            header("time", 8, b"\x00" * 8),
            header("uuid", 9, bytes(range(16))),
            text_header(":message-type", "event"),
        ]
    )
    wrong_end = bytearray(delta)
    wrong_end[-1] ^= 1
    wrong_prelude = bytearray(delta)
    wrong_prelude[2] ^= 1
    wrong_payload = bytearray(delta)
    wrong_payload[-9] ^= 32
    rows = []
    for name, stream in [
        ("nothing", b""),
        ("one", start),
        ("two", start + delta),
        ("empty payload", event("contentBlockStop", b"")),
        ("exception", start + event("throttlingException", b'{"message":"slow down"}', "exception")),
        ("every type of header", frame(every_type, b"{}")),
        ("no headers", frame(b"", b"{}")),
        ("cut in the prelude", start + delta[:7]),
        ("cut in the payload", start + delta[:-6]),
        ("wrong checksum", start + bytes(wrong_end)),
        ("wrong prelude", start + bytes(wrong_prelude)),
        ("wrong payload", start + bytes(wrong_payload)),
        ("large payload", event("contentBlockDelta", json.dumps({"x": "y" * 3000}).encode())),
    ]:
        buffer = botocore.eventstream.EventStreamBuffer()
        buffer.add_data(stream)
        frames, broken = [], False
        try:
            for found in buffer:
                headers = found.headers
                kind = headers.get(":message-type", "event")
                label = headers.get(":event-type") or headers.get(":exception-type") or ""
                frames.append([kind, label, found.payload.decode()])
        except botocore.eventstream.ChecksumMismatch:
            broken = True
        rows.append(
            {"id": name, "hex": stream.hex(), "frames": frames, "broken": broken, "rest": name.startswith("cut")}
        )
    return rows


def main() -> None:
    write("requests_anthropic.jsonl", anthropic_rows())
    write("requests_gemini.jsonl", gemini_rows())
    stopped: Callable[..., Any] = CLOCK.now
    with mock.patch.object(botocore.auth, "get_current_datetime", stopped):
        rows, signatures = bedrock_rows()
        write("requests_bedrock.jsonl", rows)
        write("sigv4.jsonl", signatures + more_signatures())
    write("eventstream.jsonl", eventstream_rows())


if __name__ == "__main__":
    main()
