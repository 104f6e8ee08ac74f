"""Notifications in the outbox, as the alert loop writes them."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
import psycopg
from msgspec.structs import replace
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from alerts.notification import Notification
from tests.alert_messages import OPENED, OPENED_AT


@dataclass
class Outbox:
    """The tables of one database."""

    url: str
    events: list[int] = field(default_factory=list)

    def event(self) -> int:
        """A new event."""
        row = self._one(
            """
            INSERT INTO fature.alert_event (
                tenant, rule_name, metric_name, condition, threshold_value, severity,
                aggregation, window_name, opened_at
            )
            VALUES ('default', 'r', 'm', '>', 1, 'high', 'avg', '5m', %s)
            RETURNING event_id
            """,
            [OPENED_AT],
        )
        return int(row["event_id"])

    def put(
        self,
        channel: str,
        recipient: str = "",
        *,
        at: datetime = OPENED_AT,
        event: int | None = None,
        message: Notification = OPENED,
        raw: Any = None,
    ) -> str:
        """A notification that is due at `at`, for a new event unless one is given; its id."""
        event = event or self.event()
        stored = raw or msgspec.to_builtins(replace(message, event_id=event, at=at))
        row = self._one(
            """
            WITH happened AS (
                INSERT INTO fature.alert_transition (event_id, at, transition, reason)
                VALUES (%(event)s, %(at)s, %(transition)s, 'test')
                RETURNING transition_id
            )
            INSERT INTO fature.alert_notification (
                event_id, transition_id, channel, recipient, message, next_attempt_at
            )
            SELECT %(event)s, transition_id, %(channel)s, %(recipient)s, %(message)s, %(at)s
            FROM happened
            RETURNING notification_id
            """,
            {
                "event": event,
                "at": at,
                "transition": message.transition,
                "channel": channel,
                "recipient": recipient,
                "message": Jsonb(stored),
            },
        )
        return str(row["notification_id"])

    def notification(self, notification_id: str) -> dict[str, Any]:
        """One row."""
        return self._one(
            "SELECT * FROM fature.alert_notification WHERE notification_id = %s", [notification_id]
        )

    def statuses(self) -> set[str]:
        """Every status there is."""
        return {row["status"] for row in self._all("SELECT status FROM fature.alert_notification")}

    def deliveries(self, notification_id: str) -> list[dict[str, Any]]:
        """The attempts of one notification, oldest first."""
        return self._all(
            """
            SELECT * FROM fature.alert_delivery
            WHERE notification_id = %s ORDER BY delivery_id
            """,
            [notification_id],
        )

    def _one(self, statement: str, params: Any) -> dict[str, Any]:
        (row,) = self._all(statement, params)
        return row

    def _all(self, statement: str, params: Any = None) -> list[dict[str, Any]]:
        with psycopg.connect(self.url, row_factory=dict_row) as conn:
            return conn.execute(statement.encode(), params).fetchall()
