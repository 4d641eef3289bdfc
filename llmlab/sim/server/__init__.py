"""The loopback server: access checks, order of checks, faults on demand."""
