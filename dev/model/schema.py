"""JSON Schema, as far as tools describe their input with it: what breaks it, and the nearest value that does not.

Known is what pydantic writes: $ref within the schema, allOf, anyOf, oneOf, const, enum, type, nullable, default,
examples, and the limits of objects, arrays, strings and numbers. Others (not, if, contains, …) are passed over.
"""

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

Node = dict[str, Any]

NOTHING: Any = object()
# From the least to the most, with the keywords that tell a kind where a schema names none.
KINDS: dict[str, list[str]] = {
    "null": [],
    "boolean": [],
    "integer": [],
    "number": ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"],
    "string": ["minLength", "maxLength", "pattern", "format"],
    "array": ["items", "prefixItems", "minItems", "maxItems"],
    "object": ["properties", "required", "minProperties"],
}
RANK = list(KINDS)
FORMATS = {
    "date": "1970-01-01",
    "date-time": "1970-01-01T00:00:00Z",
    "duration": "PT0S",
    "email": "nobody@example.com",
    "time": "00:00:00Z",
    "uri": "http://localhost/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
# Tried where text has to match a pattern, after the schema's own examples.
TEXTS = ["-", "a", "A", "0", "1", "a1", "A1", "a-b", "a_b", "1.0", "1.0.0", "#000000", "00:00", *FORMATS.values()]


class Unfillable(Exception):
    """The schema allows no value, or none that can be found here; the text says of what."""


@contextmanager
def _understood() -> Iterator[None]:
    """What is no schema breaks the code that reads it; that is the schema's fault."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError, re.error) as it:
        raise Unfillable(f"the schema is not understood ({type(it).__name__})") from None


class Schema:
    """A schema, whose parts may refer to each other."""

    def __init__(self, root: Any) -> None:
        self.root = root
        # How deep a value may go, how deep the one being made is, and how often parts were tried for it.
        self.limit = self.depth = self.steps = 0

    def problem(self, value: Any) -> str | None:
        """The first thing that a value breaks, and where."""
        with _understood():
            return next(self._problems(value, self.root, "the value"), None)

    def fill(self, wanted: Any = NOTHING) -> Any:
        """The nearest to what is wanted that the schema allows; the least where nothing is wanted."""
        for self.limit in (6, 12):
            self.depth = self.steps = 0
            with suppress(Unfillable), _understood():
                return self._fill(self.root, wanted)
        self.limit, self.depth, self.steps = 24, 0, 0
        with _understood():
            return self._fill(self.root, wanted)

    def _fill(self, schema: Any, wanted: Any) -> Any:
        self.depth, self.steps = self.depth + 1, self.steps + 1
        try:
            if self.depth > self.limit or self.steps > 5_000:
                raise Unfillable("it asks for itself without end")
            node = self._resolve(schema)
            for it in self._candidates(node, wanted):
                if not any(self._problems(it, node, "")):
                    return it
            raise Unfillable(f"nothing was found that {sorted(node)} allow")
        finally:
            self.depth -= 1

    def _candidates(self, node: Node, wanted: Any) -> Iterator[Any]:
        if "const" in node or "enum" in node:
            allowed = [node["const"]] if "const" in node else list(node["enum"])
            yield from (it for it in allowed if str(it).lower() == str(wanted).lower())
            yield from allowed
            return
        branches = node.get("anyOf") or node.get("oneOf")
        if branches:
            rest = {name: it for name, it in node.items() if name not in ("anyOf", "oneOf")}
            options = [_merge(rest, self._resolve(it)) for it in branches]
            unlike = [not any(_is(wanted, kind) for kind in _kinds(it)) for it in options]
            for _, _, option in sorted(zip(unlike, map(_rank, options), options), key=lambda it: it[:2]):
                try:
                    yield self._fill(option, wanted)
                except Unfillable:
                    continue
            return
        if node.get("format") in FORMATS:
            # Not looked into: no text of ours is a date, an address or the like.
            wanted = NOTHING
        given = [*(node[it] for it in ["default"] if it in node), *node.get("examples", [])]
        kinds = sorted(_kinds(node), key=RANK.index)
        if wanted is NOTHING:
            yield from given
        elif not kinds or not isinstance(wanted, dict | list):
            yield wanted
        for kind in sorted(kinds or ["null"], key=lambda it: not _is(wanted, it)):
            match kind:
                case "object":
                    yield self._object(node, wanted if isinstance(wanted, dict) else {})
                case "array":
                    yield self._array(node, wanted if isinstance(wanted, list) else [])
                case "string":
                    yield from _texts(node, wanted)
                case "integer" | "number":
                    yield from _numbers(node, wanted)
                case "boolean":
                    yield from (False, True)
                case _:
                    yield None
        yield from given

    def _object(self, node: Node, wanted: Node) -> Node:
        known: Node = node.get("properties", {})
        required: list[str] = node.get("required", [])
        others: Any = node.get("additionalProperties", True)
        free = wanted if not known and others is not False else {}
        names = [it for it in known if it in wanted or it in required] + list(free)
        names += [it for it in required if it not in names]
        more = [*(it for it in known if it not in names), *(f"key{at}" for at in range(node.get("minProperties", 0)))]
        names += more[: max(0, node.get("minProperties", 0) - len(names))]
        return {it: self._fill(known.get(it, others), wanted.get(it, NOTHING)) for it in names}

    def _array(self, node: Node, wanted: list[Any]) -> list[Any]:
        first: list[Any] = node.get("prefixItems", [])
        size = max(node.get("minItems", 0), min(len(wanted), node.get("maxItems", len(wanted))))
        value: list[Any] = []
        for it in [*wanted, *([NOTHING] * size if not node.get("uniqueItems") else range(len(wanted) + size))]:
            if len(value) < size:
                item = self._fill(first[len(value)] if len(value) < len(first) else node.get("items", True), it)
                value += [] if node.get("uniqueItems") and any(_same(item, other) for other in value) else [item]
        return value

    def _resolve(self, node: Any) -> Node:
        """The node in one, with what it refers to and what it is made of."""
        for _ in range(50):
            if node is True:
                return {}
            if not isinstance(node, dict):
                raise Unfillable("a part of the schema allows nothing, or is none")
            if "$ref" in node:
                node = _merge(self._target(str(node["$ref"])), {it: node[it] for it in node if it != "$ref"})
            elif "allOf" in node:
                parts = [self._resolve(it) for it in node["allOf"]]
                node = {it: node[it] for it in node if it != "allOf"}
                for part in parts:
                    node = _merge(node, part)
            else:
                return node
        raise Unfillable("a $ref leads back to itself")

    def _target(self, reference: str) -> Node:
        node = self.root if reference.startswith("#") else None
        for part in reference.split("/")[1:]:
            node = node.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(node, dict) else None
        if not isinstance(node, dict):
            raise Unfillable(f"the $ref {reference!r} leads nowhere")
        return node

    def _problems(self, value: Any, schema: Any, at: str) -> Iterator[str]:
        node = self._resolve(schema)
        if value is None and node.get("nullable") is True:
            return
        kinds = _kinds(node) if "type" in node else []
        if kinds and not any(_is(value, it) for it in kinds):
            yield f"{at} is not of the type {' or '.join(kinds)}"
            return
        allowed = [node["const"]] if "const" in node else node.get("enum", [value])
        if not any(_same(value, it) for it in allowed):
            yield f"{at} is none of what is allowed"
        for name in {"anyOf", "oneOf"} & node.keys():
            fits = sum(not any(self._problems(value, it, at)) for it in node[name])
            if fits == 0 or name == "oneOf" and fits > 1:
                yield f"{at} fits {fits} of {len(node[name])} alternatives"
        if isinstance(value, dict):
            yield from _outside(len(value), node, "Properties", f"the number of keys of {at}")
            yield from (f"{at} lacks `{it}`" for it in node.get("required", []) if it not in value)
            for name, it in value.items():
                part = node.get("properties", {}).get(name, node.get("additionalProperties", True))
                if part is False:
                    yield f"{at} may not have `{name}`"
                else:
                    yield from self._problems(it, part, f"{at}.{name}")
        elif isinstance(value, list):
            yield from _outside(len(value), node, "Items", f"the length of {at}")
            first: list[Any] = node.get("prefixItems", [])
            for i, it in enumerate(value):
                yield from self._problems(it, first[i] if i < len(first) else node.get("items", True), f"{at}[{i}]")
            if node.get("uniqueItems") and any(_same(a, b) for i, a in enumerate(value) for b in value[:i]):
                yield f"{at} holds the same twice"
        elif isinstance(value, str):
            yield from _outside(len(value), node, "Length", f"the length of {at}")
            if "pattern" in node and not re.search(node["pattern"], value):
                yield f"{at} does not match its pattern"
        elif _is(value, "number"):
            low, high = node.get("exclusiveMinimum", -math.inf), node.get("exclusiveMaximum", math.inf)
            share = value / node.get("multipleOf", value or 1)
            if not low < value < high or abs(share - round(share)) > 1e-9:
                yield f"{at} is {value}"
            yield from _outside(value, node, "imum", at)


def _merge(a: Node, b: Node) -> Node:
    """Both at once, as far as one node can say it."""
    both = {**a, **b}
    for name in a.keys() & b.keys():
        if name == "properties":
            both[name] = {**a[name], **b[name]}
        elif name == "required":
            both[name] = [*a[name], *(it for it in b[name] if it not in a[name])]
        elif name == "enum":
            both[name] = [it for it in a[name] if it in b[name]]
        elif name.lower().removeprefix("exclusive").startswith(("min", "max")):
            both[name] = (max if "min" in name.lower() else min)(a[name], b[name])
    return both


def _kinds(node: Node) -> list[str]:
    """The kinds of value that a node allows; none where it does not say."""
    named = node.get("type", [])
    kinds = [named] if isinstance(named, str) else list(named)
    return kinds or [kind for kind, words in KINDS.items() if any(it in node for it in words)]


def _rank(node: Node) -> int:
    return 1 if {"const", "enum"} & node.keys() else min((RANK.index(it) for it in _kinds(node)), default=0)


def _is(value: Any, kind: str) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    match kind:
        case "integer":
            return number and math.isfinite(value) and value == round(value)
        case "number":
            return number
        case "null":
            return value is None
        case _:
            return isinstance(value, {"boolean": bool, "string": str, "array": list, "object": dict}.get(kind, ()))


def _same(a: Any, b: Any) -> bool:
    """Whether two values are the same in JSON, where true is not 1."""
    return bool(a == b) and isinstance(a, bool) == isinstance(b, bool)


def _outside(size: float, node: Node, what: str, at: str) -> Iterator[str]:
    if not node.get(f"min{what}", size) <= size <= node.get(f"max{what}", size):
        yield f"{at} is {size}"


def _texts(node: Node, wanted: Any) -> Iterator[str]:
    low, high = node.get("minLength", 0), node.get("maxLength", math.inf)
    if wanted is not NOTHING and not isinstance(wanted, dict | list):
        text = str(wanted)
        yield (text if len(text) <= high else text[: max(0, high - 1)] + "…").ljust(low, "-")
    yield FORMATS.get(node.get("format", ""), "")
    yield "-" * low
    yield from TEXTS
    yield from (it * low for it in TEXTS if len(it) == 1)


def _numbers(node: Node, wanted: Any) -> Iterator[float]:
    step = node.get("multipleOf", 1)
    limits = [it for name, it in node.items() if "imum" in name]
    for it in [wanted if _is(wanted, "number") else 0, *limits, sum(limits) / max(1, len(limits))]:
        near = [it, *(step * (it // step + more) for more in (0, 1, -1))]
        yield from (int(it) if _is(it, "integer") else it for it in near)
