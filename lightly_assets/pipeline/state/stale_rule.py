"""What is stale: the one rule, as SQL, for whoever asks the tables of :mod:`.index`.

An entry ``e`` says what the results of an input were made of. They are predictions of this content,
decoded and predicted in this way; singletons of those predictions, written with these settings; and published
files of those singletons. The first of these that does not hold is the first stage that must be done.

All arguments are SQL expressions: columns or parameters.
"""

from lightly_assets.pipeline.state.records import STAGES

UP_TO_DATE = len(STAGES)
"""In place of the number of a stage, where none must be done."""

IS_PUBLISHED = "e.published_from = e.singletons_version"
"""Whether the published files are those of the stored singletons."""


def has_frames(fingerprint: str, decode: str) -> str:
    """Whether the frames are those of this content, found out in this way."""
    return f"e.fingerprint = {fingerprint} AND e.decode = {decode}"


def is_predicted(fingerprint: str, decode: str, model: str) -> str:
    """Whether the stored predictions are those of today."""
    return f"{has_frames(fingerprint, decode)} AND e.model = {model}"


def is_encoded(settings: str) -> str:
    """Whether the stored singletons are made from the stored predictions, with these settings."""
    return f"e.singletons_from = e.predictions_version AND e.settings = {settings}"


def first_of_predictions(fingerprint: str, decode: str, model: str) -> str:
    """As :func:`first_stage`, of what ends with predictions, as embeddings do."""
    predicted = is_predicted(fingerprint, decode, model)
    return f"CASE WHEN ({predicted}) IS NOT TRUE THEN {STAGES.index('predictions')} ELSE {UP_TO_DATE} END"


def first_stage(fingerprint: str, decode: str, model: str, settings: str) -> str:
    """The number of the first stage that must be done, as in :data:`STAGES`; ``UP_TO_DATE`` where none.

    Without an entry that is ``predictions``.
    """
    return f"""CASE
        WHEN ({is_predicted(fingerprint, decode, model)}) IS NOT TRUE THEN {STAGES.index("predictions")}
        WHEN ({is_encoded(settings)}) IS NOT TRUE THEN {STAGES.index("singletons")}
        WHEN ({IS_PUBLISHED}) IS NOT TRUE THEN {STAGES.index("task_folder")}
        ELSE {UP_TO_DATE} END"""
