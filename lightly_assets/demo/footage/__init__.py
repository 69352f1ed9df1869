"""Street scenes drawn by the project itself, with known truth: what is where in every frame.

Everything follows from a seed, without downloads: the demo's input, the training of its models, their
benchmark and the tests all use the same scenes.
"""

from lightly_assets.demo.footage.scene import Scene
from lightly_assets.demo.footage.truth import SEMANTIC_CLASSES, WEATHERS, SceneFrame, Truth, TruthObject

__all__ = ["SEMANTIC_CLASSES", "WEATHERS", "Scene", "SceneFrame", "Truth", "TruthObject"]
