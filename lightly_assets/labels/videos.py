"""Labels of a whole video, led to the frames that are decoded: by their numbers, or by their times."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lightly_assets.labels.errors import LabelsError
from lightly_assets.labels.frames import FrameNumbers, frames_problem, offset_words
from lightly_assets.labels.labelled import Interpolate, Label, LabelledVideo, Track

# A time that is so near to a frame's, in frames, is that frame's: containers round to milliseconds.
_NEAR = 0.05
# Frames that a track may go on behind the last one, as players round.
_SPARE = 1.5


@dataclass
class PlacedVideo:
    """A video of the labels and a video of the input that belong together."""

    video: LabelledVideo
    key: str
    numbers: FrameNumbers
    rate: float | None
    """Frames in a second as the labels count them; None: numbers are frames of the video."""
    interpolate: Interpolate
    file: str
    """The labels' name, for messages."""
    _first_time: float = 0.0
    _last_time: float = 0.0

    @property
    def name(self) -> str:
        """What the labels call it."""
        return self.video.names[0] if self.video.names else self.key

    @property
    def needs_times(self) -> bool:
        """Whether the times of frames are needed to place the labels."""
        return self.rate is not None

    def labels(self, index: int, time: float | None, until: float | None = None) -> list[Label] | None:
        """The labels of a frame; None where the labels do not list it. Frames come in their order.

        Args:
            index: in decode order, from 0.
            time: in seconds; None where the video has no times.
            until: when the next frame is shown; None: as long after it as it came after the one before.
        """
        if self.rate is None or time is None:
            return self._by_number(index)
        begin, end = self._span(index, time, until)
        # The numbers that are shown while the frame is; none where the labels count fewer frames.
        numbers = range(math.ceil(begin - _NEAR), math.ceil(end - _NEAR))
        # A number stands for the middle of its time, so that equal rates give whole numbers.
        place = begin + 0.5
        if not any(map(self.video.is_listed, numbers or [place])):
            return None
        near = math.floor(place + 0.5)
        positions = [near if abs(place - near) < _NEAR else place, *numbers]
        found = [label for track in self.video.tracks if (label := self._first(track, positions)) is not None]
        # A picture that was taken out of a video is of the time at which its number begins.
        begun = range(math.ceil(begin + 0.5 - _NEAR), math.ceil(end + 0.5 - _NEAR))
        single = [number for number in begun if number in self.video.singles]
        if single:
            found += self.video.singles[single[0]]
        # Without tracks only the frames that were looked at are listed, not those between them.
        return found if self.video.tracks or single else None

    def _first(self, track: Track, positions: Iterable[float]) -> Label | None:
        """Where it is when the frame begins; else where it is in some part of it."""
        for position in positions:
            if (label := track.at(position, self.interpolate)) is not None:
                return label
        return None

    def _span(self, index: int, time: float, until: float | None) -> tuple[float, float]:
        """The numbers at whose middle a frame begins and ends to be shown."""
        assert self.rate is not None
        start = self._first_time = time if index == 0 else self._first_time
        before, self._last_time = self._last_time, time
        gap = 1 / self.rate if index == 0 else time - before
        end = time + gap if until is None else until
        # Number n is shown from (n - first) / rate on; its middle is half a number later.
        first = self.numbers.first - 0.5
        return (time - start) * self.rate + first, (end - start) * self.rate + first

    def _by_number(self, index: int) -> list[Label] | None:
        behind = index - self.numbers.start
        number = behind // self.numbers.step + self.numbers.first
        if behind < 0 or behind % self.numbers.step or not self.video.is_listed(number):
            return None
        return self.video.labels(number, self.interpolate)

    @property
    def doubt(self) -> str | None:
        """What to tell of labels that may count from one more than is thought, where no frame is too many."""
        first = self.numbers.first
        if self.rate is not None or self.video.listed is not None:
            return None
        if min(self.video.numbers, default=first) != first + 1:
            return None
        return (
            f"The labels of '{self.name}' begin at frame {first + 1}, and none is at {first}: if they count "
            f"from there, say {offset_words(first + 1)}."
        )

    def check(self, count: int, duration: float | None) -> None:
        """After the last frame: whether labels are of frames that the video does not have.

        Args:
            count: frames of the video.
            duration: from the first frame to the last, in seconds, where times are known.

        Raises:
            LabelsError: they are; it names the likely offset.
        """
        numbers = list(self.video.numbers)
        if not numbers and self.video.listed:
            numbers = [self.video.listed[-1]]
        if not numbers:
            return
        if self.rate is None and self.video.length not in (None, count):
            raise LabelsError(
                f"{self.file} is of {self.video.length} frames of '{self.key}', which has {count}; if they "
                "were taken at another rate say it with --fps (fps:), else correct what it says."
            )
        if self.rate is not None and duration is not None:
            last = (max(numbers) - self.numbers.first) / self.rate
            if last > duration + _SPARE / self.rate:
                raise LabelsError(
                    f"{self.file} has labels at {last:.2f} s of '{self.key}', which ends at "
                    f"{duration:.2f} s; is it another video, or is their rate another one (--fps, fps:)?"
                )
            return
        if min(numbers) < self.numbers.first:
            raise LabelsError(
                f"{self.file} has labels at frame {min(numbers)} of '{self.key}', but its first frame is "
                f"taken to be {self.numbers.first}; say {offset_words(min(numbers))}."
            )
        indices = {self.numbers.index(number) for number in numbers}
        problem = frames_problem(indices, count, self.key, file=self.file, shift=self.numbers.first)
        if problem is None and self.video.listed and self.numbers.index(self.video.listed[-1]) >= count:
            problem = (
                f"{self.file} is of {self.video.listed[-1] + 1} frames of '{self.key}', which has {count}; "
                "is it another video?"
            )
        if problem is not None:
            raise LabelsError(problem)


def duration_of(times: Sequence[float | None]) -> float | None:
    """From the first frame to the last, in seconds; None where one has no time."""
    if not times or times[0] is None or times[-1] is None:
        return None
    return times[-1] - times[0]
