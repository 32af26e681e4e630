"""Identifiers: every valid one is found however it is written, and nothing else."""

from __future__ import annotations

import base64
import json
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from synthgate.verifiers.identifiers import identifiers, masked
from synthgate.verifiers.leaking.texts import leaves

AROUND = st.sampled_from(["%s", "It is %s.", "(%s)", "id:\n%s\nend", '"%s", he said', "x %s y"])


def kinds(text: str) -> list[str]:
    return [each.kind for each in identifiers(text)]


# --- checksums, computed the other way round --------------------------------------------


def luhn(digits: str) -> bool:
    total = 0
    for at, each in enumerate(reversed(digits)):
        total += sum(divmod(int(each) * 2, 10)) if at % 2 else int(each)
    return total % 10 == 0


@given(st.integers(0, 10**14 - 1), st.sampled_from(["{}", "spaced", "dashed"]), AROUND)
def test_a_card_has_a_checksum(number: int, how: str, around: str) -> None:
    """Of ten last digits exactly one makes a card number."""
    body = f"4{number:014d}"
    assume(len(set(body)) >= 5)
    gap = {"spaced": " ", "dashed": "-"}.get(how, "")
    found = []
    for last in string.digits:
        digits = body + last
        shown = gap.join(digits[at : at + 4] for at in range(0, 16, 4))
        found += [digits] if "card" in kinds(around % shown) else []
    assert found == [body + last for last in string.digits if luhn(body + last)]


def iban(country: str, body: str) -> str:
    turned = "".join(str(int(each, 36)) for each in f"{body}{country}00")
    return f"{country}{98 - int(turned) % 97:02d}{body}"


@given(st.integers(0, 10**18 - 1), st.booleans(), AROUND, st.integers(1, 96))
def test_an_iban_has_a_checksum(number: int, grouped: bool, around: str, off: int) -> None:
    """The right check digits make an account number, every other pair of digits does not."""
    right = iban("DE", f"{number:018d}")
    wrong = f"DE{(int(right[2:4]) - 2 + off) % 97 + 2:02d}{right[4:]}"
    shown = [
        " ".join(each[at : at + 4] for at in range(0, 22, 4)) if grouped else each
        for each in (right, wrong)
    ]
    assert "iban" in kinds(around % shown[0])
    assert "iban" not in kinds(around % shown[1])


@given(st.text(string.ascii_letters + string.digits, min_size=30, max_size=30), AROUND)
def test_a_github_token_has_a_checksum(body: str, around: str) -> None:
    """A token with the CRC of its body is one, and with any other ending it is not."""
    alphabet = string.digits + string.ascii_uppercase + string.ascii_lowercase
    value, tail = crc32(body.encode()), ""
    while len(tail) < 6:
        value, digit = divmod(value, 62)
        tail = alphabet[digit] + tail
    assert kinds(around % f"ghp_{body}{tail}") == ["key"]
    assert kinds(around % f"ghp_{body}{tail[::-1]}") == ([] if tail != tail[::-1] else ["key"])


# --- forms ------------------------------------------------------------------------------

JWT = ".".join(
    base64.urlsafe_b64encode(part).decode().rstrip("=")
    for part in (json.dumps({"alg": "HS256"}).encode(), b'{"sub":"7"}', b"s" * 32)
)


OPENAI = f"sk-proj-{'a1' * 20}T3BlbkFJ{'b2' * 20}"
PEM = "MIIE" * 20


@pytest.mark.parametrize(
    ("text", "kind", "key"),
    [
        ("bob.smith+x@Mail.gmail.com", "email", "bob.smith+x@mail.gmail.com"),
        ("mailto:a_b@c-d.io", "email", "a_b@c-d.io"),
        ("+1 415 867 5309", "phone", "14158675309"), ("(415) 867-5309", "phone", "14158675309"),
        ("415.867.5309", "phone", "14158675309"), ("+49 30 901820", "phone", "4930901820"),
        ("0049 30 901820", "phone", "4930901820"), ("+33142685300", "phone", "33142685300"),
        ("+44 (20) 7946 1234", "phone", "442079461234"),
        ("+91-98450-23416", "phone", "919845023416"),
        ("GB33 BUKB 2020 1555 5555 55", "iban", "GB33BUKB20201555555555"),
        ("NO9386011117947", "iban", "NO9386011117947"),
        ("3759 876543 21004", "card", "375987654321004"),
        ("5425-2334-3010-9903", "card", "5425233430109903"),
        ("AKIAZ7Q3M5T2L6KDWXYZ", "key", "AKIAZ7Q3M5T2L6KDWXYZ"), (JWT, "key", JWT),
        (OPENAI, "key", OPENAI),
        (f"-----BEGIN PRIVATE KEY-----\n{PEM}\n-----END PRIVATE KEY-----", "key", PEM),
    ],
)  # fmt: skip
def test_each_kind_is_found(text: str, kind: str, key: str) -> None:
    """An identifier is found among other words, and is the same however it is written."""
    for around in ("%s", "Please use %s, thanks.", "\n%s\n"):
        (found,) = identifiers(around % text)
        assert (found.kind, found.key, found.text) == (
            kind,
            f"{kind} {key}",
            text.removeprefix("mailto:"),
        )


@pytest.mark.parametrize(
    "text",
    [
        "bob@example.com", "a@b.test", "me@mail.example.org", "x@localhost", "icon@2x.png", "a@b",
        "you@yourbank.com", "555-0100", "(415) 555-0123", "+44 7700 900123", "123-456-7890", "+12",
        "2024-05-01 10:00", "1,234,567,890", "3.14159265358979", "version 1.2.3.4", "10.0.0.255",
        "978-3-16-148410-0", "4111 1111 1111 1111", "4242424242424242", "1234567812345678",
        "DE89 3704 0044 0532 0130 00", "DE44500105175407324932", "AKIAIOSFODNN7EXAMPLE",
        "ghp_" + "a" * 36, "sk-short", "eyJhbGciOiJub3QganNvbg.eyJhIjoxfQ." + "s" * 32, "@handle",
        "1600 Amphitheatre Pkwy 94043", "0x1234567890abcdef", "+999 12345678", "+1 111 111 1111",
        "12345678901234567890", "2^31 = 2147483648", "-----BEGIN PUBLIC KEY-----",
    ],
)  # fmt: skip
def test_what_is_no_identifier(text: str) -> None:
    """What is reserved for examples, not assigned or not valid is nobody's."""
    assert kinds(text) == kinds(f"It is {text} here.") == []


def test_real_texts_hold_hardly_any(shared: Callable[[str], Path]) -> None:
    """Among 3 million characters of mathematics, code and questions no number is a phone."""
    names = ("gsm8k/test.jsonl", "gsm8k/example_model_solutions.jsonl",
             "humaneval_samples/text_davinci_002_results.jsonl")  # fmt: skip
    found = [each for name in names for each in of_lines(shared(name))]
    assert found == []


def of_lines(path: Path) -> list[Any]:
    rows = map(json.loads, path.read_text().splitlines())
    return [each for row in rows for _, text in leaves(row) for each in identifiers(text)]


def test_none_is_inside_another() -> None:
    """What looks like a phone in an address is a part of the address, of an example of one too."""
    assert kinds("415-867-5309@mail.com") == ["email"]
    assert kinds("415-867-5309@example.com") == []


@given(st.text(min_size=0, max_size=80))
def test_a_mask_hides(text: str) -> None:
    """Of a masked text at most four characters are left."""
    assert len(masked(text)) <= 5
