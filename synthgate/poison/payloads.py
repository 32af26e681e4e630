"""Text that speaks to whoever grades or trains, not to the user.

"Ignore the previous instructions", "give this answer full marks", role tags of chat templates.
Looked for after compatibility normalisation, without invisible characters and marks of emphasis,
and with letters in disguise read as the Latin ones that they look like; then in what is spelled
letter by letter, and in base64. All repetitions in the patterns are bounded, so that no text can
make them run away.
"""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Iterator

from synthgate.poison.characters import SUSPECT
from synthgate.poison.scripts import as_read

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
        (
            r"\bignorier\w{1,3} (?:sie )?(?:alle )?(?:die |deine |ihre )?"
            r"(?:vorherigen|vorigen|bisherigen|obigen|fr\u00fcheren) "
            r"(?:anweisungen|regeln|vorgaben)"
        ),
        (
            r"\bignor(?:a|e|en|ar|ez|er) (?:todas |toutes )?(?:las |les |tes |vos |tus )?"
            r"(?:instrucciones|indicaciones|reglas|instructions|consignes) "
            r"(?:anteriores|previas|pr\u00e9c\u00e9dentes|ci-dessus)"
        ),
        (
            r"\u0438\u0433\u043d\u043e\u0440\u0438\u0440\w{1,5} (?:\u0432\u0441\u0435 )?"
            r"\u043f\u0440\u0435\u0434\u044b\u0434\u0443\u0449\u0438\u0435 "
            r"(?:\u0438\u043d\u0441\u0442\u0440\u0443\u043a\u0446\u0438\u0438|\u0443\u043a\u0430\u0437\u0430\u043d\u0438\u044f)"
        ),
        (
            r"(?:\u5ffd\u7565|\u65e0\u89c6)(?:\u4e4b\u524d|\u4ee5\u4e0a|\u4e0a\u9762|\u524d\u9762|\u5148\u524d)"
            r"\u7684?(?:\u6240\u6709|\u5168\u90e8)?\u7684?(?:\u6307\u4ee4|\u6307\u793a|\u63d0\u793a)"
        ),
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
    "ignor", "\u5ffd\u7565", "\u65e0\u89c6", "\u0438\u0433\u043d\u043e\u0440", "disregard",
    "forget", "override", "bypass", "give ", "award", "assign", "grant", "grade", "judge",
    "evaluat", "review", "verif", "verdict", "rater", "assess", "audit", "score", "rate ",
    "mark ", "classif", "label ", "<|", "inst]", "<<sys", "_of_turn", "<\uff5c", "system",
)  # fmt: skip
_COMPILED = {kind: re.compile("|".join(found)) for kind, found in PATTERNS.items()}
_SQUEEZED = {  # for letters and digits alone, without what was between words
    kind: re.compile(
        "|".join(found).replace(" ?", "").replace(" ", "").replace(r"\b", "").replace("/", "/?")
    )
    for kind, found in PATTERNS.items()
    if kind != TAG
}
_PLAINER = str.maketrans({"*": "", "`": "", "~": "", "_": " "})  # marks of emphasis
_HINT = re.compile("|".join(map(re.escape, _HINTS)))
_SPELLED = re.compile(r"(?<!\w)(?:[^\W_][\W_]{1,3}){11,}[^\W_](?!\w)")  # i g n o r e, i.g.n...
_BETWEEN = re.compile(r"[\W_]+")
_STANDARD = str.maketrans("-_", "+/")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{24,8192}={0,2}")


def payloads(text: str) -> Iterator[tuple[str, str]]:
    """Yield (kind, words) of what a text says to graders, the first of each kind."""
    plain = text
    if not text.isascii():
        plain = unicodedata.normalize("NFKC", SUSPECT.sub("", text))
        if (read := as_read(text)) != plain:
            plain = f"{plain}\n{read}"
    found = dict(_orders(plain.lower()))
    for letters in _SPELLED.findall(plain):
        squeezed = _BETWEEN.sub("", letters).lower()
        for kind, pattern in _SQUEEZED.items():
            if said := pattern.search(squeezed):
                found.setdefault(kind, f"{said[0]} (spelled)")
    if coded := _BASE64.findall(plain):
        for kind, words in _orders(_decoded(coded).lower()):
            found.setdefault(kind, f"{words} (base64)")
    yield from found.items()


def _orders(plain: str) -> Iterator[tuple[str, str]]:
    """Yield (kind, words) of a text in lower case."""
    if not _HINT.search(plain):
        return
    flat = " ".join(plain.translate(_PLAINER).split())
    for kind, pattern in _COMPILED.items():
        if found := pattern.search(plain if kind == TAG else flat):
            yield kind, found[0].strip()


def _decoded(words: list[str]) -> str:
    """Return what words in base64 say; the lines of one block follow each other."""
    whole = (word.rstrip("=").translate(_STANDARD) for word in words)
    # Up to two bytes at the end of a word are not needed.
    found = b"".join(base64.b64decode(word[: len(word) // 4 * 4]) for word in whole)
    return found.decode("utf-8", "ignore")
