"""The process around the apps: settings, pools, the lifespan, stopping, logs, telemetry."""
