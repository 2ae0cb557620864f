"""What the station asks of a back-end, whatever protocol it speaks."""

from typing import Protocol

from agent.domain.facts import Sample
from agent.domain.local_list import ListConflict
from agent.domain.session_state import EvseStatus
from agent.domain.vocabulary import Authorization, IdToken


class BackEndUnreachableError(Exception):
    """No answer is to be had: offline, not accepted yet, or timed out."""


class BackEnd(Protocol):
    """The one question that crosses upwards, and what is told without being journalled."""

    @property
    def is_online(self) -> bool:
        """True while connected and accepted."""

    async def authorize(self, id_token: IdToken) -> Authorization:
        """Ask whether this token may charge. Raises: BackEndUnreachableError."""

    def publish_status(self, status: EvseStatus) -> None:
        """Tell the present status; only the latest of each EVSE survives an outage."""

    def publish_sample(self, evse_id: int, sample: Sample) -> None:
        """Tell a sample taken outside any transaction; dropped while offline."""

    def publish_list_conflict(self, conflict: ListConflict) -> None:
        """Tell that it contradicts the local list; dropped while offline."""
