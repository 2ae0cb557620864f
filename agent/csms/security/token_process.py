"""The process that alone loads the vendor's PKCS#11 library: one request a line, JSON, on its standard input (runner).

A library that crashes or hangs takes this process with it and not the station. It ends with its standard input, and
after its first failure, so that the next request starts with a library that knows nothing of the past.
Usage: token_process MODULE LABEL PIN_FILE. The PIN is read from the file and leaves this process for the token only.
"""

import base64
import json
import os
import sys
from pathlib import Path
from typing import Any

KEY_LABEL = "pilotline-station"
"""Label of the keys that the station makes; nothing else on the token is touched."""
_ID_BYTES = 16


class _RefusedError(Exception):
    """One sentence for the installer."""


class _Token:
    """An open session. The package `pkcs11` carries no types, hence `Any`."""

    def __init__(self, module: str, label: str, pin_file: str) -> None:
        try:
            import pkcs11  # noqa: PLC0415 - optional, and a station without it has to be told
        except ImportError as error:
            raise _RefusedError(
                "the Python package python-pkcs11 is not installed (requirements/pkcs11.txt)"
            ) from error
        self._p11: Any = pkcs11  # untyped package
        self._name = f"token '{label}'"
        self._session: Any = self._open(module, label, Path(pin_file))  # untyped package

    def probe(self, _request: dict[str, Any]) -> dict[str, str]:
        """Nothing but what opening does, and whether OpenSSL can be given a key."""
        from agent.csms.security.openssl_key import check_layout  # noqa: PLC0415 - may end this process, never the station

        check_layout()
        return {}

    def make(self, request: dict[str, Any]) -> dict[str, str]:
        """Forget the keys that are not kept, and make one that cannot leave the token."""
        p11 = self._p11
        from pkcs11.util.ec import encode_named_curve_parameters  # noqa: PLC0415 - as above

        kept = {bytes.fromhex(each) for each in request["kept"]}
        for old in list(self._session.get_objects({p11.Attribute.LABEL: KEY_LABEL})):
            if old[p11.Attribute.ID] not in kept:
                old.destroy()
        curve = {p11.Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}
        parameters = self._session.create_domain_parameters(p11.KeyType.EC, curve, local=True)
        key_id = os.urandom(_ID_BYTES)
        try:
            parameters.generate_keypair(
                id=key_id,
                label=KEY_LABEL,
                store=True,
                capabilities=p11.MechanismFlag.SIGN | p11.MechanismFlag.VERIFY,
                private_template={p11.Attribute.SENSITIVE: True, p11.Attribute.EXTRACTABLE: False},
            )
        except p11.PKCS11Error as error:
            raise _RefusedError(f"{self._name} makes no key ({type(error).__name__}): it may be full") from error
        return {"id": key_id.hex(), **self.public({"id": key_id.hex()})}

    def public(self, request: dict[str, Any]) -> dict[str, str]:
        """Public half of a key, DER."""
        from pkcs11.util.ec import encode_ec_public_key  # noqa: PLC0415 - as above

        found = self._key(request["id"], self._p11.ObjectClass.PUBLIC_KEY)
        return {"public": base64.b64encode(encode_ec_public_key(found)).decode()}

    def sign(self, request: dict[str, Any]) -> dict[str, str]:
        """ECDSA over a digest that is no longer than the curve's order: r and s, each of 32 bytes."""
        key = self._key(request["id"], self._p11.ObjectClass.PRIVATE_KEY)
        return {"signature": key.sign(bytes.fromhex(request["digest"]), mechanism=self._p11.Mechanism.ECDSA).hex()}

    def _key(self, key_id: str, kind: object) -> Any:  # noqa: ANN401 - untyped package
        try:
            return self._session.get_key(object_class=kind, id=bytes.fromhex(key_id), label=KEY_LABEL)
        except self._p11.exceptions.NoSuchKey as error:
            raise _RefusedError(f"key {key_id} is not on {self._name}") from error

    def _open(self, module: str, label: str, pin_file: Path) -> Any:  # noqa: ANN401 - untyped package
        p11 = self._p11
        try:
            library = p11.lib(module)
        except (p11.PKCS11Error, RuntimeError, OSError, AttributeError) as error:
            raise _RefusedError(
                f"{module} is no PKCS#11 library that can be loaded: {error or type(error).__name__}"
            ) from error
        try:
            token = library.get_token(token_label=label)
        except (p11.exceptions.NoSuchToken, p11.exceptions.MultipleTokensReturned) as error:
            which = "is not there" if isinstance(error, p11.exceptions.NoSuchToken) else "is there more than once"
            raise _RefusedError(f"{self._name} {which}") from error
        try:
            return token.open(rw=True, user_pin=pin_file.read_text("utf-8").strip())
        except (p11.exceptions.PinIncorrect, p11.exceptions.PinLenRange, p11.exceptions.PinInvalid) as error:
            raise _WrongPinError(f"{self._name} refuses the PIN in {pin_file}") from error
        except (p11.exceptions.PinLocked, p11.exceptions.PinExpired) as error:
            raise _WrongPinError(f"{self._name} has locked its PIN; its owner has to set a new one") from error
        except OSError as error:
            raise _RefusedError(f"the PIN file {pin_file} cannot be read: {error.strerror}") from error


class _WrongPinError(_RefusedError):
    """Not to be tried again with the same file: tokens lock after a few tries."""


def main() -> int:
    """Answer until the input ends or something fails."""
    token: _Token | None = None
    for line in sys.stdin:
        answer, token = _answer(json.loads(line), token)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
        if token is None:
            break
    os._exit(0)  # libraries crash in their clean-up (OpenSC/libp11 and SoftHSM: openssl issue 22508)


def _answer(request: dict[str, Any], token: _Token | None) -> tuple[dict[str, Any], _Token | None]:
    try:
        token = token or _Token(*sys.argv[1:4])
        return getattr(token, request["op"])(request), token
    except _RefusedError as refused:
        return {"error": str(refused), "wrong_pin": isinstance(refused, _WrongPinError)}, None
    except Exception as error:  # noqa: BLE001 - whatever a vendor's library does, it is one sentence
        return {
            "error": f"token '{sys.argv[2]}' failed: {type(error).__name__} {error}".strip(),
            "wrong_pin": False,
        }, None


if __name__ == "__main__":
    sys.exit(main())
