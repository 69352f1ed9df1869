"""What several layouts have in common: masks, checks of values, which output is which."""
