"""Runs the roles that tell people, in a folder of their own, with a records host that is this machine, or away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.modules import ROOT, run_module
from tests.lab.postgres import free_port


@dataclass(frozen=True)
class Done:
    """How a playbook ended. words: its output on one line, since Ansible breaks long ones."""

    code: int
    output: str

    @property
    def words(self) -> str:
        return " ".join(self.output.split())


class Controller:
    """The folder of a controller. records: where the records host keeps what it keeps."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.records = folder / "records"
        (folder / "ansible.cfg").write_text(f"[defaults]\ncollections_path = {ROOT / '.collections'}\n")

    def role(self, role: str, *, entry: str = "main", **more: Any) -> Done:
        """Runs an entry point of a role of the collection on localhost."""
        include = {"name": f"careops.maintenance.{role}", "tasks_from": entry}
        play = {"hosts": "localhost", "gather_facts": False, "tasks": [{"ansible.builtin.include_role": include}]}
        (self.folder / "play.yml").write_text(json.dumps([play]))
        return self.playbook("play.yml", **more)

    def playbook(self, name: str, **more: Any) -> Done:
        """Runs a playbook to its end, as ``start`` does."""
        process = self.start(name, **more)
        output, _errors = process.communicate(timeout=300)
        return Done(process.returncode, output)

    def start(
        self, name: str, *, settings: dict[str, Any], records: str = "local", arguments: tuple[str, ...] = ("-v",)
    ) -> subprocess.Popen[str]:
        """Starts a playbook, in a session of its own, with these variables in its inventory.

        records: the connection to the records host.
        """
        keeper = {
            "ansible_connection": records,
            "ansible_host": "127.0.0.1",
            "ansible_port": free_port(),
            "ansible_ssh_common_args": "-o ConnectTimeout=3 -o BatchMode=yes",
            "ansible_python_interpreter": sys.executable,
        }
        inventory = {
            "all": {
                "hosts": {"localhost": {"ansible_connection": "local"}, "keeper": keeper},
                "children": {"records": {"hosts": {"keeper": {}}}},
                "vars": {"policy_records_root": str(self.records), "policy_records_become": False, **settings},
            }
        }
        (self.folder / "inventory.json").write_text(json.dumps(inventory))
        return subprocess.Popen(
            [str(Path(sys.executable).parent / "ansible-playbook"), name, "-i", "inventory.json", *arguments],
            cwd=self.folder,
            env={
                **os.environ,
                "ANSIBLE_CONFIG": str(self.folder / "ansible.cfg"),
                "ANSIBLE_NOCOLOR": "1",
                "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def ledger(self) -> dict[str, dict[str, Any]]:
        """What the ledger has, by identity."""
        result = run_module("notice_ledger", {"root": str(self.records), "state": "listed"})
        return {one["identity"]: one for one in result["details"]["notices"]}
