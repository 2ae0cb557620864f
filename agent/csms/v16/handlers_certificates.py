"""InstallCertificate, GetInstalledCertificateIds, DeleteCertificate and CertificateSigned.

Source: "Improved security for OCPP 1.6-J", edition 3: use cases A02, A03, M03 to M05 and the messages.
"""

from agent.csms.adapter import Handler, Payload, Reply
from agent.csms.security.commands import SecurityCommands
from agent.csms.security.vocabulary import CertificateHash, CertificateUse, DeleteStatus

_USES = {
    "CentralSystemRootCertificate": CertificateUse.CSMS_ROOT,
    "ManufacturerRootCertificate": CertificateUse.MANUFACTURER_ROOT,
}
"""CertificateUseEnumType of 1.6 to that of 2.0.1."""


class CertificateHandlers:
    """What a back-end may do with installed roots and the station's own certificate."""

    def __init__(self, security: SecurityCommands) -> None:
        self._security = security

    def handlers(self) -> dict[str, Handler]:
        """Return action name to handler."""
        return {
            "InstallCertificate": self._install,
            "GetInstalledCertificateIds": self._ids,
            "DeleteCertificate": self._delete,
            "CertificateSigned": self._signed,
        }

    async def _install(self, payload: Payload) -> Reply:
        status = await self._security.install_root(_USES[payload["certificateType"]], payload["certificate"])
        return Reply({"status": status.value})

    def _ids(self, payload: Payload) -> Reply:
        hashes = self._security.installed_roots(_USES[payload["certificateType"]])
        if not hashes:
            return Reply({"status": "NotFound"})
        return Reply({"status": "Accepted", "certificateHashData": [_hash_data(each) for each in hashes]})

    async def _delete(self, payload: Payload) -> Reply:
        told = payload["certificateHashData"]
        wanted = CertificateHash.spelled(
            told["hashAlgorithm"], told["issuerNameHash"], told["issuerKeyHash"], told["serialNumber"]
        )
        status: DeleteStatus = await self._security.delete_root(wanted)
        return Reply({"status": status.value})

    async def _signed(self, payload: Payload) -> Reply:
        if not await self._security.take_signed(payload["certificateChain"]):
            return Reply({"status": "Rejected"})
        return Reply({"status": "Accepted"}, self._try_now)

    async def _try_now(self) -> None:
        self._security.try_now()


def _hash_data(each: CertificateHash) -> Payload:
    return {
        "hashAlgorithm": each.algorithm.value,
        "issuerNameHash": each.issuer_name_hash,
        "issuerKeyHash": each.issuer_key_hash,
        "serialNumber": each.serial_number,
    }
