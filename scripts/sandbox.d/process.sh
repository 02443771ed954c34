# Starting, finding and stopping the instance's own processes; timing of parts. Sourced by scripts/sandbox.
# shellcheck shell=bash disable=SC2154

began=$EPOCHREALTIME

# elapsed SINCE: seconds since an $EPOCHREALTIME, one decimal.
elapsed() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }'; }

say() { printf '[%6s s] %s\n' "$(elapsed "$began")" "$*" >&2; }

# part NAME COMMAND...: runs a part of the bring-up and records its time in times.tsv.
part() {
  local part=$1 start=$EPOCHREALTIME
  shift
  "$@"
  printf '%s\t%s\n' "$part" "$(elapsed "$start")" >>"$root/times.tsv"
  say "$part"
}

fail() {
  echo "unable to $1" >&2
  [[ -z ${2-} ]] || echo "HINT: $2" >&2
  exit "${3:-1}"
}

# start_time PID: sets $born_now to the process's start (clock ticks since boot), which tells it from a later one
# with the same id; empty when there is none. No subshell: it is polled.
start_time() {
  local line fields
  born_now=''
  read -r line 2>/dev/null <"/proc/$1/stat" || return 0
  read -r -a fields <<<"${line##*) }" # the name before ") " may hold blanks
  [[ ${fields[0]} == Z ]] || born_now=${fields[19]}
}

# running NAME: true while the recorded process lives.
running() {
  local pid born
  { read -r pid born <"$root/run/$1"; } 2>/dev/null || return 1
  start_time "$pid"
  [[ -n $born && $born_now == "$born" ]]
}

# start NAME COMMAND...: starts a daemon in a session of its own, unless it runs. It keeps neither the
# terminal nor the lock on the instance (descriptor 9).
start() {
  local daemon=$1 pid
  shift
  ! running "$daemon" || return 0
  setsid "$@" >"$root/log/$daemon.log" 2>&1 </dev/null 9>&- &
  pid=$!
  start_time "$pid"
  echo "$pid $born_now" >"$root/run/$daemon"
}

# stop SECONDS NAME...: asks the processes (and the children in their groups) to end, all at once, and waits; after
# SECONDS those that are left are killed.
stop() {
  local limit=$((SECONDS + $1)) daemon pid born
  shift
  for daemon in "$@"; do
    ! running "$daemon" || { read -r pid born <"$root/run/$daemon" && kill -TERM -- "-$pid" 2>/dev/null; } || true
  done
  for daemon in "$@"; do
    if running "$daemon"; then
      read -r pid born <"$root/run/$daemon"
      while running "$daemon" && ((SECONDS < limit)); do sleep 0.05; done
      kill -KILL -- "-$pid" 2>/dev/null || true
    fi
    rm -f "$root/run/$daemon"
  done
}

# wait_until SECONDS DAEMON WHAT COMMAND...: polls until COMMAND succeeds. Fails at once, with the end of its
# log, when DAEMON has ended.
wait_until() {
  local limit=$((SECONDS + $1)) daemon=$2 what=$3
  shift 3
  until "$@" >/dev/null 2>&1; do
    if ! running "$daemon" || ((SECONDS >= limit)); then
      tail -n 15 "$root/log/$daemon.log" >&2 || true
      fail "bring up '$what': $(running "$daemon" && echo 'no answer in time' || echo "$daemon has ended")" \
        "read $root/log/$daemon.log"
    fi
    sleep 0.1
  done
}

# put FILE: writes standard input to FILE unless that is its content already: kube-proxy ends when its
# configuration is written to.
put() {
  cat >"$1.new"
  if cmp -s "$1.new" "$1"; then rm -f "$1.new"; else mv "$1.new" "$1"; fi
}

# free_ports N: N ports of 127.0.0.1 that the kernel says are free.
free_ports() {
  python3 -c '
import socket, sys
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*[s.getsockname()[1] for s in held])' "$1"
}
