"""Any request of 2.0.1 that fits its official schema, as a hypothesis strategy."""

from hypothesis import strategies as st

from agent.csms.adapter import Payload
from tests.agent.csms.any_request import any_payload
from tests.agent.csms.v201.official import OFFICIAL

WORDS = ("OCPPCommCtrlr", "HeartbeatInterval", "TxCtrlr", "TxStartPoint", "Authorized", "60", "tx-1")


def any_request(action: str) -> st.SearchStrategy[Payload]:
    """Build payloads of this action, with or without each optional property."""
    return any_payload(OFFICIAL, action, WORDS)
