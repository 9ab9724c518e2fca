#!/bin/sh
# Five steps that show a cluster at work: start three containers, find the leader, write, stop the
# leader and see another one take over, read back what was written. Needs Docker with Compose, and
# curl. test_cluster.ps1 is the same for PowerShell.
#
#   scripts/test_cluster.sh [--keep-volumes]
#
# Exit status 0 if every step went well, 1 if one did not, 2 if it could not begin. The containers
# have a project name of their own and are removed at the end; so are their volumes, unless told
# otherwise. COMPOSE names the command to use in place of `docker compose`.
set -u
cd "$(dirname "$0")/.." || exit 2

PROJECT=raft-lab-test
START_S=60
ELECTION_S=30
KEY=test-cluster
VALUE="written-$(date +%s)-$$"

cannot() { # what to do
  echo "test_cluster: $1" >&2
  exit 2
}

volumes=--volumes
case "${1-}" in
  '') ;;
  --keep-volumes) volumes= ;;
  *) cannot "expected --keep-volumes or nothing, got '$1'" ;;
esac
command -v curl >/dev/null || cannot 'curl is missing: install it and run this again'
if [ -z "${COMPOSE-}" ]; then
  if docker compose version >/dev/null 2>&1; then
    COMPOSE='docker compose'
  elif docker-compose version >/dev/null 2>&1; then
    COMPOSE=docker-compose
  else
    cannot 'neither docker compose nor docker-compose answers: install Docker with Compose'
  fi
fi
docker version >/dev/null 2>&1 || cannot 'no Docker engine answers: start it and run this again'

compose() { # a command may be two words, so it is not quoted
  $COMPOSE --project-name "$PROJECT" "$@"
}

ask() { # path and query, or options of curl: prints the answer's body, fails on an error status
  curl --silent --show-error --fail --max-time 5 "$@"
}

field() { # name: prints its value, if it is a string or a number, from the JSON on standard input
  sed -n 's/.*"'"$1"'":"\{0,1\}\([^",}]*\).*/\1/p'
}

leader() { # ports: prints the port of the one that leads
  for port in "$@"; do
    role=$(ask "http://localhost:$port/health" 2>/dev/null | field role)
    if [ "$role" = leader ]; then echo "$port" && return 0; fi
  done
  return 1
}

wait_for() { # seconds command …: repeats the command until it succeeds
  deadline=$(($(date +%s) + $1))
  shift
  until "$@"; do
    if [ "$(date +%s)" -ge "$deadline" ]; then return 1; fi
    sleep 0.2
  done
}

all_ready() {
  for port in 8001 8002 8003; do
    ask "http://localhost:$port/ready" >/dev/null 2>&1 || return 1
  done
}

finish() {
  status=$?
  trap - EXIT
  if [ "$status" -ne 0 ]; then compose logs --tail=20 2>&1 | tail -n 60; fi
  echo 'removing the containers'
  # shellcheck disable=SC2086
  compose down $volumes >/dev/null 2>&1
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

failed() { # what was expected, and what came
  echo "FAILED: $1"
  exit 1
}

echo '1/5 start: three containers, built from this directory'
compose up --detach --build node1 node2 node3 || failed 'compose up ended with an error'
wait_for "$START_S" all_ready || failed "not all of ports 8001 to 8003 were ready in $START_S s"
echo '    ok: all three are ready'

echo '2/5 find the leader: GET /health'
first=$(wait_for "$ELECTION_S" leader 8001 8002 8003) || failed "nobody led within $ELECTION_S s"
health=$(ask "http://localhost:$first/health") || failed "/health on port $first gave no answer"
id=$(echo "$health" | field id)
term=$(echo "$health" | field term)
service=${id%:*}
echo "    ok: $service on port $first leads in term $term"

echo '3/5 write: POST /kv/put'
answer=$(ask --header 'Content-Type: application/json' \
  --data "{\"key\":\"$KEY\",\"value\":\"$VALUE\"}" "http://localhost:$first/kv/put") ||
  failed "the leader did not accept the write: $answer"
echo "    ok: $answer"

echo "4/5 stop the leader: compose stop $service"
case "$first" in
  8001) others='8002 8003' ;;
  8002) others='8001 8003' ;;
  *) others='8001 8002' ;;
esac
compose stop "$service" >/dev/null 2>&1 || failed "compose stop $service ended with an error"
# shellcheck disable=SC2086
second=$(wait_for "$ELECTION_S" leader $others) || failed "nobody led within $ELECTION_S s"
health=$(ask "http://localhost:$second/health") || failed "/health on port $second gave no answer"
new_term=$(echo "$health" | field term)
[ "$new_term" -gt "$term" ] || failed "expected a term after $term, got $new_term"
echo "    ok: $(echo "$health" | field id) on port $second leads in term $new_term"

echo '5/5 read back: GET /kv/get from the new leader, GET /items from the old one, started again'
read_back() { # port path
  value=$(ask "http://localhost:$1$2" 2>/dev/null | field value)
  [ "$value" = "$VALUE" ]
}
wait_for "$ELECTION_S" read_back "$second" "/kv/get?key=$KEY" ||
  failed "expected $VALUE on port $second, got '$value'"
compose start "$service" >/dev/null 2>&1 || failed "compose start $service ended with an error"
wait_for "$START_S" read_back "$first" "/items/$KEY" ||
  failed "expected $VALUE on port $first, got '$value'"
echo "    ok: $value from both"

echo 'all five steps went well'
