DROP TABLE fature.kafka_offset;
