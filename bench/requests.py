"""The request workloads: what is asked, in bytes, and whether the answer is the one that everybody must give."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
import orjson

from bench.contenders import FASTAPI, OURS, Contender
from bench.processes import HOST
from bench.subject import CANDLE_FIELDS, CANDLE_ID, CANDLES, LONGEST, QUOTE_FIELDS, QUOTE_IDS, QUOTES

MOVING = frozenset({"receivedAt"})
"""Fields whose text may differ between servers: each writes an instant in its own way."""
ALLOWED_SIZE = 0.15
"""How far a payload may be from ours, beside what ours says of itself:"""
EXTENSIONS = 150
HEADERS = "Host: {host}:{port}\r\nContent-Type: application/json\r\nAccept: application/json\r\n"


class WrongAnswer(Exception):
    """A server does not answer what is measured; no figure of it would mean anything."""


@dataclass(frozen=True, slots=True)
class Request:
    """One workload."""

    name: str
    query: str
    variables: Mapping[str, Any]
    rest: str
    """The path and query of the same by REST."""
    path: tuple[str, ...]
    """Where the rows are in the GraphQL answer's data."""
    fields: tuple[str, ...]
    expected: Sequence[Mapping[str, Any]]

    def raw(self, contender: Contender) -> bytes:
        """The request as it is sent."""
        headers = HEADERS.format(host=HOST, port=contender.port)
        if contender.name == FASTAPI:
            return f"GET {self.rest} HTTP/1.1\r\n{headers}\r\n".encode()
        body = orjson.dumps({"query": self.query, "variables": self.variables})
        head = f"POST /graphql HTTP/1.1\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
        return head.encode() + body

    async def check(self, contender: Contender, size: int | None = None) -> int:
        """Raises WrongAnswer unless all is there, the same as everybody's; the bytes of the body.

        `size`: those of our answer, near which all must be. Our own server must not have asked its source.
        """
        body, content = await self._ask(contender)
        if contender.name == OURS and (calls := body["extensions"]["cost"]["upstreamCalls"]):
            raise WrongAnswer(f"{self.name}: ours made {calls} upstream calls; it has to answer from memory")
        rows = body if isinstance(body, list) else rows_at(body, self.path)
        self._compare(contender.name, rows)
        if size is not None and abs(content - size) > EXTENSIONS + ALLOWED_SIZE * size:
            raise WrongAnswer(f"{self.name}: {contender.name} answers {content} bytes, ours {size}")
        return content

    async def _ask(self, contender: Contender) -> tuple[Any, int]:
        async with httpx.AsyncClient(base_url=contender.url, trust_env=False, timeout=60) as client:
            if contender.name == FASTAPI:
                answer = await client.get(self.rest)
            else:
                answer = await client.post("/graphql", json={"query": self.query, "variables": self.variables})
        return answer.json(), len(answer.content)

    def _compare(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        if len(rows) != len(self.expected):
            raise WrongAnswer(f"{self.name}: {name} answers {len(rows)} rows, not {len(self.expected)}")
        for row, wanted in zip(rows, self.expected, strict=True):
            if set(row) != set(self.fields) or None in row.values():
                raise WrongAnswer(f"{self.name}: {name} has other fields, or nulls: {row}")
            if other := [field for field in self.fields if field not in MOVING and row[field] != wanted[field]]:
                raise WrongAnswer(f"{self.name}: {name} differs in {other}: {row} for {wanted}")


def rows_at(body: Mapping[str, Any], path: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of a GraphQL answer, or of one by REST, which has only the last name. Raises WrongAnswer."""
    found: Any = body.get("data", body)
    for name in path if "data" in body else path[-1:]:
        found = found.get(name) if isinstance(found, dict) else None
    if not isinstance(found, list) or body.get("errors"):
        raise WrongAnswer(f"no rows at {path}: {str(body)[:500]}")
    return found


def span(now: datetime, count: int) -> tuple[str, str]:
    """The last `count` minutes before noon of the day before, which are final."""
    end = now.astimezone(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
    return text(end - timedelta(minutes=count)), text(end)


def text(instant: datetime) -> str:
    """As a client writes it."""
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def quotes_request(expected: Sequence[Mapping[str, Any]], count: int) -> Request:
    """The first `count` quotes."""
    ids = QUOTE_IDS[:count]
    return Request(
        f"q{count}", QUOTES, {"ids": ids}, "/quotes?" + urlencode({"ids": ids}, doseq=True), ("quotes",),
        QUOTE_FIELDS, expected[:count],
    )  # fmt: skip


def candles_request(expected: Sequence[Mapping[str, Any]], now: datetime, count: int) -> Request:
    """The newest `count` of the longest chart."""
    start, end = span(now, count)
    rest = f"/candles/{CANDLE_ID}?" + urlencode({"from": start, "to": end})
    variables = {"id": CANDLE_ID, "from": start, "to": end}
    path = ("candles", "candles")
    return Request(f"c{count}", CANDLES, variables, rest, path, CANDLE_FIELDS, expected[LONGEST - count :])
