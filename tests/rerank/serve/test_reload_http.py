"""Reading the model and the keys again: by POST /admin/reload and by SIGHUP."""

import asyncio
import threading
from pathlib import Path

import httpx
import pytest
from contracts.fake_pair_model import FakePairModel
from contracts.served import in_process

from spaniel.rerank.serve import run as run_module
from spaniel.rerank.serve.auth import Keys
from spaniel.rerank.serve.engine import Engine
from spaniel.rerank.serve.run import Service
from spaniel.rerank.serve.settings import Settings

KEY, ADMIN = "a-key-that-is-long-enough", "a-key-of-those-who-run-it"
AS_ADMIN = {"Authorization": f"Bearer {ADMIN}"}


def keys_of(path: Path, *keys: str) -> Keys:
    written(path, *keys)
    return Keys(path)


def written(path: Path, *keys: str) -> None:
    path.write_text("\n".join(keys))
    path.chmod(0o600)


def test_reload_is_for_holders_of_an_admin_key(tmp_path: Path) -> None:
    async def work(client: httpx.AsyncClient, engine: Engine) -> None:
        for given in ({}, {"Authorization": f"Bearer {KEY}"}):
            assert (await client.post("/admin/reload", headers=given)).status_code == 401
        assert (await client.get("/info", headers=AS_ADMIN)).status_code == 401
        done = await client.post("/admin/reload", headers=AS_ADMIN)
        assert done.status_code == 200
        assert done.json()["largest_difference"] == 0
        assert done.json()["sha256"] == done.json()["previous_sha256"]
        assert (await client.get("/admin/reload")).status_code == 405

    in_process(work, keys=keys_of(tmp_path / "keys", KEY), admin_keys=keys_of(tmp_path / "admin", ADMIN))


def test_nobody_reloads_where_there_are_no_admin_keys(tmp_path: Path) -> None:
    async def work(client: httpx.AsyncClient, engine: Engine) -> httpx.Response:
        return await client.post("/admin/reload", headers={"Authorization": f"Bearer {KEY}"})

    for keys in (None, keys_of(tmp_path / "keys", KEY)):
        refused = in_process(work, keys=keys)
        assert refused.status_code == 403
        assert "SIGHUP" in refused.json()["message"]


def test_reloads_keep_their_distance(tmp_path: Path) -> None:
    async def work(client: httpx.AsyncClient, engine: Engine) -> list[tuple[int, str | None]]:
        done = [await client.post("/admin/reload", headers=AS_ADMIN) for _ in range(3)]
        return [(each.status_code, each.headers.get("retry-after")) for each in done]

    admin_keys = keys_of(tmp_path / "admin", ADMIN)
    said = in_process(work, admin_keys=admin_keys, settings=Settings(reload_s=1e6))
    assert [status for status, _ in said] == [200, 429, 429]
    assert 999_000 < int(said[1][1] or 0) <= 1_000_000
    assert [status for status, _ in in_process(work, admin_keys=admin_keys, settings=Settings(reload_s=1e-9))] == [
        200
    ] * 3


class Opened:
    """Opens models named by their number; the next to be opened waits for `gate`."""

    def __init__(self) -> None:
        self.n, self.gate = 0, threading.Event()
        self.loop, self.opening = asyncio.get_running_loop(), asyncio.Event()
        self.gate.set()

    def __call__(self, place: str | None) -> FakePairModel:
        self.n += 1
        name = str(self.n)
        if self.n > 1:
            self.loop.call_soon_threadsafe(self.opening.set)
        assert self.gate.wait(60)
        return FakePairModel(name)


def hanging_up(tmp_path: Path, by_admin: bool) -> tuple[list[bool], str]:
    """Whether the first and the second key were good at once after SIGHUP during a reload; what then answers."""

    async def run() -> tuple[list[bool], str]:
        keys, load = keys_of(tmp_path / "keys", KEY), Opened()
        engine = Engine(load, workers=1)
        await engine.start()
        service = Service(engine, keys=keys)
        load.gate.clear()
        first = asyncio.ensure_future(engine.reload() if by_admin else asyncio.shield(service.hang_up()))
        await load.opening.wait()
        written(tmp_path / "keys", ADMIN)
        pending = service.hang_up()
        good = [keys.allow(f"Bearer {key}") for key in (KEY, ADMIN)]
        load.gate.set()
        await first
        await pending
        name = (await engine.score("q", ["a"])).model
        await engine.drain(5)
        return good, name

    return asyncio.run(run())


@pytest.mark.parametrize("by_admin", [False, True])
def test_a_sighup_during_a_reload_is_not_lost(tmp_path: Path, by_admin: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that was taken out is good no longer, and the files that were changed meanwhile are read."""
    monkeypatch.setattr(run_module, "_BUSY_S", 0.0)
    good, name = hanging_up(tmp_path, by_admin)
    assert good == [False, True]
    assert name == "3"


def test_admin_keys_are_read_again_too(tmp_path: Path) -> None:
    async def run() -> list[bool]:
        engine = Engine(lambda place: FakePairModel(), workers=1)
        await engine.start()
        admin_keys = keys_of(tmp_path / "admin", ADMIN)
        service = Service(engine, admin_keys=admin_keys)
        written(tmp_path / "admin", KEY)
        await service.hang_up()
        await engine.drain(5)
        return [admin_keys.allow(f"Bearer {key}") for key in (ADMIN, KEY)]

    assert asyncio.run(run()) == [False, True]
