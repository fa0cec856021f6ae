"""POSTs to this machine and to nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.simulator.loopback import is_loopback_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    import aiohttp

PATIENCE = 10.0
"""Real seconds to wait for a receiver."""


class Poster:
    """One pool of connections, opened when it is first needed."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
        """The status; 0 and why if there was none. Redirects are not followed."""
        import aiohttp  # noqa: PLC0415 - only where webhooks are used

        if not is_loopback_url(url):
            return 0, "not on loopback"
        if self._session is None:
            limits = aiohttp.TCPConnector(limit=64)
            self._session = aiohttp.ClientSession(
                connector=limits, timeout=aiohttp.ClientTimeout(total=PATIENCE)
            )
        try:
            async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
                return answer.status, ""
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return 0, type(error).__name__

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
