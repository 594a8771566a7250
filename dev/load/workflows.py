"""What the load consists of. This module is imported in the SDK's workflow sandbox: it may import nothing that is
restricted there, and do nothing on import."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

STEP = timedelta(seconds=2)


@dataclass
class Order:
    """What one workflow does; `fail` is empty, `exception` or `timeout`. An activity that nobody takes for `patience`
    seconds fails, and the workflow with it."""

    milliseconds: int
    fail: str = ""
    patience: int = 120


@activity.defn
async def work(order: Order) -> None:
    """Takes its time, and fails where it is told to."""
    await asyncio.sleep(order.milliseconds / 1000)
    if order.fail == "timeout":
        await asyncio.sleep(STEP.total_seconds() * 1.5)
    elif order.fail:
        raise ApplicationError("this one was to fail", type="Ordered")


@workflow.defn
class Load:
    """Two steps, one after the other; the second one may fail, and the workflow with it."""

    @workflow.run
    async def run(self, order: Order) -> None:
        for fail in ("", order.fail):
            await workflow.execute_activity(
                work,
                Order(order.milliseconds, fail),
                start_to_close_timeout=STEP,
                schedule_to_start_timeout=timedelta(seconds=order.patience),
                # What is not to fail goes on where the cluster was away for a time.
                retry_policy=RetryPolicy(maximum_attempts=1 if fail else 0),
            )
