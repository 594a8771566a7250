"""A cluster that there is not: as much of the SDK's client as a load uses."""

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode
from workflows import Order


def away() -> RPCError:
    return RPCError("the cluster is away", RPCStatusCode.UNAVAILABLE, b"")


class Handle:
    """One workflow. It ends by itself after `seconds`, unless these are None."""

    def __init__(self, client: "Client", name: str, order: Order) -> None:
        self.client, self.id, self.order = client, name, order
        self.status = "Running"
        self.over = asyncio.Event()
        if client.seconds is not None:
            asyncio.get_running_loop().call_later(client.seconds, self.close, "Failed" if order.fail else "Completed")

    def close(self, status: str) -> None:
        if self.status == "Running":
            self.status = status
            self.over.set()

    async def result(self) -> None:
        if self.client.away_for_results > 0:
            self.client.away_for_results -= 1
            raise away()
        await self.over.wait()
        if self.status != "Completed":
            raise WorkflowFailureError(cause=ApplicationError("it failed"))

    async def terminate(self, reason: str, rpc_timeout: Any) -> None:
        await asyncio.sleep(0)
        if self.status != "Running":
            raise RPCError("it has ended", RPCStatusCode.NOT_FOUND, b"")
        self.close("Terminated")


class Client:
    """`seconds` is how long workflows take; the others say what goes wrong."""

    def __init__(self, seconds: float | None = 0.05) -> None:
        self.seconds = seconds
        self.known: dict[str, Handle] = {}
        self.queues: set[str] = set()
        self.away_for_results = 0
        self.starts = "work"
        self.most = self.now = 0

    async def start_workflow(
        self, workflow: Any, order: Order, *, id: str, task_queue: str, rpc_timeout: Any
    ) -> Handle:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(rpc_timeout.total_seconds() if self.starts == "hang" else 0.001)
        finally:
            self.now -= 1
        if self.starts in ("fail", "hang"):
            raise away()
        self.queues.add(task_queue)
        self.known[id] = Handle(self, id, order)
        if self.starts == "get lost":
            raise away()
        return self.known[id]

    def get_workflow_handle(self, name: str) -> Handle:
        return self.known[name]

    async def list_workflows(self, query: str) -> AsyncIterator[Handle]:
        prefix = query.split('"')[1]
        assert query == f'WorkflowId STARTS_WITH "{prefix}" AND ExecutionStatus = "Running"', query
        for it in list(self.known.values()):
            if it.id.startswith(prefix) and it.status == "Running":
                yield it


def main() -> None:
    """The starter with this client; what becomes of its workflows goes to stderr."""
    import starter

    client = Client(None if "--stuck" in sys.argv else 0.05)
    sys.argv = [it for it in sys.argv if it != "--stuck"]

    async def connect(address: str) -> Client:
        return client

    starter.Client.connect = connect  # type: ignore[method-assign, assignment]
    code = starter.main()
    print("left:", sum(it.status == "Running" for it in client.known.values()), file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
