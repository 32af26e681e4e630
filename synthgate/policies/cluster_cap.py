"""The settings of `cluster-cap`."""

from __future__ import annotations

from typing import Annotated, Literal

from synthgate.policies.base import Flag, Ge, Le, On, Settings


# fmt: off
class ClusterCapPolicy(Settings):
    """Cap the rows of one semantic cluster."""

    max_per_cluster: Annotated[int, Ge(1), Flag("rows kept of a cluster; density: within the distance of any row")] = 50
    embedder: Annotated[str, Flag("static | tfidf | sentence-transformers:PATH_OR_NAME", (), "NAME")] = "static"
    threshold: Annotated[float, Ge(-1), Le(1), Flag("cosine similarity from which two rows are near; 0 takes the embedder's own")] = 0.0
    on: Annotated[On, Flag("text that is embedded")] = "both"
    method: Annotated[Literal["density", "kmeans", "agglomerative"], Flag("what a cluster is: what lies within the distance, or one of --clusters groups")] = "density"
    clusters: Annotated[int, Ge(0), Flag("number of clusters of kmeans and agglomerative; 0: as the threshold gives (agglomerative)")] = 0
    order: Annotated[str, Flag("which rows are kept first: confidence (as measured), hash, or a field with a number, the largest first; then hash", (), "FIELD")] = "confidence"
    protect: Annotated[str, Flag("field whose rare slices are never cut below a floor", (), "FIELD")] = ""
    protect_floor: Annotated[int, Ge(0), Flag("rows that a protected slice keeps; 0: as many as --max-per-cluster")] = 0
    by: Annotated[tuple[str, ...], Flag("field whose slices are counted; repeatable", (), "FIELD")] = ()
    against: Annotated[tuple[str, ...], Flag("real rows: which of their clusters have no row here; repeatable", (), "FILE")] = ()
    cache: Annotated[str, Flag("append-only file of vectors by text and embedder, so that a text is embedded once", (), "FILE")] = ""
