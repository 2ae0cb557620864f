"""Variables of the controller components, as far as the functions behind them are built.

Left out although OCPP 2.0.1 part 2 lists them as required, because nothing here would act on them yet:
NetworkConfigurationPriority and NetworkProfileConnectionAttempts (B09, B10), ItemsPerMessage and BytesPerMessage of
GetReport (B08), CertificateEntries (M03).
"""

from dataclasses import replace

from agent.domain.variable import DataType, Mutability, VariableDefinition, VariableKey
from agent.domain.variables.rows import fixed, flag, integer, members, options, read_only, seconds, text
from agent.domain.vocabulary import TxPoint

ITEMS_PER_MESSAGE = 100
BYTES_PER_MESSAGE = 65_536
DAY_S = 86_400
MAX_ORGANIZATION_CHARS = 64
"""X.520: ub-organization-name."""
MAX_CHAIN_CHARS = 10_000
"""CertificateSigned.req: certificateChain."""
REGISTER = "Energy.Active.Import.Register"
TX_POINTS = tuple(point.value for point in TxPoint)
ENDING_WITH_AUTHORIZATION = (TxPoint.AUTHORIZED.value, TxPoint.POWER_PATH_CLOSED.value)
TIME_SOURCES = ("Heartbeat", "RealTimeClock")
"""Heartbeat: UTC is learnt from the back-end. RealTimeClock: the operating system's clock alone."""
KEY_POLICIES = ("Never", "OncePerTransaction", "EveryMeterValue")
EACH_WAY = ("GetVariables", "SetVariables")


def communication() -> list[VariableDefinition]:
    """OCPPCommCtrlr, DeviceDataCtrlr and ClockCtrlr."""
    return [
        seconds("OCPPCommCtrlr", "HeartbeatInterval", 300, minimum=1),
        seconds("OCPPCommCtrlr", "WebSocketPingInterval", 30),
        seconds("OCPPCommCtrlr", "OfflineThreshold", 60),
        seconds("OCPPCommCtrlr", "MinimumStatusDuration", 0, maximum=3600),  # ours: OCPP 1.6 section 9.1.20
        # Back-ends in the field may take 30 s to answer a CALL that crosses one of theirs.
        read_only(seconds("OCPPCommCtrlr", "MessageTimeout[Default]", 35, minimum=1)),
        integer("OCPPCommCtrlr", "MessageAttempts[TransactionEvent]", 5, minimum=1, maximum=1000),
        seconds("OCPPCommCtrlr", "MessageAttemptInterval[TransactionEvent]", 10),
        seconds("OCPPCommCtrlr", "RetryBackOffWaitMinimum", 2, minimum=1),
        seconds("OCPPCommCtrlr", "RetryBackOffRandomRange", 5),
        integer("OCPPCommCtrlr", "RetryBackOffRepeatTimes", 6, maximum=30),
        integer("OCPPCommCtrlr", "ResetRetries", 2, maximum=20),
        fixed(flag("OCPPCommCtrlr", "UnlockOnEVSideDisconnect", default=True)),
        fixed(members("OCPPCommCtrlr", "FileTransferProtocols", "", ())),
        *(fixed(integer("DeviceDataCtrlr", f"ItemsPerMessage[{name}]", ITEMS_PER_MESSAGE)) for name in EACH_WAY),
        *(fixed(integer("DeviceDataCtrlr", f"BytesPerMessage[{name}]", BYTES_PER_MESSAGE)) for name in EACH_WAY),
        VariableDefinition(VariableKey("ClockCtrlr", "DateTime"), DataType.DATE_TIME, fixed=True),
        members("ClockCtrlr", "TimeSource", "Heartbeat,RealTimeClock", TIME_SOURCES, at_least=1),
    ]


def authorization() -> list[VariableDefinition]:
    """AuthCtrlr, AuthCacheCtrlr and LocalAuthListCtrlr, whose messages are built for OCPP 1.6 alone."""
    return [
        flag("AuthCtrlr", "AuthorizeRemoteStart", default=False),
        flag("AuthCtrlr", "LocalPreAuthorize", default=True),
        flag("AuthCtrlr", "LocalAuthorizeOffline", default=True),
        flag("AuthCtrlr", "OfflineTxForUnknownIdEnabled", default=False),
        fixed(flag("AuthCacheCtrlr", "Available", default=True)),
        flag("AuthCacheCtrlr", "Enabled", default=True),
        seconds("AuthCacheCtrlr", "LifeTime", 7 * DAY_S, minimum=1, maximum=366 * DAY_S),
        fixed(flag("LocalAuthListCtrlr", "Available", default=False)),
        flag("LocalAuthListCtrlr", "Enabled", default=True),
    ]


def transactions(*, signs: bool = False) -> list[VariableDefinition]:
    """TxCtrlr; a meter that signs has one begin and one end for each authorisation, so both end together."""
    stop_point = members("TxCtrlr", "TxStopPoint", "EVConnected,Authorized", TX_POINTS, at_least=1)
    return [
        seconds("TxCtrlr", "EVConnectionTimeOut", 60),
        fixed(flag("TxCtrlr", "StopTxOnEVSideDisconnect", default=True)),
        flag("TxCtrlr", "StopTxOnInvalidId", default=True),
        integer("TxCtrlr", "MaxEnergyOnInvalidId", 0, maximum=1_000_000, unit="Wh"),
        # Facts are journalled and sent once the back-end has accepted the station: B02, B03.
        fixed(flag("TxCtrlr", "TxBeforeAcceptedEnabled", default=True)),
        members("TxCtrlr", "TxStartPoint", "PowerPathClosed", TX_POINTS, at_least=1),
        replace(stop_point, one_of=ENDING_WITH_AUTHORIZATION) if signs else stop_point,
    ]


def metering(measurands: tuple[str, ...]) -> list[VariableDefinition]:
    """SampledDataCtrlr and AlignedDataCtrlr for meters that know these measurands."""
    begin_and_end = REGISTER if REGISTER in measurands else ""
    during = ",".join(name for name in (REGISTER, "Power.Active.Import") if name in measurands)
    return [
        members("SampledDataCtrlr", "TxStartedMeasurands", begin_and_end, measurands),
        members("SampledDataCtrlr", "TxUpdatedMeasurands", during, measurands),
        members("SampledDataCtrlr", "TxEndedMeasurands", begin_and_end, measurands),
        seconds("SampledDataCtrlr", "TxUpdatedInterval", 60, maximum=DAY_S),
        # 0: in 2.0.1 an Ended event carries the sample of the end alone; StopTransaction carries all of the interval.
        fixed(seconds("SampledDataCtrlr", "TxEndedInterval", 0)),
        members("AlignedDataCtrlr", "Measurands", during, measurands),
        seconds("AlignedDataCtrlr", "Interval", 900, maximum=DAY_S),
        members("AlignedDataCtrlr", "TxEndedMeasurands", "", measurands),
        # There is one clock-aligned grid: the station answers with `Interval`.
        fixed(seconds("AlignedDataCtrlr", "TxEndedInterval", 900)),
    ]


def signed_metering() -> list[VariableDefinition]:
    """What a back-end is told of signed values; only of a station whose meters sign."""
    name = VariableDefinition(
        VariableKey("SampledDataCtrlr", "SignedDataName"),
        DataType.STRING,
        default="signedMeterData",
        minimum=1,
        maximum=50,
    )
    return [
        flag("SampledDataCtrlr", "SignReadings", default=True),
        # Begin and end are signed; values in between are not.
        fixed(flag("AlignedDataCtrlr", "SignReadings", default=False)),
        options("OCPPCommCtrlr", "PublicKeyWithSignedMeterValue", "OncePerTransaction", KEY_POLICIES),
        read_only(options("SampledDataCtrlr", "SignedDataFormat", "raw", ("raw", "json"))),
        name,
    ]


def security(identity: str, security_profile: int) -> list[VariableDefinition]:
    """SecurityCtrlr; certificates are managed over OCPP 1.6 alone."""
    organization = VariableKey("SecurityCtrlr", "OrganizationName")
    return [
        text("SecurityCtrlr", "Identity", identity),
        fixed(integer("SecurityCtrlr", "SecurityProfile", security_profile, maximum=3)),
        VariableDefinition(
            organization, DataType.STRING, Mutability.READ_WRITE, "", minimum=0, maximum=MAX_ORGANIZATION_CHARS
        ),
        read_only(flag("SecurityCtrlr", "AdditionalRootCertificateCheck", default=False)),
        read_only(
            integer("SecurityCtrlr", "MaxCertificateChainSize", MAX_CHAIN_CHARS, minimum=1000, maximum=MAX_CHAIN_CHARS)
        ),
        seconds("SecurityCtrlr", "CertSigningWaitMinimum", 60, minimum=1),
        integer("SecurityCtrlr", "CertSigningRepeatTimes", 3, maximum=30),
    ]
