-- Nothing that has series is taken away: its samples would lose their meaning.
DELETE FROM fature.metric AS m
WHERE NOT EXISTS (
    SELECT 1 FROM fature.series AS s
    WHERE s.tenant = m.tenant AND s.metric_name = m.metric_name
);
