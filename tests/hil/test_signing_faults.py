"""Faults of a meter's signing exist where the meter signs, and are refused by name where it does not."""

import pytest

from hil.bench import Bench, BenchError
from hil.evse_bench import MeterModel

KINDS = ("meter_exchanged", "signer_fails", "signer_silent")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_meter_that_signs_nothing_cannot_fail_to(kind: str) -> None:
    bench = Bench()
    with pytest.raises(BenchError, match="signs nothing"):
        bench.fault(1, kind)
    bench.clear(1)


async def test_an_exchanged_meter_has_another_serial_number_and_key_until_it_is_put_back() -> None:
    bench = Bench(2, meter_model=MeterModel("iskra_wm3m4c"))
    signing = bench.evses[2].meter.signing
    assert signing is not None
    own = signing.signer
    assert own.serial_number == "PL000002"
    bench.fault(2, "meter_exchanged")
    assert signing.signer.serial_number != own.serial_number
    assert signing.signer.public_key != own.public_key
    bench.clear(2, "meter_exchanged")
    assert signing.signer is own
