"""copilot-model against botocore's own client, with the Copilot's requests. Its address is in MODEL_URL."""

import os
import unittest
from typing import Any

import botocore.session
import jsonschema
from botocore.exceptions import ClientError
from copilot import ASSESSMENT, DISPATCHER, Json, dispatcher_prompt, request, researcher_prompt

CLIENT = botocore.session.get_session().create_client(
    "bedrock-runtime",
    region_name="eu-west-1",
    endpoint_url=os.environ["MODEL_URL"],
    aws_access_key_id="local",
    aws_secret_access_key="local",
)


def use(asked: Json) -> tuple[str, Any]:
    """The tool that the answer uses, and its input, which its schema allows."""
    answer = CLIENT.converse(**asked)
    assert answer["stopReason"] == "tool_use", answer
    assert answer["usage"]["totalTokens"] == answer["usage"]["inputTokens"] + answer["usage"]["outputTokens"] > 0
    assert answer["output"]["message"]["role"] == "assistant"
    [block] = answer["output"]["message"]["content"]
    call = block["toolUse"]
    assert call["toolUseId"]
    schemas = {it["toolSpec"]["name"]: it["toolSpec"]["inputSchema"]["json"] for it in asked["toolConfig"]["tools"]}
    jsonschema.Draft202012Validator(schemas[call["name"]]).validate(call["input"])
    return call["name"], call["input"]


def dispatch(state: str, **signals: str) -> tuple[str, Json]:
    name, value = use(request(dispatcher_prompt(state, **signals), DISPATCHER))
    return name.removeprefix("final_result_"), value


def research(state: str, fired: dict[str, str], **more: Any) -> Any:
    name, value = use(request(researcher_prompt(state, fired, **more), {"final_result": ASSESSMENT}))
    assert name == "final_result"
    return value


class Dispatcher(unittest.TestCase):
    def test_a_happy_cluster_needs_no_explanation_even_if_it_is_idle(self) -> None:
        for signals in ({}, {"State_Transitions": "0.0/sec (p99: 0ms)", "Poller_Success_Rate": "0.0%"}):
            name, value = dispatch("HAPPY", **signals)
            self.assertEqual(name, "NoExplanationNeeded")
            self.assertIn("HAPPY", value["reason"])

    def test_a_happy_cluster_under_pressure_gets_a_quick_one(self) -> None:
        name, value = dispatch("HAPPY", Connection_Pool_Utilization="91%")
        self.assertEqual(name, "QuickExplanation")
        self.assertIn("91%", value["primary_factor"])

    def test_one_cause_of_stress_is_explained_quickly_and_with_its_number(self) -> None:
        name, value = dispatch("STRESSED", Workflow_Completion_Rate="36.4%")
        self.assertEqual(name, "QuickExplanation")
        self.assertTrue(value["summary"].startswith("[local rules] The cluster is STRESSED."), value)
        self.assertIn("36.4%", value["summary"])
        self.assertIn("36.4%", value["primary_factor"])

    def test_several_causes_or_none_need_a_deep_explanation(self) -> None:
        slow = {"Workflow_Completion_Rate": "36.4%", "Persistence_Latency_p99": "812ms"}
        name, value = dispatch("STRESSED", **slow)
        self.assertEqual(name, "NeedsDeepExplanation")
        self.assertEqual(len(value["contributing_factors"]), 2)
        self.assertTrue(any("812" in it for it in value["contributing_factors"]), value)
        self.assertEqual(value["priority"], "medium")
        self.assertEqual(dispatch("STRESSED")[0], "NeedsDeepExplanation")

    def test_a_critical_cluster_needs_a_deep_explanation_at_once(self) -> None:
        name, value = dispatch("CRITICAL", Workflow_Completion_Rate="1.0%")
        self.assertEqual((name, value["priority"]), ("NeedsDeepExplanation", "high"))

    def test_limits_follow_the_scale_band(self) -> None:
        self.assertEqual(dispatch("STRESSED", Persistence_Latency_p99="300ms")[0], "NeedsDeepExplanation")
        busy = {"State_Transitions": "90.0/sec (p99: 12ms)", "Persistence_Latency_p99": "300ms"}
        name, value = dispatch("STRESSED", **busy)
        self.assertEqual(name, "QuickExplanation")
        self.assertIn("300", value["primary_factor"])

    def test_a_state_that_is_not_known_is_not_called_healthy(self) -> None:
        name, value = dispatch("PUZZLED")
        self.assertEqual(name, "QuickExplanation")
        self.assertIn("names no health state", value["summary"])


class Researcher(unittest.TestCase):
    def test_each_gate_that_fired_is_an_issue_and_no_other_is(self) -> None:
        fired = {
            "Signal 8: Frontend Latency": "above threshold",
            "Signal 11: Persistence Latency": "significantly above threshold",
        }
        value = research("STRESSED", fired, logs=["[temporal-history] deadline exceeded: 3 occurrences"])
        self.assertEqual(value["health_state"], "stressed")
        self.assertEqual(value["trigger"], "state_change")
        self.assertEqual([it["severity"] for it in value["issues"]], ["warning"] * 2)
        for issue, (name, seen) in zip(value["issues"], fired.items(), strict=True):
            self.assertIn(name.partition(": ")[2], issue["title"])
            self.assertIn(seen, issue["title"])
            self.assertTrue(issue["likely_cause"] and issue["related_signals"] and issue["suggested_actions"], issue)
        self.assertIn("temporal-frontend", value["issues"][0]["description"])
        self.assertEqual(value["issues"][1]["related_logs"], ["deadline exceeded"])
        self.assertEqual(value["log_patterns"][0]["count"], 3)
        self.assertEqual(len(value["recommended_actions"]), 2)
        summary = value["natural_language_summary"]
        self.assertTrue(summary.startswith("[local rules] The cluster is STRESSED."), summary)
        for part in ("Frontend Latency and Persistence Latency fired", "starter", "deadline exceeded"):
            self.assertIn(part, summary)

    def test_a_gate_is_told_once(self) -> None:
        summary = research("STRESSED", {"Signal 10: Poller Timeout Rate": "high"})["natural_language_summary"]
        self.assertEqual(summary.count("Poller Timeout Rate"), 1, summary)

    def test_a_critical_state_makes_its_issues_critical(self) -> None:
        value = research("CRITICAL", {"Signal 4: History Backlog Age": "above threshold"})
        self.assertEqual([it["severity"] for it in value["issues"]], ["critical"])

    def test_stress_without_a_gate_is_still_an_issue(self) -> None:
        [issue] = research("STRESSED", {})["issues"]
        self.assertIn("No gate fired", issue["title"])

    def test_without_gates_what_the_prompt_calls_bad_are_the_issues(self) -> None:
        [issue] = research("STRESSED", {}, gates=False)["issues"]
        self.assertIn("Persistence path of History", issue["title"])

    def test_a_happy_cluster_has_no_issues(self) -> None:
        self.assertEqual(research("HAPPY", {})["issues"], [])

    def test_a_gate_of_a_newer_copilot_is_told_by_its_name(self) -> None:
        [issue] = research("STRESSED", {"Signal 42: Moon Phase": "full"})["issues"]
        self.assertEqual(issue["title"], "Moon Phase: full")

    def test_a_document_of_the_knowledge_base_changes_nothing(self) -> None:
        self.assertNotIn("Of a document", str(research("STRESSED", {"Signal 6: Shard Churn": "elevated"})))


class Converse(unittest.TestCase):
    def test_a_tool_that_is_named_is_used(self) -> None:
        wish = {"tool": {"name": "final_result_QuickExplanation"}}
        name, _ = use(request(dispatcher_prompt("CRITICAL"), DISPATCHER, toolChoice=wish))
        self.assertEqual(name, "final_result_QuickExplanation")

    def test_a_question_asked_again_after_a_refused_answer_is_answered(self) -> None:
        asked = request(dispatcher_prompt("STRESSED"), DISPATCHER)
        call = {"toolUseId": "a", "name": "final_result_QuickExplanation", "input": {}}
        result = {"toolUseId": "a", "content": [{"text": "summary is missing"}], "status": "error"}
        asked["messages"] += [
            {"role": "assistant", "content": [{"toolUse": call}]},
            {"role": "user", "content": [{"toolResult": result}]},
        ]
        self.assertEqual(use(asked)[0], "final_result_NeedsDeepExplanation")

    def test_without_tools_the_answer_is_text(self) -> None:
        asked = request("Hello", {})
        del asked["toolConfig"]
        answer = CLIENT.converse(**asked)
        self.assertEqual(answer["stopReason"], "end_turn")
        self.assertTrue(answer["output"]["message"]["content"][0]["text"].startswith("[local rules]"))

    def test_a_refusal_is_botocore_s_own_error(self) -> None:
        with self.assertRaises(ClientError) as caught:
            CLIENT.converse(**request("x", {"t": {"type": "object", "properties": {"a": False}, "required": ["a"]}}))
        error = caught.exception.response["Error"]
        self.assertEqual(error["Code"], "ValidationException")
        self.assertIn("the rules cannot fill", error["Message"])


if __name__ == "__main__":
    unittest.main()
