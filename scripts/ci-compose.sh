#!/usr/bin/env bash
# Builds the image, checks what is in it and what a server does whose disk is full, and runs
# scripts/test_cluster.sh and the HTTP contract on containers. Where no engine answers and there is
# a script that starts one, it is used (ENGINE_UP names it). Exit status 0 if all is well, 1 if not,
# 77 if there is no engine: then nothing was checked.
set -euo pipefail
cd "$(dirname "$0")/.."

PROJECT=raft-lab-ci
SIZE_MB_MAX=350
engine_up=${ENGINE_UP:-../shared/docker/engine-up.sh}

if ! docker version >/dev/null 2>&1; then
  if [[ ! -x $engine_up ]]; then
    echo 'no Docker engine answers'
    exit 77
  fi
  "$engine_up"
fi
# Beside it stands a command that knows which Compose is there.
if [[ -z ${COMPOSE-} && -x ${engine_up%/*}/compose ]]; then export COMPOSE=${engine_up%/*}/compose; fi
if [[ -z ${COMPOSE-} ]]; then
  if docker compose version >/dev/null 2>&1; then
    export COMPOSE='docker compose'
  elif command -v docker-compose >/dev/null; then
    export COMPOSE=docker-compose
  else
    echo 'an engine answers, and Compose is not installed'
    exit 77
  fi
fi

compose() { # may be two words, so it is not quoted
  $COMPOSE --project-name "$PROJECT" --file docker-compose.yml "$@"
}

failures=0
check() { # what command …
  local what=$1
  if "${@:2}"; then echo "ok: $what"; else
    echo "FAILED: $what"
    failures=$((failures + 1))
  fi
}

inside() { # command …: in a container of the image, without a network
  docker run --rm --network none --read-only --entrypoint "$1" "$image" "${@:2}"
}

size_mb() {
  echo $(($(docker image inspect --format '{{.Size}}' "$image") / 1000000))
}

is_small() { (($(size_mb) < SIZE_MB_MAX)); }
is_not_root() { [[ $(inside id -un) == node ]]; }
has_one_node() {
  inside node --input-type=module --eval '
    import { readdirSync } from "node:fs";
    const found = readdirSync("node_modules").filter((name) => /^node-(linux|darwin|win)/.test(name));
    process.exit(found.length);'
}
has_no_tools() {
  inside sh -c 'for tool in g++ gcc make python3; do if command -v "$tool"; then exit 1; fi; done'
}
loads_sqlite() { inside node --eval 'require("sqlite3")'; }
helps() { docker run --rm --network none --read-only "$image" --help >/dev/null; }

answers() { # status, options of curl …
  [[ $(curl --silent --output /dev/null --write-out '%{http_code}' --max-time 5 "${@:2}") == "$1" ]]
}

wait_for() { # seconds command …: repeats the command until it succeeds
  local deadline=$((SECONDS + $1))
  until "${@:2}"; do
    if ((SECONDS >= deadline)); then return 1; fi
    sleep 0.2
  done
}

put() { # status url: whether a write is answered so
  answers "$1" --header 'Content-Type: application/json' --data '{"key":"a","value":1}' "$2/kv/put"
}

# A file of ballast fills the disk, and is taken away again.
endures_a_full_disk() {
  local id url ballast=/data/ballast
  id=$(docker run --detach --tmpfs /data:size=24m,uid=1000,gid=1000 --publish 127.0.0.1::8000 \
    --env REQUEST_TIMEOUT_MS=1000 "$image")
  removed+=("$id")
  url=http://$(docker port "$id" 8000)
  wait_for 20 put 200 "$url" || return 1
  # It ends with an error: there is no more room.
  docker exec "$id" dd if=/dev/zero of="$ballast" bs=64k 2>/dev/null || true
  wait_for 20 put 507 "$url" || return 1
  answers 200 "$url/kv/get?key=a" || return 1
  answers 200 "$url/health" || return 1
  docker exec "$id" rm "$ballast"
  wait_for 20 put 200 "$url"
}

# Where members know each other by other names than people on the host.
follows_redirects_inside() {
  compose exec -T node1 node --input-type=module --eval '
    for (const name of ["node1", "node2", "node3"]) {
      const answer = await fetch(`http://${name}:8000/items/${name}-${Date.now()}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ value: 1 }),
      });
      if (answer.status !== 201) throw new Error(`${name}: ${answer.status}`);
    }'
}

keeps_contract() {
  local each words="${COMPOSE:-docker compose} --project-name $PROJECT --file docker-compose.yml"
  # Nobody is to take over while a busy machine lets a leader wait.
  ELECTION_TIMEOUT_MS=500-1000 compose --profile extra up --detach node1 node2 node3 node4 || return
  for each in stop kill start; do export "CONTRACT_${each^^}=$words $each"; done
  CONTRACT_WAITING=http://localhost:8004 \
    CONTRACT_URLS=http://localhost:8001,http://localhost:8002,http://localhost:8003 \
    npm exec -- ava test/black-box.test.ts || return
  follows_redirects_inside
}

removed=()
finish() {
  local each
  for each in ${removed[@]+"${removed[@]}"}; do docker rm --force "$each" >/dev/null 2>&1; done
  compose --profile extra down --volumes --rmi local >/dev/null 2>&1
}

# Built as Compose builds it, so that what is cached is the same.
trap finish EXIT
compose up --build --no-start node1
image=$(docker inspect --format '{{.Image}}' "$(compose ps -aq node1)")

check "the image has $(size_mb) MB, less than $SIZE_MB_MAX" is_small
check 'it does not run as root' is_not_root
check 'it has no second Node' has_one_node
check 'it has no build tools' has_no_tools
check 'it loads sqlite3' loads_sqlite
check 'it prints its help' helps
check 'writes are refused while its disk is full, and only then' endures_a_full_disk
check 'the quick test of a cluster' scripts/test_cluster.sh
check 'the HTTP contract on containers' keeps_contract
exit $((failures > 0))
