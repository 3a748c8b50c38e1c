#!/bin/bash
# The main job, for real: a server of its own on a free loopback port, real certificates, real commands. Narrated; leaves nothing running; exit 0 when all went as told.
set -euo pipefail
cd "$(dirname "$0")/.."

state=$(mktemp -d)
server_pid=
export NO_COLOR=1
# What is set for another server is not meant for this one.
for name in ${!WORKER_@}; do [[ $name == WORKER_SUPERVISOR_PATH ]] || unset "$name"; done

say() { printf '\n── %s\n' "$*"; }
show() {
  printf '$ %s\n' "$*"
  "$@"
}
fail() {
  echo "demo: $*" >&2
  exit 1
}

# Everything the demo started carries its state directory on its command line.
ours() {
  local dir
  for dir in /proc/[0-9]*; do
    tr '\0' ' ' 2>/dev/null <"$dir/cmdline" | grep -qF -- "$state" && echo "${dir#/proc/}"
  done
  true
}

tidy() {
  local status=$?
  if [[ -n $server_pid ]] && kill -0 "$server_pid" 2>/dev/null; then
    worker stop --all --grace 0 >"$state/stop.log" 2>&1 || true
    kill -TERM "$server_pid" 2>/dev/null || true
    wait "$server_pid" 2>/dev/null || true
  fi
  # Only a demo that broke half-way leaves any.
  ours | xargs -r kill -KILL
  if [[ $status -ne 0 && -s $state/server.log ]]; then
    echo 'demo: the server said:' >&2
    tail -n 20 "$state/server.log" >&2
  fi
  rm -rf "$state"
}
trap tidy EXIT

# Starts the server and waits for the one line it prints when it accepts connections.
start_server() { # LISTEN
  : >"$state/ready"
  # shellcheck disable=SC2086 # flags without blanks
  worker-server --listen "$1" --state-dir "$state/server" --ca certs/ca.crt --cert certs/server.crt --key certs/server.key $isolation \
    >"$state/ready" 2>>"$state/server.log" &
  server_pid=$!
  disown "$server_pid" # the shell would announce its kill -9
  local tries
  for tries in $(seq 150); do
    grep -q '^ready ' "$state/ready" && break
    kill -0 "$server_pid" 2>/dev/null || fail 'the server did not start'
    sleep 0.1
  done
  WORKER_ADDRESS=$(sed -n 's/^ready //p' "$state/ready")
  [[ -n $WORKER_ADDRESS ]] || fail 'the server was not ready in 15 s'
  export WORKER_ADDRESS
}

say 'What can this host enforce? The doctor tries it'
isolation=$(tools/choose-isolation.sh "$state/server" "$state/doctor")
enforced() { grep -q "^available  $1 " "$state/doctor"; }
cat "$state/doctor"

say 'A server on a free port, over mutual TLS; we are owner@example.com'
start_server 127.0.0.1:0
echo "ready $WORKER_ADDRESS"
show worker info | sed "/^CAPABILITY/,\$d"

say 'A command, followed to its end'
show worker run -- sh -c 'echo "I am $(id -un 2>/dev/null || id -u) in $(pwd)"'

if [[ -z $isolation ]]; then
  say 'It runs in a sandbox: it sees the programs of this host and nothing of its data, a directory of its own that goes with it, no other process, no network but a loopback'
  show worker run -- sh -c 'echo hello >note; ls -A . /home /root; ps -e -o pid,user,comm 2>/dev/null || ls -d /proc/[0-9]*; cut -d: -f1 /proc/net/dev | tail -n +3'

  say 'Our keys and the state of the server are not there'
  status=0
  show worker run -- cat "$PWD/certs/server.key" "$state/server/jobs.db" || status=$?
  [[ $status -eq 1 ]] || fail "expected nothing to be found, got $status"

  say 'The host itself is not to be had: this server allows sandboxes alone'
  status=0
  show worker run --isolation host -- true || status=$?
  [[ $status -eq 125 ]] || fail "expected a refusal, got $status"
fi

if enforced limit.memory; then
  say 'A command that wants all the memory gets what it was given'
  status=0
  show worker run --memory 64MiB -- tail /dev/zero || status=$?
  echo "exit code: $status"
  [[ $status -eq 137 ]] || fail "expected 137, got $status"
else
  say 'A limit that this host cannot enforce is refused, not skipped'
  status=0
  show worker run --memory 64MiB -- true || status=$?
  [[ $status -eq 125 ]] || fail "expected a refusal, got $status"
fi

say 'A command that fails: its exit code is ours'
status=0
show worker run -- sh -c 'echo "no such luck" >&2; exit 7' || status=$?
echo "exit code: $status"
[[ $status -eq 7 ]] || fail "expected exit code 7, got $status"

say 'A long job, followed live'
job=$(worker submit -q -- sh -c 'i=0; while :; do i=$((i + 1)); echo "line $i"; sleep 0.05; done')
echo "job $job"
worker logs --follow "$job" >"$state/followed" 2>"$state/follower.log" &
follower=$!
lines() { wc -l <"$state/followed"; }
wait_for_lines() { # COUNT
  local tries
  for tries in $(seq 300); do
    [[ $(lines) -ge $1 ]] && return
    sleep 0.1
  done
  fail "no $1 lines in 30 s"
}
wait_for_lines 20
echo "followed so far: $(lines) lines, the last one: $(tail -n 1 "$state/followed")"

say 'The server is killed with -9 under it, and started again. The job never stopped, and the follower goes on at the very byte'
kill -KILL "$server_pid"
start_server "${WORKER_ADDRESS#https://}"
show worker status "$job"
wait_for_lines $(($(lines) + 40))
show worker stop "$job"
status=0
wait "$follower" || status=$?
sed 's/^/  /' "$state/follower.log"
[[ $status -eq 0 ]] || fail "the follower must see the end of the job, and exited with $status"
grep -q 'nothing is missing or doubled' "$state/follower.log" || fail 'the follower does not tell that it was cut'
total=$(lines)
seq -f 'line %g' "$total" | cmp - "$state/followed" || fail 'a line is missing or doubled'
echo "$total lines, every one once"

say 'Its status now'
show worker status "$job"

say 'Somebody else: to other@example.com the job does not exist'
status=0
show worker --as other@example.com status "$job" 2>&1 || status=$?
[[ $status -eq 125 ]] || fail "expected a refusal, got $status"

say 'A certificate of an authority that the server does not trust'
status=0
show worker --cert certs/untrusted/clients/owner@example.com.crt --key certs/untrusted/clients/owner@example.com.key list 2>&1 || status=$?
[[ $status -eq 125 ]] || fail "expected a refusal, got $status"

say 'TLS 1.2'
status=0
openssl s_client -connect "${WORKER_ADDRESS#https://}" -tls1_2 -CAfile certs/ca.crt -cert certs/clients/owner@example.com.crt \
  -key certs/clients/owner@example.com.key </dev/null >"$state/tls12.log" 2>&1 || status=$?
grep -m 1 -o 'alert protocol version\|tlsv1 alert protocol version' "$state/tls12.log" || fail 'TLS 1.2 was not refused'
[[ $status -ne 0 ]] || fail 'TLS 1.2 was not refused'

say 'The server is asked to leave'
kill -TERM "$server_pid"
for _ in $(seq 100); do
  [[ -z $(ours) ]] && break
  sleep 0.1
done
[[ -z $(ours) ]] || fail "still running: $(ours | xargs)"
echo 'nothing is left running'
