"""`python -m spaniel` is the command line."""

from spaniel.cli import main

main()
