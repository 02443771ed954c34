# Where everything of one sandbox instance is. Sourced by scripts/sandbox.
# shellcheck shell=bash disable=SC2034

cache=${XDG_CACHE_HOME:-$HOME/.cache}/crossover
bin=$cache/bin

# Instances live side by side: each name has its own folder, addresses and (level node) network namespace.
name=${CROSSOVER_SANDBOX_NAME:-default}
if [[ $name == default ]]; then
  root=${CROSSOVER_SANDBOX_ROOT:-$cache/sandbox}
  slot=0
else
  root=${CROSSOVER_SANDBOX_ROOT:-$cache/sandbox-$name}
  slot=$((1 + $(cksum <<<"$name" | cut -d' ' -f1) % 40))
fi
netns=crossover-$name
run_dir=/run/crossover-$name # sockets: their paths must be short (108 bytes), so they are not under $root
cri=$run_dir/containerd.sock
link_host=xo$slot # the machine's end of the link into the namespace

node_name=node1
host_ip=10.99.$slot.1
node_ip=10.99.$slot.2
pod_cidr=10.244.$slot.0/24
if ((slot == 0)); then service_prefix=10.96; else service_prefix=10.$((100 + slot)); fi
service_cidr=$service_prefix.0.0/16
service_ip=$service_prefix.0.1
dns_ip=$service_prefix.0.10

pki=$root/pki
state=$root/state   # what a fresh start throws away: etcd, kubelet, volumes
images=$root/images # containerd's store: kept, importing costs 10 s per GB
admin_kubeconfig=$root/admin.kubeconfig

level=$(cat "$root/level" 2>/dev/null || true)

in_node() { nsenter --net="/run/netns/$netns" "$@"; } # `ip netns exec` would mount a new /sys, which hides the cgroups
kubectl_() { "$bin/kubectl" --kubeconfig "$admin_kubeconfig" "$@"; }
ctr_() { ctr --address "$cri" --namespace k8s.io "$@"; }
