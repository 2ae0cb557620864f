from pathlib import Path

import pytest

from hil.csms.ledger import Ledger
from hil.csms.state_file import StateFile, StateFileError
from tests.hil.csms.messages import event_201, start_16, stop_16


def test_replay_rebuilds_the_ledger_with_the_ids_that_were_given(tmp_path: Path) -> None:
    before, state = Ledger(first_id=70, reuse_ids=False), StateFile(tmp_path / "state")
    messages = [
        ("StartTransaction", start_16()),
        ("StartTransaction", start_16()),
        ("StopTransaction", stop_16(71)),
        ("TransactionEvent", event_201("Started", 0, 5)),
    ]
    for action, payload in messages:
        receipt = before.record("CP1", action, payload)
        state.keep("CP1", action, payload, None if receipt is None else receipt.transaction_id)
    state.close()
    after = Ledger(first_id=1, reuse_ids=False)
    again = StateFile(tmp_path / "state")
    assert again.replay(after) == 4
    again.close()
    assert after.to_json() == before.to_json()
    receipt = after.record("CP1", "StartTransaction", start_16(connectorId=2))
    assert receipt is not None
    assert receipt.transaction_id == 72


@pytest.mark.parametrize("torn", ["", "{", '{"identity":"CP1","action":"StopTransaction"'])
def test_a_torn_last_line_is_cut_off(tmp_path: Path, torn: str) -> None:
    path = tmp_path / "state"
    state = StateFile(path)
    state.keep("CP1", "StartTransaction", start_16(), 1)
    state.close()
    whole = path.read_text()
    path.write_text(whole + torn)
    reopened = StateFile(path)
    assert reopened.replay(Ledger()) == 1
    reopened.close()
    assert path.read_text() == whole


@pytest.mark.parametrize("content", [b"hello\n", b"{}\n", b"[]\n", b"\xff\n", b"\n"])
def test_a_foreign_file_is_refused_with_its_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "state"
    path.write_bytes(content)
    state = StateFile(path)
    with pytest.raises(StateFileError, match="line 1"):
        state.replay(Ledger())
    state.close()
