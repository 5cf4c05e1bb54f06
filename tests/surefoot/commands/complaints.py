"""How every fault must read: one sentence, a remedy behind an arrow, no traceback; a stop in its four parts."""

import re
from subprocess import CompletedProcess

STOP = re.compile(r"(?P<happened>.+)\nYour data: (?P<data>.+)\nThe school: (?P<work>.+)\nNext: (?P<next>.+)", re.DOTALL)


def complaint(done: CompletedProcess[str], *secrets: str) -> str:
    """What the run `done` said last: what is wrong, what to do. Asserts on its form, and that it shows no secret."""
    everything = done.stdout + done.stderr
    assert "Traceback" not in everything, everything
    for secret in secrets:
        assert secret not in everything, everything
    before, mark, said = done.stderr.partition("ourschool: ")
    assert mark, everything
    assert "ourschool: " not in said
    assert not before or before.endswith("\n")
    stop = STOP.fullmatch(said.rstrip("\n"))
    if stop is not None:  # as one without the parts that only say that nothing has happened
        kept = "" if stop["data"] == "Nothing was changed." else f"\n{stop['data']}"
        said = f"{stop['happened']}{kept}\n→ {stop['next']}\n"
    sentence, arrow, remedy = said.partition("\n→ ")
    assert arrow, said
    assert sentence.endswith(".") or ". Statement: " in sentence or "\n  " in sentence, sentence
    assert remedy.strip(), said
    assert "\n" not in remedy.rstrip("\n"), remedy
    return said.rstrip("\n")
