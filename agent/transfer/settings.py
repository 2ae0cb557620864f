"""How transfers are made: whom to trust, how long to wait, how much to take."""

from pathlib import Path

from hal.value import dataclass


@dataclass(frozen=True, slots=True)
class TransferSettings:
    """Values for every transfer of a station."""

    ca_file: Path | None = None
    """PEM roots for https and ftps; None: those of the system."""
    known_hosts_file: Path | None = None
    """Host keys of sftp servers, in OpenSSH's format; None: trust the first key seen and keep it."""
    learnt_hosts_file: Path | None = None
    """Where keys that were trusted at first sight are kept; None: no sftp without `known_hosts_file`."""
    connect_timeout_s: float = 20.0
    stall_timeout_s: float = 30.0
    """Nothing moved for so long: the connection is given up."""
    max_duration_s: float = 6 * 3600.0
    """Of one attempt, so that a server that trickles cannot hold it for ever."""
    max_bytes: int = 2 * 1024**3
    """Of a file to be taken."""
