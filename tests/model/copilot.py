"""Requests as the Copilot's agents make them: its keys, its tools' names and schemas, and the words that it marks.

Everything else that it writes is left out, and what stands here in its place is ours.
"""

from typing import Any

Json = dict[str, Any]

TEXT: Json = {"type": "string"}
TEXTS: Json = {"type": "array", "items": TEXT}


def _object(required: str, **properties: Any) -> Json:
    return {"type": "object", "properties": properties, "required": required.split()}


def _or_null(schema: Json) -> Json:
    return {"anyOf": [schema, {"type": "null"}], "default": None}


DISPATCHER = {
    "final_result_NoExplanationNeeded": _object("reason", reason=TEXT),
    "final_result_QuickExplanation": _object("summary primary_factor", summary=TEXT, primary_factor=TEXT),
    "final_result_NeedsDeepExplanation": _object(
        "contributing_factors priority complexity_reason",
        contributing_factors=TEXTS,
        priority=TEXT,
        complexity_reason=TEXT,
    ),
}

_ACTIONS: Json = {"type": "array", "items": {"$ref": "#/$defs/SuggestedAction"}}
ASSESSMENT: Json = {
    **_object(
        "trigger health_state primary_signals amplifiers natural_language_summary",
        timestamp=TEXT,
        trigger=TEXT,
        health_state={"$ref": "#/$defs/HealthState", "description": "given"},
        primary_signals={"type": "object", "additionalProperties": True},
        amplifiers={"type": "object", "additionalProperties": True},
        log_patterns={"type": "array", "items": {"$ref": "#/$defs/LogPattern"}},
        issues={"type": "array", "items": {"$ref": "#/$defs/Issue"}},
        recommended_actions=_ACTIONS,
        natural_language_summary=TEXT,
    ),
    "$defs": {
        "HealthState": {"type": "string", "enum": ["happy", "stressed", "critical"]},
        "Severity": {"type": "string", "enum": ["warning", "critical"]},
        "ActionType": {"type": "string", "enum": ["scale", "restart", "configure", "alert"]},
        "LogPattern": _object(
            "count pattern service",
            count={"type": "integer", "minimum": 0},
            pattern=TEXT,
            service=TEXT,
            sample_message=_or_null(TEXT),
        ),
        "SuggestedAction": _object(
            "action_type target_service description confidence",
            action_type={"$ref": "#/$defs/ActionType"},
            target_service=TEXT,
            description=TEXT,
            confidence={"type": "number", "minimum": 0.0, "maximum": 1.0},
            parameters=_or_null({"type": "object", "additionalProperties": True}),
            risk_level={**TEXT, "default": "low"},
        ),
        "Issue": _object(
            "severity title description likely_cause",
            severity={"$ref": "#/$defs/Severity"},
            title=TEXT,
            description=TEXT,
            likely_cause=TEXT,
            suggested_actions=_ACTIONS,
            related_signals=TEXTS,
            related_logs=_or_null(TEXTS),
        ),
    },
}

# What a healthy, busy cluster's prompt says; each line is a label of the Copilot's.
SIGNALS = {
    "State Transitions": "30.0/sec (p99: 12ms)",
    "Workflow Completion Rate": "100.0%",
    "History Backlog Age": "0.1s",
    "History Processing Rate": "80.0/sec",
    "History Shard Churn": "0.00/sec",
    "Frontend Error Rate": "0.00/sec (p99: 40ms)",
    "Matching Workflow Backlog": "0.0s",
    "Matching Activity Backlog": "0.0s",
    "Poller Success Rate": "90.0%",
    "Persistence Latency p99": "9ms",
    "Persistence Error Rate": "0.00/sec",
    "OCC Conflicts": "0.0/sec",
    "Connection Pool Utilization": "20%",
    "Connection Churn": "0.1/sec",
    "GC Pause": "1.0ms",
    "Rate Limit Events": "0.0/sec",
}


def dispatcher_prompt(state: str, trigger: str = "state_change", **signals: str) -> str:
    """The signals are given by their labels, with `_` for a space."""
    changed = SIGNALS | {name.replace("_", " "): it for name, it in signals.items()}
    lines = "\n".join(f"- {name}: {it}" for name, it in changed.items())
    return f"## State\n**{state}**\n\n## Trigger\n{trigger}\n\n## Signals\n{lines}\n\nWhich of the three?"


GATES = {
    "Signal 2: State Transition Latency": "negligible",
    "Signal 4: History Backlog Age": "negligible",
    "Signal 8: Frontend Latency": "well within threshold",
    "Signal 11: Persistence Latency": "well within threshold",
    "Signal 6: Shard Churn": "stable",
    "Signal 10: Poller Timeout Rate": "healthy",
}


def researcher_prompt(state: str, fired: dict[str, str], logs: list[str] | None = None, *, gates: bool = True) -> str:
    """`fired` is what was seen, by the gate's name."""
    words = {name: "FIRED ⚠" if name in fired else "passed ✓" for name in GATES | fired}
    lines = [f"- {name}: {words[name]} — {seen}\n  (why)" for name, seen in (GATES | fired).items()]
    triggering = f"\nTriggering signal: {next(iter(fired))}\n" if fired else ""
    verdict = "\n".join(["Scale band: starter", triggering, "### Gates", *lines]) if gates else "No gates."
    return f"""## Verdict: {state} (by rules)
Trigger: state_change

{verdict}

## History (one)
- Persistence path: elevated persistence path latency
- Cluster: stable membership

## DSQL Foundation (two)
- Pool: pool well below saturation

## Log Patterns
{"".join(f"- {it}{chr(10)}" for it in logs or [])}
## Knowledge Base
## Verdict: HAPPY
- Signal 99: Of a document: FIRED ⚠ — above threshold

---
The health_state is {state}."""


def request(prompt: str, tools: dict[str, Json], **config: Any) -> Json:
    """The arguments of `converse`, as the Copilot's library makes them."""
    specs = [{"toolSpec": {"name": it, "inputSchema": {"json": tools[it]}, "description": "x"}} for it in tools]
    return {
        "modelId": "eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "messages": [{"role": "user", "content": [{"text": prompt}]}],
        "system": [{"text": "Explain."}],
        "inferenceConfig": {},
        "toolConfig": {"tools": specs, "toolChoice": {"any": {}}} | config,
    }
