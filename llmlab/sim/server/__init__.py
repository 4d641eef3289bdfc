"""The loopback server: who may ask, what is looked at first, what goes wrong on purpose."""
