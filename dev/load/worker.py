"""Does the work of one run of a load, until it is told to end. The SDK's metrics are on port 9091."""

import os
import signal

# The first process of a container is ended by no signal that it does not handle, and what follows takes seconds.
signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))

import argparse
import asyncio
import logging

from scenarios import SCENARIOS
from temporalio.client import Client
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig
from temporalio.worker import Worker
from workflows import Load, work

METRICS = "0.0.0.0:9091"


async def run(name: str, slots: int, metrics: str) -> None:
    """Polls the run's task queue."""
    stop = asyncio.Event()
    for it in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(it, stop.set)
    runtime = Runtime(telemetry=TelemetryConfig(metrics=PrometheusConfig(bind_address=metrics)))
    address = os.environ.get("TEMPORAL_ADDRESS") or "temporal-frontend:7233"
    client = await Client.connect(address, runtime=runtime)
    worker = Worker(
        client, task_queue=f"load-{name}", workflows=[Load], activities=[work], max_concurrent_activities=slots
    )
    async with worker:
        logging.info("works on load-%s, %d activities at once", name, slots)
        await stop.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", choices=SCENARIOS, required=True)
    parser.add_argument("--run", required=True, help="the id of the run")
    parser.add_argument("--slots", type=int, help="activities at once")
    parser.add_argument("--metrics", default=METRICS)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # Activities that fail are the purpose, and not worth a traceback each.
    logging.getLogger("temporalio").setLevel(logging.ERROR)
    slots = arguments.slots or SCENARIOS[arguments.scenario].slots
    asyncio.run(run(arguments.run, slots, arguments.metrics))
    logging.shutdown()
    # All is done, and threads of the SDK can keep Python 3.14 from ending.
    os._exit(0)


if __name__ == "__main__":
    main()
