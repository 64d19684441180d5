"""The rules of the house, as tests: what docs/architecture.md says of modules, roles, contract and repository."""

from __future__ import annotations

import copy
import importlib
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from ansible.module_utils import basic
from ansible.module_utils.common.arg_spec import ModuleArgumentSpecValidator

from ansible_collections.careops.maintenance.plugins.module_utils import findings as contract
from tests.lab.modules import ROOT, SCHEMA, VALIDATOR

COLLECTION = "careops.maintenance"
MODULES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py"))
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir() if path.is_dir())
SCALARS: dict[str, Any] = {
    "str": str,
    "path": str,
    "raw": object,
    "bool": bool,
    "int": int,
    "list": list,
    "dict": dict,
    "float": (int, float),
}


# Modules


class Captured(Exception):
    """Ends a module where it would begin to work, with what it asked AnsibleModule for."""

    def __init__(self, **wishes: Any) -> None:
        super().__init__()
        self.wishes = wishes


@pytest.fixture(scope="module")
def documentation() -> dict[str, Any]:
    """What ansible-doc says of every module, fragments included."""
    names = [f"{COLLECTION}.{name}" for name in MODULES]
    done = subprocess.run(["ansible-doc", "--json", *names], cwd=ROOT, capture_output=True, text=True, check=True)
    content: dict[str, Any] = json.loads(done.stdout)
    return content


def wishes_of(name: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The arguments that the module hands to AnsibleModule."""

    def capture(_self: object, argument_spec: dict[str, Any], **more: Any) -> None:
        raise Captured(argument_spec=argument_spec, **more)

    monkeypatch.setattr(basic.AnsibleModule, "__init__", capture)
    module = importlib.import_module(f"ansible_collections.{COLLECTION}.plugins.modules.{name}")
    with pytest.raises(Captured) as caught:
        module.main()
    wishes: dict[str, Any] = caught.value.wishes
    return wishes


def test_the_action_group_has_every_module() -> None:
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())
    assert runtime["action_groups"]["maintenance"] == MODULES


def test_what_takes_a_deadline_is_handed_one() -> None:
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())
    takes = [
        name
        for name in MODULES
        if f"{COLLECTION}.deadline" in (ROOT / "plugins" / "modules" / f"{name}.py").read_text()
    ]
    assert runtime["action_groups"]["bounded"] == takes


@pytest.mark.parametrize("name", MODULES)
def test_a_module_supports_check_mode(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert wishes_of(name, monkeypatch).get("supports_check_mode") is True


@pytest.mark.parametrize("name", MODULES)
def test_documented_options_are_the_options(
    name: str, documentation: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = wishes_of(name, monkeypatch)["argument_spec"]
    documented = documentation[f"{COLLECTION}.{name}"]["doc"]["options"]
    assert facts_of(documented, below="suboptions") == facts_of(spec, below="options")


def facts_of(options: dict[str, Any], *, below: str) -> dict[str, Any]:
    """What documentation and argument spec both say of options, in one form."""
    return {
        name: {
            "type": option.get("type", "str"),
            "elements": option.get("elements"),
            "default": option.get("default"),
            "required": bool(option.get("required", False)),
            "choices": list(option.get("choices") or []),
            "options": facts_of(option.get(below) or {}, below=below),
        }
        for name, option in options.items()
    }


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_are_valid(name: str, documentation: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    wishes = wishes_of(name, monkeypatch)
    rules = ("mutually_exclusive", "required_together", "required_one_of", "required_if", "required_by")
    validator = ModuleArgumentSpecValidator(wishes["argument_spec"], **{rule: wishes.get(rule) for rule in rules})
    examples = list(tasks_in(yaml.safe_load(documentation[f"{COLLECTION}.{name}"]["examples"])))
    calls = [task[f"{COLLECTION}.{name}"] or {} for task in examples if f"{COLLECTION}.{name}" in task]
    assert calls, "no example calls the module"
    for call in calls:
        result = validator.validate(filled(call, wishes["argument_spec"]))
        assert result.error_messages == []


@pytest.fixture(scope="module")
def manual() -> dict[str, str]:
    """What ansible-doc shows of every module."""
    names = [f"{COLLECTION}.{name}" for name in MODULES]
    done = subprocess.run(
        ["ansible-doc", *names],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0", "COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    pages = re.split(r"^> MODULE ", done.stdout, flags=re.MULTILINE)[1:]
    return {page.split()[0].rpartition(".")[2]: page for page in pages}


@pytest.mark.parametrize("name", MODULES)
def test_ansible_doc_shows_the_whole_module(name: str, manual: dict[str, str], documentation: dict[str, Any]) -> None:
    page, said = manual[name], documentation[f"{COLLECTION}.{name}"]
    assert re.findall(r"^(OPTIONS|EXAMPLES|RETURN VALUES)", page, flags=re.MULTILINE) == [
        "OPTIONS",
        "EXAMPLES",
        "RETURN VALUES",
    ]
    for option in [*said["doc"]["options"], *said["return"], *said["return"]["details"]["contains"]]:
        assert re.search(rf"^ *[-=]? *{option}\b", page, flags=re.MULTILINE), option
    # What it cannot read, it shows as it stands.
    assert re.search(r"\b[BCEILMOPRUV]{1,2}\(", page.partition("EXAMPLES:")[0]) is None


@pytest.mark.parametrize("name", MODULES)
def test_the_contract_is_documented(name: str, documentation: dict[str, Any]) -> None:
    returned = documentation[f"{COLLECTION}.{name}"]["return"]
    assert {"findings", "actions", "summary", "details"} <= set(returned) <= {*SCHEMA["properties"]}
    for key in ("findings", "actions", "summary"):
        assert returned[key]["returned"] == "always"


def filled(call: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    """The call with templates replaced by something of the option's type."""
    samples = {"int": 1, "float": 1.0, "bool": True, "list": [], "dict": {}}
    complete = {}
    for name, value in call.items():
        option = spec.get(name, {})
        sample = (option.get("choices") or [samples.get(option.get("type", "str"), "x")])[0]
        complete[name] = sample if isinstance(value, str) and "{{" in value else value
    return complete


def tasks_in(content: Any) -> Iterator[dict[str, Any]]:
    """Every task of a playbook or a task file, those in blocks too."""
    for entry in content or []:
        yield entry
        for part in ("tasks", "pre_tasks", "post_tasks", "handlers", "block", "rescue", "always"):
            yield from tasks_in(entry.get(part))


@pytest.mark.parametrize("path", sorted((ROOT / "plugins").rglob("*.py")), ids=lambda path: path.name)
def test_files_stay_readable(path: Path) -> None:
    # What a module says of itself is no code.
    code = re.sub(
        r'^(DOCUMENTATION|EXAMPLES|RETURN) = r"""$.*?^"""$', "", path.read_text(), flags=re.DOTALL | re.MULTILINE
    )
    assert len(code.splitlines()) <= (150 if path.parent.name == "modules" else 300)


# Roles


def role_file(role: str, *parts: str) -> Any:
    path = ROOT.joinpath("roles", role, *parts)
    return yaml.safe_load(path.read_text()) if path.exists() else {}


ENTRIES = [
    (role, entry, spec)
    for role in ROLES
    for entry, spec in (role_file(role, "meta", "argument_specs.yml").get("argument_specs") or {}).items()
]


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_its_papers(role: str) -> None:
    entries = {entry for name, entry, spec in ENTRIES if name == role}
    assert "main" in entries
    assert "check" in entries or not (ROOT / "roles" / role / "tasks" / "check.yml").exists()
    assert (ROOT / "roles" / role / "README.md").exists()
    assert role_file(role, "meta", "main.yml")["galaxy_info"]["min_ansible_version"] == "2.16"


@pytest.mark.parametrize(("role", "entry", "spec"), ENTRIES, ids=[f"{role}-{entry}" for role, entry, spec in ENTRIES])
def test_inputs_are_the_defaults(role: str, entry: str, spec: dict[str, Any]) -> None:
    defaults = role_file(role, "defaults", "main.yml")
    options = spec.get("options", {})
    needed = {name for name, option in options.items() if option.get("required")}
    assert (ROOT / "roles" / role / "tasks" / f"{entry}.yml").exists()
    assert set(options) - needed <= set(defaults) <= set(options)
    for name, option in options.items():
        assert name.startswith(f"{role}_")
        assert "default" not in option, f"{name}: defaults stand in defaults/main.yml alone"
        assert option.get("description"), name
        value = defaults.get(name)
        if value is None or (isinstance(value, str) and "{{" in value):
            continue
        assert isinstance(value, SCALARS[option["type"]]), name
        assert option["type"] not in ("int", "float") or not isinstance(value, bool), name
        if option.get("choices") and value not in ("", []):
            assert set(value if isinstance(value, list) else [value]) <= set(option["choices"]), name


@pytest.mark.parametrize("role", ROLES)
def test_every_entry_point_has_the_same_inputs(role: str) -> None:
    named = {entry: spec["options"] for name, entry, spec in ENTRIES if name == role}
    for options in named.values():
        assert options == named["main"]


@pytest.mark.parametrize("role", ROLES)
def test_role_inputs_get_no_second_default(role: str) -> None:
    # An option that is left out where an input is empty is no second default.
    pattern = re.compile(rf"(?<!_)\b{role}_\w+\s*\|\s*(default|d)\((?!omit\b)")
    folder = ROOT / "roles" / role
    for path in [*folder.rglob("*.yml"), *folder.rglob("*.j2")]:
        assert pattern.search(path.read_text()) is None, path


@pytest.mark.parametrize("role", ROLES)
def test_names_of_a_role_carry_its_name(role: str) -> None:
    for path in sorted((ROOT / "roles" / role).glob("*/*.yml")):
        if path.parent.name not in ("tasks", "handlers"):
            continue
        for task in tasks_in(yaml.safe_load(path.read_text())):
            # Ansible's own, such as the interpreter of a task, are nobody's.
            own = ("ansible_", f"__{role}_", f"{role}_")
            wrong = [name for name in names_set_by(task) if not name.startswith(own)]
            assert wrong == [], f"{path}: {task.get('name')}"


def names_set_by(task: dict[str, Any]) -> set[str]:
    """The variables that a task makes; those handed to another role are that role's."""
    included = task.get("ansible.builtin.include_role") or task.get("ansible.builtin.import_role") or {}
    other = str(included.get("name", "")).rpartition(".")[2]
    names = {name for name in task.get("vars") or {} if not (other and name.startswith(f"{other}_"))}
    names |= set(task.get("ansible.builtin.set_fact") or {}) - {"cacheable"}
    names |= {task["register"]} if "register" in task else set()
    control = task.get("loop_control") or {}
    return names | {control[key] for key in ("loop_var", "index_var") if key in control}


# The contract


def example() -> dict[str, Any]:
    """A result with everything in it that the contract knows."""
    result = contract.build_result(
        [
            contract.Finding(
                check="certificate.expiry",
                subject="/etc/portal.pem",
                status="warning",
                message="The certificate ends in 9 days; renew it.",
                value=9,
                unit="days",
                threshold=30,
                evidence={"issuer": "authority"},
                controls=("hipaa:164.312(e)",),
            )
        ],
        [
            contract.Action(
                action="reindex",
                target="clinic.i",
                changed=True,
                outcome="done",
                before={"b": 2},
                after={"b": 1},
                seconds=0.5,
            ),
            contract.Action(
                action="vacuum", target="clinic.t", changed=False, outcome="skipped", reason="It is locked."
            ),
            contract.Action(
                action="analyze", target="clinic.t", changed=False, outcome="failed", reason="It is locked."
            ),
        ],
        seconds=1.5,
        details={"anything": [1]},
        diff={"before": "a", "after": "b"},
    )
    return {**result, "warnings": ["A warning."]}


def test_the_example_holds() -> None:
    VALIDATOR.validate(example())
    VALIDATOR.validate({**example(), "failed": True, "msg": "It went wrong; do this."})


def test_schema_and_python_have_the_same_closed_lists() -> None:
    parts = SCHEMA["$defs"]
    assert tuple(parts["finding"]["properties"]["status"]["enum"]) == contract.STATUSES
    assert tuple(parts["finding"]["properties"]["unit"]["enum"]) == contract.UNITS
    assert tuple(parts["action"]["properties"]["outcome"]["enum"]) == contract.OUTCOMES
    assert tuple(parts["summary"]["properties"]["worst"]["enum"]) == contract.STATUSES
    assert tuple(parts["summary"]["properties"]["counts"]["required"]) == contract.STATUSES


GONE = object()
MUTATIONS: list[tuple[str, object]] = [
    ("surprise", 1),
    ("changed", "yes"),
    ("changed", GONE),
    ("findings", GONE),
    ("findings", {}),
    ("actions", GONE),
    ("summary", GONE),
    ("details", []),
    ("warnings", [""]),
    ("failed", True),
    ("failed", False),
    ("msg", "It went wrong."),
    ("diff.after", GONE),
    ("diff.surprise", "x"),
    ("findings.0.surprise", 1),
    ("findings.0.check", GONE),
    ("findings.0.check", "expiry"),
    ("findings.0.check", "Certificate.Expiry"),
    ("findings.0.subject", GONE),
    ("findings.0.subject", ""),
    ("findings.0.status", GONE),
    ("findings.0.status", "bad"),
    ("findings.0.status", "OK"),
    ("findings.0.message", GONE),
    ("findings.0.message", ""),
    ("findings.0.message", "two\nlines"),
    ("findings.0.message", "x" * 1001),
    ("findings.0.value", "9"),
    ("findings.0.value", True),
    ("findings.0.value", GONE),
    ("findings.0.unit", "fortnights"),
    ("findings.0.threshold", "30"),
    ("findings.0.evidence", ["issuer"]),
    ("findings.0.controls", [1]),
    ("findings.0.controls", [""]),
    ("actions.0.surprise", 1),
    ("actions.0.action", GONE),
    ("actions.0.action", "Re-index"),
    ("actions.0.target", GONE),
    ("actions.0.target", ""),
    ("actions.0.changed", GONE),
    ("actions.0.changed", 1),
    ("actions.0.outcome", GONE),
    ("actions.0.outcome", "maybe"),
    ("actions.0.before", 2),
    ("actions.0.seconds", -1),
    ("actions.0.seconds", "0.5"),
    ("actions.1.changed", True),
    ("actions.1.reason", GONE),
    ("actions.1.reason", ""),
    ("actions.2.reason", GONE),
    ("summary.worst", GONE),
    ("summary.worst", "fine"),
    ("summary.seconds", -0.1),
    ("summary.surprise", 1),
    ("summary.counts.warning", GONE),
    ("summary.counts.warning", -1),
    ("summary.counts.warning", 0.5),
    ("summary.counts.surprise", 1),
]


@pytest.mark.parametrize(("place", "value"), MUTATIONS, ids=[f"{place}={value!r:.20}" for place, value in MUTATIONS])
def test_a_mutated_result_is_refused(place: str, value: object) -> None:
    result: Any = copy.deepcopy(example())
    *way, last = [int(step) if step.isdigit() else step for step in place.split(".")]
    target = result
    for step in way:
        target = target[step]
    if value is GONE:
        del target[last]
    else:
        target[last] = value
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(result)


# The repository

# With a class in each, so that this file is not what they find.
UNWANTED = {
    "work that is left": r"\b(T[O]DO|F[I]XME|X[X]X)\b",
    "a path of one machine": r"/w[o]rk/|/tmp/s[e]tup|/opt/(p[y]pi|w[h]eels)|\.p[y]env",
    "a package server": r"//(deb|security|snapshot)\.d[e]bian\.org|//(files\.)?p[y]pi|registry\.n[p]mjs",
}


def tracked() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    return [ROOT / name for name in done.stdout.split("\0") if name]


@pytest.mark.parametrize("what", UNWANTED)
def test_the_repository_is_free_of(what: str) -> None:
    pattern = re.compile(UNWANTED[what])
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in tracked()
        if path.is_file() and path.suffix not in (".png", ".svg")
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []
