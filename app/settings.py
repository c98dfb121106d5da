"""Settings: environment variables, read once, in one place."""

import ipaddress
from dataclasses import fields
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.domain.market_trend import TrendWeights
from app.domain.provenance import DataSource
from app.providers.yahoo.config import API_URL, STREAM_URL, YahooConfig

KITE_HOSTS = frozenset({"api.kite.trade", "ws.kite.trade"})
"""The only hosts whose data may be called KITE; anything else that speaks its wire is a sandbox."""


EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - read, not bound
"""Addresses to listen on that no browser can open, and the one that this machine reaches instead."""


def _split(value: object) -> object:
    """A list as environment variables hold it: KITE,YAHOO."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _check_order(sources: tuple[DataSource, ...]) -> tuple[DataSource, ...]:
    if not sources or len(set(sources)) < len(sources) or DataSource.SANDBOX in sources:
        msg = "name KITE and YAHOO in the order in which they are asked, or one of them"
        raise ValueError(msg)
    return sources


SourceOrder = Annotated[tuple[DataSource, ...], NoDecode, BeforeValidator(_split), AfterValidator(_check_order)]


class LogFormat(StrEnum):
    """How log lines are written."""

    JSON = "json"
    CONSOLE = "console"


class Settings(BaseSettings):
    """Every setting, by its environment variable. A field's description is its line in the README."""

    model_config = SettingsConfigDict(extra="ignore", hide_input_in_errors=True)

    service_host: str = Field(
        default="127.0.0.1", description="Address to listen on; beyond loopback it needs ADMIN_TOKEN"
    )
    service_port: int = Field(
        default=8179, ge=1, le=65535, description="Port of the service; the sandbox takes this plus 10000"
    )
    sandbox_port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="Port of the sandbox that `make run` starts; default SERVICE_PORT + 10000 (- 10000 above 65535)",
    )
    public_url: str = Field(
        default="",
        description="Address under which browsers reach the service; default http://SERVICE_HOST:SERVICE_PORT",
    )
    environment: str = Field(default="development", description="Name of the deployment, shown by `server`")
    log_level: str = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR")
    log_format: LogFormat = Field(default=LogFormat.JSON, description="json or console")
    cors_origins: str = Field(
        default="http://localhost:*,http://127.0.0.1:*",
        description="Comma-separated origins of web pages that may call; a port may be *",
    )
    admin_token: SecretStr | None = Field(
        default=None, description="Bearer token that mutations need; without it everyone on loopback is admin"
    )
    kite_api_key: str = Field(default="", description="Kite Connect api_key; empty: the Kite source is DISABLED")
    kite_api_secret: SecretStr = Field(default=SecretStr(""), description="Kite Connect api_secret")
    kite_api_url: str = Field(default="https://api.kite.trade", description="Root of Kite's REST API")
    kite_login_url: str = Field(default="https://kite.zerodha.com/connect/login", description="Kite's login page")
    kite_ticker_url: str = Field(default="wss://ws.kite.trade", description="Kite's ticker")
    yahoo_api_url: str = Field(default=API_URL, description="Root of Yahoo's REST API; empty: Yahoo is DISABLED")
    yahoo_stream_url: str = Field(default=STREAM_URL, description="Yahoo's streamer")
    quote_sources: SourceOrder = Field(
        default=(DataSource.KITE, DataSource.YAHOO),
        description="Who is asked for prices, first choice first: KITE,YAHOO, or one of them",
    )
    candle_sources: SourceOrder = Field(default=(DataSource.KITE, DataSource.YAHOO), description="The same for candles")
    trend_weights: Annotated[tuple[float, float, float, float], NoDecode] = Field(
        default=(0.3, 0.25, 0.25, 0.2),
        description="Weights of the trend score: day move, distance from averages, breadth, slope; they add up to 1",
    )
    risk_free_rate: float = Field(
        default=0.065, ge=-0.5, le=1.0, description="Yearly rate that option chains discount and carry with"
    )
    database_url: str = Field(default="", description="postgresql://... ; default SQLite in DATA_DIR")
    data_dir: Path = Field(
        default=Path(".data"), description="Folder for the database, the key and the sandbox's state"
    )
    secrets_key: SecretStr | None = Field(
        default=None, description="Fernet key that seals tokens; default a file of mode 0600 in DATA_DIR"
    )
    calendar: str = Field(
        default="indian", description="indian, always-open (the sandbox's default), or the path of a calendar file"
    )

    @field_validator("admin_token")
    @classmethod
    def _blank_is_none(cls, token: SecretStr | None) -> SecretStr | None:
        """`ADMIN_TOKEN=` in an environment file: nobody could send it, or everybody."""
        return token if token is not None and token.get_secret_value().strip() else None

    @field_validator("trend_weights", mode="before")
    @classmethod
    def _four_weights(cls, value: object) -> object:
        parts = _split(value)
        if isinstance(parts, list) and len(parts) != len(fields(TrendWeights)):
            msg = "write four numbers, as 0.3,0.25,0.25,0.2"
            raise ValueError(msg)
        return parts

    @field_validator("trend_weights")
    @classmethod
    def _whole_weights(cls, value: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        TrendWeights(*value)
        return value

    @model_validator(mode="after")
    def _one_world(self) -> "Settings":
        chosen = self.model_fields_set & {"yahoo_api_url", "yahoo_stream_url"}
        if chosen and self.yahoo_api_url and not self.has_yahoo:
            msg = (
                "KITE_API_URL and YAHOO_API_URL must be both real or both of a sandbox, each with its stream: "
                "simulated prices never stand beside real ones. Point both to the sandbox, or set YAHOO_API_URL="
            )
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _somebody_answers(self) -> "Settings":
        if not self.has_yahoo and (DataSource.YAHOO,) in {self.quote_sources, self.candle_sources}:
            msg = "QUOTE_SOURCES or CANDLE_SOURCES names YAHOO alone, and Yahoo is DISABLED: set YAHOO_API_URL"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _remote_needs_a_token(self) -> "Settings":
        if not self.is_loopback and self.admin_token is None:
            msg = f"SERVICE_HOST={self.service_host} is open to other machines: set ADMIN_TOKEN or use 127.0.0.1"
            raise ValueError(msg)
        return self

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the service."""
        try:
            return ipaddress.ip_address(self.service_host).is_loopback
        except ValueError:
            return self.service_host == "localhost"

    @property
    def base_url(self) -> str:
        """Address under which browsers reach the service, without a slash at the end."""
        return self.public_url.rstrip("/") or self.local_url

    @property
    def local_url(self) -> str:
        """Address under which this machine reaches the service, whatever its public one is."""
        host = EVERY_ADDRESS.get(self.service_host, self.service_host)
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}:{self.service_port}"

    @property
    def login_link(self) -> str:
        """Our own page that leads to Kite's login."""
        return f"{self.base_url}/auth/kite/login"

    @property
    def has_yahoo(self) -> bool:
        """Whether Yahoo is asked for anything: not beside a Kite of the other world, real or simulated."""
        if not self.yahoo_api_url:
            return False
        simulated = self.source is DataSource.SANDBOX
        return not self.kite_api_key or simulated is (self.yahoo_source is DataSource.SANDBOX)

    @property
    def yahoo_source(self) -> DataSource:
        """YAHOO only if both of its addresses are Yahoo's own, by TLS; what else speaks its wire is SANDBOX."""
        return YahooConfig(self.yahoo_api_url, self.yahoo_stream_url).source

    @property
    def world(self) -> DataSource:
        """The source that says whether this process is real or simulated: Kite, or Yahoo where it is alone."""
        return self.yahoo_source if self.has_yahoo and not self.kite_api_key else self.source

    @property
    def source(self) -> DataSource:
        """KITE only if both of its addresses are the broker's own, by TLS; what else speaks its wire is SANDBOX.

        Labels cannot be set by hand: a simulated price that calls itself real is the worst bug we could have.
        """
        api, ticker = urlsplit(self.kite_api_url), urlsplit(self.kite_ticker_url)
        is_kite = {api.hostname, ticker.hostname} <= KITE_HOSTS and (api.scheme, ticker.scheme) == ("https", "wss")
        return DataSource.KITE if is_kite else DataSource.SANDBOX
