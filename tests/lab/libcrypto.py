"""What OpenSSL itself makes of a certificate: the code behind ``openssl x509``, without a process for each."""

from __future__ import annotations

import calendar
import ctypes
import ctypes.util
import functools
from typing import Any, NamedTuple

# Names as ``-nameopt oid,dump_all,dump_der,sep_comma_plus`` prints them: everything, and nothing interpreted.
_NAME_FORM = 2 << 21 | 0x80 | 0x200 | 1 << 16

Name = tuple[tuple[tuple[str, bytes], ...], ...]


class Seen(NamedTuple):
    """A certificate. not_before, not_after: seconds since the epoch, None where there is no such moment.

    subject, issuer: groups of types (dotted) and values (DER), in the order of the certificate.
    """

    not_before: int | None
    not_after: int | None
    serial: int
    subject: Name
    issuer: Name


class _Time(ctypes.Structure):
    _fields_ = (
        *((part, ctypes.c_int) for part in ("sec", "min", "hour", "mday", "mon", "year", "wday", "yday", "isdst")),
        ("offset", ctypes.c_long),
        ("zone", ctypes.c_char_p),
    )


def read_der(data: bytes) -> Seen | None:
    """The first certificate of the data; None where OpenSSL takes it for none."""
    library = _library()
    position = ctypes.c_char_p(data)
    return _seen(library, library.d2i_X509(None, ctypes.byref(position), len(data)))


def read_pem(data: bytes) -> Seen | None:
    """The first certificate of the file, as servers load it."""
    library = _library()
    source = library.BIO_new_mem_buf(data, len(data))
    certificate = library.PEM_read_bio_X509_AUX(source, None, None, None)
    library.BIO_free(source)
    return _seen(library, certificate)


@functools.cache
def _library() -> Any:
    library = ctypes.CDLL(ctypes.util.find_library("crypto"))
    pointer = ctypes.c_void_p
    results = {
        "d2i_X509": pointer, "BIO_new_mem_buf": pointer, "PEM_read_bio_X509_AUX": pointer, "BIO_new": pointer,
        "BIO_s_mem": pointer, "X509_get_subject_name": pointer, "X509_get_issuer_name": pointer,
        "X509_get0_notBefore": pointer, "X509_get0_notAfter": pointer, "X509_get_serialNumber": pointer,
        "ASN1_INTEGER_to_BN": pointer, "BN_bn2hex": pointer,
    }  # fmt: skip
    for name, result in results.items():
        getattr(library, name).restype = result
    arguments: dict[str, list[Any]] = {
        "d2i_X509": [pointer, pointer, ctypes.c_long], "BIO_new_mem_buf": [ctypes.c_char_p, ctypes.c_int],
        "PEM_read_bio_X509_AUX": [pointer] * 4, "BIO_free": [pointer], "BIO_new": [pointer], "X509_free": [pointer],
        "X509_get_subject_name": [pointer], "X509_get_issuer_name": [pointer], "X509_get0_notBefore": [pointer],
        "X509_get0_notAfter": [pointer], "X509_get_serialNumber": [pointer], "BN_bn2hex": [pointer],
        "ASN1_INTEGER_to_BN": [pointer, pointer], "ASN1_TIME_to_tm": [pointer, pointer], "BN_free": [pointer],
        "X509_NAME_print_ex": [pointer, pointer, ctypes.c_int, ctypes.c_ulong],
        "BIO_read": [pointer, pointer, ctypes.c_int], "CRYPTO_free": [pointer, ctypes.c_char_p, ctypes.c_int],
    }  # fmt: skip
    for name, kinds in arguments.items():
        getattr(library, name).argtypes = kinds
    return library


def _seen(library: Any, certificate: int | None) -> Seen | None:
    if not certificate:
        library.ERR_clear_error()
        return None
    try:
        return Seen(
            _moment(library, library.X509_get0_notBefore(certificate)),
            _moment(library, library.X509_get0_notAfter(certificate)),
            _number(library, library.X509_get_serialNumber(certificate)),
            _name(library, library.X509_get_subject_name(certificate)),
            _name(library, library.X509_get_issuer_name(certificate)),
        )
    finally:
        library.X509_free(certificate)
        library.ERR_clear_error()


def _moment(library: Any, time: int) -> int | None:
    broken = _Time()
    if library.ASN1_TIME_to_tm(time, ctypes.byref(broken)) != 1 or broken.year < -1899:
        return None
    return calendar.timegm((broken.year + 1900, broken.mon + 1, broken.mday, broken.hour, broken.min, broken.sec))


def _number(library: Any, number: int) -> int:
    big = library.ASN1_INTEGER_to_BN(number, None)
    text = library.BN_bn2hex(big)
    value = int(ctypes.string_at(text), 16)
    library.CRYPTO_free(text, b"", 0)
    library.BN_free(big)
    return value


def _name(library: Any, name: int) -> Name:
    sink = library.BIO_new(library.BIO_s_mem())
    assert library.X509_NAME_print_ex(sink, name, 0, _NAME_FORM) >= 0
    buffer = ctypes.create_string_buffer(1 << 20)
    length = library.BIO_read(sink, buffer, len(buffer))
    library.BIO_free(sink)
    return name_of(buffer.raw[: max(0, length)].decode())


def name_of(text: str) -> Name:
    """The name that is printed in this form."""
    groups = []
    for group in text.split(",") if text else []:
        pairs = [pair.partition("=") for pair in group.split("+")]
        groups.append(tuple((kind, bytes.fromhex(value.removeprefix("#"))) for kind, _equals, value in pairs))
    return tuple(groups)
