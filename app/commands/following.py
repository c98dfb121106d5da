"""A job of the service, followed from a terminal: submitted, drawn as a bar, cancelled by Ctrl-C.

Comes in: the mutation that makes the job. Goes out: how it ended. Called by commands beside a running service, whose
jobs share its request budget and stand behind everybody's queries.
"""

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import anyio
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as ProgressBar

from app.commands.asking import RunningService, SeenJob, ServiceGone, ServiceRefused, open_service
from app.commands.running import Beside
from app.commands.serving import until_signal
from app.commands.start import FAILED, refuse
from app.domain.errors import LoginRequired
from app.domain.jobs import JobState

INTERRUPTED = 128 + signal.SIGINT
"""Exit code after Ctrl-C, as the shell has it."""
QUEUED = "waiting for its turn"


@dataclass(frozen=True, slots=True)
class Order:
    """A job to be made."""

    mutation: str
    """The operation, which selects the fields `asking.JOB`."""
    variables: Mapping[str, Any]
    field: str
    """The mutation's field."""
    unit: str
    """What is counted."""


def progress_bar(console: Console, unit: str) -> ProgressBar:
    """How far a job is, counted in `unit`."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn(unit))
    return ProgressBar(*columns, TimeRemainingColumn(), console=console)


class Following:
    """One job of the service, for as long as this command looks at it."""

    def __init__(self, service: RunningService, console: Console) -> None:
        self.job: SeenJob | None = None
        """As it was seen last; None before the service has it."""
        self.stopped = False
        """Whether a person ended it here."""
        self.failure: str | None = None
        """Why it did not succeed, for a person."""
        self._service = service
        self._console = console
        self._scope = anyio.CancelScope()
        self._notice: str | None = None

    @property
    def complete(self) -> bool:
        """Whether the job succeeded."""
        return self.job is not None and self.job.state is JobState.SUCCEEDED

    def stop(self) -> None:
        """Leave off: the service cancels the job."""
        self._scope.cancel()

    async def run(self, order: Order) -> bool:
        """Whether the job succeeded; returns when it has ended, the service is gone, or `stop` was called."""
        try:
            with self._scope:
                await self._follow(order)
            if self._scope.cancelled_caught and self.job is not None:
                await self._cancel(self.job.id)
        except ServiceRefused as refused:
            self.failure = str(refused)
        except ServiceGone as gone:
            self.failure = f"{gone}{self._what_becomes_of_it()}"
        else:
            self.failure = self._fault()
        return self.complete

    async def _follow(self, order: Order) -> None:
        with anyio.CancelScope(shield=True):  # else there might be a job that nobody knows of
            made = await self._service.submit(order.mutation, order.variables, order.field)
            self.job = made
        with progress_bar(self._console, order.unit) as bar:
            task = bar.add_task("", total=None)

            def told(job: SeenJob) -> None:
                self.job = job
                bar.update(task, completed=job.done, total=job.total, description=self._description(job))

            told(made)
            await self._service.follow(made.id, told)

    def _description(self, job: SeenJob) -> str:
        """What stands before the bar. A link to a login is too long for it, and shall not be cut: it gets a line."""
        if job.state is JobState.SUCCEEDED:
            return "done"
        if job.message is not None and LoginRequired.code in job.message:
            if job.message != self._notice:
                self._notice = job.message
                self._console.print(job.message, soft_wrap=True, markup=False)
            return "waiting for a login"
        return job.message or (QUEUED if job.state is JobState.QUEUED else "")

    async def _cancel(self, job_id: str) -> None:
        """Cancel the job; or it ended at the same moment, and is what it is."""
        try:
            self.job = await self._service.cancel(job_id)
            self._console.print(f"The service cancelled its job {job_id}.", highlight=False)
        except ServiceRefused:
            self.job = await self._service.find(job_id)
        self.stopped = self.job.state is JobState.CANCELLED

    def _fault(self) -> str | None:
        job = self.job
        if job is None or job.state is JobState.SUCCEEDED or self.stopped:
            return None
        if job.state is JobState.CANCELLED:
            return f"somebody else cancelled the job {job.id} in the service; what came is kept"
        return job.message or f"the job {job.id} is {job.state}"

    def _what_becomes_of_it(self) -> str:
        if self.job is None:
            return ": nothing was begun"
        return (
            f". Its job {self.job.id} is kept, and goes on when the service is started again; "
            f'`job(id: "{self.job.id}")` tells how far it is, `cancelJob` ends it'
        )


async def follow_order(beside: Beside, order: Order) -> Following:
    """The job of a service, after its end; a signal has ended it before. What came of it is printed."""
    console = Console()
    async with open_service(beside) as service:
        following = Following(service, console)

        async def work() -> bool:
            return await following.run(order)

        await until_signal(work, following.stop)
    if following.complete and following.job is not None and following.job.message is not None:
        console.print(following.job.message, highlight=False)
    return following


def finish(following: Following) -> None:
    """End the command as its job ended: with the reason and code 1, or 130 after Ctrl-C, unless it succeeded."""
    if following.failure:
        refuse(following.failure, code=FAILED)
    if not following.complete:
        raise typer.Exit(INTERRUPTED)
