"""What is known of a question before it is answered, as numbers: the context of routing policies. No LLM is asked."""
