"""The link's timing out of the device model, so that what a back-end sets takes effect at once."""

from dataclasses import replace

from agent.csms.back_off import BackOffRange
from agent.csms.settings import LinkTiming
from agent.domain.device_model import DeviceModel
from agent.domain.variable import VariableKey

_DECIDING = (
    VariableKey("OCPPCommCtrlr", "MessageTimeout", "Default"),
    VariableKey("OCPPCommCtrlr", "OfflineThreshold"),
    VariableKey("OCPPCommCtrlr", "MinimumStatusDuration"),
    VariableKey("OCPPCommCtrlr", "RetryBackOffWaitMinimum"),
    VariableKey("OCPPCommCtrlr", "RetryBackOffRandomRange"),
    VariableKey("OCPPCommCtrlr", "RetryBackOffRepeatTimes"),
    VariableKey("ClockCtrlr", "TimeSource"),
)


class ModelTiming:
    """The timing as it stands, asked before every message: composed anew only after a variable has changed."""

    def __init__(self, model: DeviceModel, base: LinkTiming) -> None:
        self._model = model
        self._base = base
        self._timing: LinkTiming | None = None
        for key in _DECIDING:
            model.watch(key, self._forget)

    def __call__(self) -> LinkTiming:
        """Return the present timing."""
        if self._timing is None:
            self._timing = timing_from(self._model, self._base)
        return self._timing

    def _forget(self, _value: str) -> None:
        self._timing = None


def timing_from(model: DeviceModel, base: LinkTiming) -> LinkTiming:
    """Return `base` with what OCPPCommCtrlr and ClockCtrlr decide. Source: OCPP 2.0.1 part 2, appendices."""
    call_timeout_s = float(model.integer("OCPPCommCtrlr", "MessageTimeout", "Default"))
    return replace(
        base,
        call_timeout_s=call_timeout_s,
        liveness_s=max(base.liveness_s, 1.5 * call_timeout_s),
        minimum_status_s=float(model.integer("OCPPCommCtrlr", "MinimumStatusDuration")),
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
