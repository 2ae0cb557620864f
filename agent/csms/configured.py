"""The link's settings out of the agent's configuration."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from agent.config import AgentConfig, ConnectionProfileConfig, CsmsConfig
from agent.csms.back_off import BackOffRange
from agent.csms.connection import Dialler, Endpoint
from agent.csms.protocol_rules import subprotocol_of
from agent.csms.security.access import Access, AccessPolicy
from agent.csms.security.back_end_plan import BackEndPlan
from agent.csms.security.certificate_files import CertificateFiles
from agent.csms.security.certificate_signing import CertificateSigning, SendRequest, SigningPolicy
from agent.csms.security.device_key import FileKeys
from agent.csms.security.dial_plan import Attempts
from agent.csms.security.own_certificate import OwnCertificate
from agent.csms.security.root_store import RootPolicy, RootStore
from agent.csms.security.station_security import StationSecurity
from agent.csms.security.vocabulary import CertificateUse, RaiseSecurityEvent
from agent.csms.settings import LinkTiming
from agent.domain.device_model import DeviceModel, VariableKey

if TYPE_CHECKING:
    from agent.csms.security.token_keys import TokenKeys

MAIN = "main"
"""Name of the back-end that [csms] itself describes: the first in priority."""
_CHECK = ("SecurityCtrlr", "AdditionalRootCertificateCheck")


def timing_of(config: CsmsConfig, *, learn_utc: bool) -> LinkTiming:
    """How the link behaves in time; `learn_utc`: the back-end sets the clock."""
    return LinkTiming(
        call_timeout_s=config.call_timeout_s,
        liveness_s=max(60.0, 1.5 * config.call_timeout_s),
        reconnect=BackOffRange(config.reconnect_min_s, config.reconnect_max_s, config.reconnect_random_s),
        learn_utc=learn_utc,
    )


def token_of(config: CsmsConfig) -> "TokenKeys | None":
    """The token that holds this station's keys; nothing is opened. None: they lie in files."""
    if config.token is None:
        return None
    from agent.csms.security.token_keys import TokenKeys  # noqa: PLC0415 - a start without a token is spared it
    from agent.csms.security.token_link import TokenAddress  # noqa: PLC0415 - as above

    return TokenKeys(TokenAddress(config.token.module, config.token.label, config.token.pin_file))


def back_ends_of(config: CsmsConfig, token: "TokenKeys | None" = None) -> list[BackEndPlan]:
    """Every configured back-end, by priority."""
    further = [_plan(config, profile, profile.name, token) for profile in config.connection_profiles]
    return [_plan(config, config, MAIN, token), *further]


def security_of(
    config: AgentConfig,
    model: DeviceModel,
    now: Callable[[], datetime],
    *,
    dial: Callable[[Endpoint], Dialler],
    send_signing_request: SendRequest,
    raise_security_event: RaiseSecurityEvent,
) -> StationSecurity:
    """Build it; nothing is read yet."""
    csms = config.csms
    files = CertificateFiles(csms.certificates_dir or config.station.state_dir / "certificates")
    check_additional = model.boolean(*_CHECK)
    roots = RootStore(files, RootPolicy(check_additional=check_additional, configured_file=csms.ca_file), now)
    token = token_of(csms)
    name = config.station.serial_number or csms.identity
    own = OwnCertificate(files, name, now, keys=token or FileKeys(csms.station_key))
    access = Access(
        back_ends_of(csms, token),
        config.station.state_dir / "access",
        dial,
        own=own,
        roots=roots,
        raise_security_event=raise_security_event,
        policy=_access_policy(csms, only_installed_roots=check_additional),
    )
    model.provide(VariableKey("SecurityCtrlr", "SecurityProfile"), lambda: str(access.security_profile))
    signing = CertificateSigning(
        own,
        model,
        send=send_signing_request,
        now=now,
        root_files=lambda: _root_files(csms, roots),
        raise_security_event=raise_security_event,
        policy=SigningPolicy(timedelta(days=csms.renew_certificate_days)),
        uses_certificate=lambda: access.uses_certificate,
    )
    return StationSecurity(files, roots, access, signing)


def _access_policy(csms: CsmsConfig, *, only_installed_roots: bool) -> AccessPolicy:
    return AccessPolicy(
        attempts=Attempts(csms.security_attempts, csms.connect_attempts),
        return_after_s=csms.return_after_s,
        switch_wait_s=csms.switch_wait_s,
        hex_key_alone=csms.authorization_key == "hex",
        only_installed_roots=only_installed_roots,
    )


def _root_files(csms: CsmsConfig, roots: RootStore) -> tuple[Path, ...]:
    configured = (csms.ca_file,) if csms.ca_file is not None else ()
    return (*configured, *roots.files(CertificateUse.CSMS_ROOT))


def _plan(
    csms: CsmsConfig, table: CsmsConfig | ConnectionProfileConfig, name: str, token: "TokenKeys | None"
) -> BackEndPlan:
    endpoint = Endpoint(
        url=table.url,
        identity=table.identity or csms.identity,
        password=table.password,
        ca_file=table.ca_file,
        client_certificate_file=table.client_certificate_file,
        client_key_file=table.client_key_file,
        verify_common_name=table.verify_csms_common_name,
        ping_interval_s=csms.ping_interval_s,
        token=token,
    )
    versions = table.ocpp_versions or csms.ocpp_versions
    subprotocols = tuple(subprotocol_of(version) for version in versions)
    return BackEndPlan(name, endpoint, table.security_profile, subprotocols, table.secure_url)
