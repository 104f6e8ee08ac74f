SELECT set_chunk_time_interval('fature.rollup_real_time_hour', interval '60 hours');
SELECT set_chunk_time_interval('fature.rollup_real_time_day', interval '60 hours');
SELECT set_chunk_time_interval('fature.rollup_real_time_week', interval '60 hours');
SELECT set_chunk_time_interval('fature.rollup_real_time_month', interval '60 hours');
SELECT set_chunk_time_interval('fature.rollup_hourly_day', interval '70 days');
SELECT set_chunk_time_interval('fature.rollup_hourly_week', interval '70 days');
SELECT set_chunk_time_interval('fature.rollup_hourly_month', interval '70 days');
