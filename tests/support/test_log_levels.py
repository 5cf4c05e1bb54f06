"""What a test does to the levels of loggers ends with it: of these two the second finds what the first one found."""

import logging


def test_one_that_sets_levels() -> None:
    for name in ("alembic", "a logger that nobody had"):
        logging.getLogger(name).setLevel(logging.DEBUG)


def test_the_next_one() -> None:
    assert logging.DEBUG not in {logging.getLogger(name).level for name in ("alembic", "a logger that nobody had")}
