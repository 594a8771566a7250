"""Answers the Copilot in Amazon Bedrock's place: its Converse API, by rules, or by a model that is named.

COPILOT_MODEL_URL and COPILOT_MODEL_NAME name a model behind OpenAI's API, and COPILOT_MODEL_KEY_FILE the file with its
key. Where that model fails the rules answer in its place, and one line of the log says why.
"""

import argparse
import json
import logging
import os
import re
import signal
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import rules
from schema import Schema, Unfillable
from upstream import Answer, Call, Failure, Json, Model

log = logging.getLogger("copilot-model")
LARGEST = 4_000_000
# The Copilot waits a minute for an answer.
SECONDS = 45.0


class Refused(Exception):
    """There is no answer to this request; the kinds are Bedrock's own."""

    def __init__(self, text: str, status: int = 400, kind: str = "ValidationException") -> None:
        super().__init__(text)
        self.status, self.kind = status, kind


def converse(request: Any, model: Model | None) -> Json:
    """The answer to a request of the Converse API."""
    try:
        tools, choice, said = _read(request)
    except (AttributeError, KeyError, TypeError) as it:
        raise Refused(f"the request is not of the form of Converse: {type(it).__name__} {it}") from None
    answer = _ask(model, request, tools, choice) if model else None
    return _shape(answer or _by_rules(tools, choice, said), len(said))


def _read(request: Any) -> tuple[dict[str, Schema], str, str]:
    """The tools, the one that has to be used (`any` of them, or `auto` if none has to), and what the user said."""
    if not isinstance(request, dict) or not isinstance(request.get("messages"), list) or not request["messages"]:
        raise Refused("the body has to be an object with `messages`, a list that is not empty")
    for it in request["messages"]:
        if it["role"] not in ("user", "assistant") or not isinstance(it["content"], list):
            raise Refused("a message has the `role` user or assistant, and a list as its `content`")
    blocks = [block for it in request["messages"] if it["role"] == "user" for block in it["content"]]
    config = request.get("toolConfig") or {}
    specs = [it["toolSpec"] for it in config.get("tools") or [] if "toolSpec" in it]
    tools = {it["name"]: Schema(it["inputSchema"]["json"]) for it in specs}
    wish = config.get("toolChoice") or {"auto": {}}
    choice: str = wish["tool"]["name"] if "tool" in wish else "any" if "any" in wish else "auto"
    if choice not in ("any", "auto") and choice not in tools:
        raise Refused(f"`toolChoice` names `{choice}`, which is none of the tools")
    return tools, choice, "\n\n".join(it["text"] for it in blocks if "text" in it)


def _ask(model: Model, request: Json, tools: dict[str, Schema], choice: str) -> Answer | None:
    """The model's answer; none where it has no usable one."""
    began = time.monotonic()
    try:
        answer = model.ask(request)
        allowed = {choice: tools[choice]} if choice in tools else tools
        if not answer.calls and choice != "auto":
            raise Failure("it used no tool, although it had to")
        for call in answer.calls:
            if call.name not in allowed:
                raise Failure("it used a tool that it was not given")
            wrong = tools[call.name].problem(call.input)
            if wrong:
                raise Failure(f"it used `{call.name}` wrongly: {wrong}")
        return answer
    except (Failure, Unfillable) as it:
        log.warning("%s: %s (after %.1f s); answered by rules", model.shown, it, time.monotonic() - began)
        return None


def _by_rules(tools: dict[str, Schema], choice: str, said: str) -> Answer:
    prompt = rules.Prompt(said)
    wanted = rules.answer(prompt)
    if not tools:
        return Answer(text=wanted["summary"])
    name = choice if choice in tools else rules.choose(list(tools), prompt)
    try:
        return Answer(calls=[Call(name, tools[name].fill(wanted))])
    except Unfillable as it:
        raise Refused(f"the rules cannot fill the inputSchema of `{name}`: {it}") from None


def _shape(answer: Answer, size: int) -> Json:
    content: list[Json] = [{"text": answer.text}] if answer.text or not answer.calls else []
    for it in answer.calls:
        content.append({"toolUse": {"toolUseId": f"tooluse_{uuid.uuid4().hex}", "name": it.name, "input": it.input}})
    # Without a model nobody counts; about four letters are one.
    into, out = answer.tokens or (size // 4, len(json.dumps(content)) // 4)
    return {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": "max_tokens" if answer.cut else "tool_use" if answer.calls else "end_turn",
        "usage": {"inputTokens": into, "outputTokens": out, "totalTokens": into + out},
        "metrics": {"latencyMs": 0},
    }


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    # A connection that says nothing is closed after so many seconds.
    timeout = 60
    model: Model | None = None

    def do_GET(self) -> None:
        if urlsplit(self.path).path != "/health":
            return self._refuse(Refused(f"there is nothing at {self.path}", 404, "UnknownOperationException"))
        self._send(200, {"status": "ok", "model": self.model.name if self.model else "local rules"})

    def do_POST(self) -> None:
        began = time.monotonic()
        try:
            answer = converse(self._body(), self.model)
        except Refused as it:
            return self._refuse(it)
        except Exception as it:
            # What a library says could hold a part of the prompt.
            log.error("cannot answer: %s", type(it).__name__)
            return self._refuse(Refused("see the log of copilot-model", 500, "InternalServerException"))
        answer["metrics"]["latencyMs"] = round((time.monotonic() - began) * 1000)
        used = [it["toolUse"]["name"] for it in answer["output"]["message"]["content"] if "toolUse" in it]
        log.info("answered with %s in %d ms", " and ".join(used) or "text", answer["metrics"]["latencyMs"])
        self._send(200, answer)

    def _body(self) -> Any:
        size = self.headers.get("Content-Length", "")
        if not size.isdecimal() or int(size) > LARGEST:
            # What was sent is still to be read, and would be taken for the next request.
            self.close_connection = True
            raise Refused(f"`Content-Length` has to be a number up to {LARGEST}")
        body = self.rfile.read(int(size))
        if not re.fullmatch(r"/model/[^/]+/converse", urlsplit(self.path).path):
            raise Refused(f"there is only /model/ID/converse, not {self.path}", 404, "UnknownOperationException")
        try:
            return json.loads(body)
        except ValueError:
            raise Refused("the body is no JSON") from None

    def _refuse(self, it: Refused) -> None:
        log.warning("refused with %d: %s", it.status, it)
        self._send(it.status, {"message": str(it)}, {"x-amzn-ErrorType": it.kind})

    def _send(self, status: int, body: Json, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Health checks are not worth a line, and the rest is said above."""


def _model() -> Model | None:
    url, name, key = (os.environ.get(f"COPILOT_MODEL_{it}", "").strip() for it in ("URL", "NAME", "KEY_FILE"))
    if not url:
        return None
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname or not name:
        log.warning("answered by rules: COPILOT_MODEL_URL is no http(s) address, or COPILOT_MODEL_NAME is empty")
        return None
    return Model(url, name, Path(key) if key else None, float(os.environ.get("COPILOT_MODEL_SECONDS") or SECONDS))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8090, help="0 takes one that is free")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # The first process of a container ends at no signal that it does not handle.
    signal.signal(signal.SIGTERM, lambda *_: exit())
    Handler.model = _model()
    server = ThreadingHTTPServer((arguments.host, arguments.port), Handler)
    by = Handler.model.shown if Handler.model else "local rules"
    log.info("listens on %s:%d, answers by %s", *server.server_address[:2], by)
    server.serve_forever()


if __name__ == "__main__":
    main()
