"""References in an answer, held against the stored documents."""
