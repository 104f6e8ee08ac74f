"""What the service says with values in it is said to Portuguese readers in their language."""

import re
from zoneinfo import ZoneInfo

import pytest
from babel import Locale

from service.language.phrases import PHRASES
from service.language.reader import Reader
from service.language.translations import translations

PORTUGUESE = Reader("pt-BR", Locale("pt", "BR"), ZoneInfo("America/Sao_Paulo"))
ENGLISH = Reader("en", Locale("en"), ZoneInfo("America/Sao_Paulo"))


@pytest.mark.parametrize(
    ("english", "portuguese"),
    [
        ("There is no dashboard 999", "Não existe painel 999"),
        ("There is no event 9", "Não existe alerta 9"),
        ("There is no metric nope", "Não existe métrica nope"),
        ("end_date: It is before start_date", "end_date: É anterior à data inicial"),
        (
            "unit: The selection has several units (BRL, USD); give unit= or group_by=unit",
            "unit: A seleção tem várias unidades (BRL, USD); escolha uma ou agrupe por unidade",
        ),
        (
            "active_users is submitted hourly: there are no figures per 5m",
            "active_users é enviada por hora: não há valores por 5m",
        ),
        (
            "last of active_users is 1900.5 users, above 500, for 10m",
            "último valor de active_users: 1.900,5 usuários, acima de 500, por 10m",
        ),
        (
            "Still open; sum of revenue_hourly is 12 BRL, at or below 15",
            "Continua aberto; soma de revenue_hourly: 12 BRL, igual ou abaixo de 15",
        ),
        (
            "avg of x is 3, not above 5",
            "média de x: 3, já não acima de 5",
        ),
        ("Acknowledged by Ana: the one", "Reconhecido por Ana: the one"),
        ("String should match pattern '^a$'", "O texto deve seguir o padrão '^a$'"),
        ("String should have at least 1 character", "Use ao menos 1 caractere"),
        ("Input should be 'today' or 'yesterday'", "Use um destes: 'today' ou 'yesterday'"),
        ("Nothing that is known", "Nothing that is known"),
    ],
)
def test_what_the_service_says_is_said_in_portuguese(english: str, portuguese: str) -> None:
    assert PORTUGUESE.gettext(english) == portuguese
    assert ENGLISH.gettext(english) == english


def test_translations_keep_the_values() -> None:
    catalogue = translations("pt-BR")
    for phrase in PHRASES:
        said = catalogue.gettext(phrase)
        assert set(re.findall(r"\{\w+\}", said)) <= set(re.findall(r"\{\w+\}", phrase)), phrase
