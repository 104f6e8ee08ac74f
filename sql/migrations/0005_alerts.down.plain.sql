DROP TABLE fature.alert_delivery;
DROP TABLE fature.alert_notification;
DROP TABLE fature.alert_silence;
DROP TABLE fature.alert_transition;
DROP TABLE fature.alert_event;
DROP TABLE fature.alert_state;
DROP TABLE fature.alert_rule;
