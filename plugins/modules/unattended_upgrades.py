# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: unattended_upgrades
short_description: Set up automatic security updates, and see what they leave undone
version_added: "0.1.0"
description:
  - Sets options of unattended-upgrades and of apt's daily work in one file of its own in C(/etc/apt/apt.conf.d),
    which apt reads after the distribution's files. What is not in O(settings) stays as it is, wherever it stands.
  - Then asks apt for the configuration that really holds, and says which file overrides a setting.
  - Counts pending security updates by the archive they come from. One that a newer ordinary update hides,
    a package on hold, on the blocklist, pinned or in need of a new package is counted as well, and named.
  - Also looks at the age of the security updates and of the package lists, at dpkg's state, and for a needed reboot.
  - Installs no update and reboots nothing.
  - On a host without apt it returns one finding with the status V(unknown), and does not fail.
options:
  settings:
    description: The settings to make. Each is optional, and what is left out is not touched.
    type: dict
    default: {}
    suboptions:
      enable:
        description: Whether apt does its daily work at all (C(APT::Periodic::Enable)).
        type: bool
      update_package_lists:
        description: Days between refreshes of the package lists, V(0) for never.
        type: int
      download_upgradeable_packages:
        description: Days between downloads of the updates ahead of their installation, V(0) for never.
        type: int
      unattended_upgrade:
        description: Days between runs of unattended-upgrades, V(0) for never.
        type: int
      autoclean_interval:
        description: Days between removals of outdated downloads, V(0) for never.
        type: int
      origins:
        description:
          - Archives that updates are installed from by themselves, in the patterns of unattended-upgrades
            (C(Unattended-Upgrade::Origins-Pattern)),
            for example V(origin=Debian,codename=${distro_codename},label=Debian-Security).
          - Replaces all such entries of other files, those of C(Unattended-Upgrade::Allowed-Origins) too.
        type: list
        elements: str
      package_blocklist:
        description:
          - Packages that are never updated by themselves (C(Unattended-Upgrade::Package-Blacklist)).
            Replaces the entries of other files.
          - Each is a Python regular expression that matches at the beginning of the name,
            so that V(libx) blocks C(libxml2) too; end it with V($) to mean just one package.
        type: list
        elements: str
      automatic_reboot:
        description: Whether the host reboots by itself where an update asks for it.
        type: bool
      automatic_reboot_with_users:
        description: Whether it does so while users are logged in.
        type: bool
      automatic_reboot_time:
        description: Time of day of that reboot, such as V(02:00), or V(now).
        type: str
      mail:
        description: Address that unattended-upgrades reports to; empty for none.
        type: str
      mail_report:
        description: When it reports.
        type: str
        choices: [always, on-change, only-on-error]
      log_to_syslog:
        description: Whether it logs to syslog as well.
        type: bool
      log_facility:
        description: Facility of those messages.
        type: str
        choices: [auth, authpriv, cron, daemon, kern, local0, local1, local2, local3, local4, local5, local6, local7,
          lpr, mail, news, syslog, user, uucp]
      remove_unused_dependencies:
        description: Whether all packages that nothing needs any more are removed.
        type: bool
      remove_new_unused_dependencies:
        description: Whether packages that nothing needs any more since this update are removed.
        type: bool
      remove_unused_kernel_packages:
        description: Whether kernels that are no longer used are removed.
        type: bool
      keep_debs_after_install:
        description: Whether downloaded packages are kept after their installation.
        type: bool
      minimal_steps:
        description: Whether packages are updated in the smallest steps, so that a shutdown can come in between.
        type: bool
      auto_fix_interrupted_dpkg:
        description: Whether an interrupted run of dpkg is finished first.
        type: bool
      debug:
        description: Whether the log is written in full detail.
        type: bool
      verbose:
        description: Whether more is written to the log.
        type: bool
  apply:
    description:
      - Whether the settings are written.
      - Where V(false) they are only compared, and each that differs is a finding.
    type: bool
    default: true
  file_name:
    description: Name of the file in C(/etc/apt/apt.conf.d). It must sort after C(50unattended-upgrades).
    type: str
    default: 90careops-unattended-upgrades
  root:
    description:
      - Folder in which the system begins, for images and containers that are not running.
      - Where it is not V(/), nothing is said of the running kernel and its services.
    type: path
    default: /
  security_origins:
    description:
      - Archives whose updates count as security updates, in the patterns of unattended-upgrades.
        One that matches is enough.
      - Where it is empty, those of the distribution; for Debian V(origin=Debian,label=Debian-Security),
        for Ubuntu the security pocket and those of ESM.
    type: list
    elements: str
    default: []
  security_update_objective:
    description: Hours within which a security update is to be installed.
    type: float
    default: 24
  lists_max_age:
    description: Days from which package lists are too old to be trusted.
    type: float
    default: 2
  refresh_after:
    description:
      - Refresh the package lists first, where they are older than so many hours.
      - Where it is not set they are never refreshed.
    type: float
  lock_timeout:
    description: Seconds to wait for another apt that refreshes the lists.
    type: int
    default: 60
requirements:
  - python3-apt, for the Python of the distribution. With another interpreter the module changes over by itself.
notes:
  - The age of a security update is known where it was downloaded ahead (O(settings.download_upgradeable_packages)),
    from the time that the archive gave to the file. Otherwise the date of the package list is its least age.
attributes:
  diff_mode:
    support: full
    description: Shows the file before and after.
extends_documentation_fragment:
  - careops.maintenance.attributes.acts
  - careops.maintenance.contract
  - careops.maintenance.deadline
  - careops.maintenance.moment
author:
  - careops contributors (@careops)
"""

EXAMPLES = r"""
- name: Set up automatic security updates, and see what is pending
  careops.maintenance.unattended_upgrades:
    settings:
      update_package_lists: 1
      download_upgradeable_packages: 1
      unattended_upgrade: 1
      autoclean_interval: 7
      origins:
        - origin=Debian,codename=${distro_codename},label=Debian-Security
        - origin=Debian,codename=${distro_codename}-security,label=Debian-Security
      package_blocklist:
        - postgresql
        - nginx
      automatic_reboot: false
      mail: security@clinic.example
      mail_report: always
  become: true

- name: Only look, and compare with policy
  careops.maintenance.unattended_upgrades:
    settings:
      automatic_reboot: false
    apply: false

- name: Count a vendor's security updates as well, with package lists of the last six hours
  careops.maintenance.unattended_upgrades:
    security_origins:
      - origin=Debian,label=Debian-Security
      - origin=Vendor,archive=*-security
    refresh_after: 6
  become: true
"""

RETURN = r"""
findings:
  description:
    - What was seen. Checks are C(apt.security_updates), C(apt.security_update_age), C(apt.updates), C(apt.held),
      C(apt.blocklist), C(apt.kept_back), C(apt.configuration), C(apt.dpkg), C(apt.reboot), C(apt.restart)
      and C(apt.lists_age).
  returned: always
  type: list
  elements: dict
  sample:
    - check: apt.security_updates
      subject: security updates
      status: warning
      message: "1 security update is pending: openssl 3.0.15-1~deb12u1; apply them in the next window."
      value: 1
      unit: count
      threshold: 1
actions:
  description: What was done, or in check mode would be; C(configure), C(remove) of a leftover, C(refresh).
  returned: always
  type: list
  elements: dict
  sample:
    - action: configure
      target: /etc/apt/apt.conf.d/90careops-unattended-upgrades
      changed: true
      outcome: done
      before: {automatic_reboot: "true"}
      after: {automatic_reboot: "false"}
summary:
  description: The gravest status, how many findings have each, and the seconds the work took.
  returned: always
  type: dict
  sample: {worst: warning, counts: {ok: 6, warning: 1, unknown: 0, critical: 0}, seconds: 0.9}
details:
  description: The settings that hold, and every pending update.
  returned: success
  type: dict
  contains:
    apt:
      description: Whether the host has apt.
      type: bool
    settings:
      description: The settings that hold after all files were read, by the names of O(settings), in apt's words.
      type: dict
    security_origins:
      description: The patterns by which security updates were told.
      type: list
      elements: str
    security_updates:
      description: Each pending security update with its versions, its archive, and what keeps it back.
      type: list
      elements: dict
    other_updates:
      description: Each other pending update.
      type: list
      elements: dict
    held:
      description: Packages on hold.
      type: list
      elements: str
"""

import os
import sys

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common import respawn

from ..module_utils.apt import job, packages, settings
from ..module_utils.apt.configure import Target, check_name
from ..module_utils.apt.reboot import RunningKernel
from ..module_utils.clock import now_or
from ..module_utils.deadline import LEFT, Deadline
from ..module_utils.findings import Action
from ..module_utils.glue import Outcome, conclude
from ..module_utils.runner import run

_TYPES = {"bool": {"type": "bool"}, "switch": {"type": "bool"}, "days": {"type": "int"}, "text": {"type": "str"}}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "settings": {"type": "dict", "default": {}, "options": _settings_spec()},
            "apply": {"type": "bool", "default": True},
            "file_name": {"type": "str", "default": "90careops-unattended-upgrades"},
            "root": {"type": "path", "default": "/"},
            "security_origins": {"type": "list", "elements": "str", "default": []},
            "security_update_objective": {"type": "float", "default": 24},
            "lists_max_age": {"type": "float", "default": 2},
            "refresh_after": {"type": "float"},
            "lock_timeout": {"type": "int", "default": 60},
            "deadline": {"type": "str", "default": ""},
            "now": {"type": "str"},
        },
        supports_check_mode=True,
    )
    _change_over(module.params["root"])
    conclude(module, lambda: _work(module))


def _settings_spec() -> dict[str, dict[str, object]]:
    spec: dict[str, dict[str, object]] = {
        setting.option: dict(_TYPES.get(setting.kind, {"type": "list", "elements": "str"}))
        for setting in settings.SETTINGS
    }
    spec["mail_report"]["choices"] = list(settings.MAIL_REPORTS)
    spec["log_facility"]["choices"] = list(settings.SYSLOG_FACILITIES)
    return spec


def _change_over(root: str) -> None:
    """python-apt is there for the distribution's Python alone: goes on with that one where this is another."""
    # Outside of Ansible's own wrapping there is nothing that could be started again.
    wrapped = hasattr(sys.modules["__main__"], "_module_fqn")
    if packages.apt_pkg is None and wrapped and not respawn.has_respawned() and job.apt_is_here(root):
        other = respawn.probe_interpreters_for_module(["/usr/bin/python3"], "apt_pkg")
        if other:
            respawn.respawn_module(other)


def _work(module: AnsibleModule) -> Outcome:
    params = module.params
    root = os.path.realpath(params["root"])
    kernel = os.uname()
    deadline = Deadline.from_options(params["deadline"], params["now"])
    late = deadline.passed
    request = job.Request(
        root=root,
        target=Target(root=root, name=check_name(params["file_name"])),
        wanted=settings.wanted_settings(params["settings"]),
        write=params["apply"] and not late,
        check_mode=module.check_mode,
        security_origins=params["security_origins"],
        objective=params["security_update_objective"],
        lists_warning=params["lists_max_age"],
        refresh_after=None if late else params["refresh_after"],
        lock_timeout=deadline.bound(params["lock_timeout"]) if params["lock_timeout"] else 0,
        running=RunningKernel(kernel.release, kernel.version) if root == "/" else None,
        privileged=os.geteuid() == 0,
    )
    outcome = job.work(request, run=run, now=now_or(params["now"]))
    differs = any(one.check == "apt.configuration" and one.status != "ok" for one in outcome.findings)
    if late and params["apply"] and differs:
        outcome.actions = [Action("configure", request.target.path, False, "skipped", reason=LEFT), *outcome.actions]
    return outcome


if __name__ == "__main__":
    main()
