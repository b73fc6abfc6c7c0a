"""What a tracker's client says went wrong, as a line that may be shown."""

from __future__ import annotations

import re
from urllib.parse import unquote

#: In an address, before its host or in its query; the slashes and colons of a password need no escape everywhere.
_PASSWORD = re.compile(r"(?P<before>://[^:/@\s]*:)(?P<password>[^@\s]+)(?=@)|(?P<key>[?&]password=)(?P<value>[^&\s]+)")


def in_one_line(error: Exception, address: str | None) -> str:
    """The first line of an error, without the password that `address`, or any other, may hold."""
    text = str(error).strip()
    line = text.splitlines()[0] if text else type(error).__name__
    for found in _PASSWORD.finditer(address or ""):
        secret = found["password"] or found["value"]
        for spelling in (secret, unquote(secret)):
            line = line.replace(spelling, "***")
    return _PASSWORD.sub(lambda found: f"{found['before'] or found['key']}***", line)
