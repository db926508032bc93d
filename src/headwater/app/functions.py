"""Functions put together: what is registered, what runs it, and the tasks beside them."""

from __future__ import annotations

import hmac
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from headwater.api.function_code import CodeSource
from headwater.api.function_logs import FunctionLogHandlers
from headwater.api.function_policies import PolicyHandlers
from headwater.api.function_settings import FunctionSettingsHandlers
from headwater.api.function_versions import VersionHandlers
from headwater.api.functions import FunctionHandlers, FunctionParts
from headwater.api.invoke import InvokeHandlers
from headwater.api.layers import LayerHandlers
from headwater.api.locations import Locations
from headwater.api.operation import Handler, OwnOperation
from headwater.app.core import Core, absolute
from headwater.app.running import running
from headwater.auth.credentials import Credential
from headwater.clock import Clock
from headwater.config import FunctionIsolation
from headwater.functions import deferred
from headwater.functions.calls import Calls
from headwater.functions.deferred import DeferredInvocations
from headwater.functions.environment import Surroundings
from headwater.functions.journal import Journals
from headwater.functions.package import CodeFolder
from headwater.functions.pool import Pool
from headwater.functions.registry import Machine, Registry
from headwater.functions.runtime import BOOTSTRAP, Client, Runtimes
from headwater.functions.sandbox import Sandbox, find_sandbox
from headwater.functions.shelf import Shelf
from headwater.functions.store import FunctionStore
from headwater.functions.sweeper import CodeSweeper
from headwater.functions.user import has_users
from headwater.functions.versions import Versions
from headwater.functions.worker import WorkerSettings
from headwater.outbox.outbox import Outbox
from headwater.storage.objects import ObjectStore
from headwater.streams.iterator import load_secret

_SECRET_FOLDERS: Final = (".aws", ".ssh", ".gnupg")


@dataclass(frozen=True, slots=True)
class Functions:
    """The functions of a server and what runs them."""

    registry: Registry
    versions: Versions
    journals: Journals
    pool: Pool
    calls: Calls
    deferred: DeferredInvocations
    locations: Locations

    def handlers(self, objects: ObjectStore, clock: Clock) -> Mapping[tuple[str, str], Handler]:
        """Lambda's operations on functions and layers. objects: where code can come from."""
        registry, versions = self.registry, self.versions
        source = CodeSource(objects)
        parts = FunctionParts(
            registry, versions, self.pool, self.calls, self.journals, source, self.locations
        )
        return {
            **FunctionHandlers(parts).handlers(),
            **VersionHandlers(registry, versions).handlers(),
            **FunctionSettingsHandlers(registry, versions).handlers(),
            **PolicyHandlers(registry, versions).handlers(),
            **LayerHandlers(registry.layers, source, self.locations).handlers(),
            **InvokeHandlers(self.calls, self.deferred, clock, registry.account).handlers(),
        }

    def own_operations(self) -> Mapping[str, OwnOperation]:
        """Operations of ours."""
        return FunctionLogHandlers(self.registry, self.journals).operations()


@asynccontextmanager
async def functions_of(
    core: Core, surroundings: Surroundings, outbox: Outbox
) -> AsyncIterator[Functions]:
    """The registered functions, with the pool that runs them and what is pending carried out."""
    code = CodeFolder(core.folder / "functions")
    machine = Machine(code, Runtimes(), core.clock, core.chance, outbox.refusal)
    store = FunctionStore(core.engine, core.committer)
    registry = Registry(store, core.settings.account, machine)
    versions = Versions(registry)
    shelf = Shelf(registry, versions)
    secret = hmac.new(await load_secret(core.committer, core.chance), b"code", sha256).digest()
    locations = Locations(store, core.machine_clock, surroundings.endpoint_url, secret)
    journals = Journals(core.folder / "logs" / "functions", core.clock, core.chance)
    sweeper = CodeSweeper(store, code, core.machine_clock)
    workers = await _workers(core, surroundings, journals)
    shared = core.process.shared
    tally = None if shared is None else shared.invocations
    async with Pool(workers, core.settings.function_workers, tally) as pool:
        calls = Calls(shelf, pool)
        pending = DeferredInvocations(
            store,
            deferred.Surroundings(
                calls,
                outbox,
                core.clock,
                core.machine_clock,
                core.chance,
                core.process.members.is_alone,
            ),
        )
        core.duties.append(sweeper.run)
        async with running(pending.run()):
            yield Functions(registry, versions, journals, pool, calls, pending, locations)
    journals.close()


async def _workers(core: Core, surroundings: Surroundings, journals: Journals) -> WorkerSettings:
    # The official client has wheels for Linux alone; elsewhere ours speaks the same protocol.
    client = Client.AWSLAMBDARIC if sys.platform == "linux" else Client.OWN
    code = core.folder / "functions"
    code.mkdir(parents=True, exist_ok=True)
    needed = [code, BOOTSTRAP, surroundings.libraries]
    is_isolated = core.settings.function_isolation is not FunctionIsolation.none
    return WorkerSettings(
        core.clock,
        core.machine_clock,
        core.chance,
        surroundings,
        client,
        _scratch(core),
        journals,
        is_isolated and await has_users(needed),
        await _sandbox(core, needed) if is_isolated else None,
    )


async def _sandbox(core: Core, needed: Sequence[Path]) -> Sandbox | None:
    settings = core.settings
    secrets = [settings.credentials, settings.tls_key, settings.objects]
    hidden = [core.folder, *(absolute(path) for path in secrets if path is not None)]
    hidden += [Path.home() / name for name in _SECRET_FOLDERS]
    return await find_sandbox(hidden, [*needed, Path(sys.prefix), Path(sys.base_prefix)])


def _scratch(core: Core) -> Path:
    """Where functions' workers have their folders: every process has a place of its own."""
    shared = core.process.shared
    folder = core.folder / "workers"
    return folder if shared is None else folder / str(shared.place)


def surroundings_of(endpoint: str, own: Credential) -> Surroundings:
    """What functions find: this server, credentials it takes, and boto3 beside their code."""
    boto3 = find_spec("boto3")
    assert boto3 is not None, "boto3 is among the dependencies"
    assert boto3.origin is not None, "boto3 is a package in a folder"
    libraries = Path(boto3.origin).parent.parent
    return Surroundings(endpoint, own.access_key_id, own.secret_access_key, None, libraries)
