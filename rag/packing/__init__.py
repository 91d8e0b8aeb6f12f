"""What of the passages found goes into the prompt: chosen under a budget of tokens, and put in an order."""
