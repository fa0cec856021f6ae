"""What WhatsApp itself answers when it refuses: an IQ error with a number and a text.

Texts are those of whatsmeow (errors.go) where it has one; the rest are seen in public reports or, for
numbers without a known text, descriptive.
"""

from __future__ import annotations

TEXTS: dict[int, str] = {
    304: "not-modified",
    400: "bad-request",
    401: "not-authorized",
    403: "forbidden",
    404: "item-not-found",
    405: "not-allowed",
    406: "not-acceptable",
    409: "conflict",
    410: "gone",
    412: "precondition-failed",
    416: "range-not-satisfiable",
    419: "resource-limit",
    423: "locked",
    426: "upgrade-required",
    429: "rate-overlimit",
    436: "growth-locked",
    463: "account_reachout_restricted",
    500: "internal-server-error",
    503: "service-unavailable",
    530: "partial-server-error",
}

SPOKEN: dict[int, str] = {
    406: "that group invite link is not valid",
    410: "that group invite link has been revoked",
}
"""whatsmeow's own sentences, which a gateway on it shows in place of number and text."""

SPOKEN_OF_INFO: dict[int, str] = {
    403: "you're not participating in that group",
    404: "that group does not exist",
}
"""The same for calls that ask about a group by its JID (whatsmeow `group.go`, getGroupInfo)."""


class IqError(Exception):
    """WhatsApp refused. `code` is the number, `text` the text of the `<error>` node."""

    def __init__(self, code: int, text: str | None = None, *, of_info: bool = False) -> None:
        self.code = code
        self.of_info = of_info
        self.text = TEXTS.get(code, "") if text is None else text
        super().__init__(f"info query returned status {self.code}: {self.text}")

    @property
    def sentence(self) -> str:
        """What whatsmeow says in its place."""
        return (SPOKEN_OF_INFO if self.of_info else SPOKEN).get(self.code, str(self))


class SessionDownError(Exception):
    """The account is not connected to WhatsApp: nothing can be asked for it."""

    def __init__(self, state: str) -> None:
        self.state = state
        super().__init__(f"session is {state}")
