"""What the process needs: settings, pools, the lifespan, stopping, logs, telemetry."""
