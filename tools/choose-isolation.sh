#!/bin/sh
# Prints the flags by which a server for development isolates its jobs on this host: none, for the default is a sandbox, or those of jobs that see the host where no sandbox can be made. Says then
# on stderr what is missing and what gives it. The doctor's whole report goes to the file REPORT.
set -eu
state=$1
report=$2
if worker-server doctor --state-dir "$state" >"$report"; then exit 0; fi
{
  echo
  echo '  ! No sandbox can be made here. Jobs of this server SEE THE HOST, and all that the user they run as may read.'
  sed -n '/^missing .* isolation\./,/to get it/s/^/  ! /p' "$report"
  echo '  ! "npx worker-server doctor" says this again, and whether it has changed.'
  echo
} >&2
echo '--isolation host'
# Where root cannot give jobs user ids of their own either, they are the user who asked.
if [ "$(id -u)" = 0 ] && ! worker-server doctor --state-dir "$state" --isolation host >/dev/null; then echo '--run-as root'; fi
