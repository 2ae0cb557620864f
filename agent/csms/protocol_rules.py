"""What differs between OCPP versions below the messages: framing answers, schema files, what may be asked before boot.

The row is chosen once per connection, by the negotiated subprotocol.
"""

from agent.csms.adapter import BootStatus
from hal.value import dataclass


@dataclass(frozen=True, slots=True)
class ProtocolRules:
    """One OCPP version's rules of the wire."""

    subprotocol: str
    schema_package: str
    """Folder of the official schemas inside the `ocpp` distribution."""
    request_suffix: str
    """Schema files of requests end in it; those of answers in `Response`."""
    framing_error: str
    """CALLERROR code for text that is no valid CALL."""
    message_type_error: str
    """CALLERROR code for an unknown message type number."""
    unreadable_message_id: str | None
    """Id of the CALLERROR for a frame whose own id cannot be read; None: such a frame is not answered."""
    answered_before_boot: frozenset[BootStatus | None]
    """Boot states in which the back-end's requests are served; in others the answer is SecurityError."""
    forgiven: frozenset[tuple[str, str]] = frozenset()
    """Action and required property without which its answer is taken: what was asked has been done all the same."""


RULES = {
    # OCPP-J 1.6 has no code for framing; FormationViolation is the nearest, and it knows no id for unreadable frames.
    # Edition 2, 4.2: the back-end may ask before it has accepted (to configure, for instance).
    "ocpp1.6": ProtocolRules(
        subprotocol="ocpp1.6",
        schema_package="v16",
        request_suffix="",
        framing_error="FormationViolation",
        message_type_error="FormationViolation",
        unreadable_message_id=None,
        answered_before_boot=frozenset({None, *BootStatus}),
        # Some back-ends forget it. Asked again they would begin a second transaction; given up, it would be lost.
        # An Authorize without it says nothing, and stays an error: nobody charges on a missing word.
        forgiven=frozenset({("StartTransaction", "idTagInfo"), ("StopTransaction", "idTagInfo")}),
    ),
    # OCPP 2.0.1 part 4, 4.2.3 (framing) and part 2, B01, B02.FR.01, B03 (requests before the boot is accepted).
    "ocpp2.0.1": ProtocolRules(
        subprotocol="ocpp2.0.1",
        schema_package="v201",
        request_suffix="Request",
        framing_error="RpcFrameworkError",
        message_type_error="MessageTypeNotSupported",
        unreadable_message_id="-1",
        answered_before_boot=frozenset({BootStatus.ACCEPTED, BootStatus.PENDING}),
    ),
}


def subprotocol_of(ocpp_version: str) -> str:
    """Websocket subprotocol of a configured version such as `1.6`."""
    return f"ocpp{ocpp_version}"
