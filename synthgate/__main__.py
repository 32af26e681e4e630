"""`python -m synthgate`: the same command as `synthgate`."""

from synthgate.cli.app import main

if __name__ == "__main__":
    main()
