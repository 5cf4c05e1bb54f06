"""Writes an error to stderr: on a terminal in lines of 80 columns, elsewhere each part on one line, for a log."""

import sys

from surefoot.errors import SurefootError
from surefoot.program import debugging, program
from surefoot.wording import paragraph


def write(fault: SurefootError) -> None:
    """Write `fault` behind the name of the program, and its details where somebody asked for them."""
    lines = f"{program()}: {fault}".splitlines()
    if fault.stop is not None and debugging():
        lines += [" ".join(each.split()) for each in fault.stop.details]
    if sys.stderr.isatty():
        lines = [paragraph(line, "", _indent(line)) for line in lines]
    sys.stdout.flush()
    sys.stderr.write("".join(f"{line}\n" for line in lines))


def _indent(line: str) -> str:
    return " " * (len(line) - len(line.lstrip()) + 2)
