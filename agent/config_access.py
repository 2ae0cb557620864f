"""Rules between the keys that say how a back-end is reached, for [csms] and for each of its connection profiles."""

from collections.abc import Callable, Iterator
from typing import NoReturn
from urllib.parse import urlsplit

from agent.config_errors import KeyPath
from agent.config_tables import AgentConfig, ConnectionProfileConfig, CsmsConfig

_BASIC_AUTHENTICATION = (1, 2)
_TLS = (2, 3)
_MUTUAL_TLS = 3
_OTHERS = 0o077
"""Rights of everybody but the owner."""

Refuse = Callable[[KeyPath, str], NoReturn]
Table = CsmsConfig | ConnectionProfileConfig


def check_access(config: AgentConfig, refuse: Refuse) -> None:
    """Check every back-end."""
    names = {"main"}
    for path, table in _tables(config.csms):
        if isinstance(table, ConnectionProfileConfig):
            if table.name in names:
                refuse((*path, "name"), "a name of its own; 'main' is that of [csms] itself")
            names.add(table.name)
        _check_url(table, path, refuse)
        _check_security_profile(config, table, path, refuse)
        _check_password(table, path, refuse)


def check_token(config: AgentConfig, refuse: Refuse) -> None:
    """Check what can be seen of a token without opening it."""
    token, path = config.csms.token, ("csms", "token")
    if token is None:
        return
    if config.csms.station_key != "ecdsa":
        refuse(("csms", "station_key"), "ecdsa, because keys on a token are ECDSA on P-256")
    if not token.module.is_file():
        refuse((*path, "module"), "a PKCS#11 library that exists")
    try:
        mode = token.pin_file.stat().st_mode
    except OSError as error:
        refuse((*path, "pin_file"), f"a readable file ({error.strerror})")
    if mode & _OTHERS:
        refuse((*path, "pin_file"), "a file that its owner alone may read (chmod 600)")
    from importlib.util import find_spec  # noqa: PLC0415 - only where there is a token

    if find_spec("pkcs11") is None:
        refuse(path, "the Python package python-pkcs11, which is not installed (requirements/pkcs11.txt)")


def _tables(csms: CsmsConfig) -> Iterator[tuple[KeyPath, Table]]:
    yield ("csms",), csms
    for index, profile in enumerate(csms.connection_profiles):
        yield ("csms", "connection_profiles", index), profile


def _check_url(table: Table, path: KeyPath, refuse: Refuse) -> None:
    for key, url, schemes in (("url", table.url, ("ws", "wss")), ("secure_url", table.secure_url, ("wss",))):
        if url is not None:
            _check_one_url(url, schemes, (*path, key), refuse)


def _check_one_url(url: str, schemes: tuple[str, ...], path: KeyPath, refuse: Refuse) -> None:
    wanted = " or ".join(f"{scheme}://" for scheme in schemes)
    try:
        parts = urlsplit(url)
        port_is_valid = parts.port != 0
    except ValueError:
        refuse(path, f"a valid {wanted} URL")
    if parts.scheme not in schemes or not parts.hostname or not port_is_valid:
        refuse(path, f"a {wanted} URL with a host")
    if parts.username is not None or parts.password is not None:
        refuse(path, "a URL without credentials; use csms.password or csms.password_file")
    if parts.query or parts.fragment:
        refuse(path, "a URL without query and fragment, since the identity is appended to it")


def _check_security_profile(config: AgentConfig, table: Table, path: KeyPath, refuse: Refuse) -> None:
    profile = table.security_profile
    versions = table.ocpp_versions or config.csms.ocpp_versions
    where = (*path, "security_profile")
    if profile == 0 and versions != ("1.6",):
        refuse(where, "1, 2 or 3, because profile 0 (no authentication) is only for OCPP 1.6 alone")
    uses_tls = table.url.lower().startswith("wss:")
    if profile in _TLS and not uses_tls:
        refuse((*path, "url"), f"a wss:// URL, because security_profile is {profile}")
    if profile not in _TLS and uses_tls:
        refuse(where, "2 or 3, because the URL is wss://")
    if table.secure_url is not None and uses_tls:
        refuse((*path, "secure_url"), "no such key: it is for an upgrade from a ws:// URL, and this one is wss://")
    has_certificate = table.client_certificate_file is not None
    if has_certificate != (table.client_key_file is not None):
        refuse(path, "client_certificate_file and client_key_file together or neither")
    if has_certificate and profile != _MUTUAL_TLS:
        refuse(where, "3 exactly when client_certificate_file and client_key_file are given")
    if profile == _MUTUAL_TLS and not has_certificate and not _has_signed_certificate(config):
        refuse(where, "3 only when client_certificate_file and client_key_file are given, or a certificate was signed")


def _has_signed_certificate(config: AgentConfig) -> bool:
    """A back-end has signed a certificate for this station, which lies in the certificate directory."""
    directory = config.csms.certificates_dir or config.station.state_dir / "certificates"
    return any(directory.glob("own-*.pem"))


def _check_password(table: Table, path: KeyPath, refuse: Refuse) -> None:
    given = [key for key in ("password", "password_file") if getattr(table, key) is not None]
    needed = table.security_profile in _BASIC_AUTHENTICATION
    profile = table.security_profile
    if len(given) > 1:
        refuse((*path, "password_file"), "password or password_file, not both")
    if needed and not given:
        refuse((*path, "password"), f"password or password_file, because security_profile is {profile}")
    if given and not needed:
        refuse((*path, given[0]), f"no password, because security_profile is {profile}")
