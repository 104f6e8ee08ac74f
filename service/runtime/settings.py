"""Every setting of the service, from the environment.

Each setting ``X`` may be given as ``X_FILE`` instead, the path of a file that holds it.
"""

import os
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from limits import parse as parse_limit
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pydantic import Field, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings import SettingsError as UnreadableSetting

from alerts.channels.smtp import Tls
from alerts.expectation.days import check_country
from alerts.recipients import kind_of
from retention.policies import parse_keep
from service.runtime.kafka_settings import KafkaSettings
from service.runtime.logging import LogFormat
from service.runtime.secrets import weakness
from service.runtime.setting_names import unknown_names
from sql.calendar import WeekStart, begin_weeks_on
from sql.engine import EngineSetting
from sql.private_files import ExposedFile, require_private
from sql.timezones import check_whole_hours

DEFAULT_ALERT_INTERVAL = 15.0


class SettingsError(Exception):
    """A setting is missing or wrong; the message names it."""


class _FromFiles(EnvSettingsSource):
    """Reads ``X_FILE`` where ``X`` itself is unset."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        key, name, is_complex = self._extract_field_info(field, field_name)[0]
        variable = f"{name}_FILE".upper()
        path = os.environ.get(variable)
        if not path:
            return None, key, is_complex
        try:
            # A setting that is left out of the repr is a secret.
            if not field.repr:
                require_private(Path(path))
            return Path(path).read_text(encoding="utf-8").strip(), key, is_complex
        except (OSError, ExposedFile) as error:
            raise SettingsError(f"{variable}: {error}") from error


class Settings(KafkaSettings):
    """Settings with their defaults; docs/settings.md says more of each. Secrets, URLs with
    passwords among them, have `repr=False`.
    """

    model_config = SettingsConfigDict(
        env_prefix="FATURE_", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True
    )

    database_url: str | None = Field(default=None, repr=False)
    database_read_url: str | None = Field(default=None, repr=False)
    database_read_max_lag: float = Field(default=10, ge=2, le=3600, allow_inf_nan=False)
    data_dir: Path = Path(".data")
    engine: EngineSetting = "auto"
    postgres_home: Path | None = None
    host: str = "127.0.0.1"
    port: int = Field(default=5000, ge=1, le=65535)
    workers: int = Field(default=1, ge=1, le=64)
    drain_seconds: float = Field(default=0, ge=0, le=300, allow_inf_nan=False)
    admin_key: str | None = Field(default=None, min_length=16, repr=False)
    secret: str | None = Field(default=None, repr=False)
    password_memory: int = Field(default=64, ge=19, le=4096)
    rate_limit: str = "600000/minute"
    max_series_per_tenant: int = Field(default=100_000, ge=1)
    max_series_per_service: int = Field(default=10_000, ge=1)
    timezone: str = "UTC"
    week_start: WeekStart = "monday"
    holidays: str = ""
    language: Literal["en", "pt-BR"] = "en"
    alert_interval: float = Field(
        default=DEFAULT_ALERT_INTERVAL, ge=0, le=3600, allow_inf_nan=False
    )
    alert_metrics_port: int | None = Field(default=None, ge=1, le=65535)
    public_url: str | None = None
    smtp_host: str | None = None
    smtp_port: int | None = Field(default=None, ge=1, le=65535)
    smtp_user: str | None = None
    smtp_password: str | None = Field(default=None, repr=False)
    smtp_from: str | None = None
    smtp_to: str | None = None
    smtp_tls: Tls | None = None
    slack_webhook_url: str | None = Field(default=None, repr=False)
    webhook_url: str | None = Field(default=None, repr=False)
    webhook_secret: str | None = Field(default=None, repr=False)
    webhook_allow_private: bool = False
    sms_url: str = "https://api.twilio.com"
    sms_account: str | None = None
    sms_token: str | None = Field(default=None, repr=False)
    sms_from: str | None = None
    sms_to: str | None = None
    # OpenTelemetry's own name; its library reads it, and others that begin alike, as well.
    log: LogFormat = "auto"
    otlp_endpoint: str | None = Field(default=None, validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT")
    retention_days: str = Field(default="", validation_alias="RETENTION_DAYS")

    @field_validator("timezone")
    @classmethod
    def _whole_hours(cls, value: str) -> str:
        check_whole_hours(value)
        return value

    @field_validator("holidays")
    @classmethod
    def _country(cls, value: str) -> str:
        if value:
            try:
                check_country(value)
            except ValueError:
                raise ValueError("Use a country, or one of its states: BR or BR-SP") from None
        return value

    @field_validator("database_url", "database_read_url")
    @classmethod
    def _libpq_url(cls, value: str | None) -> str | None:
        """libpq's own complaints would show parts of the password."""
        try:
            host = str(conninfo_to_dict(value or "").get("host") or "")
        except ProgrammingError:
            raise ValueError("This is no libpq URL") from None
        if "@" in host:
            raise ValueError("An @ in a user name or password is written %40")
        return value

    @field_validator("secret")
    @classmethod
    def _strong(cls, value: str | None) -> str | None:
        if value is not None and (why := weakness(value)):
            raise ValueError(
                f"This secret is {why}: make one with `openssl rand -base64 32`, or leave it "
                "unset to have one made"
            )
        return value

    @field_validator("rate_limit")
    @classmethod
    def _rate(cls, value: str) -> str:
        try:
            parse_limit(value)
        except ValueError as error:
            raise ValueError("Use a rate such as 600/minute or 50/second") from error
        return value

    @field_validator("public_url", "slack_webhook_url", "webhook_url", "sms_url")
    @classmethod
    def _web_address(cls, value: str | None) -> str | None:
        if value is not None and kind_of(value) != "http(s) URL":
            raise ValueError("This is no http or https URL")
        return value

    @field_validator("retention_days")
    @classmethod
    def _readable(cls, value: str) -> str:
        parse_keep(value)
        return value

    @cached_property
    def zone(self) -> ZoneInfo:
        """The business time zone."""
        return ZoneInfo(self.timezone)

    @cached_property
    def keep(self) -> dict[str, timedelta]:
        """How long each kind of data is kept."""
        return parse_keep(self.retention_days)

    @property
    def links(self) -> str:
        """The base URL of links in notifications, without a slash at the end."""
        return (self.public_url or self.url).rstrip("/")

    @property
    def url(self) -> str:
        """The address people open."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then ``X_FILE``."""
        return init_settings, env_settings, _FromFiles(settings_cls)


def load_settings() -> Settings:
    """The settings of this process, whose weeks begin as they say.

    Raises:
        SettingsError: naming every setting that is wrong or misspelt.
    """
    misspelt = [
        f"{name}: there is no such setting; {nearest} is one"
        for name, nearest in unknown_names(os.environ, _names()).items()
        if nearest
    ]
    try:
        settings = Settings()
    except ValidationError as error:
        lines = [_complaint(entry) for entry in error.errors()]
        raise SettingsError("\n".join([*misspelt, *lines])) from error
    except UnreadableSetting as error:
        raise SettingsError(str(error.__cause__ or error)) from error
    if misspelt:
        raise SettingsError("\n".join(misspelt))
    begin_weeks_on(settings.week_start)
    return settings


def ignored_names() -> list[str]:
    """Names in the environment that begin as a setting's and are like none."""
    return sorted(unknown_names(os.environ, _names()))


def _names() -> frozenset[str]:
    fields = Settings.model_fields
    return frozenset(
        str(field.validation_alias or f"FATURE_{name}").upper() for name, field in fields.items()
    )


def _complaint(entry: ErrorDetails) -> str:
    name = ".".join(map(str, entry["loc"])).upper()
    name = name if name == "RETENTION_DAYS" else f"FATURE_{name}"
    words = _WORDS.get(entry["type"])
    told = words.format(**entry.get("ctx", {})) if words else entry["msg"]
    return f"{name}: {told.removeprefix('Value error, ')}"


# Texts of problems, by the type of pydantic's error.
_WORDS = {
    "int_parsing": "This is no whole number",
    "float_parsing": "This is no number",
    "finite_number": "This is no number",
    "bool_parsing": "Use true or false",
    "greater_than_equal": "This is less than {ge}",
    "less_than_equal": "This is more than {le}",
    "string_too_short": "This is shorter than {min_length} characters",
    "literal_error": "Use {expected}",
}


def hand_down(database_url: str) -> None:
    """Let the processes started from this one find the same database."""
    os.environ["FATURE_DATABASE_URL"] = database_url


def environment_with_password(url: str) -> tuple[str, dict[str, str]]:
    """The URL without its password, and an environment that carries it instead: arguments
    of a process can be seen by everyone on the machine.
    """
    params = conninfo_to_dict(url)
    password = params.pop("password", None)
    environment = dict(os.environ)
    if password is not None:
        environment["PGPASSWORD"] = str(password)
    return make_conninfo(**{name: str(value) for name, value in params.items()}), environment
