"""500 objects, new and unchanged: nsp-apply beside both ways of kubectl and beside nothing but the PATCHes."""

import json
import statistics
import time

import report
import workshop

TARGETS = ['nsp-apply', 'bench_patches']
ROUNDS = 5
OWN = 'nsp-apply apply'
KUBECTL = ('kubectl apply', 'kubectl apply, KUBECTL_OPENAPIV3_PATCH=false', 'kubectl apply --server-side')
RAW = ('PATCHes only, 32 at a time', 'PATCHes only, 64 at a time')


def config_map(number: int) -> dict:
    return {'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': f'settings-{number}'},
            'data': {f'key-{n}': f'value {n} of {number}: ' + 'x' * 40 for n in range(6)}}


def network_policy(number: int) -> dict:
    peers = [{'podSelector': {'matchLabels': {'app': f'client-{number}', 'role': role}}} for role in ('api', 'job')]
    return {'apiVersion': 'networking.k8s.io/v1', 'kind': 'NetworkPolicy', 'metadata': {'name': f'rule-{number}'},
            'spec': {'podSelector': {'matchLabels': {'app': f'server-{number}'}}, 'policyTypes': ['Ingress'],
                     'ingress': [{'from': peers, 'ports': [{'port': 5432, 'protocol': 'TCP'}]}]}}


def service(number: int) -> dict:
    return {'apiVersion': 'v1', 'kind': 'Service', 'metadata': {'name': f'service-{number}'},
            'spec': {'selector': {'app': f'server-{number}'},
                     'ports': [{'name': 'http', 'port': 80, 'targetPort': 8080, 'protocol': 'TCP'}]}}


PATHS = {'ConfigMap': '/api/v1/namespaces/{}/configmaps/', 'Service': '/api/v1/namespaces/{}/services/',
         'NetworkPolicy': '/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies/'}


def objects() -> list:
    made = [config_map(n) for n in range(300)] + [network_policy(n) for n in range(150)]
    made += [service(n) for n in range(50)]
    for item in made:
        item['metadata']['labels'] = {'app': 'bench', 'part-of': 'registry'}
    return made


def measure(shop):
    bench = Bench(shop)
    rounds = shop.rounds or ROUNDS
    for turn in range(rounds):
        shop.say(f'apply: round {turn + 1} of {rounds}')
        bench.round(turn)
    yield bench.table('apply-new', 'new', 'new', rounds)
    yield bench.table('apply-unchanged', 'unchanged', 'unchanged', rounds)


class Bench:
    def __init__(self, shop):
        self.shop, self.cluster = shop, shop.cluster()
        self.objects = objects()
        # JSON is YAML too, and every contestant reads it.
        self.manifest = shop.scratch / 'objects.yaml'
        self.manifest.write_text('\n---\n'.join(json.dumps(item) for item in self.objects) + '\n')
        self.config = shop.scratch / 'apply.yaml'
        self.config.write_text('name: bench\nnamespace: default\napproval: none\n'
                               'network: {rules: [{manifests: objects.yaml}]}\n')
        names = (OWN, *KUBECTL, *RAW)
        self.samples = {name: {'new': [], 'unchanged': []} for name in names}
        self.drifts = {'put back': 0, 'named as a conflict': 0, 'missed': 0}

    def round(self, turn: int) -> None:
        names = list(self.samples)
        for position, name in enumerate(names[turn % len(names):] + names[:turn % len(names)]):
            # A namespace of its own for each: what deleting costs would disturb who comes next.
            namespace = f'bench-{int(time.time())}-{turn}-{position}'
            self.make_namespace(namespace)
            self.samples[name]['new'].append(self.apply(name, namespace))
            self.require_all(name, namespace)
            time.sleep(1)  # controllers answer to new Services
            self.samples[name]['unchanged'].append(self.apply(name, namespace))
            if name == OWN:
                self.require_unchanged()
                self.try_drift(namespace)

    def make_namespace(self, namespace: str) -> None:
        self.shop.kubectl('create', 'namespace', namespace)
        for _ in range(200):
            if self.shop.kubectl('-n', namespace, 'get', 'configmap', 'kube-root-ca.crt', '--ignore-not-found',
                                 '-o', 'name'):
                return
            time.sleep(0.05)
        raise workshop.Failure(f'namespace {namespace} does not become ready')

    def apply(self, name: str, namespace: str) -> workshop.Sample:
        cluster = self.cluster
        if name == OWN:
            return self.own(namespace)
        if name in RAW:
            patches = self.shop.scratch / 'patches.tsv'
            patches.write_text(''.join(self.patch(item, namespace) for item in self.objects))
            parallel = '64' if '64' in name else '32'
            return self.shop.run((self.shop.program('bench_patches'), cluster.server, cluster.ca, cluster.certificate,
                                  cluster.key, parallel, patches))
        command = [workshop.KUBECTL, '--kubeconfig', cluster.kubeconfig, '-n', namespace, 'apply', '-f', self.manifest]
        if 'server-side' in name:
            command.append('--server-side')
        environment = {'KUBECTL_OPENAPIV3_PATCH': 'false'} if 'OPENAPIV3' in name else {}
        return self.shop.run(command, **environment)

    @staticmethod
    def patch(item: dict, namespace: str) -> str:
        path = PATHS[item['kind']].format(namespace) + item['metadata']['name']
        return f'{path}?fieldManager=bench&fieldValidation=Strict\t{json.dumps(item)}\n'

    def own(self, namespace: str, *more: str, codes=(0,)) -> workshop.Sample:
        return self.shop.run((self.shop.program('nsp-apply'), 'apply', '--config', self.config, '--kubeconfig',
                              self.cluster.kubeconfig, '-n', namespace, '--output', 'json', *more),
                             output=self.shop.scratch / 'result.json', codes=codes)

    def result(self) -> dict:
        return json.loads((self.shop.scratch / 'result.json').read_text())

    def live(self, namespace: str, kind: str) -> dict:
        answer = json.loads(self.shop.kubectl('-n', namespace, 'get', kind, '-l', 'app=bench', '-o', 'json'))
        return {item['metadata']['name']: item for item in answer['items']}

    def require_all(self, name: str, namespace: str) -> None:
        there = sum(len(self.live(namespace, kind)) for kind in PATHS)
        if there != len(self.objects):
            raise workshop.Failure(f"'{name}' applied {there} of {len(self.objects)} objects")

    def require_unchanged(self) -> None:
        if self.result()['changed']:
            raise workshop.Failure('the second run of nsp-apply says that it changed something')

    def try_drift(self, namespace: str) -> None:
        """What a fast path could miss: changes by hand. Each must be put back, or named as somebody else's."""
        patch = ('-n', namespace, 'patch')
        # Gone altogether: nobody else owns them, so they come back by themselves.
        self.shop.kubectl(*patch, 'configmap', 'settings-7', '--type', 'json', '-p',
                          '[{"op": "remove", "path": "/data/key-3"}]')
        self.shop.kubectl(*patch, 'networkpolicy', 'rule-9', '--type', 'json', '-p',
                          '[{"op": "remove", "path": "/metadata/labels/part-of"}]')
        self.shop.kubectl('-n', namespace, 'delete', 'service', 'service-3')
        self.own(namespace)
        self.count_put_back(namespace, config_map(7), network_policy(9), service(3))
        # Given another value: that is another owner's now, which is an error that names it, unless forced.
        self.shop.kubectl(*patch, 'configmap', 'settings-8', '-p', '{"data": {"key-1": "by hand"}}')
        self.count_conflict(namespace, config_map(8))
        # The peers of a rule are one value: an entry less, and an entry more.
        self.shop.kubectl(*patch, 'networkpolicy', 'rule-10', '--type', 'json', '-p',
                          '[{"op": "remove", "path": "/spec/ingress/0/from/1"}]')
        self.count_conflict(namespace, network_policy(10))
        self.shop.kubectl(*patch, 'networkpolicy', 'rule-11', '--type', 'json', '-p',
                          '[{"op": "add", "path": "/spec/ingress/0/from/-", "value": {"podSelector": {}}}]')
        self.count_conflict(namespace, network_policy(11))

    def count_conflict(self, namespace: str, wanted: dict) -> None:
        name = f"{wanted['kind'].lower()}/{wanted['metadata']['name']}"
        code = self.own(namespace, codes=(0, 3)).code
        named = code == 3 and f"unable to apply '{name}': field " in self.result()['error']['message']
        self.drifts['named as a conflict' if named else 'missed'] += 1
        self.own(namespace, '--force-conflicts')
        self.count_put_back(namespace, wanted)

    def count_put_back(self, namespace: str, *wanted: dict) -> None:
        """Counts nothing as put back that the result does not tell, and the other way round."""
        back = sum(self.as_wanted(item, namespace) for item in wanted)
        told = len(self.result()['changes'])
        self.drifts['put back'] += back
        self.drifts['missed'] += len(wanted) - back + abs(len(wanted) - told)

    def as_wanted(self, wanted: dict, namespace: str) -> bool:
        live = self.live(namespace, wanted['kind']).get(wanted['metadata']['name'], {})
        return contains(live, wanted)

    def table(self, name: str, what: str, key: str, rounds: int) -> report.Table:
        seconds = {contestant: [run.seconds for run in runs[key]] for contestant, runs in self.samples.items()}
        middle = {contestant: statistics.median(times) for contestant, times in seconds.items()}
        limit = min(RAW, key=middle.get)
        best = min(KUBECTL, key=middle.get)
        lines = []
        for contestant, times in seconds.items():
            runs = self.samples[contestant][key]
            lines.append((contestant, f'{middle[contestant]:.3f}',
                          f'{workshop.median_ratio(times, seconds[limit]):.2f}',
                          f'{statistics.median(run.peak_kib for run in runs) / 1024:.1f}'))
        goals = [report.Goal(f'beside the limit ({limit})', workshop.median_ratio(seconds[OWN], seconds[limit]), 1.2),
                 report.Goal(f'times faster than the better kubectl ({best})',
                             workshop.median_ratio(seconds[best], seconds[OWN]), 3.0, at_least=True)]
        if key == 'unchanged':
            goals.append(report.Goal('changes by hand missed', self.drifts['missed'], 0))
        notes = [f'changes by hand: {", ".join(f"{count} {kind}" for kind, count in self.drifts.items())}']
        return report.Table(name, f'apply: {len(self.objects)} objects, {what}, median of {rounds}',
                            ('', 's', 'x limit', 'peak MiB'), lines, goals, notes if key == 'unchanged' else [],
                            raw={contestant: [vars(run) for run in runs[key]]
                                 for contestant, runs in self.samples.items()})


def contains(live, wanted) -> bool:
    """Whether everything that is wanted is there; lists must have the same length."""
    if isinstance(wanted, dict):
        return isinstance(live, dict) and all(key in live and contains(live[key], value)
                                              for key, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(live, list) and len(live) == len(wanted) and all(map(contains, live, wanted))
    return live == wanted
