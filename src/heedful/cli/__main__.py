"""Lets `python -m heedful.cli` be the command too."""

from heedful.cli import main

main()
