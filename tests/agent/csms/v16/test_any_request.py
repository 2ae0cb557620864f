import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.agent.csms.any_request import assert_answered_or_refused
from tests.agent.csms.v16.any_request import any_request
from tests.agent.csms.v16.rig import Rig


@pytest.mark.parametrize("action", sorted(Rig().adapter.handlers))
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_whatever_fits_the_schema_gets_an_answer_that_fits_it_too(action: str, data: st.DataObject) -> None:
    rig = Rig()
    rig.station.occupy(1, "tx-1")
    rig.known.by_csms_id[1] = "tx-1"
    assert_answered_or_refused(rig, action, data.draw(any_request(action)))
