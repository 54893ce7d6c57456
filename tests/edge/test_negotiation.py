"""Headers that say in which form a file is wanted, as browsers, caches and nobody in particular write them."""

import pytest

from app.edge.negotiation import MOST_READ, accepts_gzip, is_known


@pytest.mark.parametrize(
    ("header", "known"),
    [
        ([], False), ([""], False), (['"a"'], True), (['W/"a"'], True), (["*"], True), ([' "b" , W/"a"'], True),
        (['"b"', '"a"'], True), (['"b,a"'], False), (["a"], False), (['"b", *'], False),
        (['"a'], False), (['"A"'], False),
    ],
)  # fmt: skip
def test_if_none_match(header: list[str], known: bool) -> None:
    assert is_known('W/"a"', header) is known


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ([], False), ([""], False), (["gzip"], True), (["GZip"], True), (["gzip;q=0"], False), (["gzip; q=0.0"], False),
        (["br, gzip;q=0.5"], True), (["*"], True), (["*;q=0"], False), (["*, gzip;q=0"], False), (["br", "gzip"], True),
        (["gzip;q=x"], False), (["gzip;q=nan"], False), (["gzipped"], False), (["identity"], False),
        (["*;q=0, gzip"], True), (["gzip;Q=0"], False),
    ],
)  # fmt: skip
def test_accept_encoding(header: list[str], accepted: bool) -> None:
    assert accepts_gzip(header) is accepted


def test_a_long_header_is_not_read_to_its_end() -> None:
    for filler in (",", "br,", '"b",'):
        long = filler * MOST_READ
        assert not accepts_gzip([f"{long}gzip"])
        assert not is_known('W/"a"', [f'{long}"a"'])
        assert accepts_gzip([f"gzip,{long}"])
        assert is_known('W/"a"', ['"a"', long])
