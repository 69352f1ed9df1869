"""What is known about a model from its file and from what lies beside it, and from where."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from lightly_assets.models.preprocess import Preprocess


@dataclass(frozen=True, slots=True)
class Facts:
    """What a model's file, or a file beside it, says; each with its signal."""

    family: str = ""
    """Who wrote it: ultralytics, YOLOv5, transformers, timm, Paddle, mmdeploy."""
    task: str = ""
    """In the file's own word, such as ``detect``."""
    names: tuple[str, ...] = ()
    """Of the classes, class 0 first."""
    layouts: tuple[str, ...] = ()
    """Layouts that can read the outputs, the likeliest first; empty where they do not follow."""
    pixels: Preprocess = field(default_factory=Preprocess)
    """Pre-processing, as far as it is said or follows."""
    said: frozenset[str] = frozenset()
    """Fields of ``pixels`` that are said outright: a setting that contradicts them is an error."""
    signals: Mapping[str, str] = field(default_factory=dict)
    """By what they are about, where things were found: ``{"size": "metadata imgsz"}``."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """The file's own metadata as it stands there."""
    meaning: str = ""
    """What a classifier's numbers are where they are no scores of classes of which one holds: ``is …``."""
    other_sizes: tuple[Preprocess, ...] = ()
    """Pre-processing for inputs of other sizes than that of ``pixels``; each says its size."""

    def under(self, other: "Facts") -> "Facts":
        """These, and what another source adds to them."""
        return replace(
            self,
            family=self.family or other.family,
            task=self.task or other.task,
            names=self.names or other.names,
            layouts=self.layouts or other.layouts,
            pixels=self.pixels.over(other.pixels),
            said=self.said | other.said,
            signals=dict(other.signals) | dict(self.signals),
            metadata=self.metadata or other.metadata,
            meaning=self.meaning or other.meaning,
            other_sizes=self.other_sizes or other.other_sizes,
        )

    def of_size(self, size: tuple[int, int] | None) -> "Facts":
        """What is said for an input of this height and width; None: it may have any."""
        other = next((one for one in self.other_sizes if one.size == size), None)
        if other is not None:
            return replace(self, pixels=other.over(self.pixels))
        if size is None or size == self.pixels.size:
            return self
        # What another size is cut from.
        return replace(self, said=self.said - {"resize_to"})


def names_of(found: object) -> tuple[str, ...]:
    """Names of classes from a list, or from a mapping of numbers from 0 without gaps; else none."""
    if isinstance(found, Mapping):
        try:
            numbered = {int(number): str(name) for number, name in found.items()}
        except (TypeError, ValueError):
            return ()
        if sorted(numbered) != list(range(len(numbered))):
            return ()
        return tuple(numbered[number] for number in range(len(numbered)))
    if isinstance(found, Sequence) and not isinstance(found, str | bytes):
        return tuple(str(name) for name in found)
    return ()


def pair_of(found: object) -> tuple[int, int] | None:
    """Height and width from a number or a list of two; None from anything else."""
    values = [found, found] if isinstance(found, int) and not isinstance(found, bool) else found
    if not isinstance(values, list | tuple) or len(values) != 2:
        return None
    if not all(isinstance(one, int) and not isinstance(one, bool) and one > 0 for one in values):
        return None
    return values[0], values[1]


def numbers_of(found: object) -> tuple[float, ...] | None:
    """One or a few numbers; None from anything else."""
    values = [found] if isinstance(found, int | float) and not isinstance(found, bool) else found
    if not isinstance(values, list | tuple) or len(values) not in (1, 3, 4):
        return None
    if not all(isinstance(one, int | float) and not isinstance(one, bool) for one in values):
        return None
    return tuple(float(one) for one in values)
