-- For one part of the benchmark.
CREATE DATABASE {};
