"""A command's questions to the service that runs beside it: GraphQL over HTTP, as any other client asks.

Comes in: where the service is. Goes out: data, or an error in words. Called by the commands that would otherwise do
their work beside the service, with a request budget of their own.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import httpx
import orjson

from app.commands.first_login import GRAPHQL_PATH
from app.commands.running import Beside
from app.domain.errors import Forbidden, LoginRequired
from app.domain.jobs import FINISHED, JobState

TIMEOUT_SECONDS = 60.0
"""A chart whose bars must be fetched first takes as long as the source's budget wants."""
SILENCE_SECONDS = 40.0
"""A stream has a sign of life every twelve seconds: one that is silent for longer is dead."""
AGAIN_SECONDS = 0.3
"""Before a stream that was lost is asked for again."""
TRIES = 10
"""Losses in a row after which a service counts as gone: three seconds if nobody listens."""
JOB = "id state done total message"
CANCEL = f"mutation ($id: ID!) {{ cancelJob(id: $id) {{ {JOB} }} }}"
FOLLOW = f"subscription ($id: ID!) {{ job(id: $id) {{ {JOB} }} }}"
FIND = f"query ($id: ID!) {{ job(id: $id) {{ {JOB} }} }}"


class ServiceGone(Exception):
    """The service does not answer as one does. The message is for a person."""


class ServiceRefused(Exception):
    """The service answered with an error. The message is `CODE: message`, for a person."""


@dataclass(frozen=True, slots=True)
class SeenJob:
    """A job as the service shows it."""

    id: str
    state: JobState
    done: int
    total: int | None
    message: str | None

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "SeenJob":
        """The job of GraphQL's fields."""
        return cls(fields["id"], JobState(fields["state"]), fields["done"], fields["total"], fields["message"])


class RunningService:
    """The service beside us."""

    def __init__(self, client: httpx.AsyncClient, url: str) -> None:
        self.url = url
        self._client = client

    async def ask(self, query: str, variables: Mapping[str, Any], field: str) -> Any:
        """What the service answers for the one field of a query. Raises ServiceGone, ServiceRefused."""
        try:
            answer = await self._client.post(GRAPHQL_PATH, json={"query": query, "variables": dict(variables)})
            body = answer.json()
        except httpx.HTTPError as error:
            raise _gone(self.url, type(error).__name__) from None
        except ValueError:
            raise _gone(self.url, f"HTTP {answer.status_code}") from None
        return _one(body, field)

    async def submit(self, mutation: str, variables: Mapping[str, Any], field: str) -> SeenJob:
        """The job that a mutation made. Raises ServiceGone, ServiceRefused."""
        return SeenJob.of(await self.ask(mutation, variables, field))

    async def cancel(self, job_id: str) -> SeenJob:
        """The job as it ended. Raises ServiceGone; ServiceRefused if it had ended before."""
        return SeenJob.of(await self.ask(CANCEL, {"id": job_id}, "cancelJob"))

    async def find(self, job_id: str) -> SeenJob:
        """The job as it is. Raises ServiceGone; ServiceRefused if there is none of this id."""
        fields = await self.ask(FIND, {"id": job_id}, "job")
        if fields is None:
            msg = f"the service at {self.url} knows no job {job_id}: it has another database now"
            raise ServiceRefused(msg)
        return SeenJob.of(fields)

    async def follow(self, job_id: str, told: Callable[[SeenJob], None]) -> SeenJob:
        """The job in its final state; `told` of each change. Raises ServiceGone, ServiceRefused."""
        missed = 0
        while True:
            try:
                async with aclosing(self._changes(job_id)) as changes:
                    async for job in changes:
                        missed = 0
                        told(job)
                        if job.state in FINISHED:
                            return job
            except httpx.HTTPError:
                pass
            missed += 1
            if missed == TRIES:
                raise _gone(self.url, "the connection was lost")
            await anyio.sleep(AGAIN_SECONDS)

    async def _changes(self, job_id: str) -> AsyncGenerator[SeenJob, None]:
        """The job as it is, then each change, while the connection lasts. Raises httpx.HTTPError, ServiceRefused."""
        question = {"query": FOLLOW, "variables": {"id": job_id}}
        async with self._client.stream(
            "POST", GRAPHQL_PATH, json=question, headers={"accept": "text/event-stream"}, timeout=SILENCE_SECONDS
        ) as answer:
            answer.raise_for_status()
            async for line in answer.aiter_lines():
                result = line.removeprefix("data:").strip() if line.startswith("data:") else ""
                if result:
                    yield SeenJob.of(_one(orjson.loads(result), "job"))


@asynccontextmanager
async def open_service(beside: Beside) -> AsyncIterator[RunningService]:
    """The service, asked with our ADMIN_TOKEN if we have one."""
    token = beside.settings.admin_token
    headers = {} if token is None else {"authorization": f"Bearer {token.get_secret_value()}"}
    async with httpx.AsyncClient(
        base_url=beside.url, headers=headers, timeout=TIMEOUT_SECONDS, trust_env=False
    ) as client:
        yield RunningService(client, beside.url)


def _one(body: Any, field: str) -> Any:
    """The one field of a GraphQL answer. Raises ServiceRefused for its first error."""
    match body:
        case {"errors": [{"extensions": {"code": Forbidden.code}}, *_]}:
            msg = f"{Forbidden.code}: the service takes this from an ADMIN alone: set its ADMIN_TOKEN here too"
        case {"errors": [{"message": message, "extensions": {"code": LoginRequired.code}}, *_]}:
            msg = f"{LoginRequired.code}: {message}, then run this again"
        case {"errors": [{"message": message, "extensions": {"code": code}}, *_]}:
            msg = f"{code}: {message}"
        case {"data": {**data}} if field in data:
            return data[field]
        case _:
            msg = "what answers is not the service: it speaks no GraphQL"
    raise ServiceRefused(msg)


def _gone(url: str, why: str) -> ServiceGone:
    return ServiceGone(f"the service at {url} does not answer ({why})")
