"""A prediction folder as one page: figures, frames that are worth a look, and what labels say about them."""
