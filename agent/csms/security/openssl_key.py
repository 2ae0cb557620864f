"""Gives a TLS context a private key that only signs by a call: OpenSSL's EC_KEY_METHOD, by ctypes (runner).

`ssl` takes key files only. The library that is called is the one that `_ssl` itself is linked to; of CPython's layout
it relies on one thing, that the SSL_CTX pointer is the first field of an `SSLContext` (so from 3.2 to 3.14), which
`check_layout` proves in a process of its own. Source: OpenSSL 3.0 EC_KEY_METHOD_new(3), SSL_CTX_use_PrivateKey(3).
"""

import ctypes
import logging
import ssl
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

Sign = Callable[[bytes], bytes]
"""Signs a digest of up to 32 bytes; the signature is DER. Raises: OSError."""

_P256_BYTES = 32
_POINTER, _TEXT, _INT = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
_SIGN = ctypes.CFUNCTYPE(
    _INT, _INT, _POINTER, _INT, _POINTER, ctypes.POINTER(ctypes.c_uint), _POINTER, _POINTER, _POINTER
)
_SIGN_PARTS = ctypes.CFUNCTYPE(_POINTER, _POINTER, _INT, _POINTER, _POINTER, _POINTER)
_FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "d2i_EC_PUBKEY": (_POINTER, _POINTER, ctypes.POINTER(_TEXT), ctypes.c_long),
    "d2i_ECDSA_SIG": (_POINTER, _POINTER, ctypes.POINTER(_TEXT), ctypes.c_long),
    "EC_KEY_OpenSSL": (_POINTER,),
    "EC_KEY_METHOD_new": (_POINTER, _POINTER),
    "EC_KEY_METHOD_set_sign": (None, _POINTER, _SIGN, _POINTER, _SIGN_PARTS),
    "EC_KEY_set_method": (_INT, _POINTER, _POINTER),
    "EVP_PKEY_new": (_POINTER,),
    "EVP_PKEY_set1_EC_KEY": (_INT, _POINTER, _POINTER),
    "SSL_CTX_get_options": (ctypes.c_uint64, _POINTER),
    "SSL_CTX_use_certificate_chain_file": (_INT, _POINTER, _TEXT),
    "SSL_CTX_use_PrivateKey": (_INT, _POINTER, _POINTER),
    "SSL_CTX_check_private_key": (_INT, _POINTER),
    "ERR_clear_error": (None,),
}


class OpenSslError(OSError):
    """This Python's OpenSSL cannot be given such a key."""


class OpenSslKey:
    """A P-256 key whose signatures are made by `sign`; it lives as long as the process, as OpenSSL refers to it."""

    def __init__(self, public_der: bytes, sign: Sign) -> None:
        """Raises: OpenSslError."""
        lib = _library()
        self._sign = sign
        self._calls = (_SIGN(self._on_sign), _SIGN_PARTS(self._on_sign_parts))
        method = lib.EC_KEY_METHOD_new(lib.EC_KEY_OpenSSL())
        lib.EC_KEY_METHOD_set_sign(method, self._calls[0], None, self._calls[1])
        ec_key = lib.d2i_EC_PUBKEY(None, ctypes.byref(_TEXT(public_der)), len(public_der))
        self._pkey = lib.EVP_PKEY_new()
        if not (ec_key and lib.EC_KEY_set_method(ec_key, method) and lib.EVP_PKEY_set1_EC_KEY(self._pkey, ec_key)):
            lib.ERR_clear_error()
            raise OpenSslError("OpenSSL does not take the token's public key")
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self))  # contexts that outlive us call back

    def show(self, context: ssl.SSLContext, chain_file: Path) -> None:
        """Let `context` show this chain and sign for it. Raises: OpenSslError."""
        lib = _library()
        pointer = _pointer(context)
        steps = (
            (lib.SSL_CTX_use_certificate_chain_file, str(chain_file).encode()),
            (lib.SSL_CTX_use_PrivateKey, self._pkey),
            (lib.SSL_CTX_check_private_key,),
        )
        for step, *arguments in steps:
            if step(pointer, *arguments) != 1:
                lib.ERR_clear_error()  # `ssl` would blame its next call for it
                raise OpenSslError(f"the certificate {chain_file} is not for the key on the token")

    def _on_sign(self, _type: int, digest: int, length: int, into: int, written: Any, *_rest: int | None) -> int:  # noqa: ANN401 - a pointer of ctypes
        signature = self._signature(digest, length)
        if signature is None:
            return 0
        ctypes.memmove(into, signature, len(signature))
        written[0] = len(signature)
        return 1

    def _on_sign_parts(self, digest: int, length: int, *_rest: int | None) -> int | None:
        signature = self._signature(digest, length)
        if signature is None:
            return None
        parts: int | None = _library().d2i_ECDSA_SIG(None, ctypes.byref(_TEXT(signature)), len(signature))
        return parts

    def _signature(self, digest: int, length: int) -> bytes | None:
        try:
            return self._sign(ctypes.string_at(digest, min(length, _P256_BYTES)))
        except OSError as error:
            logger.warning("handshake not signed error=%s", error)
            return None


def check_layout() -> None:
    """Prove that the pointer is where it is expected; a wrong one may end the process. Raises: OpenSslError."""
    lib = _library()
    if _SIGN(lambda *_: 1)(0, None, 0, None, None, None, None, None) != 1:
        raise OpenSslError("this process may not be called back")  # as under some MemoryDenyWriteExecute of systemd
    for options in (ssl.OP_NO_TLSv1, ssl.OP_NO_TLSv1 | ssl.OP_NO_TICKET, ssl.OP_NO_COMPRESSION):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.options = options
        if lib.SSL_CTX_get_options(_pointer(context)) != context.options:
            raise OpenSslError("this Python keeps its TLS contexts in a way that is not known here")


def _pointer(context: ssl.SSLContext) -> int:
    found = _POINTER.from_address(id(context) + object.__basicsize__).value
    if not found:
        raise OpenSslError("this Python keeps its TLS contexts in a way that is not known here")
    return found


@cache
def _library() -> Any:  # noqa: ANN401 - ctypes has no types for what a library exports
    """The very OpenSSL that `_ssl` is linked to: symbols are looked up in what that module depends on."""
    import _ssl  # noqa: PLC0415 - loaded by `ssl`

    library = ctypes.CDLL(getattr(_ssl, "__file__", None))
    try:
        for name, (result, *arguments) in _FUNCTIONS.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except AttributeError as error:
        raise OpenSslError(f"this Python's OpenSSL ({ssl.OPENSSL_VERSION}) takes no key of a token: {error}") from error
    return library
