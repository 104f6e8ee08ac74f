"""The requests of the benchmark, as bytes ready to send."""

import random
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import product
from urllib.parse import urlencode

import msgspec

from service.web.cookies import ACCESS

ADMIN_KEY = "benchmark-admin-key"
# (metric_name, metric_type, unit), times services, times regions: 200 series.
METRICS = (
    ("orders_paid", "revenue", "BRL"),
    ("commission_accrued", "commission", "BRL"),
    ("sessions_open", "user_activity", "users"),
    ("checkout_latency", "performance", "ms"),
    ("chests_claimed", "gamification", "count"),
)
SERVICES = ("checkout", "payments", "affiliates", "gateway", "rewards")
REGIONS = ("SP", "RJ", "MG", "BA", "RS", "PR", "PE", "CE")
PAYMENT_METHODS = ("pix", "credit_card", "boleto")

Item = dict[str, object]


def samples(now: datetime, seed: int = 1) -> Iterator[Item]:
    """Endless samples over 200 series: a third with some metadata, a quarter with the time
    at which they were taken.
    """
    chance = random.Random(seed)
    series = list(product(METRICS, SERVICES, REGIONS))
    while True:
        chance.shuffle(series)
        for (name, kind, unit), service, region in series:
            item: Item = {
                "metric_name": name,
                "metric_type": kind,
                "value": round(chance.uniform(1, 500), 2),
                "unit": unit,
                "frequency": "real_time",
                "service_name": service,
                "region": region,
            }
            if chance.random() < 1 / 3:
                item["metadata"] = {
                    "payment_method": chance.choice(PAYMENT_METHODS),
                    "order": chance.randrange(10**8),
                }
            if chance.random() < 1 / 4:
                item["timestamp"] = (now - timedelta(seconds=chance.uniform(0, 600))).isoformat()
            yield item


def posts(now: datetime, size: int, count: int) -> list[bytes]:
    """`count` different requests of `size` samples each."""
    source = samples(now)
    if size == 1:
        return [_post("/api/metrics", next(source)) for _ in range(count)]
    return [
        _post("/api/metrics/batch", {"metrics": [next(source) for _ in range(size)]})
        for _ in range(count)
    ]


def get(path: str, params: Mapping[str, str]) -> bytes:
    """A request that reads."""
    return _head("GET", f"{path}?{urlencode(params)}") + b"\r\n"


def with_key(request: bytes, key: str) -> bytes:
    """The same request of another caller."""
    return request.replace(ADMIN_KEY.encode(), key.encode(), 1)


def view(path: str, access_token: str) -> bytes:
    """A request for a page, as the browser of a signed-in user sends it."""
    headers = f"Cookie: {ACCESS}={access_token}\r\nAccept: text/html\r\nAccept-Encoding: gzip\r\n"
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n".encode()


def post(path: str, headers: str, body: bytes) -> bytes:
    """A request that submits; each of the headers ends its line."""
    entity = f"{headers}Content-Length: {len(body)}\r\n\r\n"
    return _head("POST", path) + entity.encode() + body


def _post(path: str, content: object) -> bytes:
    return post(path, "Content-Type: application/json\r\n", msgspec.json.encode(content))


def _head(method: str, target: str) -> bytes:
    return f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: {ADMIN_KEY}\r\n".encode()
