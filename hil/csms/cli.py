"""`pilotline-bench csms`: options, and the process from the ready line to SIGTERM."""

import argparse
import asyncio
import json
import signal
import ssl
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from hil.command_line import DONE, FAILED, WRONG_USAGE, complain
from hil.csms.bench_csms import BenchCsms
from hil.csms.control_operations import BOOT_STATUSES, Operations
from hil.csms.control_socket import serve_control
from hil.csms.frames import FrameLog
from hil.csms.ledger import Ledger
from hil.csms.state_file import StateFile, StateFileError
from hil.csms.websocket_server import Door, serve_websockets, tls_context
from hil.csms.wire import VERSIONS
from hil.csms.zoo.catalogue import QUIRKS

if TYPE_CHECKING:
    from hil.csms.certificate_office import CertificateOffice

COMMAND = "pilotline-bench csms"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the bench CSMS."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="TCP port; 0 takes any free one (default)")
    parser.add_argument("--control", type=Path, metavar="SOCKET", help="Unix socket for control, JSON lines")
    parser.add_argument("--log", metavar="FILE", help="append every frame as one readable line; - is standard output")
    parser.add_argument("--json", action="store_true", help="write the log as JSON lines")
    parser.add_argument("--state", type=Path, metavar="FILE", help="keep ledger and transaction ids across restarts")
    parser.add_argument(
        "--password", help="ask every station for identity:password (visible to other users: prefer the file)"
    )
    parser.add_argument("--password-file", type=Path, metavar="FILE", help="file whose first line is that password")
    parser.add_argument("--cert", type=Path, metavar="PEM", help="serve TLS with this certificate chain")
    parser.add_argument("--key", type=Path, metavar="PEM", help="its private key")
    parser.add_argument(
        "--authority", type=Path, metavar="DIR", help="be a certificate authority that signs requests; kept in DIR"
    )
    parser.add_argument(
        "--secure-port",
        type=int,
        metavar="PORT",
        help="with --authority: TLS on this port too, client certificates taken",
    )
    parser.add_argument("--versions", default=",".join(VERSIONS), help="OCPP versions to accept (default: %(default)s)")
    parser.add_argument("--boot-status", choices=BOOT_STATUSES, default="Accepted", help="answer to BootNotification")
    parser.add_argument(
        "--heartbeat-interval", type=int, default=300, metavar="S", help="interval given at boot, seconds"
    )
    parser.add_argument(
        "--ping-interval", type=float, default=0, metavar="S", help="websocket pings; 0 sends none (default)"
    )
    parser.add_argument(
        "--new-ids", action="store_true", help="give a repeated 1.6 StartTransaction a new transactionId"
    )
    parser.add_argument(
        "--first-transaction-id", type=int, default=1, metavar="N", help="first 1.6 transactionId of a station"
    )
    parser.add_argument("--quirk", choices=QUIRKS, metavar="NAME", help="misbehave: `ctl … quirks` lists the ways")
    parser.add_argument("--no-validation", action="store_true", help="skip the schemas: faster, for load measurements")


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or `shutdown`; gives the exit code."""
    try:
        tls = _tls(args)
        door = Door(_password(args), versions=_versions(args))
    except ValueError as error:
        return complain(COMMAND, str(error), WRONG_USAGE)
    except OSError as error:
        return complain(COMMAND, f"cannot read certificate, key or password file: {error}", WRONG_USAGE)
    try:
        asyncio.run(_serve(args, door, tls))
    except StateFileError as error:
        return complain(COMMAND, str(error), WRONG_USAGE)
    except OSError as error:
        return complain(COMMAND, f"cannot serve: {error}", FAILED)
    return DONE


def main(argv: list[str] | None = None) -> int:
    """Entry of `python -m hil.csms`."""
    parser = argparse.ArgumentParser(prog="python -m hil.csms", description="The bench CSMS for OCPP 1.6 and 2.0.1.")
    add_arguments(parser)
    return run(parser.parse_args(argv))


async def _serve(args: argparse.Namespace, door: Door, tls: ssl.SSLContext | None) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        csms = _csms(args, stack)
        ping_s = args.ping_interval or None
        office = await _office(args, csms, stack)
        if office is not None and args.secure_port is not None:
            files = office.authority
            secure = tls_context(files.certificate_file, files.key_file, files.root_file)
            await stack.enter_async_context(
                serve_websockets(csms, door, host=args.host, port=args.secure_port, tls=secure, ping_interval_s=ping_s)
            )
        url = await stack.enter_async_context(
            serve_websockets(csms, door, host=args.host, port=args.port, tls=tls, ping_interval_s=ping_s)
        )
        if args.control is not None:
            await stack.enter_async_context(serve_control(Operations(csms, door, stop, office), args.control))
        control = None if args.control is None else str(args.control)
        print(json.dumps({"ready": True, "url": url, "control": control}), flush=True)
        await stop.wait()


async def _office(args: argparse.Namespace, csms: BenchCsms, stack: AsyncExitStack) -> "CertificateOffice | None":
    if args.authority is None:
        return None
    from hil.csms.authority import BenchAuthority  # noqa: PLC0415 - cryptography, only where it is wanted
    from hil.csms.certificate_office import certificate_office  # noqa: PLC0415 - as above

    return await stack.enter_async_context(certificate_office(csms, BenchAuthority(args.authority, args.host)))


def _csms(args: argparse.Namespace, stack: AsyncExitStack) -> BenchCsms:
    state = None
    if args.state is not None:
        state = StateFile(args.state)
        stack.callback(state.close)
    csms = BenchCsms(
        validation=not args.no_validation,
        ledger=Ledger(reuse_ids=not args.new_ids, first_id=args.first_transaction_id),
        state=state,
        log=FrameLog(_log_file(args, stack), as_json=args.json),
    )
    csms.boot.status = None if args.boot_status == "none" else args.boot_status
    csms.boot.interval_s = args.heartbeat_interval
    csms.misbehave(None if args.quirk is None else QUIRKS[args.quirk])
    return csms


def _log_file(args: argparse.Namespace, stack: AsyncExitStack) -> TextIO | None:
    if args.log is None:
        return None
    if args.log == "-":
        return sys.stdout
    return stack.enter_context(Path(args.log).open("a", encoding="utf-8"))


def _tls(args: argparse.Namespace) -> ssl.SSLContext | None:
    if args.secure_port is not None and args.authority is None:
        raise ValueError("--secure-port needs --authority")
    if args.cert is None and args.key is None:
        return None
    if args.cert is None or args.key is None:
        raise ValueError("--cert and --key go together")
    return tls_context(args.cert, args.key)


def _password(args: argparse.Namespace) -> str | None:
    if args.password_file is None:
        return str(args.password) if args.password is not None else None
    lines: list[str] = args.password_file.read_text(encoding="utf-8").splitlines()
    if not lines:
        raise ValueError(f"{args.password_file} is empty; its first line must be the password")
    return lines[0]


def _versions(args: argparse.Namespace) -> tuple[str, ...]:
    versions = tuple(version.strip() for version in args.versions.split(","))
    unknown = [version for version in versions if version not in VERSIONS]
    if unknown:
        raise ValueError(f"--versions: {unknown[0]!r} is not supported; supported: {', '.join(VERSIONS)}")
    return versions
