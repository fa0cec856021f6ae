"""Which of the documented forms a gateway understands: asked in turn with GETs, until one shows the group.

Nothing is joined: the only POST is the one that asks for the state of the session.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.clock import Clock
from orchestrator.domain.errors import CredentialsError, RejoinError, TemporaryError
from orchestrator.domain.meanings import Outcome
from orchestrator.domain.outcomes import GatewayAnswer, GroupPreview
from orchestrator.gateways.base import Form

MOST = 12  # GETs: four spellings of the code on two paths, and again with other credentials
LONGEST_WAIT = 60.0  # seconds that a gateway may ask for before its next answer
_REACHED = frozenset(
    {
        Outcome.REMOVED,
        Outcome.FORBIDDEN,
        Outcome.GROUP_FULL,
        Outcome.GROUP_LOCKED,
        Outcome.GROWTH_LOCKED,
        Outcome.NEEDS_UPGRADE,
        Outcome.APPROVAL_PENDING,
        Outcome.ALREADY_MEMBER,
    }
)
"""WhatsApp's own word on the group: the code arrived."""
_OF_THE_CODE = frozenset({Outcome.CODE_REVOKED, Outcome.GROUP_GONE})
"""Said of a code that is dead, but also of one that arrived misspelt."""
_STOPS = {
    Outcome.SESSION_DOWN: "the account is not connected at the gateway: link it first",
    Outcome.RESTRICTED: "WhatsApp restricts this account: ask again when that is over",
    Outcome.PLAN_LIMIT: "the gateway's plan does not allow it",
    Outcome.THROTTLED: "WhatsApp wants fewer calls: ask again later",
    Outcome.GATEWAY_LIMITED: "the gateway wants fewer calls: ask again later",
}
"""Trouble that no other form would mend."""
_PASSES = (Outcome.THROTTLED, Outcome.GATEWAY_LIMITED)


@dataclass(frozen=True, slots=True)
class Tried:
    """One question and its answer. `call`: `probe` (a GET), or `session` for the credentials of a POST."""

    call: str
    form: Form
    answer: GatewayAnswer

    @property
    def refused(self) -> bool:
        return self.answer.outcome is not Outcome.OK and self.answer.outcome not in _REACHED


@dataclass(frozen=True, slots=True)
class Settled:
    """`form`: the first that works, None if none does: `error` says why. `note`: what is left to say."""

    configured: Form
    tried: tuple[Tried, ...]
    form: Form | None = None
    preview: GroupPreview | None = None
    note: str = ""
    error: RejoinError | None = None

    @property
    def changes(self) -> dict[str, str]:
        """The keys that must be set otherwise than they are."""
        if self.form is None:
            return {}
        configured = self.configured.settings
        return {key: value for key, value in self.form.settings.items() if configured.get(key) != value}

    @property
    def lines(self) -> tuple[str, ...]:
        """What to put into the file, below the instance's own table. Empty: it is right as it is."""
        if not self.changes:
            return ()
        return (f"[instances.{self.configured.section}]", *written(self.changes))


def written(settings: Mapping[str, str]) -> tuple[str, ...]:
    """As TOML; the values are words, names and paths without quotes."""
    return tuple(f'{key} = "{value}"' for key, value in settings.items())


async def settle(
    forms: Sequence[Form], code: str, *, clock: Clock, gap: float, tell: Callable[[Tried], None]
) -> Settled:
    """Ask in each form, `gap` seconds apart, until one works. `tell` hears of every answer at once."""
    asking = _Asking(forms, code, clock, gap, tell)
    found = await asking.probes()
    return await asking.posts(found) if found.form is not None else found


class _Asking:
    def __init__(
        self, forms: Sequence[Form], code: str, clock: Clock, gap: float, tell: Callable[[Tried], None]
    ) -> None:
        self._forms, self._code = forms, code
        self._clock, self._gap, self._tell = clock, gap, tell
        self._refused: set[tuple[str, ...]] = set()
        self._tried: list[Tried] = []
        self._of_the_code: Tried | None = None

    async def probes(self) -> Settled:
        for form in self._forms:
            if len(self._tried) == MOST:
                break
            if self._is_refused(form):
                continue
            answer, preview = await self._probe(form)
            outcome = answer.outcome
            if outcome is Outcome.OK:
                return self._settled(form, preview)
            if outcome in _REACHED:
                return self._settled(
                    form, note=f"the form is right; WhatsApp said of this group: {answer.text}"
                )
            if outcome in _STOPS:
                return self._failed(_error(outcome, f"{_STOPS[outcome]}: {answer.text}"))
            if answer.http_status is None:
                return self._failed(TemporaryError(f"the gateway does not answer: {answer.text}"))
            self._remember(form, answer)
        return self._without_one()

    async def posts(self, found: Settled) -> Settled:
        """Where a POST's credentials must stand: the session's state is asked for, which takes a POST."""
        form = found.form
        if form is None:
            return found
        twins = [one for one in self._forms if _question(one) == _question(form) and one is not form]
        for twin in (form, *twins):
            await self._clock.sleep(self._gap)
            session = await twin.gateway().session()
            self._note("session", twin, session.answer)
            if session.answer.outcome is not Outcome.BAD_CREDENTIALS:
                return self._settled(twin, found.preview, found.note)
        note = "the gateway refuses the credentials of every POST: joins would fail"
        return self._failed(CredentialsError(note))

    async def _probe(self, form: Form) -> tuple[GatewayAnswer, GroupPreview | None]:
        """One that asks for patience gets it once."""
        if self._tried:
            await self._clock.sleep(self._gap)
        gateway = form.gateway()
        probed = await gateway.probe(self._code)
        wait = max(self._gap, probed.answer.retry_after or 0.0)
        if probed.answer.outcome in _PASSES and wait <= LONGEST_WAIT:
            await self._clock.sleep(wait)
            probed = await gateway.probe(self._code)
        self._note("probe", form, probed.answer)
        return probed.answer, probed.preview

    def _note(self, call: str, form: Form, answer: GatewayAnswer) -> None:
        self._tried.append(Tried(call, form, answer))
        self._tell(self._tried[-1])

    def _is_refused(self, form: Form) -> bool:
        parts = {("credentials", form.credentials), ("route", form.route), _question(form)}
        return bool(parts & self._refused)

    def _remember(self, form: Form, answer: GatewayAnswer) -> None:
        """What a refusal says of the forms that share something with this one."""
        self._refused.add(_question(form))
        if answer.outcome is Outcome.BAD_CREDENTIALS:
            self._refused.add(("credentials", form.credentials))
        if answer.outcome is Outcome.NOT_SUPPORTED and answer.http_status in (404, 405):
            self._refused.add(("route", form.route))
        if answer.outcome in _OF_THE_CODE and self._of_the_code is None:
            self._of_the_code = self._tried[-1]

    def _without_one(self) -> Settled:
        outcomes = {one.answer.outcome for one in self._tried}
        if outcomes == {Outcome.BAD_CREDENTIALS}:
            return self._failed(
                CredentialsError("the gateway refuses the access token, or instance_id, in every form")
            )
        if self._of_the_code is not None:
            said = self._of_the_code.answer.text
            return self._failed(
                RejoinError(
                    f"this code cannot settle it: {said}", hint="ask again with a group whose link works"
                )
            )
        hint = "the gateway's own documentation says which path and parameter it wants"
        return self._failed(RejoinError("no documented form shows the group", hint=hint))

    def _settled(self, form: Form, preview: GroupPreview | None = None, note: str = "") -> Settled:
        return Settled(self._forms[0], tuple(self._tried), form, preview, note)

    def _failed(self, error: RejoinError) -> Settled:
        return Settled(self._forms[0], tuple(self._tried), error=error)


def _question(form: Form) -> tuple[str, ...]:
    return form.credentials, form.route, form.code


def _error(outcome: Outcome, sentence: str) -> RejoinError:
    if outcome in _PASSES:
        return TemporaryError(sentence)
    return CredentialsError(sentence) if outcome is Outcome.PLAN_LIMIT else RejoinError(sentence)
