"""Starts the workflows of a load and says every second, as a line of JSON, how it goes. When it ends, because the time
is over or because it is told to, nothing of its run goes on."""

import os
import signal

# The first process of a container is ended by no signal that it does not handle, and what follows takes seconds.
signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))

import argparse
import asyncio
import json
import re
import sys
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from scenarios import MODES, SCENARIOS, Scenario, chosen, due, fails, percentile, phase_at
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.service import RPCError
from workflows import Load, Order

Json = dict[str, Any]
# Calls at the same time. A cluster that is slower than that gets no more.
STARTING = 100
WAITING = 500
# Seconds: for a call, for the last workflows to end by themselves, and until the index knows what has happened.
CALL = 10
DRAIN = 30
INDEX = 1
INTERRUPTED = 130


@dataclass
class Count:
    """How it went so far. Missed is what was due and could not be started, ended what still ran when it was over."""

    started: int = 0
    done: int = 0
    failed: int = 0
    missed: int = 0
    ended: int = 0


class Starter:
    """One run of a load."""

    def __init__(self, client: Client, run: str, scenario: Scenario, say: Callable[[Json], None]) -> None:
        self.client, self.name, self.scenario, self.say = client, run, scenario, say
        self.count = Count()
        self.stop = asyncio.Event()
        # When each workflow ended, and how many milliseconds it took.
        self.took: list[tuple[float, float]] = []
        self.running: dict[str, WorkflowHandle[Any, Any]] = {}
        self.starting: set[asyncio.Task[None]] = set()
        self.watching: set[asyncio.Task[None]] = set()
        self.seats = asyncio.Semaphore(WAITING)

    async def run(self) -> Json:
        """The whole of it; returns the summary."""
        phases = self.scenario.phases()
        began = time.monotonic()
        length = sum(it.seconds for it in phases)
        offered, told, at = 0, 0, 0.0
        while not self.stop.is_set():
            at = time.monotonic() - began
            for number in range(offered, due(phases, at)):
                self._next(number)
            offered = due(phases, at)
            if at >= told + 1:
                told = int(at)
                self.say({"second": told, "phase": phase_at(phases, at), **self._line()})
            if at >= length and not (self.starting or self.running) or at >= length + DRAIN:
                break
            await self._pause(0.02)
        took = max(1.0, min(at, length))
        interrupted = self.stop.is_set()
        await self._end()
        return {
            "final": True,
            "run": self.name,
            "interrupted": interrupted,
            "seconds": round(took, 1),
            "offered": offered,
            **asdict(self.count),
            "perSecond": round((self.count.done + self.count.failed) / took, 2),
            "p95Ms": _whole(percentile([it for _, it in self.took], 0.95)),
        }

    def _line(self) -> Json:
        """The count, the workflows that ended in the last second, and the latency of the last ten."""
        now = time.monotonic()
        recent = [(at, ms) for at, ms in self.took[-10_000:] if at > now - 10]
        count = asdict(self.count)
        del count["ended"]
        return {
            **count,
            "running": len(self.running),
            "perSecond": sum(at > now - 1 for at, _ in recent),
            "p95Ms": _whole(percentile([ms for _, ms in recent], 0.95)),
        }

    def _next(self, number: int) -> None:
        if len(self.starting) < STARTING:
            _spawn(self.starting, self._start(number))
        else:
            self.count.missed += 1

    async def _start(self, number: int) -> None:
        scenario = self.scenario
        mode = scenario.mode if fails(number, scenario.fail_percent) else ""
        order = Order(scenario.milliseconds, mode, scenario.patience)
        name = f"load-{self.name}-{number}"
        began = time.monotonic()
        try:
            handle = await self.client.start_workflow(
                Load.run, order, id=name, task_queue=f"load-{self.name}", rpc_timeout=timedelta(seconds=CALL)
            )
        except RPCError:
            self.count.missed += 1
            return
        self.count.started += 1
        self.running[name] = handle
        _spawn(self.watching, self._watch(name, handle, began))

    async def _watch(self, name: str, handle: WorkflowHandle[Any, Any], began: float) -> None:
        async with self.seats:
            while True:
                try:
                    await handle.result()
                    self.count.done += 1
                except WorkflowFailureError:
                    self.count.failed += 1
                except RPCError:
                    # The cluster is away; the workflow goes on without it.
                    await asyncio.sleep(1)
                    continue
                break
        now = time.monotonic()
        self.took.append((now, (now - began) * 1000))
        self.running.pop(name, None)

    async def _end(self) -> None:
        """Ends what is running. What is being started now is waited for, so that nothing appears afterwards."""
        if self.starting:
            await asyncio.wait(self.starting, timeout=CALL + 1)
        for it in self.watching:
            it.cancel()
        ended = await _terminate(list(self.running.values()))
        self.count.ended = len(ended | await end(self.client, self.name))

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self.stop.wait(), seconds)


async def end(client: Client, run: str) -> set[str]:
    """Ends whatever goes on under the run's ids, and returns which these were."""
    query = f'WorkflowId STARTS_WITH "load-{run}-" AND ExecutionStatus = "Running"'
    ended: set[str] = set()
    for _ in range(30):
        await asyncio.sleep(INDEX)
        with suppress(RPCError):
            found = [it.id async for it in client.list_workflows(query)]
            if not found:
                return ended
            ended |= await _terminate([client.get_workflow_handle(it) for it in found])
    print(f"workflows of the run may go on: `load-starter --end {run}` ends them", file=sys.stderr)
    return ended


async def _terminate(handles: list[WorkflowHandle[Any, Any]]) -> set[str]:
    """Ends these, and returns which of them had not ended by themselves."""
    ended = set()

    async def one(handle: WorkflowHandle[Any, Any]) -> None:
        # What did not work is tried again, as long as the index names it.
        with suppress(RPCError):
            await handle.terminate("the load has ended", rpc_timeout=timedelta(seconds=CALL))
            ended.add(handle.id)

    for at in range(0, len(handles), STARTING):
        await asyncio.gather(*(one(it) for it in handles[at : at + STARTING]))
    return ended


def _spawn(tasks: set[asyncio.Task[None]], work: Coroutine[Any, Any, None]) -> None:
    """A task that is known until it has ended; asyncio itself may forget one."""
    task = asyncio.create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


async def run(name: str, scenario: Scenario) -> int:
    """Connects, runs, and prints; the exit code."""
    client = await Client.connect(os.environ.get("TEMPORAL_ADDRESS") or "temporal-frontend:7233")
    starter = Starter(client, name, scenario, lambda it: say(it, starter.stop))
    for it in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(it, starter.stop.set)
    summary = await starter.run()
    say(summary, starter.stop)
    return INTERRUPTED if summary["interrupted"] else 0


def say(line: Json, stop: asyncio.Event) -> None:
    """Nobody who listens any more is as good as being told to stop."""
    try:
        print(json.dumps(line), flush=True)
    except BrokenPipeError:
        stop.set()
        # Python would try again when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


async def _end_of(name: str) -> None:
    client = await Client.connect(os.environ.get("TEMPORAL_ADDRESS") or "temporal-frontend:7233")
    say({"ended": len(await end(client, name))}, asyncio.Event())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--scenario", choices=SCENARIOS)
    what.add_argument("--end", metavar="RUN", help="end what a run has left behind, and do nothing else")
    parser.add_argument("--run", help="the id of the run: letters, digits and -")
    parser.add_argument("--rate", type=float, help="workflows a second; of `spike` those of the spike")
    parser.add_argument("--seconds", type=float, help="how long; of `spike` each spike")
    parser.add_argument("--fail-percent", type=float)
    parser.add_argument("--mode", choices=MODES, help="how workflows fail")
    arguments = parser.parse_args()
    try:
        if arguments.end:
            asyncio.run(_end_of(arguments.end))
            return 0
        if not re.fullmatch(r"[A-Za-z0-9-]+", arguments.run or ""):
            parser.error("--run is missing, or not of letters, digits and -")
        names = ("rate", "seconds", "fail_percent", "mode")
        scenario = chosen(arguments.scenario, **{it: getattr(arguments, it) for it in names})
        return asyncio.run(run(arguments.run, scenario))
    except (RPCError, RuntimeError) as it:
        print(f"no load: {it}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    code = main()
    # All is done and printed, and threads of the SDK can keep Python 3.14 from ending.
    os._exit(code)
