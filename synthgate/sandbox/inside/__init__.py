"""What runs inside the sandbox: standard library only, nothing here is a secret."""
