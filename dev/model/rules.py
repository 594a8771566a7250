"""What is said without a model: the Copilot's prompt holds the verdict and its reasons, and rules put them into words.

Nothing is decided here. The prompt is read line by line; a line of an unknown form is left out.
"""

import re
from dataclasses import dataclass
from typing import Any

MARK = "[local rules]"

# A line of the dispatcher's prompt with # for its number, the limit of that, and what it means beyond the limit. Three
# limits are for the Copilot's scale bands: below 50 state transitions a second, below 500, and above. A negative one is
# a lower limit. These are the numbers that the Copilot itself judges by.
Causes = list[tuple[str, tuple[float, ...], str]]
PROGRESS: Causes = [
    ("Workflow Completion Rate: #%", (-85,), "only {}% of the workflows that end complete"),
    ("State Transitions: #/sec", (-0.5, -5, -10), "only {} state transitions a second"),
    ("State Transitions: .*p99: #ms", (2000, 1000, 500), "1 in 100 state transitions takes over {} ms"),
    ("History Backlog Age: #s", (120, 60, 30), "tasks of temporal-history wait {} s"),
    ("History Shard Churn: #/sec", (5,), "{} shards a second change hands in temporal-history"),
    ("Frontend Error Rate: .*p99: #ms", (5000, 2000, 1000), "1 in 100 answers of temporal-frontend takes over {} ms"),
    ("Matching Workflow Backlog: #s", (5,), "workflow tasks wait {} s in temporal-matching for a worker"),
    ("Matching Activity Backlog: #s", (5,), "activities wait {} s in temporal-matching for a worker"),
    ("Persistence Latency p99: #ms", (500, 200, 100), "1 in 100 database calls takes over {} ms"),
    ("Persistence Error Rate: #/sec", (50,), "the database refuses {} calls a second"),
]
PRESSURE: Causes = [
    ("OCC Conflicts: #/sec", (30,), "{} transactions a second conflict"),
    ("Connection Pool Utilization: #%", (80,), "{}% of the connection pool is in use"),
    ("Connection Churn: #/sec", (10,), "{} connections a second are replaced"),
    ("GC Pause: #ms", (100,), "garbage collection stops servers for {} ms"),
    ("Rate Limit Events: #/sec", (1,), "{} callers a second wait for a connection"),
]
# A word of a gate's name, the service, the signal, the likely cause, and what to do: its kind, where, and in words.
Known = tuple[str, str, str, str, str, str, str]
GATES: list[Known] = [
    ("state transition", "temporal-history", "state_transitions.latency_p99_ms",
     "Many updates of the same workflows wait for each other, or the database is slow under them.",
     "configure", "temporal-history", "Look at lock waits and at the database; spread the load over more workflows."),
    ("backlog", "temporal-history", "history.backlog_age_sec",
     "temporal-history makes tasks faster than it can process them.",
     "scale", "temporal-history", "Give temporal-history more processors, or start workflows more slowly."),
    ("frontend", "temporal-frontend", "frontend.latency_p99_ms",
     "Calls wait for temporal-history or the database behind the frontend, or for workflows that take long to end.",
     "configure", "temporal-frontend", "Look at latency by operation, and at what the slow calls wait for."),
    ("persistence", "temporal-history", "persistence.latency_p99_ms",
     "The way to the database is slow: the pool of connections, the database itself, or conflicts tried again.",
     "configure", "temporal-history", "Look at pool use and at conflicts; give a full pool more connections."),
    ("shard", "temporal-history", "history.shard_churn_rate_per_sec",
     "Servers joined or left, and shards move to others.",
     "restart", "temporal-history", "Find out which server restarts, and why; let the others settle."),
    ("poller", "temporal-matching", "poller.poll_timeout_rate",
     "Workers ask and get nothing: there are more pollers than work, or they ask on the wrong task queue.",
     "configure", "the workers", "Compare the workers' task queues and number of pollers with the work there is."),
    ("no gate", "the cluster", "workflow_completion.completion_rate",
     "It comes from what no gate shows: workflows that fail, little progress, or a limit that was only just broken.",
     "alert", "the workers", "Look at failed workflows in the Temporal UI, and at the logs of their workers."),
]  # fmt: skip
GATE = re.compile(r"(?m)^- (.+?): (FIRED|passed)\b[^\w\n]*(.*)$")
CONCERNS = re.compile(
    r"\b(?:elevated|detected|exhausted|delayed|falling behind|critical|high|storm|(?:at|approaching) saturation)\b"
)


@dataclass
class Sign:
    """Something that the Copilot looked at, and what it saw."""

    name: str
    observed: str


class Prompt:
    """What the Copilot's prompt says."""

    def __init__(self, text: str) -> None:
        # A document of the knowledge base may hold anything, such as another verdict.
        text = text.partition("## Knowledge Base")[0]

        def first(pattern: str) -> str:
            found = re.search(pattern, text)
            return found[1].strip() if found else ""

        self.state = first(r"\*\*(HAPPY|STRESSED|CRITICAL)\*\*") or first(r"Verdict: *(HAPPY|STRESSED|CRITICAL)\b")
        self.trigger = first(r"Trigger(?::|\n) *(\w+)")
        self.triggering = first(r"Triggering signal: *(.+)")
        self.band = first(r"Scale band: *(.+)")
        gates = re.findall(GATE, text)
        self.fired = [Sign(name, observed) for name, word, observed in gates if word == "FIRED"]
        self.calm = bool(gates) and not self.fired
        self.logs = [
            {"service": service, "pattern": pattern, "count": int(count)}
            for service, pattern, count in re.findall(r"(?m)^- \[(.+?)\] (.+): (\d+) occurrences?\b", text)
        ]
        # A happy cluster that is idle makes no progress, and that is all right.
        self.causes = _causes(text, PRESSURE if self.state == "HAPPY" else [*PROGRESS, *PRESSURE])
        self.concerns = _concerns(text)


def _causes(text: str, table: Causes) -> list[str]:
    throughput = re.search(r"State Transitions: (\d+)", text)
    band = sum(int(throughput[1]) >= it for it in (50, 500)) if throughput else 0
    found = []
    for line, limits, words in table:
        number = re.search(r"(?m)^- " + line.replace("#", r"(\d+(?:\.\d+)?)"), text)
        limit = limits[min(band, len(limits) - 1)]
        if number and (float(number[1]) > limit if limit > 0 else float(number[1]) < -limit):
            found.append(words.format(number[1]))
    return found


def _concerns(text: str) -> list[Sign]:
    """What the prompt calls bad in what it says of each service."""
    found, service = [], ""
    for line in text.splitlines():
        head = re.match(r"#+ ([\w ]+)", line)
        service = head[1].strip() if head else service
        item = re.match(r"- ([\w ]+): ([^\[\]]+)$", line)
        if item and CONCERNS.search(item[2]) and not re.match(GATE, line):
            found.append(Sign(f"{item[1]} of {service}", item[2]))
    return found


def choose(names: list[str], prompt: Prompt) -> str:
    """The tool that the dispatcher's instructions ask for; the first one where they are others."""
    unclear = prompt.state == "STRESSED" and len(prompt.causes) != 1
    if prompt.state == "CRITICAL" or unclear:
        kind = "NeedsDeepExplanation"
    else:
        # Without an explanation the Copilot stores that all is well, which nobody said of an unknown state.
        kind = "NoExplanationNeeded" if prompt.state and not prompt.causes else "QuickExplanation"
    return next((it for it in names if it.endswith(kind)), names[0])


def answer(prompt: Prompt) -> dict[str, Any]:
    """A value for everything that the Copilot's tools are known to ask for."""
    signs = prompt.fired
    if prompt.state in ("STRESSED", "CRITICAL") and not signs:
        signs = [Sign("No gate fired", "all that were tested passed")] if prompt.calm else prompt.concerns
    issues = [_issue(prompt, it) for it in signs]
    actions = [action for issue in issues for action in issue["suggested_actions"]]
    summary = f"{MARK} {_story(prompt)}"
    return {
        "reason": summary,
        "summary": summary,
        "primary_factor": (prompt.causes or ["none that stands out"])[0],
        "contributing_factors": prompt.causes,
        "priority": "high" if prompt.state == "CRITICAL" else "medium",
        "complexity_reason": f"{len(prompt.causes)} causes stand out" if prompt.causes else "no cause stands out",
        "trigger": prompt.trigger,
        "health_state": prompt.state.lower(),
        "log_patterns": prompt.logs,
        "issues": issues,
        "recommended_actions": actions[:5],
        "natural_language_summary": summary,
    }


def _story(prompt: Prompt) -> str:
    if not prompt.state:
        return "The request names no health state that these rules know."
    parts = [f"The cluster is {prompt.state}."]
    if prompt.fired:
        band = f" at the limits of the scale band {prompt.band}" if prompt.band else ""
        parts.append(f"{_list([_plain(it.name) for it in prompt.fired])} fired{band}.")
        parts.append(_known(prompt.triggering or prompt.fired[0].name)[3])
    elif prompt.calm and prompt.state != "HAPPY":
        parts.append(f"No gate fired. {_known('no gate')[3]}")
    stands_out = [*prompt.causes, *(f"{it.name}: {it.observed}" for it in prompt.concerns)]
    parts.append(f"What stands out: {'; '.join(stands_out)}." if stands_out else "Nothing stands out.")
    if prompt.logs:
        seen = [f"\"{it['pattern']}\" in {it['service']}" for it in prompt.logs]
        parts.append(f"The logs repeat {_list(seen)}.")
    return " ".join(parts)


def _issue(prompt: Prompt, sign: Sign) -> dict[str, Any]:
    _, service, signal, cause, kind, target, todo = _known(sign.name)
    return {
        "severity": "critical" if prompt.state == "CRITICAL" else "warning",
        "title": f"{_plain(sign.name)}: {sign.observed}",
        "description": f"{sign.name} ({service}): {sign.observed}.",
        "likely_cause": cause,
        "suggested_actions": [
            {
                "action_type": kind,
                "target_service": target,
                "description": todo,
                "confidence": 0.6 if sign.name == prompt.triggering else 0.4,
                "risk_level": "medium" if kind == "restart" else "low",
            }
        ],
        "related_signals": [signal],
        "related_logs": [it["pattern"] for it in prompt.logs if service in str(it["service"])] or None,
    }


def _known(name: str) -> Known:
    todo = f"Look at {_plain(name)} on the dashboards."
    other = (name, "the cluster", name, "These rules do not know this signal.", "alert", "the cluster", todo)
    return next((it for it in GATES if it[0] in name.lower()), other)


def _plain(name: str) -> str:
    return re.sub(r"^Signal \d+: ", "", name)


def _list(items: list[str]) -> str:
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)
