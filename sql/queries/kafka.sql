-- name: kafka_offset
-- The offset that a consumer group reads next, where it has begun.
SELECT next_offset
FROM fature.kafka_offset
WHERE
    consumer_group = %(consumer_group)s
    AND topic = %(topic)s
    AND partition = %(partition)s;

-- name: begin_kafka_offset
-- The first reading of a partition by a group; where it has begun already nothing changes.
INSERT INTO fature.kafka_offset (consumer_group, topic, partition, next_offset)
VALUES (%(consumer_group)s, %(topic)s, %(partition)s, %(after)s)
ON CONFLICT DO NOTHING;

-- name: move_kafka_offset
-- Compare and swap: no row where another consumer has moved it meanwhile.
UPDATE fature.kafka_offset
SET
    next_offset = %(after)s,
    moved_at = now()
WHERE
    consumer_group = %(consumer_group)s
    AND topic = %(topic)s
    AND partition = %(partition)s
    AND next_offset = %(before)s
RETURNING next_offset;
