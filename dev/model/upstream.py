"""Any model behind OpenAI's `/v1/chat/completions`, asked in place of Amazon Bedrock."""

import json
import queue
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

Json = dict[str, Any]
LARGEST = 4_000_000


class Failure(Exception):
    """The model gave no usable answer. The text is ours: what it or a library says could hold the key or the prompt."""


@dataclass
class Call:
    """The use of a tool."""

    name: str
    input: Any


@dataclass
class Answer:
    """What is said, in text and by the use of tools; `cut` where there was more."""

    text: str = ""
    calls: list[Call] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    cut: bool = False


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Would send the key to whoever the answer names."""

    def redirect_request(self, req: Any, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirects)


@dataclass
class Model:
    """Where a model is, and how long it may take."""

    url: str
    name: str
    key_file: Path | None
    seconds: float

    @property
    def shown(self) -> str:
        return f"{self.name} at {urlsplit(self.url).hostname}"

    def ask(self, request: Json) -> Answer:
        """The model's answer to a request of the Converse API."""
        address = self.url.rstrip("/")
        if not address.endswith("/chat/completions"):
            address += "/chat/completions" if address.endswith("/v1") else "/v1/chat/completions"
        body = json.dumps(to_openai(request, self.name)).encode()
        headers = {"Content-Type": "application/json", **self._authorization()}
        answer = _within(self.seconds, lambda: _post(address, body, headers, self.seconds + 1))
        try:
            return from_openai(json.loads(answer))
        except (ValueError, KeyError, IndexError, TypeError, AttributeError):
            raise Failure("it answered with something that is no chat completion") from None

    def _authorization(self) -> dict[str, str]:
        """Read each time, so that a new key needs no restart."""
        try:
            key = self.key_file.read_text().strip() if self.key_file else ""
        except (OSError, UnicodeDecodeError):
            raise Failure("the file with its key cannot be read") from None
        if not key.isascii() or not key.isprintable():
            raise Failure("the file with its key holds more than one line of plain text")
        return {"Authorization": f"Bearer {key}"} if key else {}


def _post(address: str, body: bytes, headers: dict[str, str], seconds: float) -> bytes:
    try:
        with _OPENER.open(urllib.request.Request(address, body, headers), timeout=seconds) as answer:
            return bytes(answer.read(LARGEST))
    except urllib.error.HTTPError as it:
        raise Failure(f"it answered {it.code}") from None
    except (OSError, ValueError) as it:
        cause = getattr(it, "reason", it)
        raise Failure(f"it cannot be reached ({type(cause).__name__})") from None


def _within(seconds: float, call: Callable[[], bytes]) -> bytes:
    """A socket's own limit starts anew with each byte, so that a slow server could keep us for ever."""
    answers: queue.SimpleQueue[bytes | Exception] = queue.SimpleQueue()

    def run() -> None:
        try:
            answers.put(call())
        except Exception as it:
            answers.put(it if isinstance(it, Failure) else Failure(f"it answered no HTTP ({type(it).__name__})"))

    threading.Thread(target=run, daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except queue.Empty:
        raise Failure(f"it did not answer within {seconds:g} s") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def to_openai(request: Json, model: str) -> Json:
    """A request of Converse as one for a chat completion."""
    system = "\n\n".join(it["text"] for it in request.get("system") or [] if "text" in it)
    messages: list[Json] = [{"role": "system", "content": system}] if system else []
    for it in request["messages"]:
        messages += _messages(it["role"], it["content"])
    body: Json = {"model": model, "messages": messages}
    config: Json = request.get("toolConfig") or {}
    tools = [it["toolSpec"] for it in config.get("tools") or [] if "toolSpec" in it]
    if tools:
        body["tools"] = [{"type": "function", "function": _function(it)} for it in tools]
        choice: Json = config.get("toolChoice") or {"auto": {}}
        named = {"type": "function", "function": {"name": choice["tool"]["name"]}} if "tool" in choice else "auto"
        body["tool_choice"] = "required" if "any" in choice else named
    limits: Json = request.get("inferenceConfig") or {}
    names = {"maxTokens": "max_tokens", "temperature": "temperature", "topP": "top_p", "stopSequences": "stop"}
    return body | {names[it]: limits[it] for it in names if it in limits}


def _function(tool: Json) -> Json:
    parts = {"name": tool["name"], "description": tool.get("description"), "parameters": tool["inputSchema"]["json"]}
    return {name: it for name, it in parts.items() if it is not None}


def _messages(role: str, blocks: list[Json]) -> list[Json]:
    results = [it["toolResult"] for it in blocks if "toolResult" in it]
    found: list[Json] = [
        {"role": "tool", "tool_call_id": it["toolUseId"], "content": _text(it.get("content") or [])} for it in results
    ]
    calls = [
        {
            "id": it["toolUse"]["toolUseId"],
            "type": "function",
            "function": {"name": it["toolUse"]["name"], "arguments": json.dumps(it["toolUse"]["input"])},
        }
        for it in blocks
        if "toolUse" in it
    ]
    text = _text([it for it in blocks if "text" in it])
    if text or calls:
        found.append({"role": role, "content": text or None} | ({"tool_calls": calls} if calls else {}))
    return found


def _text(blocks: list[Json]) -> str:
    return "\n\n".join(it["text"] if "text" in it else json.dumps(it.get("json")) for it in blocks)


def from_openai(completion: Json) -> Answer:
    """What a chat completion says."""
    choice = completion["choices"][0]
    calls = []
    for it in choice["message"].get("tool_calls") or []:
        given = it["function"].get("arguments") or "{}"
        value = json.loads(given) if isinstance(given, str) else given
        # Python takes NaN and numbers without end for JSON; nobody else does.
        json.dumps(value, allow_nan=False)
        calls.append(Call(str(it["function"]["name"]), value))
    usage = completion.get("usage") or {}
    tokens = [int(usage.get(it) or 0) for it in ("prompt_tokens", "completion_tokens")]
    return Answer(str(choice["message"].get("content") or ""), calls, tokens, choice.get("finish_reason") == "length")
