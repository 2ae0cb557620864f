"""The bench's installer keeps the rules of a real one."""

from pathlib import Path

import pytest

from agent.firmware.simulated_installer import SimulatedInstaller
from agent.station.firmware_parts import InstallError, Proof
from hil.virtual_time import run_virtual


def test_any_file_is_an_image_and_the_next_process_proves_it(tmp_path: Path) -> None:
    (tmp_path / "image").write_bytes(b"anything")
    percents: list[int] = []
    installer = SimulatedInstaller(tmp_path)
    assert run_virtual(installer.install(tmp_path / "image", percents.append))
    assert percents == sorted(percents)
    assert (percents[0], percents[-1]) == (0, 100)
    assert run_virtual(installer.proof()) is Proof.SAME_BOOT
    assert run_virtual(SimulatedInstaller(tmp_path).proof()) is Proof.CONFIRMED


def test_without_an_installation_nothing_is_proven(tmp_path: Path) -> None:
    assert run_virtual(SimulatedInstaller(tmp_path).proof()) is Proof.FELL_BACK


@pytest.mark.parametrize("content", [b"", None])
def test_an_empty_or_missing_file_is_no_image(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "image").write_bytes(content)
    with pytest.raises(InstallError) as failed:
        run_virtual(SimulatedInstaller(tmp_path).install(tmp_path / "image", lambda _percent: None))
    assert failed.value.not_verified == (content is not None)
    assert not sorted(tmp_path.glob("*.json"))
