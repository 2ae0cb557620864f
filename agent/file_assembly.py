"""Builds what moves files: firmware updates where there is an installer, uploads of logs in any case."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from agent.clock import Clock
from agent.config import AgentConfig
from agent.domain.vocabulary import LogType
from agent.log_file import LOG_NAME
from agent.station.file_jobs import FileJobs
from agent.station.journal import Journal
from agent.station.log_archive import LogArchive
from agent.station.log_uploads import LogSource, LogUploads, UploadParts
from agent.store.database import Database
from agent.transfer.settings import TransferSettings
from agent.transfer.transfers import FileTransfers

if TYPE_CHECKING:
    from agent.station.firmware_updates import FirmwareUpdates

logger = logging.getLogger(__name__)

FRAME_LOG_NAME = "ocpp-frames.log"
UPLOADS, FIRMWARE, LEARNT_HOSTS = "uploads", "firmware", "ssh-known-hosts"


def build_file_jobs(
    config: AgentConfig,
    database: Database,
    journal: Journal,
    clock: Clock,
    documents: Callable[[], dict[str, str]],
) -> FileJobs:
    """Build both runners; `documents`: what diagnostics say besides the logs."""
    state_dir = config.station.state_dir
    transfers = FileTransfers(_settings(config))
    # A LogSource for LogType.SECURITY goes here once there is a security log; until then GetLog of it is Rejected.
    sources: dict[LogType, LogSource] = {
        LogType.DIAGNOSTICS: LogArchive((state_dir / LOG_NAME, state_dir / FRAME_LOG_NAME), documents)
    }
    name = config.csms.identity
    logs = LogUploads(UploadParts(database, journal, clock, transfers, sources, state_dir / UPLOADS, name))
    if config.firmware.installer is None:
        return FileJobs(logs)
    return FileJobs(logs, _firmware(config.firmware.roots_dir, state_dir, transfers, (database, journal, clock)))


def _firmware(
    roots_dir: Path | None, state_dir: Path, transfers: FileTransfers, kept: tuple[Database, Journal, Clock]
) -> "FirmwareUpdates":
    from agent.firmware.manufacturer_roots import RootsInDirectory  # noqa: PLC0415 - only with an installer
    from agent.firmware.signature import SignatureVerifier  # noqa: PLC0415
    from agent.firmware.simulated_installer import SimulatedInstaller  # noqa: PLC0415
    from agent.station.firmware_updates import FirmwareUpdates, UpdateParts  # noqa: PLC0415

    installer = SimulatedInstaller(state_dir)
    verifier = SignatureVerifier(RootsInDirectory(roots_dir))
    return FirmwareUpdates(UpdateParts(*kept, transfers, installer, verifier, _note_alarm, state_dir / FIRMWARE))


def _settings(config: AgentConfig) -> TransferSettings:
    transfer = config.transfer
    return TransferSettings(
        ca_file=transfer.ca_file or config.csms.ca_file,
        known_hosts_file=transfer.known_hosts_file,
        learnt_hosts_file=config.station.state_dir / LEARNT_HOSTS,
        stall_timeout_s=transfer.stall_timeout_s,
        max_bytes=transfer.max_download_bytes,
    )


def _note_alarm(event_type: str, text: str) -> None:
    """Where security events are told, they take this place."""
    logger.warning("security event type=%s %s", event_type, text)
