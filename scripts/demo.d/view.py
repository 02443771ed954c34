"""Takes views (snapshot.py) of the cluster's objects and of the databases' gates."""

import http.client
import json
import re
import subprocess

import snapshot
import world

# The API server's whole list of kinds in two answers (aggregated discovery).
DISCOVERY = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'

# What Crossover has in a database beside the rows that the service changes all the time.
SQL = r"""
SELECT 'trigger ' || t.tgname || ' of ' || t.tgrelid::regclass, t.tgenabled
  FROM pg_catalog.pg_trigger t WHERE NOT t.tgisinternal;
SELECT 'function ' || p.oid::regprocedure, md5(pg_catalog.pg_get_functiondef(p.oid)) FROM pg_catalog.pg_proc p
  JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'crossover';
SELECT 'relation ' || c.oid::regclass, c.relkind::text || ' ' || coalesce(c.relacl::text, '') FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname IN ('public', 'crossover') AND c.relkind IN ('r', 'p', 'v', 'S');
SELECT 'role ' || r.rolname, r.rolcanlogin FROM pg_catalog.pg_roles r WHERE r.rolname !~ '^pg_';
SELECT pg_catalog.to_regclass('crossover.migration') IS NOT NULL AS migrating,
  pg_catalog.to_regclass('public.flyway_schema_history') IS NOT NULL AS flyway \gset
\if :migrating
SELECT 'migration ' || name, side, phase, moving_to, plan_sha256 FROM crossover.migration;
SELECT 'table ' || schema_name || '.' || table_name, policy, copied FROM crossover.synced_table;
SELECT 'evidence', count(*) FROM crossover.evidence;
\endif
\if :flyway
SELECT 'flyway ' || installed_rank, version, success, installed_on FROM public.flyway_schema_history;
\endif
"""
PSQL = 'PGPASSWORD=$PATRONI_SUPERUSER_PASSWORD exec psql -qAtX -v ON_ERROR_STOP=1 -h /tmp ' \
       '-U "$PATRONI_SUPERUSER_USERNAME" -d "$APP_DB_NAME"'


class Viewer:
    """Through `kubectl proxy`, since a kubectl for each kind would take the load's processors. Close it."""

    def __init__(self, sandbox: world.Sandbox, namespaces: tuple):
        self.sandbox, self.namespaces = sandbox, namespaces
        self.process = subprocess.Popen(sandbox.command('proxy', '--port=0'), stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        found = re.search(r'127\.0\.0\.1:(\d+)', line)
        if not found:
            self.close()
            raise RuntimeError(f"unable to run 'kubectl proxy': {line.strip()}")
        self.port = int(found[1])

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()

    def take(self, databases: bool) -> dict:
        """What is there now; the databases' part only where it is asked for, as it costs a second."""
        seen = snapshot.view_of(self.objects())
        if databases:
            for side, name in world.DATABASES.items():
                seen |= self.database(side, name)
        return seen

    def objects(self) -> list:
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=60)
        try:
            items = []
            for path, kind in self.kinds(connection):
                for namespace in self.namespaces:
                    answer = get(connection, path.replace('*', namespace))
                    # The objects of a list bear no kind.
                    items += [{**item, 'kind': kind} for item in answer.get('items') or []]
            return items
        finally:
            connection.close()

    @staticmethod
    def kinds(connection) -> list:
        """(path with * for the namespace, kind) of all that can be listed, each kind in one version."""
        found = {}
        for root in ('/api', '/apis'):
            for group in get(connection, root, DISCOVERY)['items']:
                name = group['metadata'].get('name', '')
                version = group['versions'][0]
                base = f'{root}/{name}/{version["version"]}' if name else f'{root}/{version["version"]}'
                for resource in version.get('resources', []):
                    if resource['scope'] == 'Namespaced' and 'list' in resource['verbs']:
                        kind = resource['responseKind']['kind']
                        if kind not in snapshot.TRANSIENT_KINDS:
                            found[name, kind] = f'{base}/namespaces/*/{resource["resource"]}', kind
        return list(found.values())

    def database(self, side: str, statefulset: str) -> dict:
        pods = self.sandbox.get('--namespace', world.NAMESPACE, 'get', 'pods', '-l',
                                f'statefulset={statefulset},role=master', '-o', 'name').split()
        if not pods:
            return {}
        done = subprocess.run(
            self.sandbox.command('--namespace', world.NAMESPACE, 'exec', '-i', pods[0], '-c', 'postgresql', '--', 'bash',
                                 '-c', PSQL), input=SQL, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f'unable to look into the {side} database: {done.stderr.strip()}')
        rows = [line.split('|') for line in done.stdout.splitlines()]
        seen = {f'{side} database': {row[0]: row[1:] for row in rows if row[0] != 'evidence'}}
        evidence = [row[1] for row in rows if row[0] == 'evidence']
        return {**seen, f'{side} evidence': {'entries': evidence}}


def get(connection, path: str, accept: str = 'application/json') -> dict:
    connection.request('GET', path, headers={'Accept': accept})
    response = connection.getresponse()
    body = response.read()
    if response.status != 200:
        raise RuntimeError(f"unable to read '{path}': HTTP {response.status}: {body[:200].decode(errors='replace')}")
    return json.loads(body)
