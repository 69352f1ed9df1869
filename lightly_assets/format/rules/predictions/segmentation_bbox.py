"""Whether a box encloses its mask."""

from collections.abc import Iterator, Sequence

from lightly_assets.format import rle
from lightly_assets.format.rules.messages import shown
from lightly_assets.format.rules.table import prediction_rule
from lightly_assets.format.rules.well_formed import WellFormed


@prediction_rule(
    "segmentation-bbox",
    "warning",
    "A box does not enclose its mask; column-major run lengths look like this.",
    after="segmentation-size-differs",
    in_fast_path=True,
)
def segmentation_bbox(one: WellFormed) -> Iterator[tuple[str, str]]:
    """One problem at most."""
    runs, bbox = one.segmentation, one.bbox
    if runs is None or bbox is None or not one.width or is_enclosing_box(bbox, runs, one.width):
        return
    tight = rle.bounding_box(runs, one.width)
    message = f"bbox is {shown(bbox)}, but the mask spans {tight}; run lengths count along the rows."
    yield "/bbox", message


def is_enclosing_box(bbox: Sequence[float], runs: Sequence[int], width: int) -> bool:
    """Whether a box holds the mask, give or take what detectors and mask heads round differently.

    ``width`` is the image's. An empty mask fits every box.
    """
    tight = rle.bounding_box(runs, width)
    if tight is None:
        return True
    x, y, w, h = bbox
    slack = 1 + 0.05 * max(w, h)
    return (
        x - slack <= tight[0]
        and y - slack <= tight[1]
        and x + w + slack >= tight[0] + tight[2]
        and y + h + slack >= tight[1] + tight[3]
    )
