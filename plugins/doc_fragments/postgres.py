# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  login_host:
    description: Host of the PostgreSQL server; the Unix socket where it is empty.
    type: str
    default: ""
  login_port:
    description: Port of the server.
    type: int
    default: 5432
  login_user:
    description: PostgreSQL role that does the work.
    type: str
    default: postgres
  login_password:
    description:
      - Password of O(login_user).
      - Better still, leave it out and let libpq read E(PGPASSWORD) or the file C(.pgpass).
    type: str
  login_unix_socket:
    description: Folder of the Unix socket, where it is not the default one.
    type: path
  ssl_mode:
    description: How the connection is encrypted, in libpq's words.
    type: str
    choices: [allow, disable, prefer, require, verify-ca, verify-full]
    default: prefer
  ca_cert:
    description: File of the certificate authorities that O(ssl_mode=verify-ca) and O(ssl_mode=verify-full) trust.
    type: path
  pg_bindir:
    description: Folder of the PostgreSQL client programs, where they are not in E(PATH).
    type: path
requirements:
  - psycopg2 >= 2.8
"""
