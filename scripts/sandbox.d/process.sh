# Starting, finding and stopping the instance's own processes; timing of parts. Sourced by scripts/sandbox.
# shellcheck shell=bash

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

# The start time (clock ticks since boot) tells a process from a later one with the same id.
start_time() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

# running NAME: true while the recorded process lives.
running() {
  local pid born
  read -r pid born 2>/dev/null <"$root/run/$1" || return 1
  [[ -n $born && $(start_time "$pid") == "$born" ]]
}

# start NAME COMMAND...: starts a daemon in a session of its own, unless it runs. It keeps neither the
# terminal nor the lock on the instance (descriptor 9).
start() {
  local daemon=$1 pid
  shift
  ! running "$daemon" || return 0
  setsid "$@" >"$root/log/$daemon.log" 2>&1 </dev/null 9>&- &
  pid=$!
  echo "$pid $(start_time "$pid")" >"$root/run/$daemon"
}

# stop NAME [SECONDS]: asks the process to end and waits; after SECONDS (10) it is killed.
stop() {
  local pid born limit
  if running "$1"; then
    read -r pid born <"$root/run/$1"
    kill -TERM "$pid" 2>/dev/null || true
    limit=$((SECONDS + ${2:-10}))
    while running "$1"; do
      ((SECONDS < limit)) || kill -KILL "$pid" 2>/dev/null || true
      sleep 0.05
    done
  fi
  rm -f "$root/run/$1"
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

# free_ports N: N ports of 127.0.0.1 that the kernel says are free.
free_ports() {
  python3 -c '
import socket, sys
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*[s.getsockname()[1] for s in held])' "$1"
}
