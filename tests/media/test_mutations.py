"""Videos damaged at random: a few of each codec; ``python -m benchmarks.media.mutations`` tries many more."""

from pathlib import Path

import pytest

from benchmarks.media.mutations import SOURCES, mutate
from tests.media.conftest import Corpus


@pytest.mark.parametrize("source", SOURCES)
def test_random_damage_is_found_and_harms_nobody(corpus: Corpus, tmp_path: Path, source: str) -> None:
    outcomes = list(mutate(corpus.folder, tmp_path, source, range(2)))
    assert [outcome for outcome in outcomes if outcome.verdict not in ("sound", "damaged")] == []
