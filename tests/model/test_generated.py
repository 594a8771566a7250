"""copilot-model with prompts and schemas that nobody thought of: every answer is what the question's schema allows.

The judge is the package jsonschema. Cases are made from a seed that a failure names; GENERATED_SEED repeats it.
"""

import json
import os
import random
import unittest
import urllib.error
import urllib.request
from typing import Any

import jsonschema
from copilot import ASSESSMENT, DISPATCHER, GATES, SIGNALS, Json, dispatcher_prompt, request, researcher_prompt

CASES = 400
SEED = int(os.environ.get("GENERATED_SEED") or random.SystemRandom().randrange(1 << 32))
# Names that the rules know, and others.
KNOWN = ["summary", "reason", "health_state", "issues", "trigger", "recommended_actions", "log_patterns", "priority"]
NAMES = [*KNOWN, "primary_factor", "contributing_factors", "natural_language_summary", "a", "b", "ü", "x/y", "m~n"]
WORDS = ["low", "high", "happy", "stressed", "critical", "STRESSED", "", "ß", "warning", "1"]
# Text that each of these patterns matches is among what the model tries.
PATTERNS = ["^[a-z]+$", "^[0-9]+$", r"^\d+\.\d+\.\d+$", "^#[0-9a-f]{6}$", "^[A-Z]", r"^\d{4}-\d\d-\d\d$", "."]


class Maker:
    """Makes schemas that allow at least one value."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.defs: Json = {}

    def root(self) -> Json:
        # One after the other, so that only the loop leads back.
        self.defs["Leaf"] = self.scalar()
        self.defs["m~n/o"] = self.node(2)
        loop = {"$ref": "#/$defs/Tree"}
        tree = {name: it for name, it in self.object(2).items() if name not in ("minProperties", "maxProperties")}
        ways = [{"anyOf": [loop, {"type": "null"}]}, {"type": "array", "items": loop}, loop]
        tree["properties"]["next"] = self.rng.choice(ways)
        if self.rng.random() < 0.5 and tree["properties"]["next"] is not loop:
            tree["required"].append("next")
        self.defs["Tree"] = tree
        return self.object(4) | {"$defs": self.defs}

    def node(self, depth: int) -> Json:
        kinds = [self.scalar] if depth <= 0 else [
            self.scalar, self.scalar, lambda: self.array(depth), lambda: self.object(depth),
            lambda: self.any_of(depth), lambda: self.one_of(), lambda: self.reference(),
        ]  # fmt: skip
        return self.rng.choice(kinds)()

    def scalar(self) -> Json:
        return self.rng.choice([self.text, self.text, self.number, self.number, self.fixed])()

    def text(self) -> Json:
        rng = self.rng
        node: Json = {"type": "string"}
        match rng.randrange(5):
            case 0:
                low = rng.randrange(40)
                node |= {"minLength": low, "maxLength": low + rng.randrange(30)}
            case 1:
                node["pattern"] = rng.choice(PATTERNS)
            case 2:
                node["format"] = rng.choice(["date", "date-time", "email", "uuid", "uri", "unheard-of"])
            case 3:
                node["type"] = rng.choice([["string", "null"], ["null", "string", "integer"]])
        if rng.random() < 0.1:
            node = {name: it for name, it in node.items() if name != "type"} or {}
        return node

    def number(self) -> Json:
        rng = self.rng
        node: Json = {"type": rng.choice(["integer", "number"])}
        low, high = sorted(rng.sample(range(-50, 50), 2))
        match rng.randrange(5):
            case 0:
                node |= {"minimum": low, "maximum": high}
            case 1:
                node |= {"exclusiveMinimum": low, "exclusiveMaximum": low + 2}
            case 2:
                node |= {"minimum": low, "multipleOf": rng.choice([1, 3, 7, 0.5])}
            case 3:
                node |= {"exclusiveMaximum": low, "multipleOf": rng.choice([2, 5])}
        if node["type"] == "number" and rng.random() < 0.3:
            node = {"type": "number", "minimum": low + 0.25, "maximum": low + 0.5}
        return node

    def fixed(self) -> Json:
        values = [None, True, False, 0, 1, -1.5, "x", ["a", 1], {"k": [None]}, *WORDS]
        if self.rng.random() < 0.4:
            return {"const": self.rng.choice(values)}
        words = {"enum": self.rng.sample(WORDS, self.rng.randrange(1, 5))}
        return self.rng.choice([words, words | {"type": "string"}, {"enum": [self.rng.choice(values)]}])

    def array(self, depth: int) -> Json:
        node: Json = {"type": "array", "items": self.node(depth - 1)}
        match self.rng.randrange(5):
            case 0:
                low = self.rng.randrange(4)
                node |= {"minItems": low, "maxItems": low + self.rng.randrange(3)}
            case 1:
                node |= {"prefixItems": [self.node(depth - 2) for _ in range(2)], "minItems": 2, "items": False}
                node["maxItems"] = 2
            case 2:
                node |= {"items": {"type": "integer", "minimum": 0}, "uniqueItems": True, "minItems": 3}
            case 3:
                del node["items"]
        return node

    def object(self, depth: int) -> Json:
        names = self.rng.sample(NAMES, self.rng.randrange(6))
        node: Json = {"type": "object", "properties": {it: self.node(depth - 1) for it in names}}
        node["required"] = [it for it in names if self.rng.random() < 0.6]
        match self.rng.randrange(6):
            case 0:
                node["additionalProperties"] = False
            case 1:
                node["additionalProperties"] = self.scalar()
                node["minProperties"] = self.rng.randrange(8)
            case 2:
                node["required"].append("undeclared")
            case 3 if names:
                node |= {"minProperties": len(names), "maxProperties": len(names)}
                node["required"] = []
        return node

    def any_of(self, depth: int) -> Json:
        node: Json = {"anyOf": [self.node(depth - 1) for _ in range(self.rng.randrange(1, 4))]}
        return node | self.rng.choice([{}, {"default": None}, {"default": 17}, {"title": "T"}])

    def one_of(self) -> Json:
        parts = [{"type": "integer"}, {"type": "null"}, {"type": "string"}, {"type": "array", "items": self.scalar()}]
        return {"oneOf": self.rng.sample(parts, self.rng.randrange(1, 5))}

    def reference(self) -> Json:
        name = self.rng.choice(list(self.defs)).replace("~", "~0").replace("/", "~1")
        node = {"$ref": f"#/$defs/{name}"}
        ways = [node, node | {"description": "d"}, {"allOf": [node]}, {"allOf": [node, {"title": "T"}]}]
        return self.rng.choice(ways)


def prompt(rng: random.Random) -> str:
    """A prompt of the Copilot, or of a newer one, or of somebody else."""
    state = rng.choice(["HAPPY", "STRESSED", "CRITICAL", "PUZZLED", ""])
    if rng.random() < 0.5:
        signals = {it: f"{rng.uniform(-1, 9999):.1f}{rng.choice(['%', 's', 'ms', '/sec', ''])}" for it in SIGNALS}
        text = dispatcher_prompt(state, **{name.replace(" ", "_"): it for name, it in signals.items()})
    else:
        gates = rng.sample(list(GATES), rng.randrange(4))
        fired = {it: rng.choice(["above threshold", "", "—: (x)"]) for it in gates}
        service = rng.choice(["a", "temporal-history", "]["])
        logs = [f"[{service}] {rng.choice(WORDS)}: {rng.randrange(9**20)} occurrences"]
        text = researcher_prompt(state, fired, logs, gates=rng.random() < 0.8)
    strange = ["\n- ", ": FIRED", "**", "\u2028", "\0", "😀", "{}", "{0!r}", "%s", "#", "\\1"]
    for _ in range(rng.randrange(6)):
        at = rng.randrange(len(text) + 1)
        text = text[:at] + rng.choice(strange) + text[at:]
    return text


def ask(asked: Json) -> tuple[int, Any]:
    body = json.dumps({name: it for name, it in asked.items() if name != "modelId"}).encode()
    call = urllib.request.Request(f"{os.environ['MODEL_URL']}/model/any/converse", body)
    try:
        with urllib.request.urlopen(call) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as it:
        return it.code, json.load(it)


class Generated(unittest.TestCase):
    def test_every_answer_is_what_the_schema_of_its_tool_allows(self) -> None:
        for seed in range(SEED, SEED + CASES):
            rng = random.Random(seed)
            tools = {name: Maker(rng).root() for name in rng.sample(["final_result", "t1", "t2"], rng.randrange(1, 4))}
            choice = rng.choice([{"any": {}}, {"auto": {}}, {"tool": {"name": rng.choice(list(tools))}}])
            said = prompt(rng)
            with self.subTest(f"GENERATED_SEED={seed}"):
                status, answer = ask(request(said, tools, toolChoice=choice))
                self.assertEqual(status, 200, f"{answer}\n{json.dumps(tools)}")
                call = answer["output"]["message"]["content"][0]["toolUse"]
                self.assertEqual(call["name"], choice.get("tool", call)["name"])
                judge = jsonschema.Draft202012Validator(tools[call["name"]], format_checker=jsonschema.FormatChecker())
                judge.validate(call["input"])

    def test_the_copilot_s_own_tools_get_a_valid_answer_to_any_prompt(self) -> None:
        for seed in range(SEED, SEED + CASES):
            rng = random.Random(seed)
            tools = rng.choice([DISPATCHER, {"final_result": ASSESSMENT}])
            said = prompt(rng)
            with self.subTest(f"GENERATED_SEED={seed}"):
                status, answer = ask(request(said, tools))
                self.assertEqual(status, 200, f"{answer}\n{said!r}")
                call = answer["output"]["message"]["content"][0]["toolUse"]
                jsonschema.Draft202012Validator(tools[call["name"]]).validate(call["input"])
                summary = call["input"].get("natural_language_summary", call["input"].get("summary", "[local rules]"))
                self.assertTrue(summary.startswith("[local rules]"), summary)

    def test_a_schema_that_is_damaged_is_refused_and_nothing_falls_over(self) -> None:
        for seed in range(SEED, SEED + CASES):
            rng = random.Random(seed)
            schema = Maker(rng).root()
            damage(schema, rng)
            with self.subTest(f"GENERATED_SEED={seed}"):
                status, answer = ask(request(prompt(rng), {"t": schema}))
                self.assertIn(status, (200, 400), answer)
                self.assertTrue(status == 200 or "inputSchema" in answer["message"], answer)


def damage(node: Any, rng: random.Random) -> None:
    """Puts something that does not belong there somewhere into a schema."""
    while True:
        inner = [it for it in (node.values() if isinstance(node, dict) else node) if isinstance(it, dict | list) and it]
        if not inner or rng.random() < 0.3:
            break
        node = rng.choice(inner)
    wrong = rng.choice([None, 0, -1, "x", [], {}, [None], {"$ref": "#/$defs/Nobody"}, {"$ref": "#"}, "(", True, False])
    if isinstance(node, dict):
        node[rng.choice([*node, "$ref", "type", "minItems", "pattern", "properties", "anyOf"])] = wrong
    else:
        node[rng.randrange(len(node))] = wrong


if __name__ == "__main__":
    unittest.main()
