# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Glue between Ansible and module_utils.notices."""

from __future__ import annotations

DOCUMENTATION = r"""
module: send_notice
short_description: Tell people about maintenance by mail, webhook, SMS and status page
version_added: "0.1.0"
author:
  - careops contributors (@careops)
description:
  - Composes a notice from the record of a run, and sends it by every channel at once.
  - A channel that is dead neither stops the run nor is passed over in silence. The module does not fail;
    the finding V(notice.delivery) is a warning, and critical where no channel at all got through.
  - Passwords, tokens, keys and the addresses of webhooks appear in no finding, error or log.
  - Each notice carries an identity that stays the same when it is tried again, as C(Message-ID) or
    C(Idempotency-Key), so that a receiver can tell a notice that came twice.
options:
  event:
    description:
      - What happened. It goes to every channel that takes the event; V(finish) to those that take the outcome as well.
      - V(start), V(finish) and V(failure) tell of a run, V(emergency) of one that is an emergency, V(approval) of one
        that somebody allowed outside the windows.
      - V(advance), V(reminder) and V(cancel) tell of an opening of a window, V(escalation) that nobody has answered;
        M(careops.maintenance.notice_plan) composes these.
    type: str
    choices: [start, finish, failure, emergency, approval, advance, reminder, cancel, escalation]
  prepared:
    description:
      - Notices that are composed already, in place of O(event), as M(careops.maintenance.notice_ledger) returns them,
        each with C(channels), the names of the channels to try.
    type: list
    elements: dict
  path:
    description:
      - Directory of the run. Its C(record.json) tells the outcome; where it is not there yet, O(run) has to do.
    type: path
  run:
    description:
      - What is known of the run while there is no record, with the names that the record uses
        (C(id), C(system), C(cadence), C(work_class), C(operator), C(ticket), C(started), C(check_mode), C(window),
        C(approval)).
    type: dict
    default: {}
  note:
    description: A sentence that the notice begins with.
    type: str
    default: ""
  report:
    description: Path or address by which a reader of the notice can open the report.
    type: str
    default: ""
  contacts:
    description: People to ask, each with C(name) and, where they are known, C(role), C(mail), C(phone) and C(deputy).
    type: raw
    default: []
  templates:
    description:
      - Folders of templates, C(EVENT.j2) each; the first folder that has one counts. The first line that a template
        gives is the subject, the rest the text.
      - A template that is broken becomes the finding V(notice.template), and the notice goes out in the module's words.
    type: list
    elements: path
    default: []
  escalate:
    description: Whether somebody has to acknowledge the notice, for V(emergency) and V(failure).
    type: bool
    default: false
  acknowledge:
    description: The command by which a reader does that; C({identity}) in it is the notice's identity.
    type: str
    default: ""
  queue:
    description:
      - V(follows) where whoever called queues what was not delivered (RV(details.queue)), and says what becomes of it;
        the module then says nothing of it.
      - V(failed) where that could not be done, and this is the last attempt.
    type: str
    choices: [none, follows, failed]
    default: none
  outcomes:
    description:
      - Outcomes that channels are told of at the end of a run, where they do not say so themselves.
      - Where it is empty, every end of a run whose beginning was told, and V(attention) and V(failed) of one that only
        looked.
      - A status page is told of every end, since it shows the maintenance until then.
    type: list
    elements: str
    choices: [ok, attention, failed]
    default: []
  faults:
    description:
      - Channels that policy has and nobody can use, as the filter P(careops.maintenance.notice_channels#filter) returns
        them; a notice for one of them counts as not delivered.
    type: list
    elements: dict
    default: []
  timeout:
    description: Seconds for each step on the network.
    type: float
    default: 5
  attempts:
    description: How often a channel is tried, where trying again may help.
    type: int
    default: 3
  deadline:
    description: Seconds after which the module goes on, whatever the channels do.
    type: float
    default: 20
  channels:
    description: Where the notice goes.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the channel, by which findings call it.
        type: str
        required: true
      kind:
        description:
          - What it is. V(sms) sends the subject through the HTTP interface of a gateway, one request a number.
          - V(statuspage) keeps one entry of a public page by the interface of Statuspage, and tells it nothing of
            hosts, findings and people.
        type: str
        choices: [mail, webhook, sms, statuspage]
        required: true
      events:
        description: Events it takes; all of them where it is not set.
        type: list
        elements: str
        choices: [start, finish, failure, emergency, approval, advance, reminder, cancel, escalation]
      outcomes:
        description: Outcomes it is told of at the end of a run, in place of O(outcomes).
        type: list
        elements: str
        choices: [ok, attention, failed]
      ca_cert:
        description: File of the certificate authorities to trust, where the system's are not meant.
        type: path
      host:
        description: Mail server (V(mail)).
        type: str
      port:
        description: Its port; 25, 587 or 465 by O(channels[].encryption) where it is not set (V(mail)).
        type: int
      encryption:
        description:
          - V(starttls) encrypts after connecting, V(tls) from the first byte (V(mail)).
          - With V(none), a password goes to the loopback address only.
        type: str
        choices: [none, starttls, tls]
        default: starttls
      username:
        description: Account at the mail server (V(mail)) or gateway (V(sms)).
        type: str
      password:
        description: Its password (V(mail), V(sms)).
        type: str
      password_env:
        description: Environment variable on the controller that holds the password (V(mail), V(sms)).
        type: str
      password_file:
        description: File on the controller that holds the password (V(mail), V(sms)).
        type: path
      sender:
        description: Address the mail is from (V(mail)), or name or number the message is from (V(sms)).
        type: str
      recipients:
        description: Addresses (V(mail)) or telephone numbers (V(sms)) it goes to.
        type: list
        elements: str
      url:
        description:
          - Address of the webhook (V(webhook)) or gateway (V(sms)), a secret. Redirects are not followed.
          - Of the interface of a status page (V(statuspage)); Statuspage's own where it is not set.
        type: str
      url_env:
        description: Environment variable on the controller that holds the address (V(webhook), V(sms), V(statuspage)).
        type: str
      url_file:
        description: File on the controller that holds the address (V(webhook), V(sms), V(statuspage)).
        type: path
      format:
        description:
          - V(json) posts the notice with the run, its summary and what needs attention (V(webhook)).
          - V(slack) posts what Slack, Mattermost, Rocket.Chat and others read.
        type: str
        choices: [json, slack]
        default: json
      token:
        description: Bearer token (V(webhook), V(sms)) or key (V(statuspage)) to send along.
        type: str
      token_env:
        description: Environment variable on the controller that holds the token (V(webhook), V(sms), V(statuspage)).
        type: str
      token_file:
        description: File on the controller that holds the token (V(webhook), V(sms), V(statuspage)).
        type: path
      token_header:
        description: Name of the header that carries the token; C(Authorization) sends it as a bearer token (V(sms)).
        type: str
        default: Authorization
      signing_key:
        description:
          - Key that signs each post, at least 16 characters (V(webhook)).
          - The header C(X-Careops-Signature) is C(t=SECONDS,v1=HEX), the HMAC-SHA256 of the seconds since 1970,
            a full stop and the body. A receiver should refuse posts that are older than a few minutes.
        type: str
      signing_key_env:
        description: Environment variable on the controller that holds the key (V(webhook)).
        type: str
      signing_key_file:
        description: File on the controller that holds the key (V(webhook)).
        type: path
      encoding:
        description: How the gateway reads its requests (V(sms)).
        type: str
        choices: [json, form]
        default: json
      fields:
        description:
          - What the gateway calls C(recipient), C(text) and C(sender) (V(sms)); V(to), V(text) and V(from) where it
            is not said.
        type: dict
        default: {}
      extra:
        description: Fields that the gateway wants besides, no secrets (V(sms)).
        type: dict
        default: {}
      page_id:
        description: Identifier of the page (V(statuspage)).
        type: str
      components:
        description: Identifiers of the page's components that the maintenance concerns (V(statuspage)).
        type: list
        elements: str
        default: []
      subscribers:
        description: Whether the page tells its subscribers (V(statuspage)).
        type: bool
        default: true
attributes:
  check_mode:
    support: full
    description: Sends nothing, and returns what would be sent as actions with the outcome V(planned).
  platform:
    platforms: posix
    support: full
    description: Runs on the controller.
extends_documentation_fragment:
  - careops.maintenance.contract
requirements:
  - requests, for all kinds but V(mail)
  - Jinja2, for templates
seealso:
  - module: careops.maintenance.run_report
"""

EXAMPLES = r"""
- name: Tell the team how the run ended
  careops.maintenance.send_notice:
    event: finish
    path: /var/lib/careops/runs/20261121T020000Z-weekly-3f9a1c
    report: https://records.clinic.example/runs/20261121T020000Z-weekly-3f9a1c/report.html
    channels:
      - name: operations
        kind: mail
        host: mail.clinic.example
        username: careops
        password_file: /etc/careops/mail.password
        sender: careops@clinic.example
        recipients: [operations@clinic.example]
        outcomes: [attention, failed]
      - name: chat
        kind: webhook
        format: slack
        url_env: CAREOPS_CHAT_URL
  delegate_to: localhost
"""

RETURN = r"""
findings:
  description: How delivery went, one finding V(notice.delivery) a channel.
  returned: always
  type: list
  elements: dict
actions:
  description: One action V(notify) a channel; V(skipped) where the channel does not take this notice.
  returned: always
  type: list
  elements: dict
summary:
  description: The gravest status, the number of findings of each status, and the seconds of work.
  returned: always
  type: dict
details:
  description: What was sent.
  returned: success
  type: dict
  contains:
    subject:
      description: Subject of the notice; left out for O(prepared).
      type: str
      sample: "clinic, weekly: Needs attention"
    body:
      description: Its text; left out for O(prepared).
      type: str
    delivered:
      description: Names of the channels that took it.
      type: list
      elements: str
      sample: [operations, chat]
    undelivered:
      description: Those that did not, each with C(channel) and C(reason).
      type: list
      elements: dict
    outcomes:
      description: For O(prepared), what became of each notice on each channel, for C(notice_ledger).
      type: list
      elements: dict
    queue:
      description:
        - What is to be kept for another try, or until somebody answers, for M(careops.maintenance.notice_ledger);
          empty where nothing is.
      type: list
      elements: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.glue import conclude
from ..module_utils.notices.arguments import ARGUMENTS, RULES
from ..module_utils.notices.delivery import Patience
from ..module_utils.notices.notify import notify


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True, **RULES)
    options = module.params
    patience = Patience(timeout=options["timeout"], attempts=options["attempts"], deadline=options["deadline"])
    conclude(module, lambda: notify(options, patience=patience, check_mode=module.check_mode))


if __name__ == "__main__":
    main()
