"""The first metric: posted, read back, aggregated."""

import httpx2


def test_a_posted_metric_is_read_back_and_counts_at_once(api: httpx2.Client, metric: str) -> None:
    posted = api.post(
        "/api/metrics",
        json={
            "metric_name": metric,
            "metric_type": "revenue",
            "value": 149.9,
            "unit": "BRL",
            "frequency": "hourly",
            "service_name": "payment-service",
            "metadata": {"payment_method": "pix"},
        },
    )
    assert posted.status_code == 201
    answer = posted.json()
    assert answer["success"] is True
    assert answer["message"] == "Metric recorded successfully"

    (sample,) = api.get("/api/metrics/query", params={"metric_name": metric}).json()["data"]
    assert sample["id"] == answer["metric_id"]
    assert sample["value"] == 149.9
    assert sample["metadata"] == {"payment_method": "pix"}

    for period in ("hour", "day", "week", "month"):
        body = api.get(
            "/api/metrics/aggregate", params={"metric_name": metric, "period": period}
        ).json()
        assert [row["value"] for row in body["data"]] == [149.9]
        assert (body["unit"], body["aggregation"], body["period"]) == ("BRL", "sum", period)
