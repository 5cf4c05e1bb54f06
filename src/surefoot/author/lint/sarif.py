"""Formats the findings as SARIF 2.1.0, the form in which code scanners exchange what they found."""

import json
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from surefoot.author.lint.lint_findings import Finding
from surefoot.author.lint.lint_report import short_path
from surefoot.author.lint.linted_history import Report
from surefoot.program import program

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def as_sarif(report: Report) -> str:
    """Return the findings as one run of one tool."""
    rules = sorted({each.rule for each in report.findings})
    run: dict[str, Any] = {
        "tool": {"driver": {"name": f"{program()} lint", "rules": [{"id": rule} for rule in rules]}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(each, rules) for each in report.findings],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)


def _result(finding: Finding, rules: list[str]) -> dict[str, Any]:
    span = finding.spans[0]
    place = {
        "artifactLocation": {"uri": quote(PurePath(short_path(finding.file)).as_posix())},
        "region": {"startLine": span.first, "endLine": max(span.first, span.last)},
    }
    return {
        "ruleId": finding.rule,
        "ruleIndex": rules.index(finding.rule),
        "level": finding.level,
        "message": {"text": f"{finding.why}\n\nSafe:\n{finding.safe}"},
        "locations": [{"physicalLocation": place}],
    }
