-- Dashboards of each tenant, and links that show one of them to whoever has the link.

CREATE TABLE fature.dashboard (
    dashboard_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text NOT NULL DEFAULT 'default' REFERENCES fature.tenant,
    name text NOT NULL,
    description text NOT NULL DEFAULT '',
    -- Checked by the application, which knows the versions of its schema.
    config jsonb NOT NULL,
    -- Every new tenant starts with these.
    is_platform boolean NOT NULL DEFAULT FALSE,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL DEFAULT 'installation',
    updated_at timestamptz NOT NULL DEFAULT now(),
    updated_by text NOT NULL DEFAULT 'installation',
    UNIQUE (tenant, name)
);
COMMENT ON TABLE fature.dashboard IS 'What people look at together.';

CREATE TABLE fature.dashboard_share (
    dashboard_share_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dashboard_id integer NOT NULL REFERENCES fature.dashboard ON DELETE CASCADE,
    -- Whoever has the link sees what its maker saw: all services, or this one.
    service_name text,
    -- HMAC-SHA256 of the secret in the link.
    digest bytea NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX dashboard_share_by_dashboard ON fature.dashboard_share (dashboard_id);
COMMENT ON TABLE fature.dashboard_share IS 'Links that show a dashboard without logging in.';

INSERT INTO fature.dashboard (name, description, config, is_platform)
VALUES
(
    'Business overview', 'The figures of the business at a glance.', $json${
  "version": 1,
  "time_range": {"last": "last_30_days"},
  "refresh": "5m",
  "variables": [
    {"name": "service", "label": "Service", "field": "service_name"},
    {"name": "region", "label": "Region", "field": "region"}
  ],
  "panels": [
    {"id": "revenue", "type": "stat", "title": "Revenue", "queries": [{"metric_name": "revenue_hourly", "filters": {"service_name": "$service", "region": "$region"}}]},
    {"id": "commission", "type": "stat", "title": "Commission paid", "queries": [{"metric_name": "commission_paid", "filters": {"service_name": "$service", "region": "$region"}}]},
    {"id": "users", "type": "stat", "title": "Active users", "queries": [{"metric_name": "active_users", "filters": {"service_name": "$service", "region": "$region"}}]},
    {"id": "conversion", "type": "stat", "title": "Conversion rate", "queries": [{"metric_name": "conversion_rate", "filters": {"service_name": "$service", "region": "$region"}}]},
    {"id": "revenue-over-time", "type": "line", "title": "Revenue", "queries": [{"metric_name": "revenue_hourly", "filters": {"service_name": "$service", "region": "$region"}}], "compare": "previous_period"},
    {"id": "open-alerts", "type": "alerts", "title": "Open alerts", "status": "open"},
    {"id": "orders", "type": "line", "title": "Average order value", "queries": [{"metric_name": "average_order_value", "filters": {"service_name": "$service", "region": "$region"}}]},
    {"id": "registrations", "type": "bar", "title": "New registrations", "queries": [{"metric_name": "new_registrations", "filters": {"service_name": "$service", "region": "$region"}}]}
  ],
  "layout": [
    {"panel": "revenue", "x": 0, "y": 0, "w": 3, "h": 2},
    {"panel": "commission", "x": 3, "y": 0, "w": 3, "h": 2},
    {"panel": "users", "x": 6, "y": 0, "w": 3, "h": 2},
    {"panel": "conversion", "x": 9, "y": 0, "w": 3, "h": 2},
    {"panel": "revenue-over-time", "x": 0, "y": 2, "w": 8, "h": 5},
    {"panel": "open-alerts", "x": 8, "y": 2, "w": 4, "h": 5},
    {"panel": "orders", "x": 0, "y": 7, "w": 6, "h": 4},
    {"panel": "registrations", "x": 6, "y": 7, "w": 6, "h": 4}
  ]
}$json$, TRUE
),
(
    'Revenue and commission', 'What comes in and what is paid out, by service and affiliate.', $json${
  "version": 1,
  "time_range": {"last": "last_30_days"},
  "refresh": "5m",
  "variables": [
    {"name": "service", "label": "Service", "field": "service_name"},
    {"name": "region", "label": "Region", "field": "region"},
    {"name": "affiliate", "label": "Affiliate", "field": "affiliate_id"}
  ],
  "panels": [
    {"id": "revenue", "type": "stat", "title": "Revenue", "queries": [{"metric_name": "revenue_hourly", "filters": {"service_name": "$service", "region": "$region", "affiliate_id": "$affiliate"}}]},
    {"id": "order-value", "type": "stat", "title": "Average order value", "queries": [{"metric_name": "average_order_value", "filters": {"service_name": "$service", "region": "$region", "affiliate_id": "$affiliate"}}]},
    {"id": "paid", "type": "stat", "title": "Commission paid", "queries": [{"metric_name": "commission_paid", "filters": {"service_name": "$service", "region": "$region", "affiliate_id": "$affiliate"}}]},
    {"id": "pending", "type": "stat", "title": "Commission pending", "queries": [{"metric_name": "commission_pending", "filters": {"service_name": "$service", "region": "$region", "affiliate_id": "$affiliate"}}]},
    {"id": "revenue-by-service", "type": "bar", "title": "Revenue by service", "queries": [{"metric_name": "revenue_hourly", "group_by": ["service_name"], "filters": {"service_name": "$service", "region": "$region", "affiliate_id": "$affiliate"}}]},
    {"id": "commission-rate", "type": "line", "title": "Commission rate", "queries": [{"metric_name": "commission_rate", "filters": {"service_name": "$service", "region": "$region", "affiliate_id": "$affiliate"}}]},
    {"id": "commission-paid", "type": "line", "title": "Commission paid", "queries": [{"metric_name": "commission_paid", "filters": {"service_name": "$service", "region": "$region", "affiliate_id": "$affiliate"}}], "compare": "previous_period"},
    {"id": "affiliates", "type": "table", "title": "Revenue by affiliate and month", "queries": [{"metric_name": "revenue_hourly", "group_by": ["affiliate_id"], "period": "month", "filters": {"service_name": "$service", "region": "$region", "affiliate_id": "$affiliate"}}]}
  ],
  "layout": [
    {"panel": "revenue", "x": 0, "y": 0, "w": 3, "h": 2},
    {"panel": "order-value", "x": 3, "y": 0, "w": 3, "h": 2},
    {"panel": "paid", "x": 6, "y": 0, "w": 3, "h": 2},
    {"panel": "pending", "x": 9, "y": 0, "w": 3, "h": 2},
    {"panel": "revenue-by-service", "x": 0, "y": 2, "w": 8, "h": 5},
    {"panel": "commission-rate", "x": 8, "y": 2, "w": 4, "h": 5},
    {"panel": "commission-paid", "x": 0, "y": 7, "w": 6, "h": 5},
    {"panel": "affiliates", "x": 6, "y": 7, "w": 6, "h": 5}
  ]
}$json$, TRUE
),
(
    'Users and conversion', 'Who comes, who stays, who buys.', $json${
  "version": 1,
  "time_range": {"last": "last_30_days"},
  "refresh": "5m",
  "variables": [
    {"name": "service", "label": "Service", "field": "service_name"},
    {"name": "region", "label": "Region", "field": "region"}
  ],
  "panels": [
    {"id": "users", "type": "stat", "title": "Active users", "queries": [{"metric_name": "active_users", "filters": {"service_name": "$service", "region": "$region"}}]},
    {"id": "registrations", "type": "stat", "title": "New registrations", "queries": [{"metric_name": "new_registrations", "filters": {"service_name": "$service", "region": "$region"}}]},
    {"id": "conversion", "type": "stat", "title": "Conversion rate", "queries": [{"metric_name": "conversion_rate", "filters": {"service_name": "$service", "region": "$region"}}]},
    {"id": "retention", "type": "stat", "title": "User retention", "queries": [{"metric_name": "user_retention_rate", "filters": {"service_name": "$service", "region": "$region"}}]},
    {"id": "users-over-time", "type": "line", "title": "Active users", "queries": [{"metric_name": "active_users", "filters": {"service_name": "$service", "region": "$region"}}]},
    {"id": "conversion-over-time", "type": "line", "title": "Conversion rate", "queries": [{"metric_name": "conversion_rate", "filters": {"service_name": "$service", "region": "$region"}}], "compare": "previous_period"},
    {"id": "funnel", "type": "line", "title": "Funnel", "queries": [{"metric_name": "click_through_rate", "filters": {"service_name": "$service", "region": "$region"}}, {"metric_name": "funnel_completion", "filters": {"service_name": "$service", "region": "$region"}}, {"metric_name": "bounce_rate", "filters": {"service_name": "$service", "region": "$region"}}]},
    {"id": "sessions", "type": "line", "title": "Session duration", "queries": [{"metric_name": "session_duration", "filters": {"service_name": "$service", "region": "$region"}}]}
  ],
  "layout": [
    {"panel": "users", "x": 0, "y": 0, "w": 3, "h": 2},
    {"panel": "registrations", "x": 3, "y": 0, "w": 3, "h": 2},
    {"panel": "conversion", "x": 6, "y": 0, "w": 3, "h": 2},
    {"panel": "retention", "x": 9, "y": 0, "w": 3, "h": 2},
    {"panel": "users-over-time", "x": 0, "y": 2, "w": 6, "h": 5},
    {"panel": "conversion-over-time", "x": 6, "y": 2, "w": 6, "h": 5},
    {"panel": "funnel", "x": 0, "y": 7, "w": 6, "h": 4},
    {"panel": "sessions", "x": 6, "y": 7, "w": 6, "h": 4}
  ]
}$json$, TRUE
),
(
    'Platform and API', 'How quick and how sound the services are.', $json${
  "version": 1,
  "time_range": {"last": "last_24_hours"},
  "refresh": "1m",
  "variables": [
    {"name": "service", "label": "Service", "field": "service_name"},
    {"name": "region", "label": "Region", "field": "region"}
  ],
  "panels": [
    {"id": "response-time", "type": "stat", "title": "API response time", "queries": [{"metric_name": "api_response_time", "filters": {"service_name": "$service", "region": "$region"}}]},
    {"id": "errors", "type": "stat", "title": "Error rate", "queries": [{"metric_name": "error_rate", "filters": {"service_name": "$service", "region": "$region"}}]},
    {"id": "throughput", "type": "stat", "title": "Throughput", "queries": [{"metric_name": "throughput", "filters": {"service_name": "$service", "region": "$region"}}]},
    {"id": "queries", "type": "stat", "title": "Database query time", "queries": [{"metric_name": "database_query_time", "filters": {"service_name": "$service", "region": "$region"}}]},
    {"id": "response-by-service", "type": "line", "title": "API response time by service", "queries": [{"metric_name": "api_response_time", "group_by": ["service_name"], "filters": {"service_name": "$service", "region": "$region"}}]},
    {"id": "open-alerts", "type": "alerts", "title": "Alerts", "limit": 10},
    {"id": "errors-over-time", "type": "line", "title": "Error rate", "queries": [{"metric_name": "error_rate", "filters": {"service_name": "$service", "region": "$region"}}]},
    {"id": "throughput-over-time", "type": "line", "title": "Throughput", "queries": [{"metric_name": "throughput", "filters": {"service_name": "$service", "region": "$region"}}]}
  ],
  "layout": [
    {"panel": "response-time", "x": 0, "y": 0, "w": 3, "h": 2},
    {"panel": "errors", "x": 3, "y": 0, "w": 3, "h": 2},
    {"panel": "throughput", "x": 6, "y": 0, "w": 3, "h": 2},
    {"panel": "queries", "x": 9, "y": 0, "w": 3, "h": 2},
    {"panel": "response-by-service", "x": 0, "y": 2, "w": 8, "h": 5},
    {"panel": "open-alerts", "x": 8, "y": 2, "w": 4, "h": 5},
    {"panel": "errors-over-time", "x": 0, "y": 7, "w": 6, "h": 4},
    {"panel": "throughput-over-time", "x": 6, "y": 7, "w": 6, "h": 4}
  ]
}$json$, TRUE
),
(
    'Gamification and validation', 'Chests, rewards, and what is checked before it counts.', $json${
  "version": 1,
  "time_range": {"last": "last_30_days"},
  "refresh": "5m",
  "variables": [
    {"name": "service", "label": "Service", "field": "service_name"},
    {"name": "region", "label": "Region", "field": "region"}
  ],
  "panels": [
    {"id": "chests", "type": "stat", "title": "Chests opened", "queries": [{"metric_name": "chests_opened", "filters": {"service_name": "$service", "region": "$region"}}]},
    {"id": "rewards", "type": "stat", "title": "Rewards distributed", "queries": [{"metric_name": "rewards_distributed", "filters": {"service_name": "$service", "region": "$region"}}]},
    {"id": "validations", "type": "stat", "title": "Validations", "queries": [{"metric_name": "indication_validations", "filters": {"service_name": "$service", "region": "$region"}}]},
    {"id": "fraud", "type": "stat", "title": "Fraud detection rate", "queries": [{"metric_name": "fraud_detection_rate", "filters": {"service_name": "$service", "region": "$region"}}]},
    {"id": "chests-over-time", "type": "bar", "title": "Chests opened", "queries": [{"metric_name": "chests_opened", "filters": {"service_name": "$service", "region": "$region"}}]},
    {"id": "engagement", "type": "line", "title": "Engagement", "queries": [{"metric_name": "user_engagement_score", "filters": {"service_name": "$service", "region": "$region"}}, {"metric_name": "achievement_completion", "filters": {"service_name": "$service", "region": "$region"}}]},
    {"id": "success", "type": "line", "title": "Validation success", "queries": [{"metric_name": "validation_success_rate", "filters": {"service_name": "$service", "region": "$region"}}]},
    {"id": "manual", "type": "bar", "title": "Manual review", "queries": [{"metric_name": "manual_review_required", "filters": {"service_name": "$service", "region": "$region"}}]}
  ],
  "layout": [
    {"panel": "chests", "x": 0, "y": 0, "w": 3, "h": 2},
    {"panel": "rewards", "x": 3, "y": 0, "w": 3, "h": 2},
    {"panel": "validations", "x": 6, "y": 0, "w": 3, "h": 2},
    {"panel": "fraud", "x": 9, "y": 0, "w": 3, "h": 2},
    {"panel": "chests-over-time", "x": 0, "y": 2, "w": 6, "h": 5},
    {"panel": "engagement", "x": 6, "y": 2, "w": 6, "h": 5},
    {"panel": "success", "x": 0, "y": 7, "w": 6, "h": 4},
    {"panel": "manual", "x": 6, "y": 7, "w": 6, "h": 4}
  ]
}$json$, TRUE
);
