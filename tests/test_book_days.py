"""The day of a zone: midnight there, the hour that comes twice, two zones on one book."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmlab import Lab
from llmlab.book import Attempt, Book, Limits, Settlement
from llmlab.book.days import local_day, midnight
from llmlab.errors import ConfigError, LimitError
from llmlab.settings import Sourced

ZURICH, NEW_YORK, AUCKLAND = (
    ZoneInfo(name) for name in ("Europe/Zurich", "America/New_York", "Pacific/Auckland")
)
ZONES = [
    "Europe/Zurich", "America/New_York", "Pacific/Auckland", "Asia/Kolkata", "Asia/Kathmandu",
    "America/Havana", "America/Santiago", "Asia/Beirut", "Pacific/Apia", "UTC",
]  # fmt: skip


def at(text: str, zone: ZoneInfo | None = None, fold: int = 0) -> float:
    """Return Unix seconds of a time in a zone, UTC when None."""
    return datetime.fromisoformat(text).replace(tzinfo=zone or UTC, fold=fold).timestamp()


def spend(book: Book, when: float, usd: str, limits: Limits | None = None) -> None:
    """Make a call at *when* that costs *usd*, and could have."""
    attempt = Attempt(key=f"{when}", provider="p", model="m", started_at=when,
                      worst_usd=Decimal(usd))  # fmt: skip
    ticket = book.begin(attempt, limits or Limits()).result()
    book.finish(ticket, Settlement(status="ok", cost_usd=Decimal(usd))).result()


# ---- days ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "zone", "begins", "hours"),
    [
        ("2026-11-22", "Europe/Zurich", "2026-11-21T23:00", 24),
        ("2026-03-29", "Europe/Zurich", "2026-03-28T23:00", 23),  # 02:00 to 03:00 does not come
        ("2026-10-25", "Europe/Zurich", "2026-10-24T22:00", 25),  # 02:00 to 03:00 comes twice
        ("2026-09-06", "America/Santiago", "2026-09-06T04:00", 23),  # there is no midnight
        ("2026-03-08", "America/Havana", "2026-03-08T05:00", 23),  # nor here
        ("2026-11-01", "America/Havana", "2026-11-01T04:00", 25),  # midnight comes twice
        ("2026-11-22", "Asia/Kathmandu", "2026-11-21T18:15", 24),
        ("2026-11-22", "UTC", "2026-11-22T00:00", 24),
    ],
)
def test_a_day_is_from_midnight_to_midnight(day: str, zone: str, begins: str, hours: int) -> None:
    """Also where the clocks change: then it has 23 or 25 hours."""
    found = local_day(at(begins), ZoneInfo(zone))

    assert found.date == day
    assert found.start == at(begins)
    assert found.end - found.start == hours * 3600


@settings(deadline=None)
@given(st.floats(at("2000-01-01"), at("2040-01-01")), st.sampled_from(ZONES))
def test_days_follow_each_other_without_gap(moment: float, name: str) -> None:
    """Every moment is in one day; the next begins where it ends; its date is the zone's own."""
    zone = ZoneInfo(name)
    day = local_day(moment, zone)

    assert day.start <= moment < day.end
    assert local_day(day.end, zone).start == day.end
    assert local_day(day.start - 1, zone).end == day.start
    there = datetime.fromtimestamp(int(moment), zone).date().isoformat()
    assert day.date == there
    assert day.utc[0] <= day.start < day.end <= day.utc[1]
    assert len(day.scopes) == (day.utc[1] - day.utc[0]) / 86_400


def test_a_day_that_never_was_is_skipped() -> None:
    """Samoa went from 29 to 31 December 2011."""
    before = local_day(at("2011-12-29T12:00", ZoneInfo("Pacific/Apia")), ZoneInfo("Pacific/Apia"))

    assert local_day(before.end, ZoneInfo("Pacific/Apia")).date == "2011-12-31"
    assert midnight(date(2026, 11, 22), ZURICH) == at("2026-11-21T23:00")


# ---- limits -------------------------------------------------------------------------------


@pytest.mark.parametrize("zone", [ZURICH, NEW_YORK, AUCKLAND], ids=str)
def test_a_limit_is_new_at_the_zones_midnight(zone: ZoneInfo) -> None:
    """Until the last second before, the day's money is gone; from midnight on there is new."""
    limits = Limits(day=Decimal(1), zone=zone)
    day = local_day(at("2026-11-22T12:00", zone), zone)
    with Book.open(None) as book:
        spend(book, day.start - 1, "0.9", limits)
        spend(book, day.start, "0.9", limits)
        with pytest.raises(LimitError, match=r"day limit \$1\.00: \$0\.90 is spent"):
            spend(book, day.end - 1, "0.2", limits)
        spend(book, day.end, "0.2", limits)

        assert [book.day(zone, moment).spent for moment in (day.start - 1, day.start, day.end)] == [
            Decimal("0.9"), Decimal("0.9"), Decimal("0.2")
        ]  # fmt: skip
        assert book.verify() == []


@pytest.mark.parametrize("fold", [0, 1])
def test_the_hour_that_comes_twice_is_one_days(fold: int) -> None:
    """Both times it is 02:30, what was spent before counts."""
    limits = Limits(day=Decimal(1), zone=ZURICH)
    with Book.open(None) as book:
        spend(book, at("2026-10-25T00:10", ZURICH), "0.5", limits)
        spend(book, at("2026-10-25T02:30", ZURICH, fold=fold), "0.4", limits)
        with pytest.raises(LimitError, match="day limit"):
            spend(book, at("2026-10-25T23:59", ZURICH), "0.2", limits)
        spend(book, at("2026-10-26T00:00", ZURICH), "1", limits)


def test_two_zones_on_one_book_hold_their_own_days(tmp_path: Path) -> None:
    """Each counts all that was spent on its own calendar day, by whomever."""
    path = tmp_path / "lab.db"
    swiss, american = (Limits(day=Decimal(1), zone=zone) for zone in (ZURICH, NEW_YORK))
    with Book.open(path) as one, Book.open(path) as other:
        spend(one, at("2026-11-21T22:00"), "0.8", swiss)  # 23:00 in Zurich, 17:00 in New York
        spend(other, at("2026-11-21T22:30"), "0.1", american)
        spend(one, at("2026-11-21T23:30"), "0.8", swiss)  # the 22nd in Zurich
        with pytest.raises(LimitError, match=r"day limit \$1\.00: \$1\.70 is spent"):
            spend(other, at("2026-11-22T01:00"), "0.1", american)  # still the 21st there
        spend(other, at("2026-11-22T05:00"), "0.1", american)  # midnight
        with pytest.raises(LimitError, match=r"day limit \$1\.00: \$0\.90 is spent"):
            spend(one, at("2026-11-22T06:00"), "0.2", swiss)


def test_a_book_of_before_keeps_its_days(tmp_path: Path) -> None:
    """Its sums are of UTC days and stay so; a zone reads them, and so does UTC again."""
    path = tmp_path / "lab.db"
    with Book.open(path) as book:
        spend(book, at("2026-11-21T22:30"), "0.3", Limits(day=Decimal(1)))
        spend(book, at("2026-11-21T23:30"), "0.5", Limits(day=Decimal(1)))
    with Book.open(path) as book:
        assert book.spent("day:2026-11-21") == Decimal("0.8")
        assert book.day(ZURICH, at("2026-11-22T10:00")).spent == Decimal("0.5")
        with pytest.raises(LimitError):
            spend(book, at("2026-11-22T10:00"), "0.6", Limits(day=Decimal(1), zone=ZURICH))
        spend(book, at("2026-11-22T10:00"), "0.6", Limits(day=Decimal(1)))


def test_what_straddles_midnight_counts_where_it_began() -> None:
    """Reserved, unknown, then settled after midnight: always the day on which it was sent."""
    limits = Limits(day=Decimal(1), zone=ZURICH)
    before, after = at("2026-11-21T22:59:59"), at("2026-11-21T23:00")
    with Book.open(None) as book:
        first = Attempt(key="a", provider="p", model="m", started_at=before, worst_usd=Decimal(1))
        ticket = book.begin(first, limits).result()
        spend(book, after, "0.5", limits)
        book.finish(ticket, Settlement(status="error", cost_usd=None)).result()
        spend(book, after + 1, "0.4", limits)
        with pytest.raises(LimitError):
            spend(book, after + 2, "0.2", limits)

        assert book.day(ZURICH, before).unknown == Decimal(1)
        assert book.day(ZURICH, after).spent == Decimal("0.9")


@settings(deadline=None, max_examples=25)
@given(
    calls=st.lists(st.tuples(st.integers(0, 72 * 4), st.integers(0, 9)), max_size=25),
    name=st.sampled_from(ZONES),
    sort=st.booleans(),
)
def test_no_day_passes_its_limit(calls: list[tuple[int, int]], name: str, *, sort: bool) -> None:
    """
    A day's sum is that of its own calls, and within the limit; what fits is let through.

    Where a clock was set back, so that calls began in another order than they were written, a day
    may count too much, and never too little.
    """
    zone, begin = ZoneInfo(name), at("2026-10-24T00:00")
    limits = Limits(day=Decimal(20), zone=zone)
    kept: dict[str, int] = {}
    with Book.open(None) as book:
        for number, (quarters, usd) in enumerate(sorted(calls) if sort else calls):
            moment = begin + quarters * 900 + number / 100
            day = local_day(moment, zone).date
            fits = kept.get(day, 0) + usd <= 20
            try:
                spend(book, moment, str(usd), limits)
            except LimitError:
                assert not fits or not sort
            else:
                assert fits
                kept[day] = kept.get(day, 0) + usd
        spent = book.spend(by=["day"], zone=zone)

    assert {str(each["day"]): each["cost_usd"] for each in spent} == {
        day: Decimal(usd) for day, usd in kept.items()
    }


# ---- the setting --------------------------------------------------------------------------


def test_the_zone_is_a_setting() -> None:
    """Said in a file, a variable or an argument; a name that is none gets the nearest."""
    assert Sourced.read(env={"LLMLAB_DAY_ZONE": "Asia/Tokyo"}).settings.day_zone == "Asia/Tokyo"
    assert Sourced.read().settings.day_zone == "UTC"
    for name, hint in (("Europe/Zürich", "Europe/Zurich"), ("../etc", "such as"), ("", "such as")):
        with pytest.raises(ConfigError, match=f"day_zone: no time zone is called .*{hint}"):
            Sourced.read(arguments={"day_zone": name})


def test_a_lab_counts_days_of_its_zone() -> None:
    """The limit, what is shown of today, and the days of `spend` are the zone's."""
    with Lab(book=None, env={}, config="/", day_zone="Pacific/Auckland", budget={"day": 1}) as lab:
        caller = lab._services.caller()
        now = datetime.now(tz=UTC)
        spend(lab.book, now.timestamp(), "0.25", caller.limits)
        spend(lab.book, (now - timedelta(days=2)).timestamp(), "0.5")

        assert caller.limits.zone == AUCKLAND
        assert lab.spent_today() == 0.25
        days = set(lab.spend()["day"])
        assert now.astimezone(AUCKLAND).date().isoformat() in days
