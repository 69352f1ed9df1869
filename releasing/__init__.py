"""How a release is made; see ``make release``."""
