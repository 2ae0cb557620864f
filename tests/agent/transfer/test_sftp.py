"""sftp against asyncssh's server on loopback. Requirement: host keys are verified, transfers go on at an offset."""

import asyncio
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.transfer import sftp_process
from agent.transfer.errors import Failure, TransferError
from agent.transfer.settings import TransferSettings
from agent.transfer.transfers import LET_GO_S, FileTransfers
from tests.agent.transfer.servers import (
    ENCODED,
    IMAGE,
    PASSWORD,
    SftpHouse,
    content,
    free_port,
    sftp_server,
    until_moved,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "served"
    (folder / "in").mkdir(parents=True)
    (folder / "in" / "fw.bin").write_bytes(IMAGE)
    return folder


@pytest.fixture
def house(folder: Path) -> Iterator[SftpHouse]:
    with sftp_server(folder) as house:
        yield house


@pytest.fixture
def settings(tmp_path: Path) -> TransferSettings:
    return TransferSettings(learnt_hosts_file=tmp_path / "learnt", connect_timeout_s=5, stall_timeout_s=5)


def url(house: SftpHouse, path: str = "in/fw.bin", user: str = ENCODED) -> str:
    return f"sftp://{user}@127.0.0.1:{house.port}/{path}"


async def download(settings: TransferSettings, source: str, target: Path) -> int:
    transfers = FileTransfers(settings)
    course = transfers.course()
    await transfers.download(source, target, course)
    return course.done_bytes


async def fails(settings: TransferSettings, source: str, target: Path) -> Failure:
    with pytest.raises(TransferError) as failed:
        await download(settings, source, target)
    assert "ecr" not in str(failed.value)
    return failed.value.failure


async def test_a_file_arrives_whole_and_the_host_key_is_kept(
    house: SftpHouse, settings: TransferSettings, tmp_path: Path
) -> None:
    assert await download(settings, url(house), tmp_path / "image") == len(IMAGE)
    assert content(tmp_path / "image") == IMAGE
    learnt = (tmp_path / "learnt").read_text().split()
    assert learnt[:3] == [f"[127.0.0.1]:{house.port}", *house.host_key.export_public_key().decode().split()[:2]]
    assert (tmp_path / "learnt").stat().st_mode & 0o777 == 0o600


async def test_a_host_with_another_key_than_before_is_refused(
    folder: Path, settings: TransferSettings, tmp_path: Path
) -> None:
    port = free_port()
    with sftp_server(folder, port=port) as house:
        await download(settings, url(house), tmp_path / "image")
    with sftp_server(folder, port=port) as impostor:
        assert await fails(settings, url(impostor), tmp_path / "again") is Failure.UNTRUSTED
        assert not impostor.opened


async def test_only_configured_keys_count_where_there_are_any(
    house: SftpHouse, settings: TransferSettings, tmp_path: Path
) -> None:
    pinned = replace(settings, known_hosts_file=house.known_hosts(tmp_path / "known"))
    await download(pinned, url(house), tmp_path / "image")
    (tmp_path / "known").write_text("")
    assert await fails(pinned, url(house), tmp_path / "again") is Failure.UNTRUSTED
    assert not (tmp_path / "learnt").exists()


async def test_without_any_file_of_keys_there_is_no_sftp(house: SftpHouse, tmp_path: Path) -> None:
    assert await fails(TransferSettings(), url(house), tmp_path / "image") is Failure.NOT_SUPPORTED


async def test_a_download_that_was_cut_goes_on_where_it_stopped(
    house: SftpHouse, settings: TransferSettings, tmp_path: Path
) -> None:
    house.cut_after.append(500_000)
    assert await fails(settings, url(house), tmp_path / "image") is Failure.UNREACHABLE
    held = (tmp_path / "image.part").stat().st_size
    assert 0 < held < len(IMAGE)
    transfers = FileTransfers(settings)
    course = transfers.course()
    await transfers.download(url(house), tmp_path / "image", course)
    assert content(tmp_path / "image") == IMAGE


async def test_a_file_that_was_exchanged_meanwhile_is_taken_anew(
    house: SftpHouse, settings: TransferSettings, tmp_path: Path, folder: Path
) -> None:
    house.cut_after.append(500_000)
    await fails(settings, url(house), tmp_path / "image")
    (folder / "in" / "fw.bin").write_bytes(IMAGE[::-1] + b"!")
    await download(settings, url(house), tmp_path / "image")
    assert content(tmp_path / "image") == IMAGE[::-1] + b"!"


async def test_wrong_credentials_and_missing_files_have_their_names(
    house: SftpHouse, settings: TransferSettings, tmp_path: Path
) -> None:
    assert await fails(settings, url(house, user="station:secr3t"), tmp_path / "image") is Failure.DENIED
    assert await fails(settings, url(house, "in/nothing"), tmp_path / "image") is Failure.MISSING


@pytest.mark.parametrize(("path", "at"), [("in", "in/log.zip"), ("in/", "in/log.zip"), ("in/exact", "in/exact")])
async def test_an_upload_goes_into_a_directory_or_to_the_path_itself(
    house: SftpHouse, settings: TransferSettings, tmp_path: Path, folder: Path, path: str, at: str
) -> None:
    (tmp_path / "log").write_bytes(IMAGE)
    transfers = FileTransfers(settings)
    await transfers.upload(url(house, path), tmp_path / "log", "log.zip", transfers.course())
    assert content(folder / at) == IMAGE


async def test_an_upload_that_was_cut_goes_on_where_it_stopped(
    house: SftpHouse, settings: TransferSettings, tmp_path: Path, folder: Path
) -> None:
    (tmp_path / "log").write_bytes(IMAGE)
    transfers = FileTransfers(settings)
    house.cut_after.append(400_000)
    with pytest.raises(TransferError):
        await transfers.upload(url(house, "in/"), tmp_path / "log", "log.zip", transfers.course())
    assert 0 < (folder / "in/log.zip").stat().st_size < len(IMAGE)
    await transfers.upload(url(house, "in/"), tmp_path / "log", "log.zip", transfers.course(), resume=True)
    assert content(folder / "in/log.zip") == IMAGE


async def test_a_cancelled_download_lets_go_at_once(
    house: SftpHouse, settings: TransferSettings, tmp_path: Path, folder: Path
) -> None:
    (folder / "in" / "fw.bin").write_bytes(IMAGE * 64)
    transfers = FileTransfers(settings)
    course = transfers.course()
    task = asyncio.create_task(transfers.download(url(house), tmp_path / "image", course))
    await until_moved(course, 100_000)
    task.cancel()
    began_s = asyncio.get_running_loop().time()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asyncio.get_running_loop().time() - began_s < LET_GO_S / 2
    assert not (tmp_path / "image").exists()


async def test_the_process_of_a_transfer_ends_with_whoever_gave_the_order_and_shows_no_password(tmp_path: Path) -> None:
    """A killed station must not be written into by what it has left."""
    connected = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    location = {"scheme": "sftp", "host": "127.0.0.1", "port": port, "path": "x", "username": "u", "password": PASSWORD}
    settings = {"ca_file": None, "known_hosts_file": None, "learnt_hosts_file": str(tmp_path / "learnt")}
    order = {"target": str(tmp_path / "image"), "location": location, "settings": settings}
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", sftp_process.__name__), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdin is not None
    child.stdin.write(json.dumps(order).encode() + b"\n")
    await asyncio.wait_for(connected.wait(), 10)
    assert PASSWORD.encode() not in content(Path(f"/proc/{child.pid}/cmdline"))
    child.stdin.close()
    assert await asyncio.wait_for(child.wait(), 5) == 1
    server.close()
    await server.wait_closed()


async def test_a_process_that_cannot_begin_is_a_transfer_that_failed(
    house: SftpHouse, settings: TransferSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    assert await fails(settings, url(house), tmp_path / "image") is Failure.UNREACHABLE
