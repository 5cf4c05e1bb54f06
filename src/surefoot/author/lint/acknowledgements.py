"""Comments that acknowledge a finding: `# lint: <rule> <reason>` above a call or at its end."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from surefoot.author.lint.lint_findings import Finding
from surefoot.author.lint.span import Span

NO_REASON = "acknowledgement-without-reason"
WITHOUT_FINDING = "acknowledgement-of-nothing"

MARK = re.compile(r"#\s*lint:\s*(?P<rules>[\w-]+(?:\s*,\s*[\w-]+)*)?\s*(?P<reason>.*)", flags=re.DOTALL)


@dataclass(frozen=True)
class Acknowledgement:
    """One comment: its own line, the line of code that it is about, its rules and its reason."""

    line: int
    about: int
    rules: tuple[str, ...]
    reason: str
    text: str

    def covers(self, finding: Finding, statements: dict[int, int]) -> bool:
        """Return whether the comment is at the finding's call, or at the statement that contains the call.

        `statements` gives the first line of the innermost statement by line.
        """
        return finding.rule in self.rules and any(
            span.first <= self.about <= span.last or self.about == statements.get(span.first) for span in finding.spans
        )


def unacknowledged(file: Path, revision: str, findings: list[Finding], *, released: bool = False) -> list[Finding]:
    """Return the findings that no comment acknowledges, with those on comments that lack a reason or match nothing.

    In a `released` file a comment may match nothing: the file does not change any more when a rule judges better.
    """
    source = file.read_text("utf-8")
    acknowledgements = list(_read(source))
    statements = _statements(source)
    remaining = [
        finding for finding in findings
        if not any(each.reason and each.covers(finding, statements) for each in acknowledgements)
    ]  # fmt: skip
    for each in acknowledgements:
        matched = {finding.rule for finding in findings if each.covers(finding, statements)}
        span = (Span(each.line, each.line),)
        if not each.reason or not each.rules:
            remaining.append(Finding(
                NO_REASON, revision, file, "", span, each.text,
                "Whoever reads this at two in the morning needs to know why it is safe here.",
                f"# lint: {', '.join(each.rules) or '<rule>'} <why it does no harm here>",
            ))  # fmt: skip
        remaining += [
            Finding(
                WITHOUT_FINDING, revision, file, "", span, each.text,
                f"Nothing beside it breaks the rule {rule!r} (any more): it would hide the next fault here.",
                "Delete it, or move it to the line above the call that it is about.",
            )
            for rule in sorted(set(each.rules) - matched)
            if not released
        ]  # fmt: skip
    return remaining


def _read(source: str) -> Iterator[Acknowledgement]:
    """Yield the acknowledgements; comment lines below one continue its reason."""
    tokens = [each for each in tokenize.generate_tokens(io.StringIO(source).readline) if each.type != tokenize.NL]
    comments = {each.start[0]: each for each in tokens if each.type == tokenize.COMMENT}
    code = sorted({
        line
        for each in tokens
        if each.type not in {tokenize.COMMENT, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
        for line in range(each.start[0], each.end[0] + 1)
    })  # fmt: skip
    for line, comment in comments.items():
        if not re.match(r"#\s*lint:", comment.string):
            continue
        own_line = line not in code
        text, following = comment.string, line + 1
        while own_line and following in comments and following not in code:
            more = comments[following].string
            if re.match(r"#\s*lint:", more):
                break
            text += " " + more.lstrip("# ")
            following += 1
        match = MARK.match(text)
        assert match is not None
        rules = tuple(re.split(r"\s*,\s*", match["rules"])) if match["rules"] else ()
        yield Acknowledgement(line, _about(line, own_line, comments, code), rules, match["reason"].strip(), text)


def _about(line: int, own_line: bool, comments: dict[int, tokenize.TokenInfo], code: list[int]) -> int:
    """Return the line of code that a comment is about: its own, or the one directly below the comment lines."""
    if not own_line:
        return line
    while line + 1 in comments and line + 1 not in code:
        line += 1
    return line + 1


def _statements(source: str) -> dict[int, int]:
    """Return the first line of the innermost statement, by each line that it spans."""
    innermost: dict[int, tuple[int, int]] = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.stmt):
            last = node.end_lineno or node.lineno
            for line in range(node.lineno, last + 1):
                if line not in innermost or last - node.lineno < innermost[line][1]:
                    innermost[line] = node.lineno, last - node.lineno
    return {line: first for line, (first, _) in innermost.items()}
