-- What the migrator itself needs; safe to run every time.

CREATE SCHEMA IF NOT EXISTS fature;
COMMENT ON SCHEMA fature IS 'Tables of the metrics service. Analysts read schema analytics.';

CREATE TABLE IF NOT EXISTS fature.installation (
    only_row boolean PRIMARY KEY DEFAULT TRUE CHECK (only_row),
    engine text NOT NULL CHECK (engine IN ('timescale', 'plain')),
    timezone text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE fature.installation IS
'Engine and business time zone, chosen at the first migration and fixed from then on.';

CREATE TABLE IF NOT EXISTS fature.migration (
    version text PRIMARY KEY,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE fature.migration IS
'Applied migrations (0001_…, once only) and repeatable files (by their last checksum).';
