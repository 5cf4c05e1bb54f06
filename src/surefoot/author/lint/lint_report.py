"""Formats the findings: as text, as JSON, and as the commands that GitHub reads from a log."""

import json
import os
from dataclasses import asdict
from pathlib import Path

from surefoot.author.lint.lint_findings import Finding
from surefoot.author.lint.linted_history import Report
from surefoot.runtime.error_translation import shortened
from surefoot.wording import JSON_VERSION

EMPTY = Report((), 0, "", ())
"""Of no revision at all."""


def as_text(report: Report) -> str:
    """Return a paragraph for each finding: its place, the statement, why it is dangerous, what to paste instead."""
    if not report.revisions:
        return "No revision to look at."
    summary = f"{len(report.revisions)} revisions, {report.statements} statements on PostgreSQL {report.version}"
    if report.unread:
        summary += f" ({report.unread} of them squawk could not read)"
    if not report.findings:
        return f"{summary}: nothing found."
    paragraphs = [_paragraph(finding) for finding in report.findings]
    count = len(paragraphs)
    return "\n\n".join([*paragraphs, f"{summary}: {count} finding{'s' if count > 1 else ''}."])


def as_json(report: Report) -> str:
    """Return the whole report, with statements in full."""
    findings = [
        asdict(finding) | {"file": short_path(finding.file), "line": finding.line, "spans": None}
        for finding in report.findings
    ]
    for each in findings:
        del each["spans"]
    return json.dumps(
        {
            "version": JSON_VERSION,
            "revisions": report.revisions,
            "statements": report.statements,
            "server_version": report.version,
            "unread_by_squawk": report.unread,
            "findings": findings,
        },
        indent=2,
        ensure_ascii=False,
    )


def as_commands(report: Report) -> str:
    """Return a line `::error …` for each finding, which GitHub shows beside the line of the file."""
    return "\n".join(
        f"::error file={_property(short_path(each.file))},line={each.line},title={_property(each.rule)}::"
        + _escaped(f"{each.why} Safe: {each.safe}")
        for each in report.findings
    )


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")


def _paragraph(finding: Finding) -> str:
    more = f"  (and {finding.more} more from this line)" if finding.more else ""
    lines = [
        f"{short_path(finding.file)}:{finding.line}  {finding.rule}  {finding.direction} {finding.revision}".rstrip()
    ]
    if finding.statement:
        lines.append(f"  statement  {shortened(finding.statement, 200)}{more}")
    lines.append(f"  why        {finding.why}")
    safe = finding.safe.splitlines()
    lines.append(f"  safe       {safe[0]}")
    lines += [f"             {line}" for line in safe[1:]]
    if not finding.rule.startswith("acknowledgement-"):
        lines.append(f"  or         # lint: {finding.rule} <why it does no harm here>   (above the call)")
    return "\n".join(lines)


def short_path(file: Path) -> str:
    """Return the path relative to the current folder where the file is in it."""
    return os.path.relpath(file) if file.is_relative_to(Path.cwd()) else str(file)
