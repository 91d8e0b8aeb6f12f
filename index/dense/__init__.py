"""Dense parts of an index: vectors of passages in a store, and the search over them."""
