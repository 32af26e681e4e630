"""Running untrusted code. Knows nothing of rows."""
