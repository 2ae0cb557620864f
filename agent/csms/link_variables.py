"""The link's timing out of the device model, so that what a back-end sets takes effect at once."""

from dataclasses import replace

from agent.csms.back_off import BackOffRange
from agent.csms.settings import LinkTiming
from agent.domain.device_model import DeviceModel


def timing_from(model: DeviceModel, base: LinkTiming) -> LinkTiming:
    """Return `base` with what OCPPCommCtrlr and ClockCtrlr decide. Source: OCPP 2.0.1 part 2, appendices."""
    call_timeout_s = float(model.integer("OCPPCommCtrlr", "MessageTimeout", "Default"))
    return replace(
        base,
        call_timeout_s=call_timeout_s,
        liveness_s=max(base.liveness_s, 1.5 * call_timeout_s),
        offline_threshold_s=float(model.integer("OCPPCommCtrlr", "OfflineThreshold")),
        reconnect=_back_off(model, base.reconnect.maximum_s),
        learn_utc=base.learn_utc and "Heartbeat" in model.members("ClockCtrlr", "TimeSource"),
    )


def _back_off(model: DeviceModel, maximum_s: float) -> BackOffRange:
    minimum_s = float(model.integer("OCPPCommCtrlr", "RetryBackOffWaitMinimum"))
    return BackOffRange(
        minimum_s=minimum_s,
        maximum_s=max(minimum_s, maximum_s),
        random_s=float(model.integer("OCPPCommCtrlr", "RetryBackOffRandomRange")),
        doublings=model.integer("OCPPCommCtrlr", "RetryBackOffRepeatTimes"),
    )
