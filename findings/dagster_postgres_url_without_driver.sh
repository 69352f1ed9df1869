#!/usr/bin/env bash
# dagster-postgres with SQLAlchemy 2.1: no plain postgresql:// URL works, with psycopg installed or not.
#
# Versions:    dagster 1.13.27, dagster-postgres 0.29.27, SQLAlchemy 2.1.9, psycopg 3.3.9
# Expectation: the URL of Dagster's own documentation, postgresql://user@host/db, opens the storage with the driver
#              that dagster-postgres brings (psycopg2); or, if another one is asked for, installing that one helps.
# Behaviour:   SQLAlchemy 2.1 takes psycopg (3) as the driver of postgresql://, which dagster-postgres does not bring:
#              "No module named 'psycopg'". With it installed, the storage opens and the first event of a run fails,
#              because NOTIFY gets a parameter, which psycopg 3 sends to the server and the server refuses.
#              postgresql+psycopg2:// works.
# Needs a PostgreSQL server's programs (Debian: postgresql) and Python 3.11 or newer.
set -euo pipefail
work=$(mktemp -d)
data=$work/data
as() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }
stop() { as "$bin/pg_ctl" -D "$data" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$work"; }
trap stop EXIT
bin=$(dirname "$(ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null | tail -1 || command -v initdb)")
chmod 755 "$work"; mkdir "$data"; [ "$(id -u)" != 0 ] || chown postgres "$data"
cd "$work"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
as "$bin/initdb" -D "$data" -U dagster -A trust >/dev/null
as "$bin/pg_ctl" -D "$data" -w -l "$data/log" -o "-h 127.0.0.1 -p $port -k $data" start >/dev/null

python3 -m venv env
env/bin/python -m pip install -q dagster==1.13.27 dagster-postgres==0.29.27 sqlalchemy==2.1.9 2>/dev/null

cat > try.py <<'PYTHON'
import sys

import dagster as dg
from dagster_postgres.event_log import PostgresEventLogStorage
from dagster_postgres.run_storage import PostgresRunStorage


@dg.op
def nothing(): ...


@dg.job
def job():
    nothing()


try:
    runs, events = PostgresRunStorage(sys.argv[1]), PostgresEventLogStorage(sys.argv[1])
    entry = dg.EventLogEntry(
        error_info=None, level=20, user_message="", run_id="a" * 8, timestamp=0.0,
        dagster_event=dg.DagsterEvent("PIPELINE_START", "job"),
    )
    events.store_event(entry)
    print("works")
except ModuleNotFoundError as error:
    print(error)
except Exception as error:
    print(type(error).__name__, str(error.__cause__ or error).splitlines()[0])
PYTHON

url="dagster@127.0.0.1:$port/postgres"
first=$(env/bin/python try.py "postgresql://$url" 2>/dev/null)
env/bin/python -m pip install -q 'psycopg[binary]==3.3.9' 2>/dev/null
second=$(env/bin/python try.py "postgresql://$url" 2>/dev/null)
third=$(env/bin/python try.py "postgresql+psycopg2://$url" 2>/dev/null)
printf 'as installed:          %s\nwith psycopg:          %s\npostgresql+psycopg2:   %s\n' "$first" "$second" "$third"
# Output seen:
#   as installed:          No module named 'psycopg'
#   with psycopg:          ProgrammingError syntax error at or near "$1"
#   postgresql+psycopg2:   works
[[ $first == *"No module named 'psycopg'"* && $second == *'syntax error at or near "$1"'* && $third == works ]] ||
  { echo "This has changed."; exit 1; }
echo "As described."
