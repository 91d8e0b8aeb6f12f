"""`python -m spaniel` is the command line."""

from spaniel.cli import main

if __name__ == "__main__":
    main()
