"""Messages say what happened."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from alerts.facts import facts as facts_of
from alerts.notification import Line, Notification
from alerts.rendering import English
from alerts.wording import Wording
from service.runtime.rendering import renderer_of
from sql.messages import Message
from tests.alert_messages import OPENED, RESOLVED

ENGLISH = English()


def subject(notification: Notification) -> str:
    return Wording(notification, ENGLISH).subject


def headline(notification: Notification) -> str:
    return Wording(notification, ENGLISH).headline


def facts(notification: Notification) -> list[tuple[str, str]]:
    return facts_of(Wording(notification, ENGLISH))


REVENUE = replace(
    OPENED,
    rule_name="Hourly revenue is low",
    metric_name="revenue_hourly",
    condition="<",
    threshold_value=1500.0,
    aggregation="sum",
    window="hour",
    value=1234.5,
    unit="BRL",
    group={},
    window_start=datetime(2025, 6, 14, 14, tzinfo=UTC),
    window_end=datetime(2025, 6, 14, 15, tzinfo=UTC),
)


def test_an_alert_in_one_sentence() -> None:
    assert headline(REVENUE) == (
        "The total of revenue_hourly is 1,234.5 BRL for "
        "2025-06-14 11:00 to 12:00 (America/Sao_Paulo), below 1,500 BRL."
    )


def test_a_group_and_a_trailing_window() -> None:
    assert headline(OPENED) == (
        "The mean of api_response_time (service_name payment-service) is 312 ms for "
        "the 5 minutes to 2025-06-14 12:00:12 (America/Sao_Paulo), above 250 ms."
    )


def test_a_resolve_says_how_long_it_took() -> None:
    assert headline(RESOLVED).startswith("Resolved after 1 h 5 min. The mean of api_response_time")
    assert headline(RESOLVED).endswith("; the rule is above 250 ms.")


def test_repeats_acknowledgements_and_silence() -> None:
    assert headline(replace(OPENED, transition="repeated")).startswith(
        "Still open since 2025-06-14 12:00:12 (America/Sao_Paulo)."
    )
    acknowledged = replace(OPENED, transition="acknowledged", actor="ana")
    assert headline(acknowledged).startswith("Acknowledged by ana.")
    assert "There is no data of revenue_hourly for" in headline(replace(REVENUE, value=None))
    unusual = replace(REVENUE, value=None, condition="", threshold_value=0.0)
    assert headline(unusual).startswith("There is no data of revenue_hourly for")
    assert "the rule is" not in headline(unusual)
    assert subject(unusual).endswith("no data")


def test_subjects() -> None:
    assert subject(REVENUE) == "[high] Hourly revenue is low: 1,234.5 BRL (< 1,500 BRL)"
    assert subject(RESOLVED).startswith("[resolved] API response time is high")
    assert subject(replace(OPENED, transition="test")) == "[test] Test notification"


def test_a_subject_is_one_line_whatever_the_rule_is_called() -> None:
    assert subject(replace(OPENED, rule_name="a\r\nBcc: x@y\x00")).startswith("[high] a Bcc: x@y (")


def test_the_facts() -> None:
    told = dict(facts(OPENED))
    assert told["Metric"] == "api_response_time (mean)"
    assert told["Value"] == "312 ms"
    assert told["Condition"] == "> 250 ms"
    assert told["Peak"] == "340.5 ms"
    assert told["Since"] == "2025-06-14 12:00:12 (America/Sao_Paulo)"
    assert told["service_name"] == "payment-service"
    assert "Until" not in told
    assert dict(facts(RESOLVED))["Until"] == "2025-06-14 13:05:12 (America/Sao_Paulo)"


def test_a_count_has_no_unit_of_the_metric() -> None:
    assert dict(facts(replace(OPENED, aggregation="count")))["Value"] == "312"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("day", "2025-06-14, the day (UTC)"),
        ("week", "the week of 2025-06-14 (UTC)"),
        ("month", "2025-06, the month (UTC)"),
        ("hour", "2025-06-14 00:00 to 00:00 (UTC)"),
        ("1h", "the hour to 2025-06-15 00:00 (UTC)"),
        ("1h30m", "the 1 hour 30 minutes to 2025-06-15 00:00 (UTC)"),
        ("2d", "the 2 days to 2025-06-15 00:00 (UTC)"),
    ],
)
def test_windows(name: str, told: str) -> None:
    start = datetime(2025, 6, 14, tzinfo=UTC)
    end = start + timedelta(days=1)
    message = replace(OPENED, window=name, window_start=start, window_end=end, timezone="UTC")
    assert str(Wording(message, ENGLISH).window) == told


@pytest.mark.parametrize(
    ("figure", "told"),
    [
        (1500.0, "1,500"),
        (0.0, "0"),
        (-3.25, "-3.25"),
        (1234567.891, "1,234,567.891"),
        (0.000123456, "0.0001235"),
        (1e18, "1e+18"),
    ],
)
def test_numbers(figure: float, told: str) -> None:
    assert ENGLISH.figure(figure, None) == told


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0 s"), (45, "45 s"), (60, "1 min"), (3600, "1 h"), (93784, "1 d 2 h"), (86400, "1 d")],
)
def test_durations(seconds: int, told: str) -> None:
    assert ENGLISH.duration(timedelta(seconds=seconds)) == told


def test_a_text_message_is_short_and_keeps_its_link() -> None:
    text = Wording(replace(OPENED, rule_name="x" * 500), ENGLISH).sms
    assert len(text) <= 400
    assert text.endswith(" https://metrics.example.com/alerts/17")


def test_a_resolve_by_a_person_says_so_instead_of_a_figure() -> None:
    message = replace(
        RESOLVED, value=None, reason=Message("Resolved by {name}", {"name": "ana"}), actor="ana"
    )
    assert "Resolved by ana" in subject(message)
    assert headline(message).endswith("Resolved by ana.")
    assert "no data" not in subject(message) + headline(message)


def test_nothing_arrived_is_told_apart_from_little() -> None:
    silent = replace(REVENUE, value=0.0, silent=True)
    assert headline(silent).startswith("No sample of revenue_hourly arrived for 2025-06-14 11:00")
    assert "arrived" not in headline(replace(silent, silent=False))


DIGEST = replace(
    REVENUE,
    transition="digest",
    value=None,
    counts={"opened": 12, "resolved": 3},
    lines=[Line(event_id=1, transition="opened", group={"region": "SP"}, value=12.5, unit="BRL")],
)


def test_a_digest_says_how_many_and_which_are_the_worst() -> None:
    assert subject(DIGEST) == "[high] Hourly revenue is low: 12 opened, 3 resolved"
    assert headline(DIGEST) == "15 events of this rule at once: 12 opened, 3 resolved."
    assert facts(DIGEST) == [("region SP", "12.5 BRL, opened"), ("More", "14")]


def test_a_rule_that_cannot_be_judged_says_why() -> None:
    reason = Message("{metric} has several units", {"metric": "load"})
    failing = replace(REVENUE, transition="failing", reason=reason, value=None)
    assert subject(failing) == "[not judged] Hourly revenue is low: load has several units"
    assert headline(failing) == "This rule cannot be judged: load has several units."
    judged = replace(failing, transition="judged")
    assert headline(judged) == "This rule can be judged again."


PORTUGUESE = renderer_of("pt-BR", ZoneInfo("America/Sao_Paulo"))


@pytest.mark.parametrize(
    ("notification", "portuguese"),
    [
        (
            REVENUE,
            "revenue_hourly (total): R$ 1.234,50 para 14/06/2025 das 11:00 às 12:00 "
            "(America/Sao_Paulo), abaixo de R$ 1.500,00.",
        ),
        (
            replace(REVENUE, value=0.0, silent=True),
            "Não chegou nenhuma amostra de revenue_hourly para 14/06/2025 das 11:00 às 12:00 "
            "(America/Sao_Paulo): total R$ 0,00, abaixo de R$ 1.500,00.",
        ),
        (
            OPENED,
            "api_response_time (service_name payment-service) (média): 312 ms para 5 minutos até "
            "14/06/2025 12:00:12 (America/Sao_Paulo), acima de 250 ms.",
        ),
        (DIGEST, "15 alertas desta regra de uma vez: 12 aberto, 3 resolvido."),
    ],
)
def test_a_notification_in_portuguese(notification: Notification, portuguese: str) -> None:
    assert Wording(notification, PORTUGUESE).headline == portuguese


def test_the_subject_and_the_facts_in_portuguese() -> None:
    wording = Wording(REVENUE, PORTUGUESE)
    assert wording.subject == ("[alta] Receita por hora baixa: R$ 1.234,50 (< R$ 1.500,00)")
    told = dict(facts_of(wording))
    assert (told["Métrica"], told["Valor"]) == ("revenue_hourly (total)", "R$ 1.234,50")
    assert told["Gravidade"] == "alta"
