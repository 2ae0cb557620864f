import pytest

from agent.domain.local_list import (
    MAX_ENTRIES,
    ListEntry,
    ListUpdate,
    UpdateKind,
    UpdateOutcome,
    UpdateRefusedError,
    check_length,
    check_update,
    check_version,
)
from agent.domain.vocabulary import Authorization, AuthorizationStatus, IdToken

ACCEPTED = Authorization(AuthorizationStatus.ACCEPTED)
FULL, CHANGES = UpdateKind.FULL, UpdateKind.DIFFERENTIAL
ONE, OTHER, GONE = (
    ListEntry(IdToken("A1"), ACCEPTED),
    ListEntry(IdToken("a1"), ACCEPTED),
    ListEntry(IdToken("B2"), None),
)


@pytest.mark.parametrize(
    ("update", "fits"),
    [
        (ListUpdate(FULL, 1, (ONE,)), True),
        (ListUpdate(FULL, 1), True),
        (ListUpdate(FULL, 0), True),  # section 5.10: 0 is the version of an empty list
        (ListUpdate(FULL, 0, (ONE,)), False),
        (ListUpdate(FULL, -1), False),  # section 5.10: -1 means that there are no lists here
        (ListUpdate(FULL, 1, (ONE, GONE)), False),  # sections 5.15 and 7: idTagInfo is required in a full list
        (ListUpdate(FULL, 1, (ONE, OTHER)), False),
        (ListUpdate(CHANGES, 1, (ONE, GONE)), True),
        (ListUpdate(CHANGES, 1, (ONE, OTHER)), False),
        (ListUpdate(FULL, 1, tuple(ListEntry(IdToken(str(n)), ACCEPTED) for n in range(MAX_ENTRIES))), True),
        (ListUpdate(FULL, 1, tuple(ListEntry(IdToken(str(n)), ACCEPTED) for n in range(MAX_ENTRIES + 1))), False),
    ],
)
def test_an_update_that_cannot_be_meant_is_refused_before_anything_is_touched(update: ListUpdate, fits: bool) -> None:
    """OCPP 1.6 section 5.15."""
    if fits:
        check_update(update)
        return
    with pytest.raises(UpdateRefusedError) as refused:
        check_update(update)
    assert refused.value.outcome is UpdateOutcome.FAILED


@pytest.mark.parametrize(
    ("kind", "version", "present", "fits"),
    [(CHANGES, 6, 5, True), (CHANGES, 5, 5, False), (CHANGES, 4, 5, False), (CHANGES, 0, 0, False), (FULL, 3, 5, True)],
)
def test_changes_lead_upwards_and_a_full_list_anywhere(
    kind: UpdateKind, version: int, present: int, fits: bool
) -> None:
    """OCPP 1.6, UpdateStatus: VersionMismatch if it is less than or equal to the present one."""
    if fits:
        check_version(ListUpdate(kind, version), present)
        return
    with pytest.raises(UpdateRefusedError) as refused:
        check_version(ListUpdate(kind, version), present)
    assert refused.value.outcome is UpdateOutcome.VERSION_MISMATCH


def test_a_list_that_would_become_too_long_is_refused() -> None:
    check_length(MAX_ENTRIES)
    with pytest.raises(UpdateRefusedError):
        check_length(MAX_ENTRIES + 1)
