"""How far long work is: one line that changes on a terminal, plain lines in a log; both on stderr."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

from surefoot.wording import paragraph


@contextmanager
def telling() -> Iterator[Callable[[str], None]]:
    """A function that takes each line on how far the work inside the block is."""
    console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    if not console.is_terminal:
        yield console.print
        return
    with console.status("…") as status:

        def say(text: str) -> None:
            console.print(paragraph(text, "", "  "))
            status.update(f"{text} …")

        yield say
