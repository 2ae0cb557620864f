"""GetConfiguration and ChangeConfiguration. Source: OCPP 1.6 sections 5.3 and 5.8."""

from collections.abc import Awaitable

from agent.csms.adapter import Handler, Payload, Reply, RpcError, RpcErrorCode
from agent.csms.v16.configuration_keys import MAX_KEYS, ChangeStatus, ConfigurationKeys, Setting
from agent.csms.v16.security_keys import SpecialKey


class ConfigurationHandlers:
    """What a back-end may do with the configuration keys."""

    def __init__(self, keys: ConfigurationKeys) -> None:
        self._keys = keys

    def handlers(self) -> dict[str, Handler]:
        """Return action name to handler."""
        return {"GetConfiguration": self._get, "ChangeConfiguration": self._change}

    def _get(self, payload: Payload) -> Reply:
        asked: list[str] = payload.get("key") or []
        if not asked:
            return Reply({"configurationKey": [_key_value(setting) for setting in self._keys]})
        if len(asked) > MAX_KEYS:
            raise RpcError(RpcErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION, f"more than {MAX_KEYS} keys")
        known: list[Payload] = []
        unknown: list[str] = []
        for name in {name.casefold(): name for name in asked}.values():
            setting = self._keys.get(name)
            if setting is None:
                unknown.append(name)
            else:
                known.append(_key_value(setting))
        reply: Payload = {"configurationKey": known}
        if unknown:
            reply["unknownKey"] = unknown
        return Reply(reply)

    def _change(self, payload: Payload) -> Reply | Awaitable[Reply]:
        special = self._keys.special(payload["key"])
        if special is not None:
            return self._change_special(payload["key"], payload["value"], special)
        return Reply({"status": self._keys.change(payload["key"], payload["value"]).value})

    async def _change_special(self, name: str, value: str, special: SpecialKey) -> Reply:
        status = await self._keys.change_special(name, value)

        async def follow_up() -> None:
            special.follow_up()

        return Reply({"status": status.value}, follow_up if status is ChangeStatus.ACCEPTED else None)


def _key_value(setting: Setting) -> Payload:
    told: Payload = {"key": setting.key, "readonly": setting.readonly}
    return told if setting.value is None else {**told, "value": setting.value}
