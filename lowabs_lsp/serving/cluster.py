"""The same front on Ray Serve, with as many engines as a team needs: `serve run lowabs_lsp.serving.cluster:app`."""

from contextlib import aclosing
from pathlib import Path
from typing import Any

import cattrs
from attrs import frozen
from ray import serve
from ray.exceptions import RayError, RayTaskError
from ray.serve.config import AutoscalingConfig, RequestRouterConfig
from ray.serve.exceptions import BackPressureError, RayServeException
from ray.serve.handle import DeploymentHandle
from ray.serve.schema import LoggingConfig
from starlette.applications import Starlette

from lowabs_lsp.errors import BusyError, ServingError
from lowabs_lsp.serving.app import make_app
from lowabs_lsp.serving.failover import Budget, LostError, Patience, keep_streaming, keep_trying
from lowabs_lsp.serving.gate import Limits
from lowabs_lsp.serving.jobs import Answer, Job, ModelCard, Pieces
from lowabs_lsp.serving.opening import Share, open_backend
from lowabs_lsp.serving.route import Route
from lowabs_lsp.serving.tokens import read_tokens

ENGINE = "Engine"
RING = "lowabs_lsp.serving.ring.Ring"


@frozen
class Team:
    """What `build` may be told: `serve run lowabs_lsp.serving.cluster:build min_replicas=2`, or `args` of a config file."""

    model: str = ""
    """Folder of a model bundle, the same on every node; empty is the default model."""
    device: str = "auto"
    threads: int = 1
    workers: int = 1
    """Model runs at once in a replica."""
    kv_memory: int = 256
    """MB of a replica for the keys and values of documents."""
    cpus: float = 1.0
    gpus: float = 0.0
    """What a replica takes of its node, as Ray counts."""
    min_replicas: int = 1
    max_replicas: int = 8
    jobs_per_replica: float = 2.0
    """More jobs than these, on average, and replicas are added."""
    per_node: int = 0
    """Replicas, and fronts, on one node at most, so that no node's death takes all of them; 0 sets no bound."""
    second_try: float = 0.3
    """Seconds after which a job that nothing was heard of is given to another replica as well; more for large models."""
    fronts: int = 2
    """HTTP fronts; two survive the death of one."""
    front_cpus: float = 0.1
    token_file: str = ""
    token_env: str = ""
    max_body: int = 1 << 20

    def limits(self) -> Limits:
        """What a front takes on. Raises ServingError."""
        return Limits(self.max_body, read_tokens(Path(self.token_file) if self.token_file else None, self.token_env or None))

    def share(self) -> Share:
        """What an engine takes of its node."""
        return Share(self.threads, self.workers, self.kv_memory)


class Engine:
    """A replica: one engine, warm with the documents of the sessions that come to it."""

    def __init__(self, team: Team) -> None:
        self._backend = open_backend(team.model, team.device, team.share())

    async def card(self) -> ModelCard:
        """The model that answers."""
        return await self._backend.card()

    async def load(self) -> tuple[int, int]:
        """Jobs that run and jobs that wait."""
        return await self._backend.load()

    async def stream(self, job: Job, route: Route) -> Pieces:
        """Carry out a job piece by piece; the ring reads and writes its route."""
        async with aclosing(self._backend.run(job)) as pieces:
            async for piece in pieces:
                yield piece

    async def answer(self, job: Job, route: Route) -> Answer:
        """Carry out a job; the ring reads and writes its route."""
        async with aclosing(self._backend.run(job)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Answer):
                    return piece
        raise AssertionError("a job ends with an answer or an error")


class ClusterBackend:
    """A `jobs.Backend`: the replicas, each session at its own as long as that lives."""

    def __init__(self, engines: DeploymentHandle[Any], patience: Patience) -> None:
        self._engines, self._patience = engines, patience
        self._budget = Budget()
        self._card: ModelCard | None = None

    async def card(self) -> ModelCard:
        """The model that answers."""
        if self._card is not None:
            return self._card
        card: ModelCard = await keep_trying(lambda _: self._ask(self._engines.card), self._patience, self._budget)
        self._card = card
        return card

    async def load(self) -> tuple[int, int]:
        """Of one replica, whichever answers."""
        running, waiting = await keep_trying(lambda _: self._ask(self._engines.load), self._patience, self._budget)
        return running, waiting

    async def run(self, job: Job) -> Pieces:
        """Carry out a job, on another replica when one dies."""
        route = Route()
        how = self._patience, self._budget, route.has_another
        if job.streamed:
            async with aclosing(keep_streaming(lambda _: self._stream(job, route), *how)) as pieces:
                async for piece in pieces:
                    yield piece
        else:
            yield await keep_trying(lambda _: self._answer(job, route), *how)

    async def _answer(self, job: Job, route: Route) -> Answer:
        answer: Answer = await self._ask(self._engines.options(session_id=job.session).answer, job, route)
        return answer

    async def _ask(self, method: DeploymentHandle[Any], *arguments: object) -> Any:
        try:
            return await method.remote(*arguments)
        except Exception as exc:
            raise translated(exc) from exc

    async def _stream(self, job: Job, route: Route) -> Pieces:
        engine = self._engines.options(session_id=job.session, stream=True)
        response = engine.stream.remote(job, route)
        try:
            async for piece in response:
                yield piece
        except Exception as exc:
            raise translated(exc) from exc
        finally:
            response.cancel()


def translated(exc: Exception) -> Exception:
    """What a failed call means: too much to do, a job that failed on a living replica, or a lost replica."""
    if isinstance(exc, BackPressureError):
        return BusyError("every replica is busy; try again in a moment")
    if isinstance(exc, RayTaskError) and isinstance(exc.cause, Exception) and not isinstance(exc.cause, RayError):
        return exc.cause
    return LostError(type(exc).__name__) if isinstance(exc, RayError | RayServeException) else exc


def build(args: dict[str, Any]) -> serve.Application:
    """The application for `args`, the fields of `Team`. Raises ServingError."""
    team = read_team(args)
    patience = Patience(until_another=team.second_try)

    def front() -> Starlette:
        here = serve.get_replica_context().app_name
        return make_app(ClusterBackend(serve.get_deployment_handle(ENGINE, here), patience), team.limits())

    engines = serve.deployment(
        Engine,
        name=ENGINE,
        max_ongoing_requests=64,
        max_queued_requests=256,
        autoscaling_config=AutoscalingConfig(
            min_replicas=team.min_replicas,
            max_replicas=team.max_replicas,
            target_ongoing_requests=team.jobs_per_replica,
            upscale_delay_s=5,
            downscale_delay_s=300,
        ),
        request_router_config=RequestRouterConfig(request_router_class=RING),
        ray_actor_options={"num_cpus": team.cpus, "num_gpus": team.gpus},
        max_replicas_per_node=team.per_node or None,
        logging_config=LoggingConfig(enable_access_log=False),
        health_check_period_s=2,
        health_check_timeout_s=5,
        graceful_shutdown_timeout_s=5,
    )
    fronts = serve.deployment(
        serve.ingress(front)(),
        name="Front",
        num_replicas=team.fronts,
        max_ongoing_requests=1000,
        ray_actor_options={"num_cpus": team.front_cpus},
        max_replicas_per_node=team.per_node or None,
        logging_config=LoggingConfig(enable_access_log=False),
        health_check_period_s=2,
        graceful_shutdown_timeout_s=5,
    )
    return fronts.bind(engines.bind(team))


def read_team(args: dict[str, Any]) -> Team:
    """`args` as Serve gives them: from a command line every value is a text. Raises ServingError naming the fault."""
    converter = cattrs.Converter(forbid_extra_keys=True)
    try:
        return converter.structure(args, Team)
    except Exception as exc:  # cattrs groups whatever its hooks raise
        raise ServingError(f"{'; '.join(cattrs.transform_error(exc, path='args'))}; see docs/teams.md") from exc


app = build({})
