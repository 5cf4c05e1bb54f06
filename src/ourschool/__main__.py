"""`python -m ourschool`."""

from ourschool.cli import main

main()
