"""The corpus of videos, made once per test process."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from tests.media.corpus_files import Video, build


@dataclass(frozen=True)
class Corpus:
    folder: Path
    videos: dict[str, Video]

    def path(self, name: str) -> Path:
        return self.folder / name

    def count(self, name: str) -> int:
        """Frames of a sound video, known from how it was made."""
        numbers = self.videos[name].numbers
        assert numbers is not None
        return len(numbers)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corpus]:
    folder = tmp_path_factory.mktemp("corpus")
    yield Corpus(folder, {video.name: video for video in build(folder)})


@pytest.fixture
def ffmpeg_program(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> str:
    """The ffmpeg program of a package, as ``ffmpeg`` on PATH and alone there."""
    folder = tmp_path_factory.mktemp("bin")
    (folder / "ffmpeg").symlink_to(get_ffmpeg_exe())
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")
    return str(folder / "ffmpeg")
