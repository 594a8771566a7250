"""The scenarios, and the arithmetic of a load: how many workflows are due when, and which of them fail."""

import math
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Phase:
    """A time in which so many workflows a second are started."""

    name: str
    seconds: float
    rate: float


@dataclass(frozen=True)
class Scenario:
    """What is started, and by how strong a worker it is done."""

    rate: float
    seconds: float
    # Before each time at `rate` one at this lower rate; that often.
    calm_rate: float = 0
    calm_seconds: float = 0
    cycles: int = 1
    fail_percent: float = 0
    mode: str = "exception"
    # How long each of a workflow's two activities takes, and how many the worker does at once.
    milliseconds: int = 50
    slots: int = 100
    # For how many seconds an activity waits for the worker before it fails: longer than the servers are away when all of
    # them are made anew.
    patience: int = 120

    def phases(self) -> list[Phase]:
        """One after the other."""
        busy = Phase("spike" if self.calm_seconds else "load", self.seconds, self.rate)
        calm = Phase("calm", self.calm_seconds, self.calm_rate)
        return ([calm, busy] if self.calm_seconds else [busy]) * self.cycles


SCENARIOS = {
    "steady": Scenario(rate=5, seconds=180),
    "spike": Scenario(rate=40, seconds=60, calm_rate=5, calm_seconds=90, cycles=3),
    "errors": Scenario(rate=8, seconds=120, fail_percent=30),
    # Two activities of 250 ms and two slots: four workflows a second.
    "backlog": Scenario(rate=10, seconds=120, milliseconds=250, slots=2, patience=20),
    "soak": Scenario(rate=5, seconds=45 * 60),
}
MODES = ("exception", "timeout")


def chosen(name: str, **changes: Any) -> Scenario:
    """A scenario with what somebody wants otherwise; None leaves a value as it is."""
    return replace(SCENARIOS[name], **{key: it for key, it in changes.items() if it is not None})


def due(phases: list[Phase], at: float) -> int:
    """How many workflows should have been started after so many seconds; the first is due as soon as time passes."""
    total = 0.0
    for it in phases:
        total += min(max(at, 0), it.seconds) * it.rate
        at -= it.seconds
    # Rounded first, so that ten tenths are one.
    return math.ceil(round(total, 6))


def phase_at(phases: list[Phase], at: float) -> str:
    """The name of the phase after so many seconds. After the last one, those that run are waited for."""
    for it in phases:
        if at < it.seconds:
            return it.name
        at -= it.seconds
    return "drain"


def fails(number: int, percent: float) -> bool:
    """Whether the workflow of this number, from 0, is one that fails: spread evenly, and exactly so many."""
    return int((number + 1) * percent / 100 + 1e-9) > int(number * percent / 100 + 1e-9)


def percentile(values: list[float], share: float) -> float | None:
    """The smallest value that is not exceeded by this share of them; None where there are none."""
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(round(len(values) * share, 6)) - 1)]
