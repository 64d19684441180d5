"""docs/systems: each table names what exists, and says of it what is true."""

from __future__ import annotations

import re

import pytest

from tests.unit.inventories import systems

STATES = ("yes", "by hand", "other tool", "not yet")
# Lines of each document, and those of its rows may cover.
LENGTHS = {"neonpro": 222, "smartmed": 255, "hysio": 2315, "trusted_login": 158, "guide": 241}


@pytest.mark.parametrize("system", systems.SYSTEMS)
def test_the_tables_name_variables_that_are_set(system: str) -> None:
    known = systems.names(system) | systems.inputs()
    for row in systems.rows(system):
        for name in row.names(""):
            variable = re.split(r"[.\[]", name)[0]
            assert variable in known, f"{row.line}: {name}"
            # A variable of the inventory is set there, and not only an input that somebody could set.
            if not variable.startswith("run_open_"):
                assert variable in systems.names(system), f"{row.line}: {name} is not in the inventory"


@pytest.mark.parametrize("system", systems.SYSTEMS)
def test_the_tables_name_tasks_and_procedures_that_exist(system: str) -> None:
    tasks = {task["task"]: task for task in systems.policy(system)["policy_calendar"]}
    for row in systems.rows(system):
        assert set(row.names("task")) <= set(tasks), row.line
        for procedure in row.names("procedure"):
            assert procedure in systems.ROLES, row.line
            assert systems.hosts(system, procedure), row.line


@pytest.mark.parametrize("system", systems.SYSTEMS)
def test_what_is_said_to_be_covered_is_covered(system: str) -> None:
    tasks = {task["task"]: task for task in systems.policy(system)["policy_calendar"]}
    for row in systems.rows(system):
        assert row.covered in STATES or row.covered.startswith("partly: "), f"{row.line}: {row.covered}"
        named = [tasks[name] for name in row.names("task")]
        work = {task["work"] for task in named}
        exists = [task["procedure"] in systems.ROLES for task in named if task["work"] == "automated"]
        if row.covered == "by hand":
            assert "manual" in work, row.line
        elif row.covered == "other tool":
            assert "external" in work, row.line
        elif row.covered == "yes":
            assert all(exists), f"{row.line}: {row.asks}"
            assert row.names("") or row.names("procedure") or "record" in row.carried_by or exists, row.line
        elif row.covered == "not yet":
            assert not any(exists) or not all(exists), f"{row.line}: {row.asks}"


@pytest.mark.parametrize("system", systems.SYSTEMS)
def test_every_task_is_in_a_table(system: str) -> None:
    named = {name for row in systems.rows(system) for name in row.names("task")}
    tasks = {task["task"] for task in systems.policy(system)["policy_calendar"]}
    assert tasks - named == set()


@pytest.mark.parametrize("system", systems.SYSTEMS)
def test_lines_are_lines_of_the_document(system: str) -> None:
    for row in systems.rows(system):
        assert re.fullmatch(r"\d+(-\d+)?(, \d+(-\d+)?)*", row.line), row.line
        for part in row.line.split(", "):
            first, _dash, last = part.partition("-")
            assert int(first) <= int(last or first) <= LENGTHS[system]
