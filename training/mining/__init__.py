"""Mining negatives: passages that a search takes for answers, and that are none."""
