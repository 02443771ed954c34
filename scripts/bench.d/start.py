"""How long a task takes to start and what memory it needs, beside kubectl and the least program on libcurl."""

import statistics

import report
import workshop

TARGETS = ['bench_curl', 'nsp-apply', 'data-sync', 'db-provision']
ROUNDS = 40

# `status` of a task reads the cluster; this configuration makes it look for one object.
CONFIG = """name: bench
namespace: default
approval: none
provision:
  api:
    - manifests: service.yaml
"""
SERVICE = """apiVersion: v1
kind: Service
metadata: {name: kubernetes}
spec: {ports: [{port: 443}]}
"""


def measure(shop):
    cluster = shop.cluster()
    (shop.scratch / 'crossover.yaml').write_text(CONFIG)
    (shop.scratch / 'service.yaml').write_text(SERVICE)
    config = ('--config', str(shop.scratch / 'crossover.yaml'), '--kubeconfig', cluster.kubeconfig)
    bare = (shop.program('bench_curl'),)
    url = f'{cluster.server}/api/v1/namespaces/default/services/kubernetes'
    yield compare(shop, 'start', 'start: --version and --help', {
        'bare libcurl program': bare,
        'nsp-apply --version': (shop.program('nsp-apply'), '--version'),
        'nsp-apply --help': (shop.program('nsp-apply'), '--help'),
        'data-sync --version': (shop.program('data-sync'), '--version'),
        'data-sync --help': (shop.program('data-sync'), '--help'),
        'db-provision --version': (shop.program('db-provision'), '--version'),
        'kubectl version --client': (workshop.KUBECTL, 'version', '--client'),
    })
    yield compare(shop, 'start-status', 'start: status (reads the cluster over TLS)', {
        'bare libcurl, one GET': (*bare, url, cluster.ca, cluster.certificate, cluster.key),
        'db-provision status': (shop.program('db-provision'), 'status', *config),
        'kubectl get service': (workshop.KUBECTL, '--kubeconfig', cluster.kubeconfig, '-n', 'default', 'get',
                                'service', 'kubernetes', '-o', 'json'),
    })


def compare(shop, name: str, title: str, contestants: dict) -> report.Table:
    samples = {contestant: [] for contestant in contestants}
    names = list(contestants)
    for contestant in names:  # fills the page cache
        shop.run(contestants[contestant])
    rounds = shop.rounds or ROUNDS
    for turn in range(rounds):
        # Nobody always follows the same one.
        for contestant in names[turn % len(names):] + names[:turn % len(names)]:
            samples[contestant].append(shop.run(contestants[contestant]))
    seconds = {contestant: [run.seconds for run in runs] for contestant, runs in samples.items()}
    peaks = {contestant: statistics.median(run.peak_kib for run in runs) / 1024
             for contestant, runs in samples.items()}
    reference = names[0]
    lines, goals = [], []
    for contestant in names:
        ratio = workshop.median_ratio(seconds[contestant], seconds[reference])
        cpu = statistics.median(run.cpu_seconds for run in samples[contestant])
        lines.append((contestant, f'{1e3 * statistics.median(seconds[contestant]):.2f}', f'{1e3 * cpu:.2f}',
                      f'{ratio:.2f}', f'{peaks[contestant]:.1f}'))
        if contestant != reference and 'kubectl' not in contestant:
            goals.append(report.Goal(f'{contestant}, time beside the bare program', ratio, 2.0))
            goals.append(report.Goal(f'{contestant}, peak memory', peaks[contestant], 16.0, ' MiB'))
    return report.Table(name, f'{title}, median of {rounds}', ('', 'ms', 'cpu ms', 'x bare', 'peak MiB'), lines, goals,
                        raw={contestant: [vars(run) for run in runs] for contestant, runs in samples.items()})
