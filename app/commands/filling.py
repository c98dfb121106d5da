"""A backfill in this process, where no service runs that could do it."""

import anyio
from rich.console import Console

from app.commands.closing import closing_table, stored_now
from app.commands.following import progress_bar
from app.commands.library import Library, remedy
from app.domain.errors import MarketDataError
from app.services.jobs.backfill import BackfillRequest, CandleBackfill
from app.services.jobs.patience import Patience
from app.services.jobs.work import JobFailed, Progress


class Filling:
    """One run of the command."""

    def __init__(self, asked: BackfillRequest, console: Console) -> None:
        self.complete = False
        self.failure: str | None = None
        self._asked = asked
        self._console = console
        self._scope = anyio.CancelScope()

    def stop(self) -> None:
        """End soon; what came is kept."""
        self._scope.cancel()

    async def run(self, library: Library) -> None:
        """Fill the store, then say what is in it. Raises MarketDataError for a request that makes no sense."""
        work = CandleBackfill(library.history, library.instruments, library.clock, Patience(None))
        request = self._asked.to_json()
        await work.check(request)
        with progress_bar(self._console, work.unit) as bar, self._scope:
            task = bar.add_task("", total=None)

            def told(progress: Progress) -> None:
                bar.update(task, completed=progress.done, total=progress.total, description=progress.message)

            try:
                await work.run(request, Progress(told))
                self.complete = True
                bar.update(task, description="done")
            except JobFailed as failed:
                self.failure = str(failed)
            except MarketDataError as error:
                self.failure = remedy(error)
        self._console.print(
            closing_table(self._asked, await stored_now(self._asked, library.history, library.instruments))
        )
        if self._scope.cancelled_caught:
            self._console.print("Stopped. What is stored stays; the same command goes on from there.")
