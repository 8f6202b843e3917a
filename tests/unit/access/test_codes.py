"""Codes survive being read aloud and typed in; tokens and codes are never alike."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from yipan.access.codes import ALPHABET, digest, new_code, new_token, token_digest


def test_a_code_has_four_groups_of_letters_that_nobody_misreads() -> None:
    code = new_code()
    assert re.fullmatch(f"([{ALPHABET}]{{4}}-){{3}}[{ALPHABET}]{{4}}", code)
    assert not set("OILU") & set(ALPHABET)


def test_codes_do_not_repeat() -> None:
    assert len({new_code() for _number in range(1000)}) == 1000


@given(st.text(ALPHABET, min_size=16, max_size=16))
def test_a_code_is_the_same_however_it_is_typed(code: str) -> None:
    typed = " ".join(code[i : i + 4] for i in range(0, 16, 4)).lower()
    typed = typed.replace("0", "o").replace("1", "l")
    assert digest(typed) == digest(code)


@given(st.text(ALPHABET, min_size=16, max_size=16), st.text(ALPHABET, min_size=16, max_size=16))
def test_two_codes_have_two_digests(one: str, other: str) -> None:
    assert (digest(one) == digest(other)) == (one == other)


def test_a_token_is_no_code() -> None:
    token = new_token()
    assert digest(token) != token_digest(token)
