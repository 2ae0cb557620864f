"""Builds what moves files: firmware updates where there is an installer, uploads of logs in any case."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from agent.clock import Clock
from agent.config import AgentConfig
from agent.domain.vocabulary import LogType
from agent.log_file import LOG_NAME
from agent.station.file_jobs import FileJobs
from agent.station.journal import Journal
from agent.station.log_archive import LogArchive
from agent.station.log_source import SecurityLogSource
from agent.station.log_uploads import LogSource, LogUploads, UploadParts
from agent.store.database import Database
from agent.transfer.settings import TransferSettings
from agent.transfer.transfers import FileTransfers
from hal.value import dataclass

if TYPE_CHECKING:
    from agent.station.firmware_updates import FirmwareUpdates

FRAME_LOG_NAME = "ocpp-frames.log"
UPLOADS, FIRMWARE, LEARNT_HOSTS = "uploads", "firmware", "ssh-known-hosts"


@dataclass(frozen=True, slots=True)
class FilesOutside:
    """What the runners need of the rest of the station."""

    documents: Callable[[], dict[str, str]]
    """What diagnostics say besides the logs."""
    security_log: Path
    manufacturer_roots: Callable[[], Iterable[Path]]
    """Roots that were installed at run time."""
    alarm: Callable[[str, str], None]
    """Raises a security event."""


def build_file_jobs(
    config: AgentConfig,
    database: Database,
    journal: Journal,
    clock: Clock,
    outside: FilesOutside,
) -> FileJobs:
    """Build both runners."""
    state_dir = config.station.state_dir
    transfers = FileTransfers(_settings(config))
    sources: dict[LogType, LogSource] = {
        LogType.DIAGNOSTICS: LogArchive((state_dir / LOG_NAME, state_dir / FRAME_LOG_NAME), outside.documents),
        LogType.SECURITY: SecurityLogSource(outside.security_log),
    }
    name = config.csms.identity
    logs = LogUploads(UploadParts(database, journal, clock, transfers, sources, state_dir / UPLOADS, name))
    if config.firmware.installer is None:
        return FileJobs(logs)
    return FileJobs(logs, _firmware(config, outside, transfers, (database, journal, clock)))


def _firmware(
    config: AgentConfig, outside: FilesOutside, transfers: FileTransfers, kept: tuple[Database, Journal, Clock]
) -> "FirmwareUpdates":
    from agent.firmware.manufacturer_roots import RootsInFiles  # noqa: PLC0415 - only with an installer
    from agent.firmware.signature import SignatureVerifier  # noqa: PLC0415
    from agent.firmware.simulated_installer import SimulatedInstaller  # noqa: PLC0415
    from agent.station.firmware_updates import FirmwareUpdates, UpdateParts  # noqa: PLC0415

    state_dir = config.station.state_dir
    installer = SimulatedInstaller(state_dir)
    verifier = SignatureVerifier(RootsInFiles(config.firmware.roots_dir, outside.manufacturer_roots))
    return FirmwareUpdates(UpdateParts(*kept, transfers, installer, verifier, outside.alarm, state_dir / FIRMWARE))


def _settings(config: AgentConfig) -> TransferSettings:
    transfer = config.transfer
    return TransferSettings(
        ca_file=transfer.ca_file or config.csms.ca_file,
        known_hosts_file=transfer.known_hosts_file,
        learnt_hosts_file=config.station.state_dir / LEARNT_HOSTS,
        stall_timeout_s=transfer.stall_timeout_s,
        max_bytes=transfer.max_download_bytes,
    )
