"""A request that is repeated carries the name of the one that was cut, where a gateway knows it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from llmlab import Lab
from llmlab.errors import CallError, ConfigError
from tests.killing import killed
from tests.loopback import Came, Loopback, Said
from tests.test_one_in_flight import ANSWER, MODEL

HEADER: Final = "Idempotency-Key"
OK: Final = Said(body=ANSWER)


def _error(status: int) -> Said:
    return Said(body=b'{"error": {"message": "No."}}', status=status, headers={"retry-after": "0"})


def _names(
    replies: Sequence[Said], folder: Path, asks: int = 1, *, labs: int = 1, **options: Any
) -> list[str]:
    """Ask the same *asks* times in each of *labs*; return the number in each request's name."""
    left = list(replies)

    def reply(_: Came) -> Said:
        return left.pop(0)

    row = folder / "gateway.toml"
    row.write_text(f'[providers.openai]\nidempotency = "{HEADER}"\n', encoding="utf-8")
    with Loopback(reply) as server:
        for _ in range(labs):
            with Lab(
                book=folder / "b.db", env=server.env, config="/", catalogue=row, **options
            ) as lab:
                for _ in range(asks):
                    try:
                        lab.ask("Spring?", MODEL)
                    except CallError:
                        continue
    names = [came.headers[HEADER.lower()].split("-") for came in server.log]
    assert len({key for key, _ in names}) == 1
    assert left == []
    return [number for _, number in names]


@pytest.mark.parametrize(
    ("replies", "numbers"),
    [
        ([_error(504), _error(504), OK], ["0", "0", "0"]),
        ([_error(500), _error(500), OK], ["0", "1", "2"]),
        ([_error(409), OK], ["0", "0"]),
        ([_error(504), _error(500), _error(409), OK], ["0", "0", "1", "1"]),
    ],
)
def test_the_name_changes_with_what_is_certain(
    replies: list[Said], numbers: list[str], tmp_path: Path
) -> None:
    """The same after an outcome that is unknown or still under way, another after a failure."""
    assert _names(replies, tmp_path) == numbers


def test_a_question_asked_again_is_a_new_one(tmp_path: Path) -> None:
    """After an answer the next question has another name, in this process and in the next."""
    assert _names([OK] * 4, tmp_path, asks=2, labs=2) == ["0", "1", "2", "3"]


def test_a_restart_goes_on_where_it_was(tmp_path: Path) -> None:
    """What was cut is repeated under its name; what failed for certain is not."""
    replies = [_error(500), _error(504), _error(504), _error(402), OK]

    assert _names(replies, tmp_path, labs=5, attempts=1) == ["0", "1", "1", "1", "2"]


def test_nothing_is_sent_where_nothing_is_known() -> None:
    """No provider of the catalogue is sent a name by default."""
    with Loopback(lambda _: OK) as server, Lab(book=None, env=server.env, config="/") as lab:
        lab.ask("Spring?", MODEL)
        assert not any(each.idempotency for each in lab.catalogue.providers.values())
    assert not [name for name in server.log[0].headers if "idempot" in name]


def test_a_name_that_is_no_header_is_said(tmp_path: Path) -> None:
    """One line, when the catalogue is read."""
    row = tmp_path / "gateway.toml"
    row.write_text('[providers.openai]\nidempotency = "a b"\n', encoding="utf-8")

    with pytest.raises(ConfigError, match="idempotency: 'a b' is no name of a header"):
        Lab(book=None, config="/", catalogue=row)


def test_calls_that_a_kill_cut_are_repeated_and_billed_once(tmp_path: Path) -> None:
    """By the gateway's own log: as many answers written as there are calls. # R-30."""
    done = killed(tmp_path, kills=8, calls=400, seed=5, longest=0.05, idempotency=HEADER,
                  amid=True)  # fmt: skip

    assert done.answered == done.served == done.calls
    assert done.unknown > 0
    assert done.settled == done.billed_known == done.billed
