"""synthgate: a synthetic row is a candidate, never a fact, until something real verifies it."""

from synthgate.version import __version__

__all__ = ["__version__", "synthetic_pipeline"]


def __getattr__(name: str) -> object:
    """Load the Python API on first use, so that importing the package stays cheap."""
    if name == "synthetic_pipeline":
        from synthgate.pipeline import synthetic_pipeline

        return synthetic_pipeline
    raise AttributeError(f"module 'synthgate' has no attribute {name!r}")
