"""The version of synthgate: part of every manifest and of the `run` of every row it stamps."""

__version__ = "0.1.0"
