"""ftp and ftps against pyftpdlib on loopback. Requirement: RFC 959, RFC 3659 (REST, SIZE, MDTM), RFC 4217."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.transfer.errors import Failure, TransferError
from agent.transfer.settings import TransferSettings
from agent.transfer.transfers import LET_GO_S, FileTransfers
from tests.agent.csms.certificates import authority
from tests.agent.transfer.servers import ENCODED, IMAGE, FtpHouse, content, ftp_server, until_moved


class Rig:
    """One server, plain or with TLS, and a station that uses it."""

    def __init__(self, house: FtpHouse, scheme: str, settings: TransferSettings, tmp_path: Path) -> None:
        self.house = house
        self.transfers = FileTransfers(settings)
        self.course = self.transfers.course()
        self.target = tmp_path / "image"
        self.source = tmp_path / "log"
        self.source.write_bytes(IMAGE)
        self._scheme = scheme

    def url(self, path: str, user: str = ENCODED) -> str:
        return f"{self._scheme}://{user}@127.0.0.1:{self.house.port}/{path}"

    async def download(self, path: str = "fw.bin", user: str = ENCODED) -> None:
        self.course = self.transfers.course()
        await self.transfers.download(self.url(path, user), self.target, self.course)

    async def upload(self, path: str, *, resume: bool = False) -> None:
        """Use a new course if the last one has been used."""
        if self.course.done_bytes:
            self.course = self.transfers.course()
        await self.transfers.upload(self.url(path), self.source, "log.zip", self.course, resume=resume)

    async def fails(self, path: str = "fw.bin", user: str = ENCODED) -> Failure:
        with pytest.raises(TransferError) as failed:
            await self.download(path, user)
        assert "ecr" not in str(failed.value)
        return failed.value.failure


@pytest.fixture(params=["ftp", "ftps"])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    folder = tmp_path / "served"
    (folder / "in").mkdir(parents=True)
    (folder / "fw.bin").write_bytes(IMAGE)
    house = authority(tmp_path)
    settings = TransferSettings(ca_file=house.file, connect_timeout_s=3, stall_timeout_s=3)
    certificate = house.issue("files") if request.param == "ftps" else None
    with ftp_server(folder, certificate=certificate) as server:
        yield Rig(server, request.param, settings, tmp_path)


async def test_a_file_arrives_whole(rig: Rig) -> None:
    await rig.download()
    assert content(rig.target) == IMAGE
    assert rig.course.percent == 100


async def test_a_download_that_was_cut_goes_on_where_it_stopped(rig: Rig) -> None:
    rig.house.cut_after.append(200_000)
    assert await rig.fails() is Failure.UNREACHABLE
    assert 0 < rig.course.done_bytes < len(IMAGE)
    held = rig.course.done_bytes
    await rig.download()
    assert content(rig.target) == IMAGE
    assert f"REST {held}" in rig.house.commands


async def test_a_file_that_was_exchanged_meanwhile_is_taken_anew(rig: Rig) -> None:
    rig.house.cut_after.append(200_000)
    await rig.fails()
    (rig.house.folder / "fw.bin").write_bytes(IMAGE[:-1])
    rig.house.commands.clear()
    await rig.download()
    assert content(rig.target) == IMAGE[:-1]
    assert not any(command.startswith("REST") for command in rig.house.commands)


async def test_wrong_credentials_and_missing_files_have_their_names(rig: Rig) -> None:
    assert await rig.fails(user="station:secr3t") is Failure.DENIED
    assert await rig.fails("nothing/here.bin") is Failure.MISSING


@pytest.mark.parametrize(
    ("path", "at"), [("in", "in/log.zip"), ("in/", "in/log.zip"), ("", "log.zip"), ("in/exact.bin", "in/exact.bin")]
)
async def test_an_upload_goes_into_a_directory_or_to_the_path_itself(rig: Rig, path: str, at: str) -> None:
    """OCPP 1.6 section 6.27: the location is a directory; other back-ends name the file."""
    await rig.upload(path)
    assert content(rig.house.folder / at) == IMAGE


async def test_an_upload_that_was_cut_goes_on_where_it_stopped(rig: Rig) -> None:
    rig.house.cut_after.append(200_000)
    with pytest.raises(TransferError):
        await rig.upload("in/")
    there = (rig.house.folder / "in/log.zip").stat().st_size
    assert 0 < there < len(IMAGE)
    await rig.upload("in/", resume=True)
    assert f"REST {there}" in rig.house.commands
    assert content(rig.house.folder / "in/log.zip") == IMAGE


async def test_a_first_upload_replaces_what_was_there(rig: Rig) -> None:
    (rig.house.folder / "in/log.zip").write_bytes(b"an older one")
    await rig.upload("in/")
    assert content(rig.house.folder / "in/log.zip") == IMAGE


async def test_a_server_that_cannot_go_on_begins_anew(tmp_path: Path) -> None:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "fw.bin").write_bytes(IMAGE)
    with ftp_server(folder, rest=False) as server:
        rig = Rig(server, "ftp", TransferSettings(stall_timeout_s=3), tmp_path)
        server.cut_after.append(200_000)
        await rig.fails()
        await rig.download()
        assert content(rig.target) == IMAGE


async def test_ftps_with_a_bad_certificate_is_refused_before_the_password(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    other, ours = authority(tmp_path / "x", "Another CA"), authority(tmp_path)
    with ftp_server(tmp_path, certificate=other.issue("files")) as server:
        rig = Rig(server, "ftps", TransferSettings(ca_file=ours.file, connect_timeout_s=3), tmp_path)
        assert await rig.fails() is Failure.UNTRUSTED
        assert not any(command.startswith(("USER", "PASS")) for command in server.commands)


async def test_a_silent_server_is_given_up(tmp_path: Path) -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    transfers = FileTransfers(TransferSettings(connect_timeout_s=0.3, stall_timeout_s=0.3))
    with pytest.raises(TransferError, match="silent"):
        await transfers.download(f"ftp://127.0.0.1:{port}/x", tmp_path / "image", transfers.course())
    server.close()
    await server.wait_closed()


async def test_what_does_not_speak_ftp_is_one_sentence(tmp_path: Path) -> None:
    async def babble(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x00\xff\xfe nonsense\r\n" * 5)
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    transfers = FileTransfers(TransferSettings(connect_timeout_s=1, stall_timeout_s=1))
    with pytest.raises(TransferError):
        await transfers.download(f"ftp://127.0.0.1:{port}/x", tmp_path / "image", transfers.course())
    server.close()
    await server.wait_closed()


async def test_a_cancelled_upload_lets_go_at_once(rig: Rig) -> None:
    rig.source.write_bytes(IMAGE * 64)
    task = asyncio.create_task(rig.upload("in/"))
    await until_moved(rig.course, 100_000)
    task.cancel()
    began_s = asyncio.get_running_loop().time()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asyncio.get_running_loop().time() - began_s < LET_GO_S / 2
