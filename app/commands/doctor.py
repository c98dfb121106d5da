"""`kite-services doctor`: a table of what was looked at, with the remedy beside each fault."""

import anyio
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.clock import SystemClock
from app.commands.findings import Finding, Level, examine
from app.commands.running import led_by_run
from app.commands.start import FAILED, load_settings, start_logs
from app.redaction import Redactor

COLOURS = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "bold red"}


def doctor() -> None:
    """Returns if nothing failed; else the command ends with code 1."""
    settings = led_by_run(load_settings()).model_copy(update={"log_level": "ERROR"})
    secrets = start_logs(settings, interactive=True)
    findings = anyio.run(examine, settings, SystemClock())
    Console().print(findings_table(findings, Redactor(secrets)))
    if any(finding.level is Level.FAIL for finding in findings):
        raise typer.Exit(FAILED)


def findings_table(findings: list[Finding], redactor: Redactor) -> Table:
    """The findings for a person. Texts of drivers and libraries may be among them, so all of it is redacted."""
    table = Table(title="Kite Services")
    for name in ("what", "state", "found", "remedy"):
        table.add_column(name, overflow="fold")
    for finding in findings:
        state = Text(finding.level.value, style=COLOURS[finding.level])
        table.add_row(finding.subject, state, Text(redactor.text(finding.text)), Text(redactor.text(finding.remedy)))
    return table
