"""Servers that say what they are told to, whatever they are asked: for the faults that no real server has."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator, Sequence

from tests.lab.certificates import listening


@contextlib.contextmanager
def scripted(*answers: bytes, first: bool = True, hangs: bool = False, pause: float = 0.0) -> Iterator[int]:
    """A server's port. Every connection gets the answers one by one, each after something was asked.

    first: the first one comes unasked. hangs: it stays silent after the last one, else it hangs up.
    pause: seconds between the bytes of an answer, which comes in one piece without.
    """
    ended = threading.Event()

    def answer(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            for number, text in enumerate(answers):
                if (number or not first) and not connection.recv(65536):
                    return
                _say(connection, text, pause=pause)
            if hangs:
                ended.wait(30)
            # To close with something unread would reset the connection, and take what was said back.
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(2)
            while connection.recv(65536):
                pass

    def serve(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _unused = listener.accept()
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

    with listening() as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            ended.set()


def _say(connection: socket.socket, text: bytes, *, pause: float) -> None:
    if not pause:
        connection.sendall(text)
        return
    for byte in text:
        connection.sendall(bytes([byte]))
        time.sleep(pause)


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), 5)


def ldap_answer(code: int, words: str = "", *, long_form: bool = False) -> bytes:
    """An ExtendedResponse to message 1, with lengths in the short form or as Active Directory writes them."""

    def element(tag: int, content: bytes) -> bytes:
        size = b"\x84" + len(content).to_bytes(4, "big") if long_form else bytes([len(content)])
        return bytes([tag]) + size + content

    result = element(0x0A, bytes([code])) + element(0x04, b"") + element(0x04, words.encode())
    return element(0x30, element(0x02, b"\x01") + element(0x78, result))


def mysql_greeting(*, capabilities: int = 0xFFFE, version: bytes = b"8.0.36") -> bytes:
    lower = capabilities.to_bytes(2, "little")
    return mysql_packet(b"\x0a" + version + b"\0" + bytes(4) + b"challeng" + b"\0" + lower + b"\x21\x02\0\xff\xc1")


def mysql_packet(content: bytes) -> bytes:
    return len(content).to_bytes(3, "little") + b"\0" + content


def mysql_error(words: bytes, *, code: int = 1129) -> bytes:
    return mysql_packet(b"\xff" + code.to_bytes(2, "little") + words)


GO_AHEAD: dict[str, Sequence[bytes]] = {
    "smtp": (b"220-a mail server\r\n220 greets\r\n", b"250-mail\r\n250-SIZE 1\r\n250 starttls\r\n", b"220 go\r\n"),
    "lmtp": (b"220 mail\r\n", b"250-mail\r\n250 STARTTLS\r\n", b"220 2.0.0 go\r\n"),
    "imap": (b"* OK [CAPABILITY IMAP4rev1] hello\r\n", b"* CAPABILITY STARTTLS\r\na1 OK begin\r\n"),
    "pop3": (b"+OK hello\r\n", b"+OK begin\r\n"),
    "ftp": (b"220-Welcome\r\n  221 files\r\n220-\r\n220 here\r\n", b"234 AUTH TLS successful\r\n"),
    "ldap": (ldap_answer(0),),
    "postgres": (b"S",),
    "mysql": (mysql_greeting(),),
}
# Those whose servers wait for the client to speak first.
CLIENT_FIRST = ("ldap", "postgres")
