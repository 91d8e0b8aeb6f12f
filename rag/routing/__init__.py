"""Which way a question goes: routes, rewrites, and what was learned from how they turned out."""
