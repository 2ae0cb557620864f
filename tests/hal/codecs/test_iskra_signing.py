"""Text, registers and signatures of the signing block."""

import json

import pytest

from hal.api import BadFrameError
from hal.codecs import iskra_signing as layout
from hal.signed_meter import SigningRequest

REQUEST = SigningRequest("t-1", "ISO14443", "04A1B2C3", "BENCH-0001 1", ("RFID_PLAIN",))


def test_a_signature_of_the_shortest_form_stays_as_it_is() -> None:
    signature = bytes.fromhex("3006 0201 7F 0201 01")
    assert layout.normalised(signature) == signature


def test_superfluous_zeros_of_a_signature_are_dropped_and_needed_ones_kept() -> None:
    padded = bytes.fromhex("300A 0203 00007F 0203 0000FF")
    assert layout.normalised(padded) == bytes.fromhex("3007 0201 7F 0202 00FF")


@pytest.mark.parametrize("junk", ["", "30", "3000", "3003 020101", "3006 0201 7F 0301 01", "3006 02017F 020501"])
def test_what_is_no_signature_is_refused(junk: str) -> None:
    with pytest.raises(BadFrameError):
        layout.normalised(bytes.fromhex(junk))


def test_the_dataset_stands_in_the_record_byte_for_byte() -> None:
    dataset = '{"FV":"1.0", "RD":[ {"RV":1.50} ]}'
    record = layout.ocmf_record(dataset, bytes.fromhex("3006 0201 7F 0201 01"))
    assert record.split("|")[1] == dataset
    assert json.loads(record.split("|")[2]) == {"SA": "ECDSA-secp256r1-SHA256", "SD": "300602017F020101"}


@pytest.mark.parametrize("dataset", ['{"ID":"a|b"}', "", "garbage"])
def test_a_dataset_that_would_break_the_record_is_refused(dataset: str) -> None:
    with pytest.raises(BadFrameError):
        layout.ocmf_record(dataset, bytes.fromhex("3006 0201 7F 0201 01"))


def test_metadata_names_user_and_place_and_no_separator() -> None:
    metadata = json.loads(layout.metadata(REQUEST))
    assert (metadata["IS"], metadata["IF"], metadata["IT"], metadata["ID"]) == (
        True,
        ["RFID_PLAIN"],
        "ISO14443",
        "04A1B2C3",
    )
    assert (metadata["CT"], metadata["CI"], metadata["FV"]) == ("CBIDC", "BENCH-0001 1", "1.0")
    odd = SigningRequest("t-1", "LOCAL", "a|b", "1", tariff_text="0,39 €/kWh")
    assert json.loads(layout.metadata(odd))["ID"] == "a b"
    assert (json.loads(layout.metadata(odd))["TT"], json.loads(layout.metadata(odd))["FV"]) == ("0,39 €/kWh", "1.3")


def test_metadata_that_the_meter_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="1024"):
        layout.metadata(SigningRequest("t-1", "LOCAL", "x" * 1000, "1"))


def test_registers_hold_two_bytes_each_high_first() -> None:
    assert layout.to_words(b"abc") == (0x6162, 0x6300)
    assert layout.to_text((0x6162, 0x6300), 3) == "abc"
    with pytest.raises(BadFrameError):
        layout.to_text((0xFFFF,), 2)
