"""Any request of 1.6 that fits its official schema, as a hypothesis strategy."""

from hypothesis import strategies as st

from agent.csms.adapter import Payload
from tests.agent.csms.any_request import any_payload
from tests.agent.csms.v16.official import OFFICIAL

WORDS = ("HeartbeatInterval", "meterValuesSampledData", "Voltage,Frequency", "true", "60", "NoSuchKey")


def any_request(action: str) -> st.SearchStrategy[Payload]:
    """Build payloads of this action, with or without each optional property."""
    return any_payload(OFFICIAL, action, WORDS)
