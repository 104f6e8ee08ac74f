"""Messages with values are rendered to Portuguese readers in their language."""

import re
from zoneinfo import ZoneInfo

import pytest
from babel import Locale

from service.language.reader import Reader
from service.language.translations import translations
from sql.errors import Invalid, Problem, missing
from sql.messages import Listing, Message, Quantity, Term, Value, terms
from tests.messages import messages

PORTUGUESE = Reader("pt-BR", Locale("pt", "BR"), ZoneInfo("America/Sao_Paulo"))
ENGLISH = Reader("en", Locale("en"), ZoneInfo("America/Sao_Paulo"))
REASON = "{aggregation} of {metric} is {value}, {condition} {bound}"


def reason(aggregation: str, value: Quantity, condition: str, bound: Quantity) -> Message:
    given: dict[str, Value] = {"aggregation": Term(aggregation), "condition": Term(condition)}
    return Message(REASON, {**given, "metric": "m", "value": value, "bound": bound})


@pytest.mark.parametrize(
    ("message", "english", "portuguese"),
    [
        (
            missing("dashboard", 999).message,
            "There is no dashboard 999",
            "Não existe painel 999",
        ),
        (missing("event", 9).message, "There is no event 9", "Não existe alerta 9"),
        (
            missing("metric", "nope").message,
            "There is no metric nope",
            "Não existe métrica nope",
        ),
        (
            Invalid(Problem(Message("It is before start_date"), "end_date")).message,
            "end_date: It is before start_date",
            "end_date: É anterior à data inicial",
        ),
        (
            Message(
                "{metric} is submitted {frequencies}: there are no figures per {window}",
                {"metric": "x", "frequencies": terms(["hourly"]), "window": "5m"},
            ),
            "x is submitted hourly: there are no figures per 5m",
            "x é enviada por hora: não há valores por 5m",
        ),
        (
            reason("last", Quantity(900.5, "users"), "above", Quantity(500)),
            "last of m is 900.5 users, above 500",
            "último valor de m: 900,5 usuários, acima de 500",
        ),
        (
            Message(
                "Still open; {reason}",
                {"reason": reason("sum", Quantity(12, "BRL"), "at or below", Quantity(15))},
            ),
            "Still open; sum of m is 12 BRL, at or below 15",
            "Continua aberto; soma de m: 12 BRL, igual ou abaixo de 15",
        ),
        (
            Message("Acknowledged by {name}", {"name": "Ana: the one"}),
            "Acknowledged by Ana: the one",
            "Reconhecido por Ana: the one",
        ),
        (
            Message(
                "Choose one of {choices}", {"choices": Listing(("'today'", "'yesterday'"), "or")}
            ),
            "Choose one of 'today' or 'yesterday'",
            "Escolha um destes: 'today' ou 'yesterday'",
        ),
        (
            Message("The form is larger than {number} MiB", {"number": 4}),
            "The form is larger than 4 MiB",
            "O formulário tem mais de 4 MiB",
        ),
        (Message("Nothing that is known"), "Nothing that is known", "Nothing that is known"),
    ],
)
def test_what_the_service_says_is_said_in_portuguese(
    message: Message, english: str, portuguese: str
) -> None:
    assert PORTUGUESE.gettext(message) == portuguese
    assert ENGLISH.gettext(message) == english == str(message)


def test_translations_keep_the_values() -> None:
    catalogue = translations("pt-BR")
    for text in messages():
        said = catalogue.gettext(text)
        assert set(re.findall(r"\{\w+\}", said)) <= set(re.findall(r"\{\w+\}", text)), text
