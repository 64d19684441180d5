"""A module that uses the words of our contract for something else."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule

module = AnsibleModule(argument_spec={})
module.exit_json(changed=False, findings=[{"title": "x"}], actions="none", summary={"total": 1})
