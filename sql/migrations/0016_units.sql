-- The units that a metric takes, which the door for samples checks.

ALTER TABLE fature.metric ADD COLUMN units text[] NOT NULL DEFAULT '{}';

-- A metric that nobody gave a unit takes that of its samples, the oldest series' first.
UPDATE fature.metric AS m
SET
    unit = (
        SELECT s.unit
        FROM fature.series AS s
        WHERE s.tenant = m.tenant AND s.metric_name = m.metric_name AND s.unit IS NOT NULL
        ORDER BY s.series_id
        LIMIT 1
    )
WHERE m.unit IS NULL;

UPDATE fature.metric SET units = ARRAY[unit]
WHERE unit IS NOT NULL;

COMMENT ON COLUMN fature.metric.unit IS
'The default unit, the first of units: of samples that name none. NULL: the metric has none.';
COMMENT ON COLUMN fature.metric.units IS
'Every unit that samples may come in, spelt as it is stored; a sample in another is refused.';
