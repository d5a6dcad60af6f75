#!/usr/bin/env python3
"""Writes requests.jsonl: what the vendors' own clients send, for requests that Assay describes in its own words.

    python3.11 -m venv .venv && .venv/bin/pip install -r requirements-requests.txt && .venv/bin/python generate_requests.py

Each case says a request twice: as Assay takes it (settings of the model, options, messages) and as a call of the vendor's
client. A server on 127.0.0.1 keeps what the client sends. One JSON object a line, ASCII only:

    provider, settings, kind (complete or embed), stream, options, messages   as Assay takes them
    path, headers, body                                                      as the client sent them
    source                                                                   the client and its version

`headers` holds those that carry meaning for the server: the key, the content type and versions. An image of a message is
base64 under `image`.
"""

import base64
import importlib.metadata
import json
import pathlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import openai

HERE = pathlib.Path(__file__).parent
KEY = "key-of-the-vectors"
HEADERS = ("authorization", "api-key", "content-type")
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n and so on").decode()

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Lima"}'}}
HI = [{"role": "user", "content": "Hi"}]


@dataclass
class Case:
    """One request: `send` makes it with the vendor's client, which gets the URL of the server."""

    provider: str
    send: Callable[[str], Any]
    messages: list[dict[str, Any]] = field(default_factory=lambda: HI)
    options: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    kind: str = "complete"
    stream: bool = False
    source: str = "openai"


class Recorder(BaseHTTPRequestHandler):
    """Keeps requests, and answers each with a refusal that no client tries again."""

    seen: ClassVar[list[dict[str, Any]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        Recorder.seen.append({"path": self.path, "headers": dict(self.headers.items()), "body": json.loads(body)})
        self.send_response(400)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *args: object) -> None:
        pass


def chat(**arguments: Any) -> Callable[[str], Any]:
    def send(url: str) -> Any:
        client = openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0)
        return client.chat.completions.create(**{"model": "gpt-x", "messages": HI, **arguments})

    return send


def responses(**arguments: Any) -> Callable[[str], Any]:
    def send(url: str) -> Any:
        client = openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0)
        return client.responses.create(**{"model": "gpt-x", "input": HI, **arguments})

    return send


def embeddings(**arguments: Any) -> Callable[[str], Any]:
    def send(url: str) -> Any:
        client = openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0)
        return client.embeddings.create(**{"model": "gpt-x", "encoding_format": "float", **arguments})

    return send


def azure(version: str, token: bool = False, embed: bool = False, **arguments: Any) -> Callable[[str], Any]:
    def send(url: str) -> Any:
        secret = {"azure_ad_token": KEY} if token else {"api_key": KEY}
        client = openai.AzureOpenAI(azure_endpoint=url, api_version=version, max_retries=0, **secret)
        if embed:
            return client.embeddings.create(**{"model": "gpt-x", "encoding_format": "float", **arguments})
        return client.chat.completions.create(**{"model": "gpt-x", "messages": HI, **arguments})

    return send


def openai_cases() -> Iterator[Case]:
    yield Case("openai", chat())
    yield Case("openai", chat(temperature=0.5, top_p=0.9), options={"temperature": 0.5, "top_p": 0.9})
    yield Case("openai", chat(max_tokens=16), options={"max_tokens": 16})
    yield Case("openai", chat(max_completion_tokens=16), options={"max_completion_tokens": 16})
    yield Case("openai", chat(stop=["END", "\n\n"]), options={"stop": ["END", "\n\n"]})
    yield Case("openai", chat(seed=7), options={"seed": 7})
    yield Case(
        "openai",
        chat(presence_penalty=0.5, frequency_penalty=-0.5),
        options={"presence_penalty": 0.5, "frequency_penalty": -0.5},
    )
    yield Case("openai", chat(logprobs=True, top_logprobs=3), options={"logprobs": True, "top_logprobs": 3})
    yield Case("openai", chat(reasoning_effort="low"), options={"reasoning_effort": "low"})
    yield Case(
        "openai",
        chat(response_format={"type": "json_object"}),
        options={"response_format": {"type": "json_object"}},
    )
    schema = {"type": "json_schema", "json_schema": {"name": "number", "strict": True, "schema": SCHEMA}}
    yield Case("openai", chat(response_format=schema), options={"response_format": schema})
    yield Case(
        "openai",
        chat(tools=[WEATHER], tool_choice="auto", parallel_tool_calls=False),
        options={"tools": [WEATHER], "tool_choice": "auto", "parallel_tool_calls": False},
    )
    choice = {"type": "function", "function": {"name": "weather"}}
    yield Case(
        "openai",
        chat(tools=[WEATHER], tool_choice=choice),
        options={"tools": [WEATHER], "tool_choice": choice},
    )
    yield Case(
        "openai",
        chat(extra_body={"top_k": 5, "min_p": 0.1}),
        options={"extra_body": {"top_k": 5, "min_p": 0.1}},
    )
    yield Case(
        "openai",
        chat(stream=True, stream_options={"include_usage": True}),
        stream=True,
    )
    system = [{"role": "system", "content": "Be brief."}, *HI]
    yield Case("openai", chat(messages=system), messages=system)
    yield Case("openai", chat(messages=system), options={"system": "Be brief."})
    several = [
        {"role": "developer", "content": "Answer in French."},
        {"role": "system", "content": 'Say "tu".'},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Salut"},
        {"role": "user", "content": "\u00e9\u4e2d\U0001f600\t\\ \x01"},
    ]
    yield Case("openai", chat(messages=several), messages=several)
    seen = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "https://images.example/cat.png"}},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
    ]
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": "https://images.example/cat.png"},
        {"type": "image", "image": PNG, "media_type": "image/png"},
    ]
    yield Case(
        "openai",
        chat(messages=[{"role": "user", "content": seen}]),
        messages=[{"role": "user", "content": parts}],
    )
    yield Case(
        "openai",
        chat(
            messages=[
                {"role": "user", "content": "The weather in Lima?"},
                {"role": "assistant", "content": None, "tool_calls": [CALL]},
                {"role": "tool", "content": "20 degrees", "tool_call_id": "call_1"},
            ],
            tools=[WEATHER],
        ),
        messages=[
            {"role": "user", "content": "The weather in Lima?"},
            {"role": "assistant", "content": None, "tool_calls": json.dumps([CALL])},
            {"role": "tool", "content": "20 degrees", "tool_call_id": "call_1"},
        ],
        options={"tools": [WEATHER]},
    )
    yield Case("openai", embeddings(input="Hi"), kind="embed")
    yield Case(
        "openai", embeddings(input=" \u4e2d\n"), messages=[{"role": "user", "content": " \u4e2d\n"}], kind="embed"
    )
    yield Case(
        "openai",
        embeddings(input="Hi", dimensions=8, user="u"),
        options={"dimensions": 8, "extra_body": {"user": "u"}},
        kind="embed",
    )


def responses_cases() -> Iterator[Case]:
    name = "openai_responses"
    yield Case(name, responses())
    yield Case(name, responses(instructions="Be brief."), options={"system": "Be brief."})
    yield Case(
        name,
        responses(max_output_tokens=16, temperature=0.5, top_p=0.9),
        options={"max_completion_tokens": 16, "temperature": 0.5, "top_p": 0.9},
    )
    yield Case(
        name,
        responses(reasoning={"effort": "low", "summary": "auto"}),
        options={"reasoning_effort": "low"},
        settings={"reasoningSummary": "auto"},
    )
    flat = {"type": "json_schema", "name": "number", "strict": True, "schema": SCHEMA}
    nested = {"type": "json_schema", "json_schema": {"name": "number", "strict": True, "schema": SCHEMA}}
    yield Case(name, responses(text={"format": flat}), options={"response_format": nested})
    yield Case(
        name,
        responses(text={"format": {"type": "json_object"}}),
        options={"response_format": {"type": "json_object"}},
    )
    yield Case(
        name,
        responses(include=["message.output_text.logprobs"], top_logprobs=2),
        options={"logprobs": True, "top_logprobs": 2},
    )
    yield Case(name, responses(stream=True, store=False), options={"extra_body": {"store": False}}, stream=True)
    tool = {"type": "function", **WEATHER["function"]}
    yield Case(
        name,
        responses(
            tools=[tool],
            tool_choice={"type": "function", "name": "weather"},
            parallel_tool_calls=False,
            input=[
                {"role": "user", "content": "The weather in Lima?"},
                {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": '{"city": "Lima"}'},
                {"type": "function_call_output", "call_id": "call_1", "output": "20 degrees"},
            ],
        ),
        messages=[
            {"role": "user", "content": "The weather in Lima?"},
            {"role": "assistant", "content": None, "tool_calls": json.dumps([CALL])},
            {"role": "tool", "content": "20 degrees", "tool_call_id": "call_1"},
        ],
        options={
            "tools": [WEATHER],
            "tool_choice": {"type": "function", "function": {"name": "weather"}},
            "parallel_tool_calls": False,
        },
    )
    yield Case(
        name,
        responses(
            input=[
                {
                    "role": "user",
                    "content": [
                        {"type": "input_text", "text": "What is this?"},
                        {"type": "input_image", "image_url": "https://images.example/cat.png"},
                        {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"},
                    ],
                }
            ]
        ),
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": "https://images.example/cat.png"},
                    {"type": "image", "image": PNG, "media_type": "image/png"},
                ],
            }
        ],
    )


def azure_cases() -> Iterator[Case]:
    name = "azure_openai"
    dated = {"apiVersion": "2024-10-21"}
    yield Case(name, azure("2024-10-21"), settings=dated)
    yield Case(
        name, azure("2024-10-21", temperature=0.5, seed=1), settings=dated, options={"temperature": 0.5, "seed": 1}
    )
    yield Case(name, azure("2024-10-21", token=True), settings={**dated, "auth": "bearer"})
    yield Case(name, azure("2024-10-21", embed=True, input="Hi"), settings=dated, kind="embed")

    def newer(url: str) -> Any:
        client = openai.OpenAI(base_url=f"{url}/openai/v1/", api_key=KEY, max_retries=0)
        return client.chat.completions.create(model="gpt-x", messages=HI)

    yield Case(name, newer, settings={"auth": "bearer"})


def cases() -> Iterator[Case]:
    """Every case. A new provider adds its own function here."""
    yield from openai_cases()
    yield from responses_cases()
    yield from azure_cases()


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    lines = []
    for case in cases():
        Recorder.seen.clear()
        try:
            case.send(url)
        except Exception as error:
            # The recorder refuses every request; anything else is a mistake of the case.
            if getattr(error, "status_code", getattr(error, "code", None)) != 400:
                raise
        (seen,) = Recorder.seen
        headers = {k.lower(): v for k, v in seen["headers"].items()}
        line = {
            "provider": case.provider,
            "settings": case.settings,
            "kind": case.kind,
            "stream": case.stream,
            "options": case.options,
            "messages": case.messages,
            "path": seen["path"],
            "headers": {name: headers[name] for name in HEADERS if name in headers},
            "body": seen["body"],
            "source": f"{case.source} {importlib.metadata.version(case.source)}",
        }
        lines.append(json.dumps(line))
    server.shutdown()
    (HERE / "requests.jsonl").write_text("".join(line + "\n" for line in lines))


if __name__ == "__main__":
    main()
