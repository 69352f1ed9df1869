"""How the demo's models are made."""
