"""Whether what is predicted differs much from the last time, or looks like an accident."""

import numpy as np

from lightly_assets.encoding.statistics import Statistics

ENOUGH = 200
"""With fewer predictions nothing is said about a shift."""
SHIFT = 0.25
"""A population stability index above it is a strong shift."""
FACTOR = 3.0
"""So many times more or fewer predictions a frame are a strong shift, too."""
CORNERS = "Boxes look like corners (x1, y1, x2, y2); the format wants x, y, width, height."
MANY_CLIPPED = 50
CLIPPED_SHARE = 0.3
"""More cut boxes than both are worth a look: objects do leave the picture, but not that often."""
MANY = 50
NEARLY_ALL = 0.95
"""So many boxes of which nearly all look like none at all are a wrong layout."""


def oddities(previous: Statistics, now: Statistics, *, other_settings: bool = False) -> list[str]:
    """What a person should look at, one sentence each; ``previous`` may be of no frame at all.

    With ``other_settings`` it was written with others, such as a threshold, which is told beside a shift.
    """
    found = []
    if previous.frames and (text := shifted(previous, now, other_settings=other_settings)):
        found.append(text)
    if now.are_corners:
        found.append(CORNERS)
    elif now.clipped >= MANY_CLIPPED and now.clipped_share > CLIPPED_SHARE:
        found.append(
            f"{now.clipped:,} of {now.boxes:,} boxes left their image and were cut; are they x, y, width, "
            "height in pixels of the frame as it was decoded?"
        )
    return found + _of_a_wrong_layout(now)


def _of_a_wrong_layout(now: Statistics) -> list[str]:
    """What numbers look like that a model did not mean as boxes."""
    given = now.boxes + now.dropped
    if now.frames >= ENOUGH and not now.predictions and not now.dropped:
        return [
            f"Nothing was found in {now.frames:,} frames; if there is something to be found, look at layout, "
            "preprocess and score_threshold."
        ]
    # Boxes of which none is left need not be many.
    if given < MANY and not 2 <= given == now.dropped:
        return []
    for count, what in (
        (now.dropped, "were left smaller than a pixel, as corners that are crossed are"),
        (now.tiny, "have a side of less than two pixels"),
        (now.whole, "cover the whole image"),
    ):
        if count >= NEARLY_ALL * given:
            return [f"{count:,} of {given:,} boxes {what}; does the layout fit the model, and unit and box?"]
    return []


def shift(previous: Statistics, now: Statistics) -> float:
    """The population stability index between two score distributions: 0 where they are the same.

    It is Σ (q - p) · ln(q / p) over ten bins of scores, p and q being the shares of predictions in a bin.
    Half a prediction is added to each bin, so that empty ones count little and never are a division by 0.
    """
    shares = []
    for one in (previous, now):
        coarse = one.scores.reshape(-1, 2).sum(axis=1) + 0.5
        shares.append(coarse / coarse.sum())
    before, after = shares
    return float(((after - before) * np.log(after / before)).sum())


def shifted(previous: Statistics, now: Statistics, *, other_settings: bool = False) -> str | None:
    """A sentence where a task says something quite different about the same input; None where it does not.

    A new model, new thresholds or a replaced video are meant to change predictions, and nothing here blocks
    them. What a person wants to hear of is a change that looks like an accident: an export without its
    sigmoid, pictures in the wrong channel order.

    Why the population stability index, and 0.25: it is symmetric, knows no shape of distribution, needs only
    histograms, which are kept and can be added, and is what those who watch models in production compare
    with 0.1 (small) and 0.25 (large). A test of significance would not do: with the hundreds of thousands of
    predictions of a video every harmless change is significant. Why 200 predictions on both sides, and ten
    bins: samples of one and the same distribution differ, by (bins - 1) · (1/n + 1/m) on average. With ten
    bins and 200 predictions that is 0.09 ± 0.04, so that chance reaches 0.25 about twice in a thousand; with
    twenty bins it would be 0.19 ± 0.06. Frames that follow each other show the same objects, so predictions
    count for less than their number; but both sides have seen the same input.

    Scores say nothing where a model suddenly finds nothing, or everything. So three times more or fewer
    predictions a frame are said as well, where one of both sides has 200.
    """
    before, after = previous.per_frame, now.per_frame
    many = max(previous.predictions, now.predictions) >= ENOUGH and previous.frames and now.frames
    look = "look at the pictures before these predictions are used."
    if other_settings:
        look = f"settings such as score_threshold have changed as well; {look}"
    if many and max(before, after) > FACTOR * min(before, after):
        return (
            f"There are {after:.2f} predictions a frame, and there were {before:.2f} before "
            f"({now.predictions:,} in {now.frames:,} frames, {previous.predictions:,} in "
            f"{previous.frames:,} before); {look}"
        )
    if min(int(previous.scores.sum()), int(now.scores.sum())) < ENOUGH:
        return None
    index = shift(previous, now)
    if index <= SHIFT:
        return None
    return (
        f"Scores differ strongly from those before: the median is about {now.median_score:.2f} and was about "
        f"{previous.median_score:.2f} (population stability index {index:.2f}, above {SHIFT}); {look}"
    )
