"""Every screen, JSON and exit code as it was: whoever changes one on purpose writes the answers anew."""

from __future__ import annotations

import pytest

from tests.support.golden import ANSWERS, Face, answer, faces

FACES = list(faces())


@pytest.mark.parametrize("face", FACES, ids=[face.file.stem for face in FACES])
def test_a_face_is_as_it_was(face: Face) -> None:
    assert answer(face) == face.file.read_text()


def test_no_answer_is_left_over() -> None:
    assert {path.name for path in ANSWERS.iterdir()} == {face.file.name for face in FACES}
