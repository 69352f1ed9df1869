"""The table of the corpus in the documentation, with what ffprobe counted, is about the corpus of today."""

import re
from pathlib import Path

from benchmarks.media.corpus import BEGIN, END, HEAD
from tests.media.conftest import Corpus

PAGE = Path(__file__).parents[2] / "docs" / "frames.md"


def test_ffprobe_and_the_page_agree_with_us_on_every_sound_file(corpus: Corpus) -> None:
    table = PAGE.read_text().split(BEGIN)[1].split(END)[0]
    assert table.startswith(HEAD)
    rows = [re.split(r"(?<!\\) \| ", line.strip("| ")) for line in table.removeprefix(HEAD).splitlines()]
    names = [row[0].strip("`").replace("\\|", "|").replace("\\n", "\n") for row in rows]
    assert names == list(corpus.videos)
    for name, (_, _, by_the_loop, _, by_ffprobe, ours, verdict) in zip(names, rows, strict=True):
        video = corpus.videos[name]
        assert verdict.startswith("sound" if video.sound else "refused: "), name
        if video.sound:
            assert by_the_loop == by_ffprobe == ours == str(corpus.count(name)), name
