"""The desk: what the practice's own people do with a browser, on the internal listener."""
