"""The link's settings out of the agent's configuration."""

from agent.config import CsmsConfig
from agent.csms.back_off import BackOffRange
from agent.csms.connection import Endpoint
from agent.csms.settings import LinkTiming


def endpoint_of(config: CsmsConfig) -> Endpoint:
    """Where and as whom to connect. Raises: OSError if the password file cannot be read."""
    password = config.password
    if config.password_file is not None:
        password = config.password_file.read_text("utf-8").rstrip("\r\n")
    return Endpoint(
        url=config.url,
        identity=config.identity,
        password=password,
        ca_file=config.ca_file,
        client_certificate_file=config.client_certificate_file,
        client_key_file=config.client_key_file,
        verify_common_name=config.verify_csms_common_name,
        ping_interval_s=config.ping_interval_s,
    )


def timing_of(config: CsmsConfig, *, learn_utc: bool) -> LinkTiming:
    """How the link behaves in time; `learn_utc`: the back-end sets the clock."""
    return LinkTiming(
        call_timeout_s=config.call_timeout_s,
        liveness_s=max(60.0, 1.5 * config.call_timeout_s),
        reconnect=BackOffRange(config.reconnect_min_s, config.reconnect_max_s, config.reconnect_random_s),
        learn_utc=learn_utc,
    )
