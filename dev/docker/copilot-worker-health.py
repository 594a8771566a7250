"""Healthy = the Copilot's Temporal says that this container's process polls both kinds of tasks."""

import asyncio
import os
import socket
import sys
import time
from pathlib import Path

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

# A long poll lasts 60 s; a poller that was not seen for longer than that, and some, is gone.
FRESH_SECONDS = 100


def started() -> float:
    """When the container's process began. A restarted container has its name still, and the one before polled by it."""
    # What follows the name in brackets; the time is the 22nd field of all, in ticks since the machine started.
    fields = Path("/proc/1/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    up = time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.time() - up + int(fields[19]) / os.sysconf("SC_CLK_TCK")


async def polls(client: Client, kind: "TaskQueueType.ValueType") -> bool:
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=os.environ.get("COPILOT_TASK_QUEUE", "copilot-task-queue")),
        task_queue_type=kind,
    )
    answer = await client.workflow_service.describe_task_queue(request)
    me = "@" + socket.gethostname()
    since = max(started(), time.time() - FRESH_SECONDS)
    return any(
        poller.identity.endswith(me) and poller.last_access_time.ToNanoseconds() / 1e9 >= since
        for poller in answer.pollers
    )


async def main() -> int:
    client = await Client.connect(
        os.environ["TEMPORAL_ADDRESS"], namespace=os.environ.get("TEMPORAL_NAMESPACE", "default")
    )
    for kind in (TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY):
        if not await polls(client, kind):
            print(f"no poller of this container for {TaskQueueType.Name(kind)}")
            return 1
    return 0


try:
    code = asyncio.run(main())
except (RPCError, RuntimeError) as it:
    print(it)
    code = 1
sys.stdout.flush()
# Threads of the SDK keep Python 3.14 from ending one time in forty, and a look that does not end has failed after 15 s.
os._exit(code)
