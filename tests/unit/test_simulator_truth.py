"""The truth log finds every broken promise, and none where there is none."""

from __future__ import annotations

from orchestrator.simulator.truth import Effect, Kind, TruthLog

GROUP = "120363000000000001@g.us"


class Story:
    """Writes a log line by line at chosen instants."""

    def __init__(self) -> None:
        self.at = 0.0
        self.log = TruthLog(lambda: self.at)

    def tell(self, at: float, kind: Kind, *, code: str | None = "c", account: str = "b") -> None:
        self.at = at
        self.log.arrived(kind, account, GROUP if code else None, code)

    def join(self, status: int, *, trouble: str = "", spoiled: bool = False) -> None:
        """Of one group, by one account, without effect."""
        self.log.arrived(Kind.JOIN, "b", GROUP, "c")
        request = self.log.requests[-1]
        request.iq, request.trouble, request.spoiled = 401, trouble, spoiled
        self.log.answered(request, status)


def test_the_worst_window_is_half_open_and_per_account() -> None:
    story = Story()
    for at in (0.0, 10.0, 20.0, 30.0, 40.0, 60.0):
        story.tell(at, Kind.JOIN)
    assert story.log.worst_window() == 5
    story.tell(60.5, Kind.JOIN, account="other")
    assert story.log.worst_window() == 5
    story.tell(69.9, Kind.JOIN)
    assert story.log.worst_window() == 6
    assert story.log.worst_window("other") == 1


def test_the_closest_joins_are_measured_per_account() -> None:
    story = Story()
    assert story.log.closest_joins() == float("inf")
    story.tell(0.0, Kind.JOIN)
    story.tell(1.0, Kind.JOIN, account="other")
    story.tell(12.5, Kind.JOIN)
    assert story.log.closest_joins() == 12.5


def test_each_join_needs_a_probe_of_its_own_code_and_not_an_old_one() -> None:
    story = Story()
    story.tell(0.0, Kind.PROBE)
    story.tell(5.0, Kind.JOIN)
    story.tell(10.0, Kind.JOIN)
    story.tell(20.0, Kind.PROBE, code="d")
    story.tell(90.0, Kind.JOIN, code="d")
    assert [r.at for r in story.log.joins_without_probe()] == [10.0]
    assert [r.at for r in story.log.joins_without_probe(within=60)] == [10.0, 90.0]


def test_a_second_join_needs_a_look_in_between() -> None:
    story = Story()
    story.tell(0.0, Kind.JOIN)
    story.tell(1.0, Kind.LIST, code=None)
    story.tell(2.0, Kind.JOIN)
    story.tell(3.0, Kind.PARTICIPANTS)
    story.tell(4.0, Kind.JOIN)
    story.tell(5.0, Kind.LIST, code=None, account="other")
    story.tell(6.0, Kind.PROBE)
    story.tell(7.0, Kind.JOIN)
    assert [r.at for r in story.log.joins_repeated_without_look()] == [7.0]


def test_a_join_is_repeated_blindly_only_after_one_whose_outcome_was_unknown() -> None:
    """A trouble that spoils nothing of a refusal (no id in a body that has none) leaves it clear."""
    story = Story()
    story.join(403)
    story.join(502, trouble="no_id")
    story.join(502, trouble="http", spoiled=True)  # after two refusals that were heard
    story.join(403)  # after one that was not
    story.join(0)
    story.join(403)
    assert [r.number for r in story.log.blind_repeats()] == [3, 5]
    assert len(story.log.joins_repeated_without_look()) == 5


def test_two_effects_without_leaving_are_double() -> None:
    story = Story()
    happened = story.log.happened
    for effect in (Effect.JOINED, Effect.LEFT, Effect.JOINED):
        happened(effect, "b", GROUP, request=None)
    assert story.log.double_effects() == []
    happened(Effect.REQUESTED, "b", GROUP, request=None)
    assert story.log.double_effects() == [("b", GROUP)]


def test_a_request_hides_its_code() -> None:
    story = Story()
    story.tell(0.0, Kind.JOIN, code="SecretSecretSecretSecr")
    assert "SecretSecret" not in repr(story.log.requests)
