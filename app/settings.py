"""Settings: environment variables, read once, in one place."""

import ipaddress
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.domain.provenance import DataSource

KITE_HOSTS = frozenset({"api.kite.trade", "ws.kite.trade"})
"""The only hosts whose data may be called KITE; anything else that speaks its wire is a sandbox."""


EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - read, not bound
"""Addresses to listen on that no browser can open, and the one that this machine reaches instead."""


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
        host = EVERY_ADDRESS.get(self.service_host, self.service_host)
        host = f"[{host}]" if ":" in host else host
        return self.public_url.rstrip("/") or f"http://{host}:{self.service_port}"

    @property
    def login_link(self) -> str:
        """Our own page that leads to Kite's login."""
        return f"{self.base_url}/auth/kite/login"

    @property
    def source(self) -> DataSource:
        """KITE only if both of its addresses are the broker's own, by TLS; what else speaks its wire is SANDBOX.

        Labels cannot be set by hand: a simulated price that calls itself real is the worst bug we could have.
        """
        api, ticker = urlsplit(self.kite_api_url), urlsplit(self.kite_ticker_url)
        is_kite = {api.hostname, ticker.hostname} <= KITE_HOSTS and (api.scheme, ticker.scheme) == ("https", "wss")
        return DataSource.KITE if is_kite else DataSource.SANDBOX
