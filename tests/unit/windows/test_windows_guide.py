"""The guide: its policies are read, and its tables are what comes out."""

from __future__ import annotations

import re
import shlex
from itertools import pairwise
from typing import Any

import pytest
import yaml
from ansible.parsing.splitter import parse_kv

from ansible_collections.careops.maintenance.plugins.filter import windows as filters
from ansible_collections.careops.maintenance.plugins.module_utils.clock import parse_moment
from ansible_collections.careops.maintenance.plugins.module_utils.windows.approvals import parse_approvers
from ansible_collections.careops.maintenance.plugins.module_utils.windows.policy import require_impact
from ansible_collections.careops.maintenance.plugins.module_utils.windows.query import Question
from ansible_collections.careops.maintenance.plugins.test import windows as jinja_tests
from tests.lab.modules import ROOT

GUIDE = (ROOT / "docs" / "windows.md").read_text()
README = (ROOT / "roles" / "run_open" / "README.md").read_text()
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```\n+((?:^\|[^\n]*\n)*)", GUIDE, flags=re.DOTALL | re.MULTILINE)
POLICIES = [(yaml.safe_load(text), table) for text, table in EXAMPLES if "policy_windows:" in text]


def rows_of(table: str) -> list[list[str]]:
    heading, _line, *lines = (line.strip("| ").split(" | ") for line in table.splitlines())
    assert heading == ["at (UTC)", "open"]
    return lines


CASES = [(policy, moment, answer) for policy, table in POLICIES for moment, answer in rows_of(table)]


@pytest.mark.parametrize(
    ("policy", "moment", "answer"), CASES, ids=[f"{moment} {answer}" for _policy, moment, answer in CASES]
)
def test_the_tables_are_what_comes_out(policy: dict[str, Any], moment: str, answer: str) -> None:
    question = Question(
        policy["policy_windows"],
        blackouts=policy.get("policy_blackouts"),
        time_zone=policy.get("policy_time_zone"),
    )
    opening = question.current(parse_moment(f"{moment}Z", option="now"))
    assert (f"{opening.name} until {opening.closes:%Y-%m-%d %H:%M}" if opening else "nothing") == answer
    for impact in policy.get("policy_impacts", {}).values():
        require_impact(impact, what="The impact")


def test_every_policy_is_shown_with_what_comes_out() -> None:
    assert len(POLICIES) == GUIDE.count("policy_windows:\n") == 7
    assert all(table for _policy, table in POLICIES)


def test_the_approvers_are_read() -> None:
    texts = [text for text, _table in EXAMPLES if "policy_approvers:" in text]
    assert [[one.name for one in parse_approvers(yaml.safe_load(text)["policy_approvers"])] for text in texts] == [
        ["Ada Moreau", "Ben Okafor"],
        ["Ada Moreau"],
    ]


@pytest.mark.parametrize("guide", [GUIDE, README], ids=["windows", "run_open"])
def test_the_commands_give_their_variables_whole(guide: str) -> None:
    """Ansible takes apart at its spaces what the shell hands it: quotation marks for the shell alone are lost."""
    commands = re.findall(r"^    (ansible-playbook (?:.*\\\n)*.*)$", guide, flags=re.MULTILINE)
    given = [
        parse_kv(after) for command in commands for before, after in pairwise(shlex.split(command)) if before == "-e"
    ]
    assert any(" " in variables.get("run_open_approved_by", "") for variables in given)
    assert [variables for variables in given if len(variables) != 1] == []


def test_the_filters_and_the_test_are_those_there_are() -> None:
    named = {*filters.FilterModule().filters(), *jinja_tests.TestModule().tests()}
    assert set(re.findall(r"careops\.maintenance\.(\w+)", GUIDE)) <= named
    assert all(f"`{name}`" in GUIDE for name in named)
    tasks = yaml.safe_load(EXAMPLES[-1][0])
    assert [task["name"].split()[0] for task in tasks] == ["Restart", "Say"]
