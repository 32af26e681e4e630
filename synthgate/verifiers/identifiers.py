"""What identifies a person or opens a door: e-mail, phone, IBAN, card, keys; each one validated.

Checksums where there are any (IBAN modulo 97, cards by Luhn, GitHub's CRC), else the form and what
is assigned at all. What is reserved for examples (`user@example.com`, 555-0100, the card 4111 1111
1111 1111) is nobody's and is left out.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from zlib import crc32


@dataclass(frozen=True, slots=True)
class Identifier:
    """One identifier: `kind`, the text as it stands there, and the same however it is written."""

    kind: str
    text: str
    key: str


# --- e-mail -----------------------------------------------------------------------------

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL = re.compile(
    rf"(?<![\w.+%-])[A-Za-z0-9][\w.+%-]{{0,63}}@(?P<domain>(?:{_LABEL}\.){{1,8}}(?P<top>[A-Za-z]{{2,24}}))"
    r"(?![\w-]|\.[A-Za-z0-9])"
)
_RESERVED_DOMAIN = re.compile(
    r"(?:.*\.)?(?:example(?:\.(?:com|org|net|edu))?|test|invalid|localhost|local)"
    r"|(?:your[\w-]*|domain)\.(?:com|org|net)",
    re.IGNORECASE,
)
_FILES = frozenset({"png", "jpg", "jpeg", "gif", "svg", "webp", "css", "js", "py", "json"})


def _email(found: re.Match[str]) -> str | None:
    """Return the address in lower case; None for what is a file name (`icon@2x.png`)."""
    local = found[0].partition("@")[0]
    if found["top"].lower() in _FILES or ".." in found[0] or local.endswith("."):
        return None
    return "" if _RESERVED_DOMAIN.fullmatch(found["domain"]) else found[0].casefold()


# --- phone ------------------------------------------------------------------------------

_INTERNATIONAL = r"(?:\+|(?<!\d )\b00)"
_PHONE = re.compile(
    rf"(?<![\w.+/-])(?:{_INTERNATIONAL}(?P<plain>[1-9]\d{{6,14}})"
    rf"|{_INTERNATIONAL}(?P<parted>[1-9]\d{{0,3}}(?:[ .\-/]{{1,2}}\(?\d{{1,9}}\)?){{1,6}})"
    r"|(?:1[ .-])?(?P<nanp>\(\d{3}\)[ ]?\d{3}[ .-]\d{4}|\d{3}(?P<dash>[.-])\d{3}(?P=dash)\d{4}))"
    r"(?![\w-]|\.\d)"
)
_COUNTRY = re.compile(
    r"1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|2[12346]\d|25[0-8]|29[01789]|3[578]\d"
    r"|42[013]|50\d|59\d|67[02-9]|68[0-35-9]|69[012]|800|808|85[02356]|870|878|88[01236]|888|96[0-8]"
    r"|97[0-79]|979|99[2-68]"
)
_FICTION = re.compile(
    r"1?\d{3}55501\d\d|44(?:7700900|1632960|2079460|1134960|1144960)\d{3}"
    r"|61(?:491570|255501)\d{3}|6149157\d{4}"
)
_MANY = re.compile(r"(\d)\1{5}|0123456|1234567|2345678|7654321")


def _phone(found: re.Match[str]) -> str | None:
    """Return country code and number; None where no such number is assigned."""
    if found["nanp"]:
        digits = "1" + re.sub(r"\D", "", found["nanp"])
    else:
        digits = re.sub(r"\D", "", found["plain"] or found["parted"])
    if not 8 <= len(digits) <= 15 or not _COUNTRY.match(digits):
        return None
    if digits[0] == "1" and not re.fullmatch(r"1[2-9](?!11)\d\d[2-9](?!11)\d{6}", digits):
        return None
    return "" if _FICTION.fullmatch(digits) or _MANY.search(digits) else digits


# --- IBAN -------------------------------------------------------------------------------

_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?:[ ]?[A-Z0-9]){11,30}(?![a-z0-9])")
_IBAN_LENGTHS = (
    "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28EE20EG29ES24"
    "FI18FK18FO18FR27GB22GE22GI23GL18GR27GT28HN28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32"
    "LI21LT20LU20LV21LY25MC27MD24ME22MK19MN20MR27MT31MU30NI28NL18NO15OM23PK24PL28PS29PT25QA29RO24"
    "RS22RU33SA24SC31SD18SE24SI19SK24SM27SO23ST25SV28TL23TN24TR26UA29VA22VG24XK20YE30"
)
_IBANS = {
    _IBAN_LENGTHS[at : at + 2]: int(_IBAN_LENGTHS[at + 2 : at + 4])
    for at in range(0, len(_IBAN_LENGTHS), 4)
}
_IBAN_EXAMPLES = frozenset(
    {"GB82WEST12345698765432", "DE89370400440532013000", "FR1420041010050500013M02606",
     "GB29NWBK60161331926819", "CH9300762011623852957", "NL91ABNA0417164300",
     "ES9121000418450200051332", "BE68539007547034", "AT611904300234573201",
     "FR7630006000011234567890189", "IT60X0542811101000000123456", "DE75512108001245126199"}
)  # fmt: skip


def _iban(found: re.Match[str]) -> str | None:
    """Return the account number without blanks; None for a wrong length or check digits."""
    joined = found[0].replace(" ", "")
    number = joined[: _IBANS.get(joined[:2], 0)]
    if not number or len(number) != _IBANS[joined[:2]]:
        return None
    turned = "".join(str(int(each, 36)) for each in number[4:] + number[:4])
    if int(turned) % 97 != 1:
        return None
    return "" if number in _IBAN_EXAMPLES else number


# --- cards ------------------------------------------------------------------------------

_CARD = re.compile(
    r"(?<![\w.,+-])(?:\d{4}(?P<gap>[ -])\d{4}(?P=gap)\d{4}(?P=gap)\d{1,7}"
    r"|3\d{3}(?P<amex>[ -])\d{6}(?P=amex)\d{5}|\d{13,19})(?![\w]|[.,-]\d)"
)
_ISSUER = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}"
    r"|3[47]\d{13}|6(?:011|5\d\d|4[4-9]\d)\d{12}|3(?:0[0-5]|[68]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12}"
    r"|62\d{14,17}|(?:5018|5020|5038|6304|6759|676[1-3])\d{8,15}"
)
_CARD_EXAMPLES = frozenset(
    {"4111111111111111", "4242424242424242", "4012888888881881", "4000056655665556",
     "5555555555554444", "5105105105105100", "2223003122003222", "5200828282828210",
     "378282246310005", "371449635398431", "6011111111111117", "6011000990139424",
     "30569309025904", "38520000023237", "3530111333300000", "3566002020360505",
     "4000000000000002", "4222222222222", "6200000000000005", "4917610000000000"}
)  # fmt: skip


def _card(found: re.Match[str]) -> str | None:
    """Return the digits; None where no issuer has such numbers or the Luhn sum is wrong."""
    digits = re.sub(r"\D", "", found[0])
    doubled = (int(each) * (1 + at % 2) for at, each in enumerate(reversed(digits)))
    right = sum(each - 9 * (each > 9) for each in doubled) % 10 == 0
    if not right or not _ISSUER.fullmatch(digits) or len(set(digits)) < 4:
        return None
    return "" if digits in _CARD_EXAMPLES else digits


# --- keys -------------------------------------------------------------------------------

_KEY = re.compile(
    r"(?<![A-Za-z0-9_-])(?:(?P<aws>(?:AKIA|ASIA)[A-Z2-7]{16})"
    r"|(?P<github>gh[pousr]_[A-Za-z0-9]{36})|(?P<pat>github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59})"
    r"|(?P<openai>sk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{16,90}T3BlbkFJ[A-Za-z0-9_-]{16,90})"
    r"|(?P<anthropic>sk-ant-[a-z0-9]{3,10}-[A-Za-z0-9_-]{80,120})|(?P<google>AIza[A-Za-z0-9_-]{35})"
    r"|(?P<slack>xox[abprs]-\d{8,14}-[A-Za-z0-9-]{10,72})|(?P<stripe>[rs]k_live_[A-Za-z0-9]{24,99})"
    r"|(?P<jwt>eyJ[A-Za-z0-9_-]{8,2000}\.eyJ[A-Za-z0-9_-]{2,8000}\.[A-Za-z0-9_-]{16,1000}))"
    r"(?![A-Za-z0-9_-])"
    r"|-----BEGIN (?P<block>(?:[A-Z0-9]{2,10} )?PRIVATE KEY)-----(?P<body>[^-]{64,9000})"
    r"-----END (?P=block)-----"
)
_KEY_EXAMPLE = re.compile(r"EXAMPLE|SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c$")
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _key(found: re.Match[str]) -> str | None:
    """Return a key as it is, without line ends; None where its checksum or its head is wrong."""
    text = found[0]
    if found["block"]:
        return re.sub(r"\\n|\s", "", found["body"])
    if (found["github"] and not _is_github(text)) or (found["jwt"] and not _is_jwt(text)):
        return None
    return "" if _KEY_EXAMPLE.search(text) else text


def _is_github(token: str) -> bool:
    """Tell whether the last six characters are the CRC-32 of the others, in base 62."""
    value, shown = crc32(token[4:-6].encode()), ""
    for _ in range(6):
        value, digit = divmod(value, 62)
        shown = _DIGITS[digit] + shown
    return token.endswith(shown)


def _is_jwt(token: str) -> bool:
    head = token.partition(".")[0]
    try:
        parsed = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return False
    return isinstance(parsed, dict) and "alg" in parsed


# --- all --------------------------------------------------------------------------------

_Validate = Callable[[re.Match[str]], str | None]  # the key, "" for an example, None for neither
# (kind, what every one of them holds, its form, what is valid); keys first, a key may hold digits
_KINDS: tuple[tuple[str, re.Pattern[str], re.Pattern[str], _Validate], ...] = (
    ("key", re.compile(r"[A-Za-z]{2}|-----"), _KEY, _key),
    ("email", re.compile("@"), _EMAIL, _email),
    ("iban", re.compile(r"[A-Z]{2}\d\d"), _IBAN, _iban),
    ("card", re.compile(r"\d{4}"), _CARD, _card),
    ("phone", re.compile(r"\d{4}"), _PHONE, _phone),
)


def identifiers(text: str) -> Iterator[Identifier]:
    """Yield the valid identifiers of a text, none of them inside another."""
    taken = bytearray(len(text))
    for kind, hint, form, valid in _KINDS:
        if not hint.search(text):
            continue
        for found in form.finditer(text):
            start, end = found.span()
            key = valid(found) if taken.find(1, start, end) < 0 else None
            if key is not None:
                taken[start:end] = b"\1" * (end - start)
            if key:
                yield Identifier(kind, found[0], f"{kind} {key}")


def masked(text: str) -> str:
    """Return a text with all but its ends hidden, so that evidence of a leak is none itself."""
    shown = 2 if len(text) >= 12 else 1
    return f"{text[:shown]}\u2026{text[-shown:]}" if len(text) > 4 else "\u2026"
