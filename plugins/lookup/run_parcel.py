# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Glue between Ansible and module_utils.record.parcel."""

from __future__ import annotations

DOCUMENTATION = r"""
name: run_parcel
short_description: Pack a run on the controller for its way to the records host
version_added: "0.1.0"
author:
  - careops contributors (@careops)
description:
  - Packs the journal, the findings, the metrics, the report and the record of a closed run into one text.
  - The module M(careops.maintenance.maintenance_records) writes them to the folder of the run on the records host, so
    that a run is delivered in one call, however many files it has.
options:
  _terms:
    description: Folders of closed runs on the controller.
    type: list
    elements: path
    required: true
seealso:
  - module: careops.maintenance.maintenance_records
"""

EXAMPLES = r"""
- name: Deliver a run
  careops.maintenance.maintenance_records:
    state: file
    run: "{{ folder | basename }}"
    parcel: "{{ lookup('careops.maintenance.run_parcel', folder) }}"
  delegate_to: records1
  vars:
    folder: /home/ops/.careops/runs/20261121T020000Z-weekly-3f9a1c
"""

RETURN = r"""
_raw:
  description: A parcel for each folder.
  type: list
  elements: str
"""

from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ..module_utils.errors import MaintenanceError
from ..module_utils.record.parcel import pack


class LookupModule(LookupBase):
    """The lookup."""

    def run(self, terms: list[Any], variables: Any = None, **kwargs: Any) -> list[str]:
        """A parcel for each folder. Raises AnsibleLookupError where there is no closed run."""
        try:
            return [pack(str(term)) for term in terms]
        except MaintenanceError as error:
            raise AnsibleLookupError(str(error)) from error
