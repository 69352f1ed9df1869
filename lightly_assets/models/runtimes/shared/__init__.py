"""What several runtimes need: none of these is a kind of model."""
