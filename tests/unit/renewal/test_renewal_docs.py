"""What docs/renewal.md shows and says is what there is."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.careops.maintenance.plugins.module_utils.renewal.arguments import ARGUMENT_SPEC, policy_from
from ansible_collections.careops.maintenance.plugins.module_utils.renewal.diagnose import CAUSES
from ansible_collections.careops.maintenance.plugins.module_utils.renewal.policy import MODES
from tests.lab.modules import ROOT

TEXT = (ROOT / "docs" / "renewal.md").read_text()
EXAMPLES: list[dict[str, Any]] = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)]


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_the_examples_make_sense(example: dict[str, Any]) -> None:
    checked = ArgumentSpecValidator(ARGUMENT_SPEC).validate({"certificates": example["certificates_renewals"]})
    assert checked.error_messages == []
    policy = policy_from(checked.validated_parameters, check_mode=False)
    policy.check()
    assert all(one.services and one.endpoints for one in policy.wanted if one.client == "command")


def test_the_tables_name_every_cause_and_mode() -> None:
    table = TEXT.partition("# What a failure says")[2]
    named = set(
        re.findall(r"`([a-z_]+)`", "\n".join(line.split("|")[1] for line in table.splitlines() if line[:3] == "| `"))
    )
    own = {"unknown", "invalid", "configuration", "activation", "roll_back", "waiting"}
    assert named == {cause.kind for cause in CAUSES} | own
    assert all(f"| `{mode}` |" in TEXT for mode in MODES)
