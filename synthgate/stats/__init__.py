"""Audit plans: numbers in, numbers out; nothing here knows of rows or files."""
