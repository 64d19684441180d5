"""Real servers that begin TLS when asked, for tests: each by a small function, on its own port, gone afterwards."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.lab.certificates import Made
from tests.lab.postgres import free_port
from tests.lab.postgres import server as postgres_server


@contextlib.contextmanager
def served(chain: Sequence[Made], *, account: str = "root") -> Iterator[Path]:
    """A folder that every account may enter, with chain.pem, and key.pem for that account."""
    # Not pytest's own folder: only its owner may enter that.
    folder = Path(tempfile.mkdtemp(prefix="careops-tls-", dir="/var/tmp"))
    try:
        folder.chmod(0o755)
        (folder / "chain.pem").write_bytes(b"".join(made.pem for made in chain))
        (folder / "key.pem").write_bytes(chain[0].key_pem)
        (folder / "key.pem").chmod(0o600)
        shutil.chown(folder / "key.pem", account)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def running(argv: Sequence[object], port: int, *, log: Path) -> Iterator[None]:
    """Runs the program, which listens on the port of the loopback once it is up, and ends it with its children."""
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [str(part) for part in argv], stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, start_new_session=True
        )
    try:
        for _unused in range(400):
            assert process.poll() is None, f"{argv[0]} ended:\n{log.read_text(errors='replace')}"
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        else:
            raise AssertionError(f"{argv[0]} does not listen:\n{log.read_text(errors='replace')}")
        yield
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


POSTFIX = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
inet_interfaces = 127.0.0.1
mydestination =
myhostname = mail.clinic.example
alias_maps =
alias_database =
maillog_file = /dev/stdout
smtpd_tls_security_level = may
"""
POSTFIX_SERVICES = """\
tlsmgr unix - - n 1000? 1 tlsmgr
anvil unix - - n - 1 anvil
rewrite unix - - n - - trivial-rewrite
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
"""


@contextlib.contextmanager
def postfix_in(folder: Path, settings: str, listeners: str, *, port: int) -> Iterator[Path]:
    """Postfix with its queue below the folder; yields that of its configuration. listeners: what master.cf says first.

    port: that of the first listener.
    """
    config = folder / "postfix"
    for path in (config, folder / "queue", folder / "data"):
        path.mkdir()
    shutil.chown(folder / "data", "postfix")
    (config / "main.cf").write_text(POSTFIX.format(folder=folder) + settings)
    (config / "master.cf").write_text(listeners + POSTFIX_SERVICES)
    subprocess.run(["postfix", "-c", config, "check"], check=True, capture_output=True)
    # Not "postfix start", which looks through all of the queue once more.
    with running(["/usr/lib/postfix/sbin/master", "-c", config, "-s"], port, log=folder / "log"):
        yield config


MAIL = """\
{smtp} inet n - n - - smtpd
{plain} inet n - n - - smtpd -o smtpd_tls_security_level=none
{closed} inet n - n - - smtpd -o smtpd_delay_reject=no -o smtpd_client_restrictions=reject
"""


@contextlib.contextmanager
def postfix(chain: Sequence[Made], *, more: str = "") -> Iterator[dict[str, int]]:
    """Postfix with its own configuration and queue; ports: smtp with TLS, plain without, closed refuses everyone."""
    ports = {name: free_port() for name in ("smtp", "plain", "closed")}
    with served(chain) as folder:
        settings = f"smtpd_tls_chain_files = {folder}/key.pem, {folder}/chain.pem\n{more}\n"
        with postfix_in(folder, settings, MAIL.format(**ports), port=ports["smtp"]):
            yield ports


# Debian 12 has 2.3, Debian 13 has 2.4, which calls things otherwise.
DOVECOT_2_3 = """\
ssl_cert = <{folder}/chain.pem
ssl_key = <{folder}/key.pem
passdb {{
  driver = static
  args = nopassword=y
}}
"""
DOVECOT_2_4 = """\
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
ssl_server_cert_file = {folder}/chain.pem
ssl_server_key_file = {folder}/key.pem
passdb static {{
  fields {{
    nopassword = yes
  }}
}}
"""
DOVECOT = """\
protocols = imap pop3 lmtp
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/dovecot.log
ssl = {ssl}
listen = 127.0.0.1
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    port = {lmtp}
  }}
}}
"""


@contextlib.contextmanager
def dovecot(chain: Sequence[Made], *, ssl: str = "yes") -> Iterator[dict[str, int]]:
    """Dovecot; ports: imap, pop3 and lmtp."""
    ports = {name: free_port() for name in ("imap", "pop3", "lmtp")}
    version = subprocess.run(["dovecot", "--version"], capture_output=True, text=True, check=True).stdout
    text = (DOVECOT_2_3 if version.startswith("2.3") else DOVECOT_2_4) + DOVECOT
    with served(chain) as folder:
        (folder / "run").mkdir()
        configuration = folder / "dovecot.conf"
        configuration.write_text(text.format(folder=folder, ssl=ssl, **ports))
        with running(["/usr/sbin/dovecot", "-F", "-c", configuration], ports["imap"], log=folder / "log"):
            yield ports


VSFTPD = """\
listen=YES
listen_address=127.0.0.1
listen_port={port}
background=NO
secure_chroot_dir={folder}/empty
seccomp_sandbox=NO
anonymous_enable=YES
ssl_enable=YES
rsa_cert_file={folder}/chain.pem
rsa_private_key_file={folder}/key.pem
"""


@contextlib.contextmanager
def vsftpd(chain: Sequence[Made], *, more: str = "") -> Iterator[int]:
    """vsftpd on a port of its own."""
    port = free_port()
    with served(chain) as folder:
        (folder / "empty").mkdir(mode=0o555)
        (folder / "vsftpd.conf").write_text(VSFTPD.format(folder=folder, port=port) + more)
        with running(["/usr/sbin/vsftpd", folder / "vsftpd.conf"], port, log=folder / "log"):
            yield port


SLAPD = """\
include /etc/ldap/schema/core.schema
pidfile {folder}/pid
argsfile {folder}/args
{more}
"""
SLAPD_TLS = """\
TLSCertificateFile {folder}/chain.pem
TLSCertificateKeyFile {folder}/key.pem
"""


@contextlib.contextmanager
def slapd(chain: Sequence[Made], *, tls: bool = True, more: str = "") -> Iterator[int]:
    """OpenLDAP's server, which Debian builds with GnuTLS."""
    port = free_port()
    with served(chain) as folder:
        (folder / "slapd.conf").write_text((SLAPD + SLAPD_TLS * tls).format(folder=folder, more=more))
        argv = ["/usr/sbin/slapd", "-d", "0", "-f", folder / "slapd.conf", "-h", f"ldap://127.0.0.1:{port}"]
        with running(argv, port, log=folder / "log"):
            yield port


@contextlib.contextmanager
def mariadb(chain: Sequence[Made], *, more: Sequence[str] = ("--ssl",)) -> Iterator[int]:
    """MariaDB without any database: it greets, and that is all we ask of it."""
    port = free_port()
    with served(chain, account="mysql") as folder:
        (folder / "data").mkdir()
        shutil.chown(folder / "data", "mysql")
        argv = [
            *("/usr/sbin/mariadbd", "--no-defaults", "--user=mysql", "--skip-grant-tables", "--skip-innodb"),
            *("--default-storage-engine=Aria", f"--datadir={folder}/data", f"--socket={folder}/data/socket"),
            *(f"--pid-file={folder}/data/pid", "--bind-address=127.0.0.1", f"--port={port}"),
            *(f"--ssl-cert={folder}/chain.pem", f"--ssl-key={folder}/key.pem", *more),
        ]
        with running(argv, port, log=folder / "log"):
            yield port


@contextlib.contextmanager
def postgres(chain: Sequence[Made], *, settings: dict[str, str] | None = None) -> Iterator[int]:
    """PostgreSQL with TLS, unless the settings switch it off."""
    with served(chain, account="postgres") as folder:
        files = {"ssl_cert_file": f"{folder}/chain.pem", "ssl_key_file": f"{folder}/key.pem"}
        with postgres_server(settings={"ssl": "on", **files, **(settings or {})}) as server:
            yield server.port
