"""http and https against a real server on loopback. Requirement: resume, limits, redirections, verified TLS."""

import asyncio
import ssl
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agent.transfer.errors import Failure, TransferError
from agent.transfer.partial_file import discard
from agent.transfer.settings import TransferSettings
from agent.transfer.transfers import LET_GO_S, FileTransfers
from agent.transfer.trust import client_context
from hil.file_server import FileFault, FileServer, file_server
from tests.agent.csms.certificates import NOW, Authority, authority, server_context
from tests.agent.transfer.servers import ENCODED, IMAGE, content, until_moved

QUICK = TransferSettings(connect_timeout_s=3, stall_timeout_s=0.5)
URL = "/images/fw.bin"


@pytest.fixture
def server() -> Iterator[FileServer]:
    with file_server() as server:
        server.shelf.files[URL] = IMAGE
        yield server


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "in" / "image"


async def download(url: str, target: Path, settings: TransferSettings = QUICK) -> None:
    transfers = FileTransfers(settings)
    await transfers.download(url, target, transfers.course())


def absent(file: Path) -> bool:
    return not file.exists()


def mode(file: Path) -> int:
    return file.stat().st_mode & 0o777


async def failure(url: str, target: Path, settings: TransferSettings = QUICK) -> TransferError:
    with pytest.raises(TransferError) as failed:
        await download(url, target, settings)
    assert absent(target)
    return failed.value


async def test_a_file_arrives_whole_and_leaves_nothing_else(server: FileServer, target: Path) -> None:
    transfers = FileTransfers(QUICK)
    course = transfers.course()
    await transfers.download(server.url(URL), target, course)
    assert content(target) == IMAGE
    assert [each.name for each in target.parent.iterdir()] == ["image"]
    assert (course.done_bytes, course.total_bytes, course.percent) == (len(IMAGE), len(IMAGE), 100)
    assert mode(target) == 0o600


async def test_a_download_that_was_cut_goes_on_where_it_stopped(server: FileServer, target: Path) -> None:
    """RFC 9110 section 13.1.5 (If-Range)."""
    server.shelf.faults.extend([FileFault(cut_after=300_000), FileFault(cut_after=200_000)])
    for _ in range(2):
        assert (await failure(server.url(URL), target)).failure is Failure.UNREACHABLE
    await download(server.url(URL), target)
    assert content(target) == IMAGE
    assert [(each.range, each.status) for each in server.shelf.requests] == [
        (None, 200),
        ("bytes=300000-", 206),
        ("bytes=500000-", 206),
    ]


async def test_a_file_that_was_exchanged_meanwhile_is_taken_anew(server: FileServer, target: Path) -> None:
    server.shelf.faults.append(FileFault(cut_after=300_000))
    await failure(server.url(URL), target)
    server.shelf.files[URL] = other = IMAGE[::-1]
    await download(server.url(URL), target)
    assert content(target) == other


async def test_without_a_validator_nothing_is_gone_on_with(server: FileServer, target: Path) -> None:
    server.shelf.has_validators = False
    server.shelf.faults.append(FileFault(cut_after=300_000))
    await failure(server.url(URL), target)
    await download(server.url(URL), target)
    assert server.shelf.requests[-1].range is None
    assert content(target) == IMAGE


async def test_a_server_without_ranges_begins_anew(server: FileServer, target: Path) -> None:
    server.shelf.takes_ranges = False
    server.shelf.faults.append(FileFault(cut_after=300_000))
    await failure(server.url(URL), target)
    await download(server.url(URL), target)
    assert content(target) == IMAGE


async def test_a_part_of_another_url_is_not_gone_on_with(server: FileServer, target: Path) -> None:
    server.shelf.files["/other"] = IMAGE
    server.shelf.faults.append(FileFault(cut_after=300_000))
    await failure(server.url(URL), target)
    await download(server.url("/other"), target)
    assert server.shelf.requests[-1].range is None


async def test_a_part_that_is_whole_already_is_taken(server: FileServer, target: Path) -> None:
    """RFC 9110 section 15.5.17: 416 tells the length of the file."""
    server.shelf.faults.append(FileFault(announced=len(IMAGE) + 5))
    await failure(server.url(URL), target)
    assert target.with_name("image.part").stat().st_size == len(IMAGE)
    await download(server.url(URL), target)
    assert server.shelf.requests[-1].status == 416
    assert content(target) == IMAGE


async def test_a_part_that_is_longer_than_the_file_is_thrown_away(server: FileServer, target: Path) -> None:
    server.shelf.faults.append(FileFault(cut_after=300_000))
    await failure(server.url(URL), target)
    part = target.with_name("image.part")
    part.write_bytes(IMAGE + b"more")
    assert (await failure(server.url(URL), target)).failure is Failure.DAMAGED
    await download(server.url(URL), target)
    assert content(target) == IMAGE


async def test_a_file_shorter_than_announced_is_not_taken_for_whole(server: FileServer, target: Path) -> None:
    server.shelf.always = FileFault(announced=len(IMAGE) + 1)
    assert "of 1048577 bytes" in str(await failure(server.url(URL), target))


async def test_a_server_that_stalls_is_given_up(server: FileServer, target: Path) -> None:
    server.shelf.faults.append(FileFault(stall_after=100_000))
    error = await failure(server.url(URL), target)
    assert error.failure is Failure.UNREACHABLE
    assert "silent" in str(error)


async def test_a_file_that_is_too_large_is_refused_before_it_is_received(server: FileServer, target: Path) -> None:
    transfers = FileTransfers(replace(QUICK, max_bytes=100_000))
    course = transfers.course()
    with pytest.raises(TransferError) as failed:
        await transfers.download(server.url(URL), target, course)
    assert course.done_bytes == 0
    error = failed.value
    assert error.failure is Failure.TOO_LARGE
    assert error.is_final
    assert not target.with_name("image.part").exists()


async def test_a_file_that_does_not_fit_the_disk_is_refused_before_it_is_received(
    server: FileServer, target: Path
) -> None:
    server.shelf.faults.append(FileFault(announced=2**50))
    error = await failure(server.url(URL), target, replace(QUICK, max_bytes=2**60))
    assert error.failure is Failure.NO_ROOM


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (404, Failure.MISSING),
        (403, Failure.DENIED),
        (401, Failure.DENIED),
        (400, Failure.BAD_REQUEST),
        (405, Failure.NOT_SUPPORTED),
        (500, Failure.REFUSED),
        (799, Failure.REFUSED),
    ],
)
async def test_a_refusal_keeps_its_meaning(server: FileServer, target: Path, status: int, expected: Failure) -> None:
    server.shelf.faults.append(FileFault(status=status))
    error = await failure(server.url(URL), target)
    assert error.failure is expected
    assert str(status) in str(error)


async def test_credentials_are_sent_decoded_and_not_shown(server: FileServer, target: Path) -> None:
    await download(server.url(URL, user=ENCODED), target)
    assert server.shelf.requests[0].authorization == "Basic c3RhdGlvbjpzOmVjckB0L8Ok"
    server.shelf.faults.append(FileFault(status=403))
    discard(target)
    assert "ecr" not in str(await failure(server.url(URL, user=ENCODED), target))


async def test_redirections_are_followed_without_credentials_for_others(server: FileServer, target: Path) -> None:
    with file_server() as other:
        other.shelf.files["/fw"] = IMAGE
        server.shelf.faults.extend([FileFault(redirect="/second"), FileFault(redirect=other.url("/fw"))])
        await download(server.url(URL, user=ENCODED), target)
        assert server.shelf.requests[1].authorization is not None
        assert other.shelf.requests[0].authorization is None
    assert content(target) == IMAGE


async def test_redirections_are_limited(server: FileServer, target: Path) -> None:
    server.shelf.always = FileFault(redirect=URL)
    assert "5 redirections" in str(await failure(server.url(URL), target))
    assert len(server.shelf.requests) == 6


@pytest.fixture
def house(tmp_path: Path) -> Authority:
    return authority(tmp_path)


def trusting(house: Authority) -> TransferSettings:
    return replace(QUICK, ca_file=house.file)


async def test_https_is_taken_from_a_server_with_a_good_certificate(house: Authority, target: Path) -> None:
    with file_server(server_context(house.issue("files"))) as secure:
        secure.shelf.files[URL] = IMAGE
        secure.shelf.faults.append(FileFault(cut_after=300_000))
        await failure(secure.url(URL), target, trusting(house))
        await download(secure.url(URL), target, trusting(house))
        assert secure.shelf.requests[-1].status == 206
    assert content(target) == IMAGE


@pytest.mark.parametrize("wrong", ["stranger", "expired", "name"])
async def test_https_with_a_bad_certificate_is_refused(
    house: Authority, target: Path, tmp_path: Path, wrong: str
) -> None:
    settings = trusting(house)
    issuer = house
    if wrong == "stranger":
        (tmp_path / "x").mkdir()
        issuer = authority(tmp_path / "x", "Another CA")
    files = issuer.issue(
        "files",
        address="127.0.0.2" if wrong == "name" else "127.0.0.1",
        until=NOW - timedelta(days=1) if wrong == "expired" else None,
    )
    with file_server(server_context(files)) as secure:
        secure.shelf.files[URL] = IMAGE
        error = await failure(secure.url(URL), target, settings)
        assert error.failure is Failure.UNTRUSTED
        assert not secure.shelf.requests
    assert "certificate of 127.0.0.1 is not trusted" in str(error)


async def test_old_tls_is_refused(house: Authority, target: Path) -> None:
    context = server_context(house.issue("files"))
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with file_server(context) as secure:
        assert (await failure(secure.url(URL), target, trusting(house))).failure is Failure.UNREACHABLE


def test_tls_before_1_2_is_not_offered_whatever_openssl_would_allow() -> None:
    assert client_context(QUICK).minimum_version is ssl.TLSVersion.TLSv1_2


async def test_a_redirection_from_https_to_http_is_refused(house: Authority, server: FileServer, target: Path) -> None:
    with file_server(server_context(house.issue("files"))) as secure:
        secure.shelf.faults.append(FileFault(redirect=server.url(URL)))
        error = await failure(secure.url(URL), target, trusting(house))
    assert error.failure is Failure.UNTRUSTED
    assert not server.shelf.requests


async def test_a_cancelled_download_lets_go_at_once_and_keeps_its_part(server: FileServer, target: Path) -> None:
    server.shelf.faults.append(FileFault(stall_after=200_000))
    transfers = FileTransfers(replace(QUICK, stall_timeout_s=60))
    course = transfers.course()
    task = asyncio.create_task(transfers.download(server.url(URL), target, course))
    await until_moved(course, 200_000)
    task.cancel()
    began_s = asyncio.get_running_loop().time()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asyncio.get_running_loop().time() - began_s < LET_GO_S / 2
    assert target.with_name("image.part").stat().st_size == 200_000
    discard(target)
    assert list(target.parent.iterdir()) == []


async def test_nobody_there_is_one_sentence(target: Path, server: FileServer) -> None:
    url = server.url(URL)
    server.close()
    try:
        assert "connection to 127.0.0.1 failed" in str(await failure(url, target))
    finally:
        server.__init__()  # type: ignore[misc]  # the fixture closes it again


async def upload(url: str, source: Path, name: str = "log.zip") -> None:
    transfers = FileTransfers(QUICK)
    await transfers.upload(url, source, name, transfers.course())


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "log"
    file.write_bytes(IMAGE)
    return file


@pytest.mark.parametrize(("url", "at"), [("/in/", "/in/log.zip"), ("/in/exact?s=1", "/in/exact?s=1")])
async def test_an_upload_goes_into_a_directory_or_to_the_url_itself(
    server: FileServer, source: Path, url: str, at: str
) -> None:
    await upload(server.url(url), source)
    assert server.shelf.uploads == {at: IMAGE}


async def test_a_server_that_does_not_know_put_is_sent_a_post(server: FileServer, source: Path) -> None:
    server.shelf.takes_put = False
    await upload(server.url("/in/"), source)
    assert server.shelf.uploads == {"/in/log.zip": IMAGE}


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (FileFault(cut_after=200_000), Failure.UNREACHABLE),
        (FileFault(status=403), Failure.DENIED),
        (FileFault(status=400), Failure.BAD_REQUEST),
        (FileFault(stall_after=200_000), Failure.UNREACHABLE),
    ],
)
async def test_an_upload_that_fails_says_why(
    server: FileServer, source: Path, fault: FileFault, expected: Failure
) -> None:
    server.shelf.always = fault
    with pytest.raises(TransferError) as failed:
        await upload(server.url("/in/"), source)
    assert failed.value.failure is expected
    assert not server.shelf.uploads
