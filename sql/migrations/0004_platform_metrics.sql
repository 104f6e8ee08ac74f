-- The 28 metrics of the platform. They belong to the tenant default; an operator may edit
-- them afterwards, so they are installed once.

INSERT INTO fature.metric (
    metric_name, metric_type, unit, kind, default_aggregation, frequency, description,
    dimensions
)
VALUES
(
    'revenue_hourly', 'revenue', 'BRL', 'flow', 'sum', 'hourly',
    'Revenue from paid orders, submitted per order or per hour.',
    '{payment_method}'
),
(
    'revenue_daily', 'revenue', 'BRL', 'flow', 'sum', 'daily',
    'Revenue of a whole day, as closed by accounting.',
    '{}'
),
(
    'revenue_monthly', 'revenue', 'BRL', 'flow', 'sum', 'monthly',
    'Revenue of a whole month, as closed by accounting.',
    '{}'
),
(
    'average_order_value', 'revenue', 'BRL', 'ratio', 'avg', 'hourly',
    'Mean value of a paid order.',
    '{}'
),
(
    'commission_paid', 'commission', 'BRL', 'flow', 'sum', 'hourly',
    'Commission paid out to affiliates.',
    '{}'
),
(
    'commission_pending', 'commission', 'BRL', 'stock', 'last', 'hourly',
    'Commission earned by affiliates and not paid out yet.',
    '{}'
),
(
    'commission_rate', 'commission', '%', 'ratio', 'avg', 'daily',
    'Commission as a percentage of the revenue it was earned on.',
    '{}'
),
(
    'top_affiliates_revenue', 'commission', 'BRL', 'flow', 'sum', 'daily',
    'Revenue brought in by the leading affiliates.',
    '{}'
),
(
    'active_users', 'user_activity', 'users', 'stock', 'last', 'real_time',
    'Users active at the moment.',
    '{}'
),
(
    'new_registrations', 'user_activity', 'users', 'flow', 'sum', 'hourly',
    'Users who registered.',
    '{}'
),
(
    'user_retention_rate', 'user_activity', '%', 'ratio', 'avg', 'daily',
    'Percentage of users who came back.',
    '{}'
),
(
    'session_duration', 'user_activity', 's', 'ratio', 'avg', 'hourly',
    'Mean length of a session in seconds.',
    '{}'
),
(
    'conversion_rate', 'conversion', '%', 'ratio', 'avg', 'hourly',
    'Percentage of visits that ended in an order.',
    '{}'
),
(
    'funnel_completion', 'conversion', '%', 'ratio', 'avg', 'hourly',
    'Percentage of started checkouts that were completed.',
    '{}'
),
(
    'bounce_rate', 'conversion', '%', 'ratio', 'avg', 'hourly',
    'Percentage of visits that left after one page.',
    '{}'
),
(
    'click_through_rate', 'conversion', '%', 'ratio', 'avg', 'hourly',
    'Percentage of affiliate links shown that were clicked.',
    '{}'
),
(
    'api_response_time', 'performance', 'ms', 'ratio', 'avg', 'real_time',
    'Response time of the platform''s APIs in milliseconds.',
    '{}'
),
(
    'error_rate', 'performance', '%', 'ratio', 'avg', 'real_time',
    'Percentage of API requests that failed.',
    '{}'
),
(
    'throughput', 'performance', 'requests/s', 'ratio', 'avg', 'real_time',
    'API requests per second.',
    '{}'
),
(
    'database_query_time', 'performance', 'ms', 'ratio', 'avg', 'real_time',
    'Duration of database queries in milliseconds.',
    '{}'
),
(
    'chests_opened', 'gamification', 'count', 'flow', 'sum', 'hourly',
    'Reward chests opened.',
    '{}'
),
(
    'rewards_distributed', 'gamification', 'count', 'flow', 'sum', 'hourly',
    'Rewards given to users.',
    '{}'
),
(
    'user_engagement_score', 'gamification', 'points', 'ratio', 'avg', 'daily',
    'Mean engagement score of users.',
    '{}'
),
(
    'achievement_completion', 'gamification', '%', 'ratio', 'avg', 'daily',
    'Percentage of started achievements that were completed.',
    '{}'
),
(
    'indication_validations', 'validation', 'count', 'flow', 'sum', 'hourly',
    'Indications that were validated.',
    '{}'
),
(
    'validation_success_rate', 'validation', '%', 'ratio', 'avg', 'hourly',
    'Percentage of validations that succeeded.',
    '{}'
),
(
    'fraud_detection_rate', 'validation', '%', 'ratio', 'avg', 'hourly',
    'Percentage of indications flagged as fraud.',
    '{}'
),
(
    'manual_review_required', 'validation', 'count', 'flow', 'sum', 'hourly',
    'Indications sent to manual review.',
    '{}'
);
