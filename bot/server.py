"""What the operator asks the bot: /healthz and /metrics."""

from __future__ import annotations

from aiohttp import web

from bot.metrics import Metrics
from engine.studio import Studio


def application(studio: Studio, metrics: Metrics) -> web.Application:
    """/healthz is 200 while the database answers, else 503."""

    async def healthz(_: web.Request) -> web.Response:
        healthy = await studio.reachable()
        return web.json_response({"healthy": healthy}, status=200 if healthy else 503)

    async def numbers(_: web.Request) -> web.Response:
        return web.Response(
            body=metrics.text(), headers={"Content-Type": "text/plain; version=0.0.4"}
        )

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/metrics", numbers)
    return app
