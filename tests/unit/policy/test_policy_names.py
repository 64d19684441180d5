"""The variables that roles share: each is read, listed for the opening of a run, and described."""

from __future__ import annotations

import re

import yaml

from tests.lab.modules import ROOT

NAME = re.compile(r"\bpolicy_[a-z_]+")


def names(*patterns: str) -> set[str]:
    return {name for pattern in patterns for path in ROOT.glob(pattern) for name in NAME.findall(path.read_text())}


def test_what_is_read_is_known_and_described() -> None:
    known = yaml.safe_load((ROOT / "roles/run_open/vars/main.yml").read_text())["__run_open_policy_names"]
    described = set(re.findall(r"^\| `(policy_\w+)` \|", (ROOT / "docs/policy.md").read_text(), flags=re.MULTILINE))
    assert names("roles/*/defaults/*.yml", "roles/*/tasks/*.yml", "playbooks/**/*.yml") == set(known) == described


def test_the_inventories_and_the_guides_use_no_others() -> None:
    known = yaml.safe_load((ROOT / "roles/run_open/vars/main.yml").read_text())["__run_open_policy_names"]
    used = names("inventories/**/*.yml", "molecule/**/*.yml", "docs/**/*.md", "README.md")
    assert {name for name in used if name.rstrip("_") == name} <= set(known)
