# etcd, kube-apiserver, kube-controller-manager and the resource definitions. Sourced by scripts/sandbox.
# shellcheck shell=bash disable=SC2154

# Level control-plane lives on 127.0.0.1 with free ports; level node in its namespace with the usual ones.
choose_addresses() {
  local ports
  if [[ $level == node ]]; then
    enter=(nsenter "--net=/run/netns/$netns")
    api_ip=$node_ip
    ports=(6443 2379 2380)
  else
    enter=()
    api_ip=127.0.0.1
    [[ -s $root/ports ]] || free_ports 3 >"$root/ports"
    read -r -a ports <"$root/ports"
  fi
  api_port=${ports[0]} etcd_port=${ports[1]} etcd_peer_port=${ports[2]}
  echo "https://$api_ip:$api_port" >"$root/server"
}

start_etcd() {
  # Without fsync: a sandbox that loses its state in a power cut is made again, and disks are slow here.
  start etcd "${enter[@]}" "$bin/etcd" --name sandbox --data-dir "$state/etcd" --unsafe-no-fsync \
    --listen-client-urls "http://127.0.0.1:$etcd_port" --advertise-client-urls "http://127.0.0.1:$etcd_port" \
    --listen-peer-urls "http://127.0.0.1:$etcd_peer_port" \
    --initial-advertise-peer-urls "http://127.0.0.1:$etcd_peer_port" \
    --initial-cluster "sandbox=http://127.0.0.1:$etcd_peer_port" --log-level warn
}

start_apiserver() {
  start kube-apiserver "${enter[@]}" "$bin/kube-apiserver" --etcd-servers "http://127.0.0.1:$etcd_port" \
    --bind-address "$api_ip" --secure-port "$api_port" --advertise-address "$node_ip" \
    --service-cluster-ip-range "$service_cidr" --allow-privileged \
    --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction \
    --client-ca-file "$pki/ca.crt" --tls-cert-file "$pki/apiserver.crt" --tls-private-key-file "$pki/apiserver.key" \
    --kubelet-client-certificate "$pki/apiserver-kubelet-client.crt" \
    --kubelet-client-key "$pki/apiserver-kubelet-client.key" --kubelet-certificate-authority "$pki/ca.crt" \
    --kubelet-preferred-address-types InternalIP \
    --service-account-issuer https://kubernetes.default.svc.cluster.local \
    --service-account-key-file "$pki/sa.pub" --service-account-signing-key-file "$pki/sa.key" \
    --requestheader-client-ca-file "$pki/ca.crt" --requestheader-allowed-names front-proxy-client \
    --requestheader-username-headers X-Remote-User --requestheader-group-headers X-Remote-Group \
    --requestheader-extra-headers-prefix X-Remote-Extra- \
    --proxy-client-cert-file "$pki/front-proxy.crt" --proxy-client-key-file "$pki/front-proxy.key"
}

start_controller_manager() {
  local config=$root/etc/kube-controller-manager.kubeconfig
  start kube-controller-manager "${enter[@]}" "$bin/kube-controller-manager" --kubeconfig "$config" \
    --authentication-kubeconfig "$config" --authorization-kubeconfig "$config" --secure-port 0 \
    --root-ca-file "$pki/ca.crt" --service-account-private-key-file "$pki/sa.key" --use-service-account-credentials \
    --cluster-signing-cert-file "$pki/ca.crt" --cluster-signing-key-file "$pki/ca.key" \
    --cluster-cidr "$pod_cidr" --allocate-node-cidrs=false --leader-elect=false \
    --kube-api-qps 200 --kube-api-burst 400
}

api_ready() { kubectl_ get --raw /readyz; }

apply_definitions() {
  local file=$repository/tests/fixtures/crds
  kubectl_ apply --server-side --force-conflicts -f "$file/openshift.yaml" -f "$file/gateway.yaml" \
    -f "$parts/manifests/storage-class.yaml" >/dev/null
  kubectl_ wait --for condition=Established --timeout 30s -f "$file/openshift.yaml" -f "$file/gateway.yaml" >/dev/null
}

up_control_plane() {
  choose_addresses
  make_pki
  start_etcd
  start_apiserver
  wait_until 180 kube-apiserver 'API server' api_ready
  start_controller_manager
  # Pods need the account that the controller manager makes in each namespace.
  wait_until 180 kube-controller-manager 'service accounts' kubectl_ get serviceaccount default
}

down_control_plane() {
  # The API server would wait a minute for its clients' watches; all that it must keep is in etcd.
  stop 1 kube-controller-manager kube-apiserver
  stop 10 etcd
  rm -f "$root/ports"
}
