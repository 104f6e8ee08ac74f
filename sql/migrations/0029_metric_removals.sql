-- Removals of metrics. The series of one that is being removed are of a tenant '(removed)' that
-- nobody can be, under the number of the removal: what is left of it is what is to be deleted.

CREATE TABLE fature.metric_removal (
    removal_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text NOT NULL,
    metric_name text NOT NULL,
    actor text NOT NULL,
    series integer NOT NULL,
    samples bigint NOT NULL,
    voids bigint NOT NULL,
    status text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'done')),
    created_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz
);
CREATE INDEX metric_removal_running ON fature.metric_removal (removal_id) WHERE status = 'running';
COMMENT ON TABLE fature.metric_removal IS
'Metrics that were removed with everything of them; kept for ever.';
