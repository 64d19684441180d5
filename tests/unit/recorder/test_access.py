"""The nested run gets what leads to the hosts, without showing what was kept from others' eyes."""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible.cli.playbook import PlaybookCLI

from ansible_collections.careops.maintenance.plugins.plugin_utils import closing

LINES = [
    "--user=ops",
    "--connection=ssh",
    "--timeout=7",
    "--private-key=/keys/ops",
    "--connection-password-file=/keys/password",
    "--ssh-common-args=-C",
    "--ssh-extra-args=-o ControlPath=none",
    "--scp-extra-args=-l 100",
    "--sftp-extra-args=-f",
    "--become-method=su",
    "--become-user=records",
    "--become-password-file=/keys/become",
    "--vault-id=dev@/keys/dev",
    "--vault-password-file=/keys/vault",
    "--become",
    "--check",
]


@pytest.fixture(autouse=True)
def before_2_19(monkeypatch: pytest.MonkeyPatch) -> None:
    """Later ones hand vault passwords on without any option."""
    monkeypatch.setattr(closing, "KNOWN_SECRETS", None)


def parsed(words: list[str]) -> Mapping[str, Any]:
    """What Ansible itself makes of a command line."""
    command = PlaybookCLI(["ansible-playbook", *words, "x.yml"])
    command.init_parser()
    options: dict[str, Any] = vars(command.parser.parse_args(command.args[1:]))
    return options


@pytest.mark.parametrize("line", LINES)
def test_every_option_that_leads_to_hosts_comes_back(line: str, tmp_path: Path) -> None:
    nested = closing.access(parsed([line]), str(tmp_path))
    assert line in nested
    assert parsed(nested) == parsed([line])


def test_all_of_them_together(tmp_path: Path) -> None:
    words = ["--inventory=/inventories/one", "--inventory=a,b", *LINES]
    assert set(words) <= set(closing.access(parsed(words), str(tmp_path)))


@pytest.mark.parametrize("asked", ["prompt", "dev@prompt", "dev@prompt_ask_vault_pass"])
def test_nobody_is_asked_again(asked: str, tmp_path: Path) -> None:
    words = [f"--vault-id={asked}", "--vault-id=dev@prompts/dev", "--ask-pass", "--ask-become-pass"]
    nested = closing.access(parsed(words), str(tmp_path))
    assert [word for word in nested if "vault" in word or "ask" in word] == ["--vault-id=dev@prompts/dev"]


@pytest.mark.parametrize(
    ("given", "content"),
    [
        ("word='a b' other=yes", {"word": "a b", "other": "yes"}),
        ("word={{ x }}", {"word": "{{ x }}"}),
        ('{"word": ["a", 1, true]}', {"word": ["a", 1, True]}),
    ],
)
def test_extra_variables_go_into_a_file_of_our_own(given: str, content: dict[str, Any], tmp_path: Path) -> None:
    (option,) = (word for word in closing.access({"extra_vars": [given]}, str(tmp_path)))
    assert option.startswith(f"--extra-vars=@{tmp_path}/")
    file = Path(option.partition("@")[2])
    assert json.loads(file.read_text()) == content
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("given", ["@/policy/vars.yml", ""])
def test_files_of_extra_variables_stay_where_they_are(given: str, tmp_path: Path) -> None:
    assert closing.access({"extra_vars": (given,)}, str(tmp_path)) == [f"--extra-vars={given}"]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (
            "ERROR! Attempting to decrypt but no vault secrets found\n",
            "Attempting to decrypt but no vault secrets found",
        ),
        ("[ERROR]: The file is gone.\nOrigin: x.yml:3:7\n\n3 - y\n", "The file is gone"),
        (
            "[WARNING]: old\nfatal: [localhost]: FAILED! =>\n    changed: false\n    msg: The journal is gone.\n\n"
            "PLAY RECAP ****\nlocalhost : ok=1 failed=1\n",
            "The journal is gone",
        ),
        (
            "fatal: [localhost]: FAILED! =>\n    msg: 'The run has\n        no record: closing failed.'\n    rc: 1\n",
            "The run has no record: closing failed",
        ),
        ('fatal: [localhost]: FAILED! => {"changed": false, "msg": "No space left"}\n\nPLAY RECAP\n', "No space left"),
        ("Segmentation fault\n\n", "Segmentation fault"),
        ("", "it ended without a word"),
    ],
)
def test_the_last_error_is_the_reason(log: str, reason: str) -> None:
    assert closing.last_error(log) == reason


class Deaf:
    """A display whose terminal is gone."""

    def display(self, *_words: str, **_options: Any) -> None:
        raise OSError(5, "Input/output error")

    warning = display


def test_a_display_that_is_gone_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closing, "_ignore_interrupts", lambda: None)
    closing.close_interrupted(str(tmp_path / "gone"), Deaf())
    closing.show(str(tmp_path), Deaf())
    assert signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
