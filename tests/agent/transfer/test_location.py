"""Where a file is: URLs of back-ends. Requirement: OCPP 1.6 sections 6.27 and 6.61 (location), RFC 3986, RFC 1738."""

import pytest

from agent.transfer.errors import Failure, TransferError
from agent.transfer.location import parse_location


def test_user_and_password_are_percent_decoded_and_never_shown() -> None:
    location = parse_location("ftp://us%40er:p%3Ass%2Fw%C3%B6rd@files.example:2121/in/box")
    assert (location.username, location.password) == ("us@er", "p:ss/wörd")
    assert (location.host, location.port, location.path) == ("files.example", 2121, "in/box")
    for text in (repr(location), str(location), location.shown):
        assert text.strip("<>") == "ftp://files.example:2121/in/box"


def test_a_query_may_open_a_door_and_is_not_shown() -> None:
    location = parse_location("https://store.example/fw.bin?X-Signature=abc%2F1")
    assert location.path == "/fw.bin?X-Signature=abc%2F1"
    assert location.shown == "https://store.example/fw.bin?…"


@pytest.mark.parametrize(
    ("scheme", "port"), [("http", 80), ("https", 443), ("ftp", 21), ("ftps", 21), ("sftp", 22), ("HTTPS", 443)]
)
def test_every_scheme_has_its_port(scheme: str, port: int) -> None:
    assert parse_location(f"{scheme}://[::1]/x").port == port


@pytest.mark.parametrize(
    ("url", "failure", "word"),
    [
        ("gopher://files.example/fw", Failure.NOT_SUPPORTED, "gopher"),
        ("file://host/etc/passwd", Failure.NOT_SUPPORTED, "file"),
        ("files.example/fw", Failure.NOT_SUPPORTED, "nothing"),
        ("ftps://files.example:990/fw", Failure.NOT_SUPPORTED, "990"),
        ("", Failure.BAD_REQUEST, "URL"),
        ("http://", Failure.BAD_REQUEST, "host"),
        ("http://files.example:0/fw", Failure.BAD_REQUEST, "port"),
        ("http://files.example:99999/fw", Failure.BAD_REQUEST, "valid"),
        ("http://[::1/fw", Failure.BAD_REQUEST, "valid"),
        (f"http://{'a' * 64}.example/fw", Failure.BAD_REQUEST, "valid"),
        ("http://files.example/a b", Failure.BAD_REQUEST, "blanks"),
        ("http://files.example/a\r\nHost: x", Failure.BAD_REQUEST, "control"),
        ("ftp://files.example/a%0D%0ADELE%20b", Failure.BAD_REQUEST, "control"),
        ("ftp://user%0a:p@files.example/a", Failure.BAD_REQUEST, "control"),
        ("http://files.example/" + "a" * 2048, Failure.BAD_REQUEST, "2048"),
    ],
)
def test_what_cannot_be_served_is_refused_in_one_sentence(url: str, failure: Failure, word: str) -> None:
    with pytest.raises(TransferError) as refused:
        parse_location(url)
    assert refused.value.failure is failure
    assert word in str(refused.value)


def test_a_refusal_shows_no_password() -> None:
    with pytest.raises(TransferError) as refused:
        parse_location("gopher://user:secret@files.example/fw")
    assert "secret" not in str(refused.value)


def test_a_file_in_a_directory() -> None:
    assert parse_location("ftp://h/in/").child("a.zip").path == "in/a.zip"
    assert parse_location("ftp://h").child("a.zip").path == "a.zip"
    assert parse_location("https://h/in/?key=1").child("a b.zip").path == "/in/a%20b.zip?key=1"
    assert parse_location("https://h/in/?key=1").is_directory
    assert not parse_location("https://h/in?to=/").is_directory
