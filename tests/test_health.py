"""Health and lists cost nothing, are remembered, and stop a run that could not go well."""

import asyncio
import dataclasses
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from llmlab import Lab
from llmlab.backends.health import Health
from llmlab.backends.served import merged, retirements
from llmlab.catalogue import Catalogue
from llmlab.errors import UsageError
from llmlab.providers.listing import ListedModel
from llmlab.sim import Faults, RuleAuthor, Simulator
from tests.conftest import Clock
from tests.labs import lab_for

PROVIDERS = ["openai", "anthropic", "deepseek", "xai", "ollama"]


async def test_health_asks_only_what_is_free(simulator: Simulator) -> None:
    """All five are well, by one free GET each: no completion is bought. # R-13."""
    async with lab_for(simulator) as lab:
        found = (await asyncio.to_thread(lab.health)).set_index("provider")

    assert sorted(found.index) == sorted(PROVIDERS)
    assert set(found["state"]) == {"ok"}
    assert found.loc["deepseek", "detail"] == "key accepted, balance left"
    assert found.loc["ollama", "checked"] == "GET /ollama/api/version"
    assert found["latency_s"].gt(0).all()
    assert found["endpoint"].str.startswith("127.0.0.1:").all()
    assert len(simulator.log) == 5
    assert not any(each.user for each in simulator.log)


async def test_health_is_remembered_for_a_minute(simulator: Simulator, clock: Clock) -> None:
    """Within 60 s nothing is asked again; after it, everything is. # R-13."""
    async with lab_for(simulator) as lab:
        parts = lab._services
        health = Health(parts.session, parts.backends, clock=clock)

        async def look() -> Any:
            return (await parts.engine.bridge(health.look(["openai"])))[0]

        first = await look()
        clock.now += 59.9
        again = await look()
        sent = len(simulator.log)
        clock.now += 0.1
        later = await look()

    assert again is first
    assert (sent, len(simulator.log)) == (1, 2)
    assert first.checked_at == datetime.fromtimestamp(1000, tz=UTC)
    assert (later.checked_at - first.checked_at).total_seconds() == pytest.approx(60)


async def test_what_is_wrong_is_named() -> None:
    """A refused key and a sick server are states of their provider, not an exception."""
    faults = Faults.parse(["openai=401", "xai=503"])
    async with (
        Simulator(author=RuleAuthor(), faults=faults) as simulator,
        lab_for(simulator) as lab,
    ):
        found = (await asyncio.to_thread(lab.health)).set_index("provider")

    assert found.loc["openai", "state"] == "AuthFailed"
    assert found.loc["xai", "state"] == "Unavailable"
    assert found.loc["anthropic", "state"] == "ok"
    assert "planted" not in found.to_csv()


async def test_without_a_key_nothing_is_asked_or_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key, no call: the row says where to get one; no stand-in is started for it."""
    monkeypatch.setattr("llmlab.sim.Simulator.start", _never)
    async with Lab(book=":memory:", env={}, config="/") as lab:
        found = await asyncio.to_thread(lab.health, "openai")
    async with Lab(book=":memory:", env={}, config="/", mode="stand-in") as lab:
        played = await asyncio.to_thread(lab.health, "openai")

    assert found["state"].tolist() == ["no key"]
    assert "platform.openai.com" in found["detail"][0]
    assert played["state"].tolist() == ["stand-in"]


def _never(*_: object, **__: object) -> None:
    raise AssertionError("nothing may be started")


async def test_an_unknown_provider_gets_the_nearest(simulator: Simulator) -> None:
    """A slip in the name is one line."""
    async with lab_for(simulator) as lab:
        with pytest.raises(UsageError, match="did you mean openai"):
            await asyncio.to_thread(lab.health, "opneai")


async def test_a_model_that_is_not_pulled_stops_the_run(simulator: Simulator) -> None:
    """The command that pulls it, before any prompt of any arm is sent. # R-05."""
    frame = pd.DataFrame({"headline": ["Profit up"]})
    async with lab_for(simulator) as lab:
        with pytest.raises(UsageError, match="run `ollama pull mistral:7b`") as caught:
            await lab.abtest_async(
                {"p": "{{ headline }}"}, ["gpt", "ollama/mistral:7b"], on=frame, quiet=True
            )
        with pytest.raises(UsageError, match="ollama pull mistral:7b"):
            await lab.ask_async("Hello.", "ollama/mistral:7b")

    assert "qwen2.5:7b" in str(caught.value)
    assert not any(each.user for each in simulator.log)


async def test_pulled_models_are_listed_once(simulator: Simulator) -> None:
    """Many questions, one list; a name without a tag means `latest`. # R-05."""
    async with lab_for(simulator) as lab:
        for model in ("ollama/qwen2.5:7b", "ollama/llama3.2", "ollama/qwen2.5:7b"):
            await lab.ask_async("Hello.", model)

    assert [each.path for each in simulator.log].count("/api/tags") == 1


async def test_a_model_pulled_meanwhile_is_found(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error is not remembered: after `ollama pull` the same cell runs."""
    from llmlab.sim import models
    from llmlab.sim.ollama import info as ollama_info

    pulled = models.SimulatedModel(id="mistral:7b", context=32_768)
    async with lab_for(simulator) as lab:
        with pytest.raises(UsageError, match="not pulled"):
            await lab.ask_async("Hello.", "ollama/mistral:7b")
        grown = (*models.OLLAMA, pulled)
        monkeypatch.setattr(ollama_info, "OLLAMA", grown)
        monkeypatch.setattr(models, "MODELS", {**models.MODELS, "ollama": grown})

        answer = await lab.ask_async("Hello.", "ollama/mistral:7b")

    assert answer.text


async def test_a_server_that_does_not_list_is_not_refused() -> None:
    """When the list itself fails, the call is sent: its own error says what is wrong."""
    async with (
        Simulator(author=RuleAuthor(), faults=Faults.parse(["ollama=500"])) as simulator,
        lab_for(simulator, attempts=1) as lab,
    ):
        with pytest.raises(Exception, match=r"500|simulated|internal"):
            await lab.ask_async("Hello.", "ollama/mistral:7b")

    assert len(simulator.log) == 2


async def test_models_live_has_the_providers_own_dates(simulator: Simulator) -> None:
    """What is served, what is not, when it ends by the provider's own list, and what is new."""
    async with lab_for(simulator) as lab:
        known = (await asyncio.to_thread(lab.models)).set_index("model")
        live = await asyncio.to_thread(lambda: lab.models(live=True))

    rows = live.set_index("model")
    assert rows.loc["openai/gpt-6-luna", "served"] is True
    assert rows.loc["openai/gpt-5.4-nano", "retires"] == date(2027, 4, 1)
    assert rows.loc["ollama/llama3.2:latest", "served"] is True
    assert "ollama/llama3.2:latest" not in known.index
    assert set(live.columns) == {*known.reset_index().columns, "served"}
    assert not any(each.user for each in simulator.log)


def test_merging_keeps_what_nobody_said() -> None:
    """Who was not asked stays unknown; the provider's date wins over the catalogue's."""
    row = {
        "provider": "openai",
        "model": "openai/a",
        "aliases": "",
        "context": 9,
        "max_output": 8,
        "retires": date(2027, 1, 1),
        "key": "",
        "retires_in_days": 40,
    }
    other = {**row, "provider": "xai", "model": "xai/b", "retires": None}
    listed = {
        "openai": (ListedModel(id="a", retires=date(2026, 12, 1)), ListedModel(id="new", context=5))
    }

    first, second, new = merged([row, other], listed, today=date(2026, 11, 22))

    assert (first["served"], first["retires_in_days"]) == (True, 9)
    assert (second["served"], second["retires_in_days"]) == (None, None)
    assert (new["model"], new["context"], new["served"]) == ("openai/new", 5, True)


def test_a_model_that_ends_soon_is_warned_about() -> None:
    """Within 60 days the note has the model and the day; without, there is none."""
    catalogue = Catalogue.load()
    arm = catalogue.arm("gpt")
    ending = dataclasses.replace(arm.model, retires=date(2026, 12, 11))
    dying = dataclasses.replace(catalogue, listed={**catalogue.listed, ending.name: ending})
    at = datetime(2026, 11, 22, tzinfo=UTC).timestamp()

    (note,) = retirements(dying, [arm], now=at)

    assert note == f"gpt: {arm.model.name} is switched off in 19 days (2026-12-11)"
    assert retirements(catalogue, [arm], now=at) == ()


async def test_the_note_reaches_the_comparison(simulator: Simulator, tmp_path: Path) -> None:
    """A run over a dying model says so beside its verdict, saved too."""
    frame = pd.DataFrame({"headline": ["Profit up"]})
    async with lab_for(simulator, book=tmp_path / "lab.db") as lab:
        soon = (datetime.now(tz=UTC).date().toordinal()) + 10
        entry = lab.catalogue.arm("gpt").model
        ending = dataclasses.replace(entry, retires=date.fromordinal(soon))
        lab._services.catalogue = dataclasses.replace(
            lab.catalogue, listed={**lab.catalogue.listed, entry.name: ending}
        )
        run = await lab.abtest_async({"p": "{{ headline }}"}, "gpt", on=frame, quiet=True, name="r")
        saved = await asyncio.to_thread(lab.run, "r")

    assert any("is switched off in 10 days" in note for note in run.notes)
    assert run.notes == saved.notes
