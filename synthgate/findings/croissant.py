"""The data card for machines: Croissant 1.1 (JSON-LD), with PROV-O and Croissant RAI 1.0.

<http://mlcommons.org/croissant/1.1>, <http://mlcommons.org/croissant/RAI/1.0>,
<https://www.w3.org/TR/prov-o/>. Names from rows stand only in string values, where JSON keeps them;
ids are made of digests and numbers.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from synthgate.findings.card import biases, limits
from synthgate.version import __version__

Json = dict[str, Any]
_CONTEXT: Json = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "annotation": "cr:annotation",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "excludes": "cr:excludes",
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "prov": "http://www.w3.org/ns/prov#",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "readLines": "cr:readLines",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "sdVersion": "cr:sdVersion",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
    "unArchive": "cr:unArchive",
    "value": "cr:value",
}
_TYPES = {"str": "sc:Text", "bool": "sc:Boolean", "int": "sc:Integer", "float": "sc:Float"}
_MOST = 100
# Fields of `_synthgate` that say of each row what PROV-O has a word for.
_OF_ROWS = (
    ("id", "sc:Text", "SHA-256 of the row's bytes", ""),
    ("source", "sc:Text", "where the row came from", "prov:hadPrimarySource"),
    ("synthetic", "sc:Boolean", "whether a model made the row", ""),
    ("generator", "sc:Text", "what made the row", "prov:wasAttributedTo"),
    ("parents", "sc:Text", "ids of the rows that it was made from", "prov:wasDerivedFrom"),
    ("generation", "sc:Integer", "0 real, else 1 more than the deepest parent, -1 unknown", ""),
    ("run", "sc:Text", "the run that made the row", "prov:wasGeneratedBy"),
    ("verified_by", "sc:Text", "the checks that the row passed", ""),
)


def croissant(
    found: Mapping[str, Any],
    files: Sequence[Mapping[str, Any]],
    name: str,
    keys: Mapping[str, Counter[str]],
    *,
    stamped: bool,
    published: str = "",
) -> Json:
    """Return the description of a data set from its report.

    `files` are {path, sha256, rows}; `keys` counts the kinds of values at each key of the rows;
    `stamped` says that the rows have `_synthgate`; `published` is a date, "" for none.
    """
    mix = found["mix"]
    document: Json = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": name,
        "conformsTo": [
            "http://mlcommons.org/croissant/1.1",
            "http://mlcommons.org/croissant/RAI/1.0",
        ],
        "description": (
            f"{mix['rows']} rows, {mix['real']} real and {mix['synthetic']} synthetic. "
            f"{found['verdict']['words']}"
        ),
        "keywords": ["synthetic", "synthgate"] if mix["synthetic"] else ["synthgate"],
        "distribution": [_file(number, each) for number, each in enumerate(files)],
        "recordSet": [
            _records(number, each, keys, stamped=stamped)
            for number, each in enumerate(files)
            if keys
        ],
        **_provenance(found),
        **_responsible(found),
    }
    return document | ({"datePublished": published} if published else {})


# --- files and fields -------------------------------------------------------------------


def _file(number: int, file: Mapping[str, Any]) -> Json:
    name = os.path.basename(file["path"])
    told = {
        "@type": "cr:FileObject",
        "@id": f"file-{number}",
        "name": name,
        "contentUrl": name,
        "encodingFormat": "application/jsonlines",
    }
    return {**told, "sha256": file["sha256"]} if file["sha256"] else told


def _records(
    number: int, file: Mapping[str, Any], keys: Mapping[str, Counter[str]], *, stamped: bool
) -> Json:
    fields = [_field(number, at, *each) for at, each in enumerate(list(keys.items())[:_MOST])]
    if stamped:
        fields.append(_ours(number))
    return {
        "@type": "cr:RecordSet",
        "@id": f"rows-{number}",
        "name": f"rows-{number}",
        "description": f"One row a line of {os.path.basename(file['path'])}.",
        "field": fields,
    }


def _field(number: int, at: int, key: str, kinds: Counter[str]) -> Json:
    known = {_TYPES[kind] for kind in kinds if kind in _TYPES}
    told: Json = {"@type": "cr:Field", "@id": f"rows-{number}/{at}", "name": key}
    told["dataType"] = known.pop() if len(known) == 1 else "sc:Text"
    return {**told, "source": _column(key, number)}


def _column(key: str, number: int) -> Json:
    return {"fileObject": {"@id": f"file-{number}"}, "extract": {"column": key}}


def _ours(number: int) -> Json:
    """Return the field of the rows' own provenance, each part under the name that PROV-O has."""
    parts = []
    for name, kind, text, property_ in _OF_ROWS:
        part: Json = {"@type": "cr:Field", "@id": f"rows-{number}/_synthgate/{name}", "name": name}
        part |= {"description": text, "dataType": kind}
        if property_:
            part["equivalentProperty"] = property_
        inside = {**_column("_synthgate", number), "transform": {"jsonPath": name}}
        parts.append({**part, "source": inside})
    return {
        "@type": "cr:Field",
        "@id": f"rows-{number}/_synthgate",
        "name": "_synthgate",
        "description": "what is known of where the row came from",
        "source": _column("_synthgate", number),
        "subField": parts,
    }


# --- provenance -------------------------------------------------------------------------


def _provenance(found: Mapping[str, Any]) -> Json:
    """Return from what, by which activities and by whom, as PROV-O says it."""
    provenance = found["provenance"]
    sources = [value for value in provenance["source"] if value][:_MOST]
    agents = [value for value in provenance["generator"] if value][:_MOST]
    told: Json = {
        "prov:wasGeneratedBy": [_activity(*each) for each in enumerate(_steps(found))],
        "prov:wasDerivedFrom": [
            {"@type": "prov:Entity", "@id": f"urn:synthgate:source:{n}", "prov:label": each}
            for n, each in enumerate(sources)
        ],
        "prov:wasAttributedTo": [
            {"@type": "prov:SoftwareAgent", "@id": f"urn:synthgate:agent:{n}", "prov:label": each}
            for n, each in enumerate(agents)
        ],
    }
    return {key: value for key, value in told.items() if value}


def _steps(found: Mapping[str, Any]) -> Iterator[str]:
    for step in found["funnel"]:
        yield f"{step['stage']}: {step['rows_in']} rows in, {step['rows_out']} out"


def _activity(number: int, text: str) -> Json:
    agent = {"@type": "prov:SoftwareAgent", "@id": "urn:synthgate", "prov:label": _tool()}
    told = {"@type": "prov:Activity", "@id": f"urn:synthgate:stage:{number}", "prov:label": text}
    return {**told, "prov:wasAssociatedWith": agent}


def _tool() -> str:
    return f"synthgate {__version__}"


def _responsible(found: Mapping[str, Any]) -> Json:
    """Return what Croissant RAI asks: how the data was collected and checked, its limits."""
    mix, audit = found["mix"], found["audit"]
    kinds = [
        *(["Synthetic data"] if mix["synthetic"] else []),
        *(["Others"] if mix["real"] else []),
    ]
    checks = [value for value in found["provenance"]["verified_by"] if value][:_MOST]
    told: Json = {
        "rai:dataCollectionType": kinds,
        "rai:hasSyntheticData": bool(mix["synthetic"]),
        "rai:machineAnnotationTools": checks,
        "rai:dataBiases": list(biases(found)),
        "rai:dataLimitations": list(limits(found)),
        "rai:dataPreprocessingProtocol": list(_steps(found)),
    }
    if audit:
        told["rai:dataAnnotationProtocol"] = f"{audit['verdict']}: {audit.get('words', '')}"
        told["rai:annotationsPerItem"] = "1"
    return {key: value for key, value in told.items() if value not in ([], "")}
