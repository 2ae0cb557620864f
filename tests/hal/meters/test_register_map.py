import pytest

from hal.api import HardwareFault
from hal.meters.register_map import load_register_map, meter_names, parse_register_map

MODELS = 16
VALID = """
model = "M"
function = 3
word_order = "msw_first"
source = ["s"]
[points]
energy_import = { address = 0, type = "float32", scale = 1, unit = "Wh" }
"""


def test_there_is_a_map_for_every_known_model() -> None:
    assert len(meter_names()) == MODELS


@pytest.mark.parametrize("name", meter_names())
def test_every_map_is_valid_and_says_where_it_comes_from(name: str) -> None:
    register_map = load_register_map(name, billing=False)
    assert register_map.source
    assert register_map.model


def test_a_mistyped_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"'eastron_sdm603'.*did you mean 'eastron_sdm630'"):
        load_register_map("eastron_sdm603")
    with pytest.raises(ValueError, match="known: abb_b23_b24, "):
        load_register_map("zzz")


def test_a_model_without_energy_register_is_refused_for_billing_by_name() -> None:
    for allow in (False, True):
        with pytest.raises(HardwareFault, match=r"Carlo Gavazzi EM580 .*width and scale"):
            load_register_map("carlo_gavazzi_em580", allow_coarse_register=allow)
    assert not load_register_map("carlo_gavazzi_em580", billing=False).bills


def test_a_coarse_register_bills_only_with_the_operators_consent() -> None:
    with pytest.raises(HardwareFault, match=r"Janitza.*16\.7 MWh"):
        load_register_map("janitza_umg")
    assert load_register_map("janitza_umg", allow_coarse_register=True).bills
    assert not load_register_map("janitza_umg", billing=False).bills


def test_limits_of_a_read_are_the_models_own_or_careful() -> None:
    limits = {name: load_register_map(name, billing=False).max_registers for name in meter_names()}
    assert limits["phoenix_eem_350_mcb"] == 11
    assert limits["eastron_sdm630"] == 80
    assert limits["schneider_iem3155"] == 60


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("function = 3", "function = 6", "function"),
        ("msw_first", "middle_first", "word_order"),
        ('source = ["s"]', "", "source"),
        ('source = ["s"]', "source = [1]", "no text"),
        ("energy_import", "energy_export", "billing_refused"),
        ("float32", "float31", "float31"),
        ("scale = 1", "scale = 0", "scale"),
        ("scale = 1", "scale = true", "scale"),
        ('"Wh"', '"kWh"', "kWh"),
        ("address = 0", "address = 65536", "65536"),
        ("address = 0", 'address = "0"', "'0'"),
        ("address = 0,", "address = 0, exponnent = 1,", "exponnent"),
        ('model = "M"', 'model = "M"\ncolour = "grey"', "colour"),
        ("[points]", "[points", "register map"),
        ("[points]", "max_registers = 126\n[points]", "126"),
    ],
)
def test_a_faulty_map_is_refused_with_its_fault(old: str, new: str, problem: str) -> None:
    parse_register_map("m", VALID)
    with pytest.raises(ValueError, match=problem):
        parse_register_map("m", VALID.replace(old, new))
