-- How far each consumer group has read of each partition of Kafka.

CREATE TABLE fature.kafka_offset (
    consumer_group text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL CHECK (partition >= 0),
    next_offset bigint NOT NULL CHECK (next_offset >= 0),
    moved_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer_group, topic, partition)
) WITH (fillfactor = 50);
COMMENT ON TABLE fature.kafka_offset IS
'How far each consumer group has read; moved in the transaction that stores what was read.';
COMMENT ON COLUMN fature.kafka_offset.consumer_group IS 'FATURE_KAFKA_GROUP of the consumers.';
COMMENT ON COLUMN fature.kafka_offset.next_offset IS
'Everything before it is stored or was dead-lettered, nothing from it on.';
COMMENT ON COLUMN fature.kafka_offset.moved_at IS 'When it was moved last.';
