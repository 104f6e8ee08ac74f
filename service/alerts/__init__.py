"""Alert rules, events and silences over HTTP."""
