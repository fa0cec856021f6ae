"""`rejoin`, sending itself signals after so many of its own function calls: moments that no clock decides.

The variable TEST_SIGNALS holds `armed_by`, the function whose first call begins the count, and `moments`,
each a count and a signal. The forker obeys it; `python -m tests.support.signalled status` does so from the
first import on. A program that ends by itself writes the count to the file `calls` in its working folder.
"""

from __future__ import annotations

import atexit
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

VARIABLE = "TEST_SIGNALS"


def order(*moments: tuple[int, int], armed_by: str = "run") -> dict[str, str]:
    """The variable. `run` is the first function of the program after its handlers are installed."""
    return {VARIABLE: json.dumps({"armed_by": armed_by, "moments": moments})}


class Signaller:
    """A profile function (sys.setprofile), which the interpreter calls at every call and return."""

    def __init__(self, armed_by: str, moments: list[tuple[int, int]]) -> None:
        self.armed_by, self.armed = armed_by, False
        self.moments = dict(moments)
        self.calls = 0

    def __call__(self, frame: FrameType, _event: str, _argument: object) -> None:
        if not self.armed and frame.f_code.co_name == self.armed_by:
            self.armed = True
            atexit.register(self.write)  # later than the program's own last step, so it runs before that
        if self.armed:
            self.calls += 1
            if self.calls in self.moments:
                os.kill(os.getpid(), self.moments[self.calls])

    def write(self) -> None:
        Path("calls").write_text(str(self.calls))


def arm() -> None:
    """Do as the environment says, if it does."""
    if VARIABLE in os.environ:
        signaller = Signaller(**json.loads(os.environ[VARIABLE]))
        sys.setprofile(signaller)


if __name__ == "__main__":
    from orchestrator.__main__ import main

    arm()
    main()
