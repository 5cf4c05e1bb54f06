"""A call in a copy of this process: its result, what it is without one, and that nothing of it is left."""

import os
import signal

import pytest

from surefoot.author.forked_call import ForkedCall


def test_a_call_is_made_by_another_process() -> None:
    with ForkedCall(os.getpid) as call:
        found = call.result()
    assert found not in {None, os.getpid()}


def test_a_call_that_raises_has_no_result() -> None:
    def fails() -> None:
        raise ValueError

    with ForkedCall(fails) as call:
        assert call.result() is None


def test_a_result_that_cannot_be_handed_over_is_none() -> None:
    with ForkedCall(lambda: lambda: 1) as call:
        assert call.result() is None


def test_a_call_that_nobody_asks_is_waited_for() -> None:
    reading, writing = os.pipe()
    with ForkedCall(lambda: os.write(writing, b"done")):
        os.close(writing)
    assert os.read(reading, 4) == b"done"
    os.close(reading)


def test_an_interrupted_caller_interrupts_the_call() -> None:
    reading, writing = os.pipe()

    def tells() -> None:
        try:
            os.write(writing, b"begun ")
            signal.pause()
        except KeyboardInterrupt:
            os.write(writing, b"interrupted")

    def is_interrupted() -> None:
        with ForkedCall(tells):
            assert os.read(reading, 6) == b"begun "
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        is_interrupted()
    assert os.read(reading, 11) == b"interrupted"
    os.close(reading)
    os.close(writing)
