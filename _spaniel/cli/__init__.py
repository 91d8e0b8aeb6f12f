"""Command line of Spaniel."""


def main() -> None:
    """Entry point."""
