"""The SDK's own workflow sandbox, of the version that the Copilot's image holds, takes the load's workflows."""

import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

import temporalio.workflow
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

RESTRICTED = """
from pathlib import Path
from temporalio import workflow

HERE = Path(__file__).resolve()

@workflow.defn
class Restricted:
    @workflow.run
    async def run(self) -> None: ...
"""


def validate(workflow: type[Any]) -> None:
    """What a worker does with each workflow when it is made."""
    definition = temporalio.workflow._Definition.must_from_class(workflow)
    SandboxedWorkflowRunner().prepare_workflow(definition)


class Sandbox(unittest.IsolatedAsyncioTestCase):
    async def test_the_load_is_taken(self) -> None:
        from workflows import Load

        validate(Load)

    async def test_a_module_that_looks_at_files_on_import_is_not(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "restricted.py").write_text(RESTRICTED)
            sys.path.insert(0, folder)
            from restricted import Restricted  # type: ignore[import-not-found]

            with self.assertRaises(Exception) as caught:
                validate(Restricted)
            self.assertIn("resolve", str(caught.exception.__cause__ or caught.exception))


if __name__ == "__main__":
    unittest.main()
