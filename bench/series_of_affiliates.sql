-- Two tenants: one with 10,000 series of one service, a metric by affiliate; one with a metric of
-- ten series.
INSERT INTO fature.tenant (tenant) VALUES ('neighbour')
ON CONFLICT DO NOTHING;

INSERT INTO fature.metric (
    tenant, metric_name, metric_type, unit, kind, default_aggregation, frequency
)
VALUES
('default', 'sales_by_affiliate', 'revenue', 'BRL', 'flow', 'sum', 'hourly'),
('neighbour', 'figure_1', 'revenue', 'BRL', 'flow', 'sum', 'hourly');

INSERT INTO fature.series (
    tenant, metric_name, metric_type, unit, frequency, service_name, affiliate_id
)
SELECT
    'default',
    'sales_by_affiliate',
    'revenue',
    'BRL',
    'hourly',
    'checkout',
    'affiliate_' || a
FROM generate_series(1, 10000) AS a;

INSERT INTO fature.series (
    tenant, metric_name, metric_type, unit, frequency, service_name, region
)
SELECT
    'neighbour',
    'figure_1',
    'revenue',
    'BRL',
    'hourly',
    'service_' || s,
    r
FROM generate_series(1, 5) AS s
CROSS JOIN unnest(ARRAY['SP', 'RJ']) AS r;
