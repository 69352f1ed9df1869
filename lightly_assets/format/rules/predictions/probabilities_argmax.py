"""Whether the predicted category is the most probable one."""

from collections.abc import Iterator

from lightly_assets.format.rules.table import prediction_rule
from lightly_assets.format.rules.well_formed import WellFormed


@prediction_rule(
    "probabilities-argmax",
    "warning",
    "The most probable category is not the predicted one.",
    after="probabilities-sum",
    in_fast_path=True,
)
def probabilities_argmax(one: WellFormed) -> Iterator[tuple[str, str]]:
    """One problem at most."""
    category_id, probabilities = one.category_id, one.probabilities
    if category_id is None or probabilities is None:
        return
    best = max(probabilities)
    if probabilities[one.schema.index_of[category_id]] < best:
        likely = one.schema.ids[probabilities.index(best)]
        message = f"category_id is {category_id}, but the most probable category is {likely}."
        yield "/probabilities", message
