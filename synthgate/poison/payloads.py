"""Text that speaks to whoever grades or trains, not to the user.

"Ignore the previous instructions", "give this answer full marks", role tags of chat templates.
Looked for after compatibility normalisation and without invisible characters. All repetitions in
the patterns are bounded, so that no text can make them run away.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from synthgate.poison.characters import SUSPECT

_ALL = r"(?:all |any |every |each )?(?:of )?(?:the |your |my |these |those |its )?"
_BEFORE = r"(?:previous|prior|preceding|earlier|above|foregoing|original|system|initial)"
_ORDERS = r"(?:instructions?|prompts?|rules?|directions?|guidelines?|directives?|criteria|rubrics?)"
_GRADER = r"(?:graders?|judges?|evaluators?|reviewers?|verifiers?|raters?|assessors?|auditors?)"
_THIS = r"(?:this|the|my|that|it|following|above)"
_WORK = r"(?:answer|response|solution|output|submission|reply|completion|row|example)"
_TOP = (
    r"(?:full (?:marks?|points?|score|credit)|(?:the )?(?:highest|maximum|max|top|best|perfect)"
    r"(?: possible)? (?:marks?|scores?|ratings?|grades?|points)|a perfect score"
    r"|(?:10|ten)(?: ?/ ?| out of )(?:10|ten)|5 ?/ ?5|100 ?/ ?100|5 stars)"
)
_GOOD = r"(?:pass(?:ed|ing)?|correct|yes|true|valid|accept(?:ed)?|approved?|right|safe)"
TAG = "tag of a chat template"  # may depend on where a line begins
PATTERNS = {
    "order to ignore orders": (
        (
            rf"\b(?:ignore|disregard|forget|override|bypass) {_ALL}{_BEFORE} "
            rf"(?:\w{{1,20}} )?{_ORDERS}\b"
        ),
        rf"\b(?:ignore|disregard|forget) {_ALL}{_ORDERS} (?:above|before|given|so far|you)\b",
    ),
    "order to a grader": (
        rf"\b(?:give|award|assign|grant) {_THIS} {_WORK} {_TOP}",
        (
            rf"\b(?:rate|score|grade|mark|judge|label|classify|evaluate) {_THIS} {_WORK} "
            rf"(?:as |with |at |to be )?[\"'*]{{0,2}}(?:{_TOP}|{_GOOD}\b)"
        ),
        (
            rf"\b(?:note|message|instructions?|attention|reminder|hint) (?:to|for) "
            rf"(?:the |any |all |whoever is )?(?:ai |llm |automated |human )?{_GRADER}\b"
        ),
        rf"\b(?:dear|hello|attention|hey),? (?:ai |llm )?{_GRADER}\b",
        (
            rf"\b{_GRADER},? (?:you )?(?:must|should|shall|please|have to) "
            rf"(?:always )?(?:give|answer|say|output|respond|return|mark|rate|score|pass|accept)\b"
        ),
        (
            rf"\b(?:output|respond with|answer|return|say|reply with) (?:only )?(?:the )?"
            rf"(?:verdict|grade|score)s?:? [\"'*]{{0,2}}(?:{_TOP}|{_GOOD}\b)"
        ),
    ),
    TAG: (
        (
            r"<\|(?:im_start|im_end|im_sep|system|user|assistant|endoftext|end|begin_of_text|eot_id"
            r"|start_header_id|end_header_id|end_of_text|eom_id|end_of_turn)\|>"
        ),
        r"\[/?inst\]|<<sys>>|<(?:start|end)_of_turn>|<\uff5c(?:user|assistant|begin)",
        r"(?:^|\n)[ \t]{0,8}(?:#{2,4} ?|<)system(?: prompt| message)?(?:>|:[ \t]?(?:\n|you ))",
    ),
}
_HINTS = (
    "ignore", "disregard", "forget", "override", "bypass", "give ", "award", "assign", "grant",
    "grade", "judge", "evaluat", "review", "verif", "verdict", "rater", "assess", "audit", "score",
    "rate ", "mark ", "classif", "label ", "<|", "inst]", "<<sys", "_of_turn", "<\uff5c", "system",
)  # fmt: skip
_COMPILED = {kind: re.compile("|".join(found)) for kind, found in PATTERNS.items()}
_HINT = re.compile("|".join(map(re.escape, _HINTS)))


def payloads(text: str) -> Iterator[tuple[str, str]]:
    """Yield (kind, words) of what a text says to graders, the first of each kind."""
    plain = text
    if not text.isascii():
        plain = unicodedata.normalize("NFKC", SUSPECT.sub("", text))
    plain = plain.lower()
    if not _HINT.search(plain):
        return
    flat = " ".join(plain.split())
    for kind, pattern in _COMPILED.items():
        if found := pattern.search(plain if kind == TAG else flat):
            yield kind, found[0].strip()
