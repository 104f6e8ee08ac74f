-- TimescaleDB gives a rollup the chunks of the samples that it is made of, but ten times as long: of
-- real_time samples two and a half days, for months, too. In two years that is 293 chunks for the
-- hours and 293 for the days, which every question about a year has to plan, lock and open. From now
-- on they are as long as the rows of a bucket are few; chunks that are there stay as they are.

SELECT set_chunk_time_interval('fature.rollup_real_time_hour', interval '30 days');
SELECT set_chunk_time_interval('fature.rollup_real_time_day', interval '180 days');
SELECT set_chunk_time_interval('fature.rollup_real_time_week', interval '1800 days');
SELECT set_chunk_time_interval('fature.rollup_real_time_month', interval '1800 days');
SELECT set_chunk_time_interval('fature.rollup_hourly_day', interval '180 days');
SELECT set_chunk_time_interval('fature.rollup_hourly_week', interval '1800 days');
SELECT set_chunk_time_interval('fature.rollup_hourly_month', interval '1800 days');
