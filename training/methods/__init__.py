"""What the loop drives: one method of training a module."""
