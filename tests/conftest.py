"""What all tests share."""

from hypothesis import settings

# A busy machine is no reason to fail: how long an example takes says nothing about whether it is right.
settings.register_profile("lightly_assets", deadline=None)
settings.load_profile("lightly_assets")
