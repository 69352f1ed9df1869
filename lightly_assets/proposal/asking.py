"""What only a person can know: asked on a terminal, never elsewhere."""

from collections.abc import Callable
from typing import Any

from lightly_assets.models.preprocess import IMAGENET_MEAN, IMAGENET_STD
from lightly_assets.models.protocol import ModelError
from lightly_assets.proposal.findings import Finding
from lightly_assets.proposal.found import ModelFound

Ask = Callable[[str, str], str]
"""A question and what an empty answer means → the answer."""
RANGES: dict[str, dict[str, Any]] = {
    "0..1": {"scale": 1 / 255, "mean": 0, "std": 1},
    "imagenet": {"scale": 1 / 255, "mean": list(IMAGENET_MEAN), "std": list(IMAGENET_STD)},
    "-1..1": {"scale": 1 / 255, "mean": 0.5, "std": 0.5},
    "0..255": {"scale": 1, "mean": 0, "std": 1},
}
"""What the numbers of pixels become, by the names that are asked for."""


def is_open(found: ModelFound, what: str) -> bool:
    """Whether something was guessed or is open."""
    return any(one.what == what and one.sureness != "found" for one in found.findings)


def ask_what_is_open(found: ModelFound, ask: Ask) -> None:
    """Names of classes, range of the pixels, and kernel, where the file and its neighbours do not say.

    Raises:
        ModelError: an answer is not possible.
    """
    if found.named_by == "nobody":
        _ask_names(found, ask)
    if is_open(found, "mean"):
        answer = ask(f"Numbers of pixels ({', '.join(RANGES)})", "as the layout usually has")
        if answer and answer not in RANGES:
            raise ModelError(f"{answer!r} is no range of pixels; there are {', '.join(RANGES)}.")
        found.pixels |= RANGES.get(answer, {})
        _replace(found, "mean", answer)
    if is_open(found, "interpolation"):
        answer = ask(
            "Interpolation (linear, area, cubic, lanczos4: OpenCV; bilinear, bicubic, lanczos: Pillow)",
            "as usual",
        )
        found.pixels |= {"interpolation": answer} if answer else {}
        _replace(found, "interpolation", answer)
    found.load()


def _ask_names(found: ModelFound, ask: Ask) -> None:
    count = len(found.names)
    answer = ask(f"Names of the {count} classes, in the model's order, with commas", "later, in the file")
    names = tuple(name.strip() for name in answer.split(",") if name.strip())
    if not names:
        return
    if len(names) != count:
        raise ModelError(f"There are {count} classes, but {len(names)} names.")
    found.names, found.named_by = names, "user"
    _replace(found, "classes", ", ".join(names))


def _replace(found: ModelFound, what: str, answer: str) -> None:
    if answer:
        found.findings = [one for one in found.findings if one.what != what]
        found.findings.append(Finding(what, answer, "you said so"))
