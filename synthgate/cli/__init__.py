"""The command line: `app` knows Typer, `common` knows streams and exit codes, a file a command."""
