"""The starter against a cluster that there is not: what it counts, what it says, and that it leaves nothing behind."""

import asyncio
import json
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path
from typing import Any

import starter
from fake import Client
from scenarios import Scenario

HERE = Path(__file__).parent


def load(client: Client, said: list[Any], **scenario: Any) -> starter.Starter:
    values = {"rate": 20, "seconds": 2.5} | scenario
    return starter.Starter(client, "r1", Scenario(**values), said.append)  # type: ignore[arg-type]


# The index of this cluster knows at once.
starter.INDEX = 0


class Runs(unittest.IsolatedAsyncioTestCase):
    async def test_each_second_has_its_line_and_the_last_one_sums_up(self) -> None:
        client, said = Client(), []
        summary = await load(client, said, fail_percent=25).run()
        self.assertEqual([it["second"] for it in said], [1, 2])
        for line in said:
            self.assertEqual(line["phase"], "load")
            self.assertEqual(line["started"], line["done"] + line["failed"] + line["running"])
            self.assertTrue(15 <= line["perSecond"] <= 25 and 50 <= line["p95Ms"] < 1000, line)
        self.assertEqual((summary["offered"], summary["started"], summary["failed"], summary["done"]), (50, 50, 12, 38))
        self.assertEqual((summary["missed"], summary["ended"], summary["interrupted"]), (0, 0, False))
        self.assertEqual((summary["final"], summary["run"], client.queues), (True, "r1", {"load-r1"}))
        self.assertTrue(all(it.startswith("load-r1-") for it in client.known))

    async def test_failures_are_of_the_kind_that_is_wanted(self) -> None:
        client = Client()
        await load(client, [], fail_percent=50, mode="timeout", seconds=1).run()
        self.assertEqual({it.order.fail for it in client.known.values()}, {"", "timeout"})

    async def test_told_to_stop_it_ends_all_and_starts_no_more(self) -> None:
        client = Client(None)
        run = load(client, [], seconds=600)
        asyncio.get_running_loop().call_later(1, run.stop.set)
        began = time.monotonic()
        summary = await run.run()
        self.assertLess(time.monotonic() - began, 5)
        self.assertTrue(summary["interrupted"])
        self.assertGreaterEqual(summary["started"], 15)
        self.assertEqual(summary["ended"], summary["started"])
        self.assertEqual({it.status for it in client.known.values()}, {"Terminated"})
        await asyncio.sleep(0.3)
        self.assertEqual(len(client.known), summary["started"])

    async def test_what_does_not_end_by_itself_is_ended_after_a_while(self) -> None:
        client, said = Client(None), []
        self.addCleanup(setattr, starter, "DRAIN", starter.DRAIN)
        starter.DRAIN = 2
        summary = await load(client, said, seconds=1).run()
        self.assertEqual((summary["ended"], summary["interrupted"]), (20, False))
        self.assertEqual((said[-1]["phase"], said[-1]["running"]), ("drain", 20))

    async def test_a_start_whose_answer_was_lost_is_found_by_its_prefix_and_ended(self) -> None:
        client = Client(None)
        client.starts = "get lost"
        summary = await load(client, [], seconds=0.5).run()
        self.assertEqual((summary["started"], summary["missed"], summary["ended"]), (0, 10, 10))
        self.assertEqual({it.status for it in client.known.values()}, {"Terminated"})

    async def test_other_runs_are_left_alone(self) -> None:
        client = Client(None)
        for name in ("load-r11-0", "load-r2-0", "mine"):
            await client.start_workflow(None, starter.Order(1), id=name, task_queue="x", rpc_timeout=None)
        self.assertEqual(await starter.end(client, "r1"), set())  # type: ignore[arg-type]
        self.assertEqual({it.status for it in client.known.values()}, {"Running"})
        self.assertEqual(await starter.end(client, "r2"), {"load-r2-0"})  # type: ignore[arg-type]

    async def test_a_cluster_that_is_away_costs_starts_and_no_results(self) -> None:
        client = Client()
        client.away_for_results = 5
        summary = await load(client, [], seconds=1).run()
        self.assertEqual((summary["done"], summary["missed"]), (20, 0))
        client = Client()
        client.starts = "fail"
        summary = await load(client, [], seconds=1).run()
        self.assertEqual((summary["started"], summary["missed"], summary["p95Ms"]), (0, 20, None))

    async def test_a_cluster_that_does_not_answer_gets_only_so_many_calls(self) -> None:
        client = Client()
        client.starts = "hang"
        self.addCleanup(setattr, starter, "CALL", starter.CALL)
        starter.CALL = 2
        summary = await load(client, [], rate=500, seconds=1).run()
        self.assertEqual(client.most, starter.STARTING)
        self.assertEqual((summary["offered"], summary["missed"], summary["started"]), (500, 500, 0))


class Process(unittest.TestCase):
    def start(self, *words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-B", str(HERE / "fake.py"), *words]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        return process

    def test_it_prints_a_line_a_second_and_ends_with_0(self) -> None:
        process = self.start("--scenario", "steady", "--run", "r1", "--seconds", "2.2", "--rate", "10")
        out, err = process.communicate(timeout=60)
        lines = [json.loads(it) for it in out.splitlines()]
        self.assertEqual([it.get("second") for it in lines], [1, 2, None])
        self.assertEqual((process.returncode, lines[-1]["done"], err), (0, 22, "left: 0\n"))

    def test_either_signal_ends_the_workflows_and_then_it(self) -> None:
        for it in (signal.SIGINT, signal.SIGTERM):
            process = self.start("--stuck", "--scenario", "spike", "--run", "r1")
            assert process.stdout
            self.assertEqual(json.loads(process.stdout.readline())["second"], 1)
            process.send_signal(it)
            out, err = process.communicate(timeout=60)
            last = json.loads(out.splitlines()[-1])
            self.assertTrue(last["interrupted"] and last["ended"] > 0, last)
            self.assertEqual((process.returncode, err), (130, "left: 0\n"))

    def test_when_nobody_reads_any_more_it_ends_them_too(self) -> None:
        process = self.start("--stuck", "--scenario", "steady", "--run", "r1")
        assert process.stdout and process.stderr
        process.stdout.readline()
        process.stdout.close()
        self.assertEqual(process.stderr.read(), "left: 0\n")
        process.stderr.close()
        self.assertEqual(process.wait(timeout=60), 130)

    def test_what_is_no_scenario_or_run_is_refused(self) -> None:
        for words in ([], ["--scenario", "storm", "--run", "a"], ["--scenario", "steady", "--run", 'a" OR ""="']):
            process = self.start(*words)
            self.assertIn("usage:", process.communicate(timeout=60)[1])
            self.assertEqual(process.returncode, 2, words)


if __name__ == "__main__":
    unittest.main()
