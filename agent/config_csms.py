"""The tables of further back-ends, and of the token that holds this station's keys."""

from pathlib import Path

from agent.config_schema import Choice, FilePath, Flag, Listing, Text, setting, settings


@settings
class ConnectionProfileConfig:
    """A back-end that is dialled where those before it do not connect."""

    name: str = setting(Text(20, "a name"), "name of this back-end for people; 'main' is [csms] itself")
    url: str = setting(Text(512, "a ws:// or wss:// URL"), "endpoint; the identity is appended, percent-encoded")
    secure_url: str | None = setting(Text(512, "a wss:// URL"), "as in [csms]", default=None)
    identity: str | None = setting(
        Text(48, "an identity", forbidden=":"), "name of this station there; absent: as in [csms]", default=None
    )
    ocpp_versions: tuple[str, ...] = setting(
        Listing(Choice("1.6", "2.0.1", not_built=("2.1",))),
        "OCPP versions in order of preference; empty: as in [csms]",
        default=(),
    )
    security_profile: int = setting(Choice(0, 1, 2, 3), "OCPP security profile; 0 only for 1.6", default=1)
    password: str | None = setting(Text(64, "a password"), "basic authentication", default=None, secret=True)
    password_file: Path | None = setting(FilePath(), "file that holds the password", default=None)
    ca_file: Path | None = setting(FilePath(), "PEM roots instead of the system's", default=None)
    client_certificate_file: Path | None = setting(FilePath(), "PEM chain for profile 3", default=None)
    client_key_file: Path | None = setting(FilePath(), "PEM key for profile 3", default=None)
    verify_csms_common_name: bool = setting(Flag(), "check the back-end's name in its certificate", default=True)


@settings
class TokenConfig:
    """A PKCS#11 token, such as a secure element, that makes this station's keys and never gives them away."""

    module: Path = setting(FilePath(), "the vendor's PKCS#11 library")
    label: str = setting(Text(32, "a token's label"), "label of the token")
    pin_file: Path = setting(FilePath(), "file that holds the user PIN, readable for its owner alone (mode 0600)")
