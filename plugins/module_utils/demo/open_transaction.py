# Copyright (c) 2026 careops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A report that somebody left open: holds a transaction on the database until it is ended.

Runs as a process of its own from a copy of this file, so it imports nothing of the collection.
Usage: open_transaction.py SOCKET_FOLDER PORT DATABASE APPLICATION
"""

from __future__ import annotations

import signal
import sys
import time


def main() -> None:
    import psycopg2

    folder, port, database, application = sys.argv[1:]
    connection = psycopg2.connect(
        host=folder, port=port, dbname=database, user="postgres", application_name=application
    )
    connection.set_session(isolation_level="REPEATABLE READ")
    with connection.cursor() as cursor:
        # Its snapshot keeps every row that was alive now from being removed.
        cursor.execute("SELECT count(*) FROM clinic.user_sessions")
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    main()
