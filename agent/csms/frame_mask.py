"""What of a frame may be shown: no passwords and keys, of tokens the last two characters."""

import re

_TEXT = r'"((?:[^"\\]|\\.)*)(?:"|$)'
_TOKEN = re.compile(rf'("(?:idTag|parentIdTag|idToken|additionalIdToken)"\s*:\s*){_TEXT}')
_SECRET = re.compile(rf'("(?:\w*[pP]assword|key|simPin|iccPin|pin)"\s*:\s*){_TEXT}')
_VALUE = re.compile(rf'("(?:value|attributeValue|data)"\s*:\s*){_TEXT}')
_URL_PASSWORD = re.compile(r"(://[^/\s:@\"]*):[^@/\s\"]*@")
_URL_QUERY = re.compile(r'("(?:location|remoteLocation)"\s*:\s*"[^"?]*\?)[^"]*')
"""A signature in it may open a door for whoever reads it."""
_MESSAGE_ID = re.compile(r'^\s*\[\s*(\d+)\s*,\s*"[^"]*"')
_SHOWN_TOKEN_CHARS = 2
_KEYS_WITH_SECRET_VALUE = ("authorizationkey", "password", "masterpass")
"""1.6 AuthorizationKey, 2.0.1 BasicAuthPassword and their like: the value stands beside it under a name of its own."""


def mask(text: str) -> str:
    """Replace secrets of one frame; works on broken JSON as well."""
    if "id" in text:
        text = _TOKEN.sub(_shorten, text)
    if "://" in text:
        text = _URL_QUERY.sub(r"\1…", _URL_PASSWORD.sub(r"\1:…@", text))
    lowered = text.lower()
    if any(key in lowered for key in _KEYS_WITH_SECRET_VALUE):
        text = _VALUE.sub(r'\1"…"', text)
    if "assword" in text or "vpn" in text or "Pin" in text:
        text = _SECRET.sub(r'\1"…"', text)
    return text.replace("\n", "\\n").replace("\r", "\\r")


def without_message_id(text: str) -> str:
    """Give what is left of a frame when its message id does not count."""
    return _MESSAGE_ID.sub(r"[\1", text, count=1)


def _shorten(match: re.Match[str]) -> str:
    value = match.group(2)
    shown = value[-_SHOWN_TOKEN_CHARS:] if len(value) > 2 * _SHOWN_TOKEN_CHARS else ""
    return f'{match.group(1)}"…{shown}"'
