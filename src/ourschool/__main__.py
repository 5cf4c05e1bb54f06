"""`python -m ourschool`."""

from surefoot.cli import main

main()
