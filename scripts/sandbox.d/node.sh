# The node: its network namespace, containerd, kubelet, kube-proxy, CoreDNS, volumes, controllers. Sourced by
# scripts/sandbox.
# shellcheck shell=bash disable=SC2154

# kubelet sets these for the whole machine, not only for its namespace.
machine_sysctls=(vm.overcommit_memory vm.panic_on_oom kernel.panic kernel.panic_on_oops
  kernel.keys.root_maxkeys kernel.keys.root_maxbytes)

# All instances share one record of the values before the first of them; the last one puts them back.
machine_record=/run/crossover-machine

hold_sysctls() {
  mkdir -p "$machine_record/users"
  (
    flock 8
    [[ -s $machine_record/sysctls ]] || sysctl "${machine_sysctls[@]}" >"$machine_record/sysctls"
    touch "$machine_record/users/$name"
  ) 8>"$machine_record/lock"
}

release_sysctls() {
  [[ -e $machine_record/users/$name ]] || return 0
  (
    flock 8
    rm -f "$machine_record/users/$name"
    if rmdir "$machine_record/users" 2>/dev/null; then
      sysctl -q -p "$machine_record/sysctls"
      rm -rf "$machine_record"
    fi
  ) 8>"$machine_record/lock"
}

# The namespace has no default route: nothing that runs in the sandbox can reach beyond the machine.
up_network() {
  local owner
  mkdir -p "$run_dir"
  owner=$(cat "$run_dir/owner" 2>/dev/null || echo "$root")
  [[ $owner == "$root" ]] ||
    fail "bring up '$name': it is up with its state in '$owner'" 'choose another CROSSOVER_SANDBOX_NAME' 3
  [[ -e /run/netns/$netns ]] || ! ip link show "$link_host" >/dev/null 2>&1 ||
    fail "bring up '$name': its addresses ($host_ip/30) are in use by another instance" \
      'choose another CROSSOVER_SANDBOX_NAME' 3
  echo "$root" >"$run_dir/owner"
  hold_sysctls
  [[ ! -e /run/netns/$netns ]] || return 0
  ip netns add "$netns"
  ip link add "$link_host" type veth peer name node0 netns "$netns"
  ip address add "$host_ip/30" dev "$link_host"
  ip link set "$link_host" up
  in_node ip link set lo up
  in_node ip address add "$node_ip/30" dev node0
  in_node ip link set node0 up
  in_node sysctl -qw net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1
  # Without a default route the node itself needs one for Services, before kube-proxy rewrites the address.
  in_node ip route add "$service_cidr" dev node0 src "$node_ip"
  # The machine reaches Services and pods as a client inside the cluster would.
  ip route add "$service_cidr" via "$node_ip"
  ip route add "$pod_cidr" via "$node_ip"
}

down_network() {
  [[ ! -e /run/netns/$netns ]] || ip netns del "$netns"
  # The first `ip netns add` mounts the folder on itself.
  if [[ -d /run/netns && -z $(ls -A /run/netns) ]]; then
    umount /run/netns 2>/dev/null || true
    rmdir /run/netns
  fi
  # The link goes with the namespace, but only when the kernel has cleaned up behind it.
  ip link del "$link_host" 2>/dev/null || true
  release_sysctls
}

# Pods get a cgroup of the instance's own, so that they can be found and ended without asking anybody.
each_cgroup() {
  local hierarchy
  if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
    echo "/sys/fs/cgroup/crossover-$name" # version 2: one hierarchy
    return
  fi
  for hierarchy in /sys/fs/cgroup/*/; do
    [[ -L ${hierarchy%/} ]] || echo "${hierarchy}crossover-$name"
  done
}

up_cgroups() {
  local cgroup file
  while read -r cgroup; do
    mkdir -p "$cgroup"
    if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then # version 2 hands controllers down if asked
      for file in "${cgroup%/*}" "$cgroup"; do
        sed 's/[^ ][^ ]*/+&/g' "$file/cgroup.controllers" >"$file/cgroup.subtree_control"
      done
    else
      for file in cpuset.cpus cpuset.mems; do # a cpuset of version 1 starts empty and takes no process
        [[ ! -e $cgroup/$file || -n $(<"$cgroup/$file") ]] || cat "${cgroup%/*}/$file" >"$cgroup/$file"
      done
    fi
  done < <(each_cgroup)
}

pod_processes() {
  local cgroup
  while read -r cgroup; do
    find "$cgroup" -name cgroup.procs -exec cat {} + 2>/dev/null || true
  done < <(each_cgroup) | sort -u
}

write_node_config() {
  mkdir -p "$root/etc/cni" "$run_dir"
  put "$root/etc/containerd.toml" <<CONFIG
version = 2
root = "$images"
state = "$run_dir/state"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs",
  "io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp"]
[grpc]
  address = "$cri"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/crossover/pause:3.10"
  # Lowering oom_score_adj needs CAP_SYS_RESOURCE, which a virtual machine or container may lack; without
  # this, pods then fail with "can't get final child's PID from pipe: EOF".
  restrict_oom_score_adj = true
  tolerate_missing_hugetlb_controller = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$root/etc/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
        Root = "$run_dir/runc"
CONFIG
  put "$root/etc/cni/10-bridge.conflist" <<CONFIG
{ "cniVersion": "1.0.0", "name": "$netns", "plugins": [
  { "type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true, "hairpinMode": true,
    "ipam": { "type": "host-local", "dataDir": "$run_dir/cni", "ranges": [[{ "subnet": "$pod_cidr" }]],
              "routes": [{ "dst": "0.0.0.0/0" }] } },
  { "type": "portmap", "capabilities": { "portMappings": true } } ] }
CONFIG
  put "$root/etc/resolv.conf" <<<'nameserver 127.0.0.1'
  put "$root/etc/kubelet.yaml" <<CONFIG
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $node_ip
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $pki/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $pki/kubelet.crt
tlsPrivateKeyFile: $pki/kubelet.key
clusterDNS: [$dns_ip]
clusterDomain: cluster.local
cgroupDriver: cgroupfs
cgroupRoot: /crossover-$name
cgroupsPerQOS: true
failCgroupV1: false
failSwapOn: false
containerRuntimeEndpoint: unix://$cri
resolvConf: $root/etc/resolv.conf
healthzBindAddress: 127.0.0.1
podLogsDir: $state/pod-logs
volumePluginDir: $state/volume-plugins
# Images come from archives: one that is collected cannot be pulled again. The disk may be shared and full.
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
evictionHard:
  {memory.available: 100Mi, nodefs.available: "1%", imagefs.available: "1%", nodefs.inodesFree: "1%"}
maxPods: 200
registryPullQPS: 0
serializeImagePulls: false
kubeAPIQPS: 200
kubeAPIBurst: 400
CONFIG
  put "$root/etc/kube-proxy.yaml" <<CONFIG
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: iptables
iptables: {minSyncPeriod: 100ms}
clusterCIDR: $pod_cidr
hostnameOverride: $node_name
bindAddress: $node_ip
clientConnection: {kubeconfig: $root/etc/kube-proxy.kubeconfig}
# The table of connections is the machine's: its size is not ours to change.
conntrack: {maxPerCore: 0, min: 0}
CONFIG
}

start_containerd() {
  start containerd nsenter "--net=/run/netns/$netns" containerd --config "$root/etc/containerd.toml"
  wait_until 180 containerd containerd ctr_ version
}

# load_images TAR...: imports the archives whose content is not the store's already.
load_images() {
  local file tag digest mark
  mkdir -p "$images/loaded"
  for file in "$@"; do
    read -r tag digest < <(PYTHONPATH=$parts/images python3 -B -c \
      'import archive, sys; print(*archive.read_manifest(sys.argv[1]))' "$file")
    mark=$images/loaded/${tag//[\/:]/_}
    [[ $(cat "$mark" 2>/dev/null) != "$digest" ]] || continue
    ctr_ images import --snapshotter overlayfs "$file" >/dev/null
    echo "$digest" >"$mark"
    say "loaded $tag"
  done
}

load_all_images() {
  local files
  mapfile -t files < <(find "$cache/images" -maxdepth 1 -name '*.tar' | sort)
  load_images "${files[@]}"
}

start_kubelet() {
  mkdir -p "$state/kubelet" "$state/pod-logs" "$state/volume-plugins"
  start kubelet nsenter "--net=/run/netns/$netns" "$bin/kubelet" --config "$root/etc/kubelet.yaml" \
    --kubeconfig "$root/etc/kubelet.kubeconfig" --hostname-override "$node_name" --node-ip "$node_ip" \
    --root-dir "$state/kubelet" --cert-dir "$state/kubelet-pki"
  start kube-proxy nsenter "--net=/run/netns/$netns" "$bin/kube-proxy" --config "$root/etc/kube-proxy.yaml"
  local config=$root/etc/kube-scheduler.kubeconfig
  start kube-scheduler nsenter "--net=/run/netns/$netns" "$bin/kube-scheduler" --kubeconfig "$config" \
    --authentication-kubeconfig "$config" --authorization-kubeconfig "$config" --secure-port 0 \
    --leader-elect=false --kube-api-qps 200 --kube-api-burst 400
}

node_ready() { kubectl_ wait --for condition=Ready --timeout 1s "node/$node_name"; }

up_dns() {
  sed "s/@DNS_IP@/$dns_ip/" "$parts/manifests/coredns.yaml" | kubectl_ apply --server-side -f - >/dev/null
}

dns_ready() { kubectl_ -n kube-system wait --for condition=Available --timeout 1s deployment/coredns; }

start_controllers() {
  start volumes "$parts/volumes" "$bin/kubectl" "$admin_kubeconfig" "$state/volumes" "$node_name"
  [[ -x $parts/controllers/run ]] || return 0
  start controllers env "KUBECONFIG=$admin_kubeconfig" "KUBECTL=$bin/kubectl" "NODE_IP=$node_ip" \
    "ROUTER_STATE_DIR=$run_dir/router" \
    nsenter "--net=/run/netns/$netns" "$parts/controllers/run"
}

up_node() {
  wait_until 180 kubelet 'node' node_ready
  up_dns
  start_controllers
  wait_until 180 kubelet 'cluster DNS' dns_ready
  wait_until 180 volumes volumes kubectl_ get persistentvolume volume-1
}

# Containers are ended by their cgroup, not one by one through containerd: seconds instead of minutes.
down_containers() {
  local pids ids
  for _ in {1..50}; do
    mapfile -t pids < <(pod_processes)
    ((${#pids[@]})) || break
    kill -KILL "${pids[@]}" 2>/dev/null || true
    sleep 0.1
  done
  running containerd || return 0
  mapfile -t ids < <(ctr_ tasks list -q)
  ((${#ids[@]} == 0)) || ctr_ tasks rm --force "${ids[@]}" >/dev/null 2>&1 || true
  mapfile -t ids < <(ctr_ containers list -q)
  ((${#ids[@]} == 0)) || ctr_ containers rm "${ids[@]}" >/dev/null 2>&1 || true
}

# A shim that missed the end of its container stays behind; it is known by our socket in its arguments.
down_shims() {
  local cmdline pid arguments
  for cmdline in /proc/[0-9]*/cmdline; do
    mapfile -d '' -t arguments 2>/dev/null <"$cmdline" || continue
    [[ ${arguments[0]-} == *containerd-shim-runc-v2 && " ${arguments[*]} " == *" -address $cri "* ]] || continue
    pid=${cmdline#/proc/}
    kill -KILL "${pid%/cmdline}" 2>/dev/null || true
  done
}

down_node() {
  # Not ours: another root's instance of the same name.
  [[ ! -e $run_dir/owner || $(<"$run_dir/owner") == "$root" ]] || return 0
  stop 10 controllers volumes kube-scheduler kubelet kube-proxy
  down_containers
  stop 10 containerd
  down_shims
  local mounts
  mapfile -t mounts < <(awk -v state="$state/" -v run="$run_dir/" \
    'index($2, state) == 1 || index($2, run) == 1 { print $2 }' /proc/self/mounts | tac)
  ((${#mounts[@]} == 0)) || umount --lazy "${mounts[@]}"
  down_network
  local cgroup
  while read -r cgroup; do
    [[ ! -d $cgroup ]] || find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null || true
  done < <(each_cgroup)
  remove_traces
}

# What libcni, containerd and kubelet keep outside our folders, whatever they are told; then containerd's records
# of pods. The images stay.
remove_traces() {
  local sandbox sandboxes=$images/io.containerd.grpc.v1.cri/sandboxes
  for sandbox in "$sandboxes"/*; do
    rm -f /var/lib/cni/results/*-"${sandbox##*/}"-*
  done
  rm -rf "$run_dir" "$sandboxes" "${sandboxes%sandboxes}containers"
  find /var/log/containers -lname "$state/*" -delete 2>/dev/null || true
  [[ -d $machine_record ]] || rm -f /var/lib/kubelet/device-plugins/kubelet.sock # kept for other instances
  # Folders only where nobody else has put anything.
  rmdir -p --ignore-fail-on-non-empty /var/lib/cni/results /var/lib/kubelet/device-plugins /var/log/containers \
    /run/containerd/s 2>/dev/null || true
}
