"""What is wrong with a file, in one sentence."""

from lightly_assets.errors import LightlyAssetsError
from lightly_assets.media.info import VideoInfo


class MediaError(LightlyAssetsError):
    """The data are bad: trying again gives the same answer, so nothing retries it."""


class DamagedVideo(MediaError):  # noqa: N818 - a public name
    """A video that does not decode from its first to its last frame without an error."""

    info: VideoInfo
    """What was found out: ``frames`` is the number of frames that do decode, None where none does."""

    def __init__(self, message: str, info: VideoInfo) -> None:
        super().__init__(message)
        self.info = info
