# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Glue between Ansible and module_utils.report."""

from __future__ import annotations

DOCUMENTATION = r"""
module: run_report
short_description: Write the report and the metrics of a run
version_added: "0.1.0"
author:
  - careops contributors (@careops)
description:
  - Reads the record of a run (C(record.json)) and its findings (C(findings.jsonl)).
  - Writes C(report.html), one file that loads nothing from anywhere, and C(metrics.prom) in the text format
    of Prometheus, for the textfile collector of node_exporter. Both appear whole or not at all.
  - Returns the same in a screenful of plain text.
options:
  path:
    description: Directory of the run. The files are written there as well.
    type: path
    required: true
  template:
    description:
      - Jinja2 template of the HTML report.
      - The role P(careops.maintenance.run_close#role) brings one.
    type: path
    required: true
attributes:
  check_mode:
    support: full
    description: Reads and renders everything, but writes no file.
  platform:
    platforms: posix
    support: full
    description: Runs on the controller.
extends_documentation_fragment:
  - careops.maintenance.contract
requirements:
  - Jinja2
  - pygal, for the charts; without it the report says that they are missing
seealso:
  - module: careops.maintenance.run_record
  - module: careops.maintenance.send_notice
"""

EXAMPLES = r"""
- name: Write the report of a run
  careops.maintenance.run_report:
    path: /var/lib/careops/runs/20261121T020000Z-weekly-3f9a1c
    template: "{{ role_path }}/templates/report.html.j2"
  delegate_to: localhost
  register: report

- name: Show it
  ansible.builtin.debug:
    msg: "{{ report.details.text.splitlines() }}"
"""

RETURN = r"""
findings:
  description: None; what is worth a word about the report is in RV(details.remarks).
  returned: always
  type: list
  elements: dict
actions:
  description: None; a report changes nothing that is maintained.
  returned: always
  type: list
  elements: dict
summary:
  description: The gravest status, the number of findings of each status, and the seconds of work.
  returned: always
  type: dict
details:
  description: The files, and the report in plain text.
  returned: success
  type: dict
  contains:
    report:
      description: Path of the HTML report.
      type: str
      sample: /var/lib/careops/runs/20261121T020000Z-weekly-3f9a1c/report.html
    metrics:
      description: Path of the metrics.
      type: str
      sample: /var/lib/careops/runs/20261121T020000Z-weekly-3f9a1c/metrics.prom
    written:
      description: Whether the files were written; not in check mode.
      type: bool
    outcome:
      description: The verdict, V(ok), V(attention) or V(failed).
      type: str
      sample: attention
    remarks:
      description: One sentence for each thing that the report could not show, also told in the report itself.
      type: list
      elements: str
    text:
      description: The report in a screenful of plain text.
      type: str
"""

import contextlib
import glob
import os

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.errors import MaintenanceError
from ..module_utils.files import write_atomic
from ..module_utils.glue import Outcome, conclude
from ..module_utils.report.html import render_html
from ..module_utils.report.metrics import render_metrics
from ..module_utils.report.source import read
from ..module_utils.report.text import render_text

MODE = 0o640


def write_report(folder: str, *, template: str, check_mode: bool) -> Outcome:
    """Renders all three forms, and writes the two that are files. Raises MaintenanceError."""
    source = read(folder)
    try:
        with open(template, encoding="utf-8") as stream:
            page, remarks = render_html(source, template=stream.read())
    except OSError as error:
        raise MaintenanceError(
            f"The report's template {template} could not be read: {error.strerror}; give the path of one."
        ) from None
    report, metrics = os.path.join(folder, "report.html"), os.path.join(folder, "metrics.prom")
    contents = {report: page, metrics: render_metrics(source.record, source.findings)}
    if not check_mode:
        _clear_leftovers(folder)
        for path, content in contents.items():
            _write(path, content)
    return Outcome(
        details={
            "report": report,
            "metrics": metrics,
            "written": not check_mode,
            "outcome": source.record["verdict"]["outcome"],
            "remarks": remarks,
            "text": render_text(source.record, report_path=report),
        }
    )


def _clear_leftovers(folder: str) -> None:
    """Removes what an earlier writer left that was killed in the middle."""
    for name in ("report.html", "metrics.prom"):
        for leftover in glob.glob(os.path.join(glob.escape(folder), f".{name}.*.partial")):
            with contextlib.suppress(OSError):
                os.unlink(leftover)


def _write(path: str, content: str) -> None:
    try:
        write_atomic(path, content.encode("utf-8"), mode=MODE)
    except OSError as error:
        raise MaintenanceError(
            f"The file {path} could not be written: {error.strerror}; make room or give access, then run again."
        ) from None


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "template": {"type": "path", "required": True},
        },
        supports_check_mode=True,
    )
    conclude(
        module,
        lambda: write_report(module.params["path"], template=module.params["template"], check_mode=module.check_mode),
    )


if __name__ == "__main__":
    main()
