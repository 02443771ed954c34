# The instance's certificate authority, certificates and kubeconfigs. Sourced by scripts/sandbox.
# shellcheck shell=bash disable=SC2154

make_ca() {
  [[ ! -s $pki/ca.crt ]] || return 0
  mkdir -p "$pki"
  chmod 700 "$pki"
  openssl ecparam -name prime256v1 -genkey -noout -out "$pki/ca.key"
  openssl genrsa -out "$pki/sa.key" 2048 2>/dev/null
  openssl rsa -in "$pki/sa.key" -pubout -out "$pki/sa.pub" 2>/dev/null
  # The certificate comes last: it marks the authority as complete.
  openssl req -x509 -new -key "$pki/ca.key" -subj '/CN=crossover sandbox CA' -days 3650 -out "$pki/ca.crt.new" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
  mv "$pki/ca.crt.new" "$pki/ca.crt"
}

# issue CERT KEY SUBJECT USAGE [SAN]: a certificate from the instance's CA. Not made again while it is there.
issue() {
  local cert=$1 key=$2 subject=$3 usage=$4 san=${5-}
  [[ ! -s $cert ]] || return 0
  (
    umask 077
    openssl ecparam -name prime256v1 -genkey -noout -out "$key"
  )
  openssl req -new -key "$key" -subj "$subject" |
    openssl x509 -req -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -days 3650 -out "$cert.new" \
      -set_serial "0x$(openssl rand -hex 16)" -extfile <(
        printf 'basicConstraints=CA:FALSE\nkeyUsage=digitalSignature,keyEncipherment\nextendedKeyUsage=%s\n' "$usage"
        [[ -z $san ]] || printf 'subjectAltName=%s\n' "$san"
      ) 2>/dev/null
  mv "$cert.new" "$cert"
}

# write_kubeconfig FILE USER: certificates are embedded, so that the file can be copied elsewhere.
write_kubeconfig() {
  local file=$1 user=$2
  (
    umask 077
    put "$file" <<CONFIG
apiVersion: v1
kind: Config
clusters:
  - name: sandbox
    cluster:
      server: $(cat "$root/server")
      certificate-authority-data: $(base64 -w0 <"$pki/ca.crt")
users:
  - name: $user
    user:
      client-certificate-data: $(base64 -w0 <"$pki/$user.crt")
      client-key-data: $(base64 -w0 <"$pki/$user.key")
contexts:
  - name: sandbox
    context: {cluster: sandbox, user: $user}
current-context: sandbox
CONFIG
  )
}

# make_pki: everything that the cluster's parts need.
make_pki() {
  local names="DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local"
  make_ca
  issue "$pki/apiserver.crt" "$pki/apiserver.key" /CN=kube-apiserver serverAuth \
    "$names,DNS:localhost,IP:127.0.0.1,IP:$service_ip,IP:$node_ip"
  issue "$pki/apiserver-kubelet-client.crt" "$pki/apiserver-kubelet-client.key" \
    /O=system:masters/CN=kube-apiserver-kubelet-client clientAuth
  issue "$pki/front-proxy.crt" "$pki/front-proxy.key" /CN=front-proxy-client clientAuth
  issue "$pki/kubelet.crt" "$pki/kubelet.key" "/O=system:nodes/CN=system:node:$node_name" clientAuth,serverAuth \
    "DNS:$node_name,IP:$node_ip"
  issue "$pki/admin.crt" "$pki/admin.key" /O=system:masters/CN=admin clientAuth
  local component
  for component in kube-controller-manager kube-scheduler kube-proxy; do
    issue "$pki/$component.crt" "$pki/$component.key" "/CN=system:$component" clientAuth
  done
  write_kubeconfig "$admin_kubeconfig" admin
  for component in kube-controller-manager kube-scheduler kube-proxy kubelet; do
    write_kubeconfig "$root/etc/$component.kubeconfig" "$component"
  done
}
