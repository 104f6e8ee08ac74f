"""The settings of `make consume`."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode

Names = Annotated[tuple[str, ...], NoDecode]


class KafkaSettings(BaseSettings):
    """Where messages come from and whose they are; docs/kafka.md says more of each."""

    kafka_brokers: Names = ()
    kafka_topics: Names = ()
    kafka_group: str = Field(default="fature-metrics", min_length=1, max_length=249)
    kafka_api_key: str | None = Field(default=None, repr=False)
    kafka_start: Literal["earliest", "latest"] = "earliest"
    kafka_dead_letter_topic: str = Field(default="fature-dead-letters", min_length=1)
    kafka_metrics_port: int | None = Field(default=None, ge=1, le=65535)
    kafka_tls: bool = False
    kafka_tls_ca: Path | None = None
    kafka_tls_certificate: Path | None = None
    kafka_tls_key: Path | None = None
    kafka_sasl: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    kafka_user: str | None = None
    kafka_password: str | None = Field(default=None, repr=False)

    @field_validator("kafka_brokers", "kafka_topics", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        """Names with commas between them."""
        if isinstance(value, str):
            return tuple(name for part in value.split(",") if (name := part.strip()))
        return value
