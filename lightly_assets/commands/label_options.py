"""Options of commands that read label files: how names are led to the input, and what is told afterwards."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lightly_assets.errors import BadValue

if TYPE_CHECKING:
    from lightly_assets.labels.names import NameSettings

_LABELS = Path(__file__).parents[1] / "labels"


def formats_in(folder: str) -> str:
    """The formats that a folder of ``labels/`` holds, by its files: a help text imports none of them."""
    names = sorted(path.stem.replace("_", "-") for path in (_LABELS / folder).glob("[a-z]*.py"))
    return f"{', '.join(names[:-1])} or {names[-1]}"


TaskTypeName = Literal[
    "classification",
    "object-detection",
    "keypoint-detection",
    "instance-segmentation",
    "semantic-segmentation",
]
DefaultScoreOption = Annotated[
    float, typer.Option("--default-score", min=0, max=1, help="The score of labels that have none.")
]
BoxesOption = Annotated[
    Literal["clip", "strict"],
    typer.Option("--boxes", help="Cut boxes to their image, or refuse those that leave it."),
]
BoxOnlyOption = Annotated[
    Literal["fill", "drop"] | None,
    typer.Option(
        "--box-only",
        help="Objects with a box only among masks or keypoints: fill makes the box the mask, drop leaves "
        "them out.",
        show_default="such labels are refused",
    ),
]
RotatedOption = Annotated[
    Literal["refuse", "enclose"],
    typer.Option(
        "--rotated", help="Turned rectangles: refuse the labels, or write the upright box around each."
    ),
]
TaskTypeOption = Annotated[
    TaskTypeName | None,
    typer.Option("--task-type", help="The kind of task.", show_default="found from the labels"),
]
NamesOption = Annotated[
    Literal["exact", "suffix", "stem"],
    typer.Option(
        "--names",
        help="How names find the input: the path itself, one the end of the other, or without suffixes.",
    ),
]
StripOption = Annotated[str, typer.Option("--strip", help="A prefix that is taken off names.")]
RenamesOption = Annotated[
    Path | None,
    typer.Option("--renames", help="A CSV file: the name in the labels, the path in the input."),
]
VideoOption = Annotated[
    str | None,
    typer.Option("--video", help="The video of the input whose frames have no name but their number."),
]
FirstFrameOption = Annotated[
    int | None,
    typer.Option(
        "--first-frame", min=0, help="The number that the labels give to their first frame; usually 0."
    ),
]
FrameStepOption = Annotated[
    int, typer.Option("--frame-step", min=1, help="Frames of the video from one number to the next.")
]
StartFrameOption = Annotated[
    int, typer.Option("--start-frame", min=0, help="The index of the labels' first frame in the video.")
]
NamePatternOption = Annotated[
    str | None,
    typer.Option("--name-pattern", help="A regular expression whose first group is the frame's number."),
]
CategoryMapOption = Annotated[
    str | None,
    typer.Option(
        "--category-map",
        help="old:new,…, each an id or a name of a category; others are left out.",
    ),
]
UnlistedOption = Annotated[
    Literal["fail", "empty", "leave"] | None,
    typer.Option(
        "--unlisted",
        help="Images and frames that only the input has: an error, an empty file, or nothing.",
        show_default="leave images, fail for frames",
    ),
]
ExifOption = Annotated[
    Literal["refuse", "stored", "turn"],
    typer.Option(
        "--exif",
        help="Pictures that EXIF turns: labels are of what is shown (turn), or of the stored pixels; refuse "
        "where their sizes do not say.",
    ),
]
LeftoversOption = Annotated[
    Literal["report", "remove"],
    typer.Option("--leftovers", help="Prediction files of the task that this import does not write."),
]
AllowPartialOption = Annotated[
    bool, typer.Option("--allow-partial", help="Go on where less than half of the labels match.")
]


def name_settings(
    names: Literal["exact", "suffix", "stem"],
    strip: str,
    renames: Path | None,
    video: str | None,
    numbers: tuple[int | None, int, int],
    pattern: str | None,
) -> "NameSettings":
    """What the options say about names; ``numbers`` are first frame, step and start.

    Raises:
        LabelsError: the file of renames is wrong, or the pattern is no regular expression.
    """
    import re

    from lightly_assets.labels.errors import LabelsError
    from lightly_assets.labels.frames import FrameNumbers
    from lightly_assets.labels.names import NameSettings, parse_renames

    try:
        known = parse_renames(renames.read_text("utf-8"), str(renames)) if renames is not None else {}
        compiled = re.compile(pattern) if pattern is not None else None
    except OSError as error:
        raise LabelsError(f"{renames} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise LabelsError(f"{renames} is no text in UTF-8.") from None
    except re.error as error:
        raise LabelsError(
            f"--name-pattern is '{pattern}', which is no regular expression: {error}."
        ) from None
    return NameSettings(names, strip, known, video, FrameNumbers.given(*numbers), compiled)


def parse_category_map(text: str | None) -> dict[int | str, int | str] | None:
    """``"1:0,human:person"`` as a category map.

    Raises:
        BadValue: a part has no colon.
    """
    if text is None:
        return None
    pairs = [part.rpartition(":") for part in text.split(",") if part.strip()]
    if not pairs or not all(colon and old.strip() and new.strip() for old, colon, new in pairs):
        raise BadValue(f"--category-map is '{text}'; it must be old:new,old:new, each an id or a name.")
    return {_id_or_name(old): _id_or_name(new) for old, _, new in pairs}


def _id_or_name(text: str) -> int | str:
    text = text.strip()
    return int(text) if text.isdigit() else text
