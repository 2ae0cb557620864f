"""The words of the domain: OCPP 2.0.1's enumerations where it has one, ours where it has none.

Source: OCPP 2.0.1 part 2, section 3 (data types).
"""

from datetime import datetime
from enum import Enum

from hal.value import dataclass


class TriggerReason(Enum):
    """TriggerReasonEnumType."""

    AUTHORIZED = "Authorized"
    CABLE_PLUGGED_IN = "CablePluggedIn"
    CHARGING_RATE_CHANGED = "ChargingRateChanged"
    CHARGING_STATE_CHANGED = "ChargingStateChanged"
    DEAUTHORIZED = "Deauthorized"
    EV_COMMUNICATION_LOST = "EVCommunicationLost"
    EV_CONNECT_TIMEOUT = "EVConnectTimeout"
    METER_VALUE_CLOCK = "MeterValueClock"
    METER_VALUE_PERIODIC = "MeterValuePeriodic"
    TRIGGER = "Trigger"
    UNLOCK_COMMAND = "UnlockCommand"
    STOP_AUTHORIZED = "StopAuthorized"
    EV_DEPARTED = "EVDeparted"
    EV_DETECTED = "EVDetected"
    REMOTE_STOP = "RemoteStop"
    REMOTE_START = "RemoteStart"
    ABNORMAL_CONDITION = "AbnormalCondition"
    RESET_COMMAND = "ResetCommand"


class ChargingState(Enum):
    """ChargingStateEnumType."""

    CHARGING = "Charging"
    EV_CONNECTED = "EVConnected"
    SUSPENDED_EV = "SuspendedEV"
    SUSPENDED_EVSE = "SuspendedEVSE"
    IDLE = "Idle"


class StoppedReason(Enum):
    """ReasonEnumType, and the two reasons that only 1.6 can cause."""

    DEAUTHORIZED = "DeAuthorized"
    EMERGENCY_STOP = "EmergencyStop"
    EV_DISCONNECTED = "EVDisconnected"
    GROUND_FAULT = "GroundFault"
    IMMEDIATE_RESET = "ImmediateReset"
    LOCAL = "Local"
    OTHER = "Other"
    OVERCURRENT_FAULT = "OvercurrentFault"
    POWER_LOSS = "PowerLoss"
    REBOOT = "Reboot"
    REMOTE = "Remote"
    STOPPED_BY_EV = "StoppedByEV"
    TIMEOUT = "Timeout"
    SOFT_RESET = "SoftReset"
    UNLOCK_COMMAND = "UnlockCommand"


class ReadingContext(Enum):
    """ReadingContextEnumType, as far as samples are taken here."""

    SAMPLE_PERIODIC = "Sample.Periodic"
    SAMPLE_CLOCK = "Sample.Clock"
    TRANSACTION_BEGIN = "Transaction.Begin"
    TRANSACTION_END = "Transaction.End"
    TRIGGER = "Trigger"
    OTHER = "Other"


class ConnectorStatus(Enum):
    """ConnectorStatusEnumType."""

    AVAILABLE = "Available"
    OCCUPIED = "Occupied"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


class TxPoint(Enum):
    """Values of TxStartPoint and TxStopPoint that this hardware can tell (no parking sensor, no signed data yet)."""

    EV_CONNECTED = "EVConnected"
    AUTHORIZED = "Authorized"
    POWER_PATH_CLOSED = "PowerPathClosed"
    ENERGY_TRANSFER = "EnergyTransfer"


class IdTokenType(Enum):
    """IdTokenEnumType."""

    CENTRAL = "Central"
    EMAID = "eMAID"
    ISO14443 = "ISO14443"
    ISO15693 = "ISO15693"
    KEY_CODE = "KeyCode"
    LOCAL = "Local"
    MAC_ADDRESS = "MacAddress"
    NO_AUTHORIZATION = "NoAuthorization"


@dataclass(frozen=True, slots=True)
class IdToken:
    """Who wants to charge. Compared without regard to case (OCPP 1.6 IdToken is a CiString)."""

    value: str
    token_type: IdTokenType = IdTokenType.ISO14443

    def same_as(self, other: "IdToken") -> bool:
        """Tell whether both are the same token; a 1.6 back-end knows no type, so the type does not count."""
        return self.value.casefold() == other.value.casefold()

    def __repr__(self) -> str:
        """Keep the token out of logs."""
        return f"IdToken(…{self.value[-2:]}, {self.token_type.value})"


class AuthorizationStatus(Enum):
    """AuthorizationStatusEnumType, as far as it matters here; everything else is INVALID."""

    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    CONCURRENT_TX = "ConcurrentTx"
    EXPIRED = "Expired"
    INVALID = "Invalid"
    NO_CREDIT = "NoCredit"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Authorization:
    """What a back-end, the cache or the offline policy said of a token."""

    status: AuthorizationStatus
    group_token: IdToken | None = None
    expires_at: datetime | None = None

    @property
    def accepted(self) -> bool:
        """True if the token may charge."""
        return self.status is AuthorizationStatus.ACCEPTED

    def valid(self, now: datetime) -> bool:
        """Accepted, and not expired since."""
        return self.accepted and (self.expires_at is None or now < self.expires_at)


class FirmwareStatus(Enum):
    """FirmwareStatusEnumType."""

    IDLE = "Idle"
    DOWNLOAD_SCHEDULED = "DownloadScheduled"
    DOWNLOADING = "Downloading"
    DOWNLOAD_PAUSED = "DownloadPaused"
    DOWNLOAD_FAILED = "DownloadFailed"
    DOWNLOADED = "Downloaded"
    SIGNATURE_VERIFIED = "SignatureVerified"
    INVALID_SIGNATURE = "InvalidSignature"
    INSTALL_SCHEDULED = "InstallScheduled"
    INSTALLING = "Installing"
    INSTALL_REBOOTING = "InstallRebooting"
    INSTALL_VERIFICATION_FAILED = "InstallVerificationFailed"
    INSTALLATION_FAILED = "InstallationFailed"
    INSTALLED = "Installed"


class UploadStatus(Enum):
    """UploadLogStatusEnumType."""

    IDLE = "Idle"
    UPLOADING = "Uploading"
    UPLOADED = "Uploaded"
    UPLOAD_FAILURE = "UploadFailure"
    BAD_MESSAGE = "BadMessage"
    NOT_SUPPORTED_OPERATION = "NotSupportedOperation"
    PERMISSION_DENIED = "PermissionDenied"
    ACCEPTED_CANCELED = "AcceptedCanceled"


class LogType(Enum):
    """LogEnumType."""

    DIAGNOSTICS = "DiagnosticsLog"
    SECURITY = "SecurityLog"
