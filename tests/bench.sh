#!/usr/bin/env bash
# The figures of docs/BENCHMARKS.md: every profile, with and without an fsync for each commit, with one and two replicas,
# several times each; then tables of medians and spreads. `--help` says more.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
    cat <<'HELP'
usage: bash tests/bench.sh [DIRECTORY]

Runs `cargo fleet-release bench` once for each row of the table, and all of that three times over, so that what changes
on the machine meanwhile touches every row alike. Each run's JSON goes to DIRECTORY (target/bench). What is there already
is not run again, so a broken series can be gone on with; a run that fails, because the promise broke or the fleet did, is
kept as NAME.RUN.failed, counted, and not run again until that is removed. Then prints the tables, of whatever there is.
Takes 40 minutes after compiling. Nothing else should run meanwhile.

Needs bash, jq and Rust. Environment: RUNS=3, how many times; DATA_DIR, a directory of its own on the disk to measure, which
is emptied before each run. Exit codes: 0 every run went well; 1 one did not; 64 wrong arguments; 69 there is no jq.
HELP
}

case ${1:-} in
    -h | --help) usage && exit 0 ;;
    -*) usage >&2 && exit 64 ;;
esac
command -v jq >/dev/null || { echo "jq is needed" >&2 && exit 69; }
into=${1:-target/bench}
runs=${RUNS:-3}
mkdir -p "$into"

two="--replicas order-service=2 --replicas inventory-service=2 --replicas payment-service=2 --replicas notification-service=2"
rows=("steady-167=--no-ceiling --rate 167 --seconds 20 --warm-up 5")
for durability in always default; do
    for replicas in 1 2; do
        more="--durability $durability"
        start=1600
        [ "$replicas" = 1 ] || { more="$more $two" start=900; }
        rows+=(
            "steady-1000-$durability-$replicas=--no-ceiling --seconds 20 --warm-up 5 $more"
            "ramp-$durability-$replicas=--profile ramp --rate $start --growth 1.2 --seconds 8 --warm-up 5 $more"
            "black-friday-$durability-$replicas=--no-ceiling --profile black-friday --seconds 8 --warm-up 5 $more"
        )
    done
done

measure() {
    local command=(target/release/orderfleet bench --no-build --json)
    [ -z "${DATA_DIR:-}" ] || command+=(--data-dir "$DATA_DIR")
    cargo build --release --workspace --bins --quiet
    for ((run = 1; run <= runs; run++)); do
        for row in "${rows[@]}"; do
            local file=$into/${row%%=*}.$run
            if [ -e "$file.json" ] || [ -e "$file.failed" ]; then continue; fi
            echo "$(date +%T) ${row%%=*}, run $run" >&2
            # shellcheck disable=SC2086 # the arguments are words
            if "${command[@]}" ${row#*=} >"$file.part" 2>"$file.log"; then
                mv "$file.part" "$file.json"
            else
                mv "$file.part" "$file.failed"
                echo "failed; see $file.log" >&2
            fi
        done
    done
}

# Of each run the stage that it is about, and how figures are told.
# shellcheck disable=SC2016 # jq's variables
common='
def round_to(digits): . * pow(10; digits) | round / pow(10; digits);
def median: sort | .[length / 2 | floor];
def spread(f; digits): map(f) | map(select(. != null) | round_to(digits)) | sort
    | if length == 0 then "–" else "\(median) (\(first)–\(last))" end;
def ms(f): spread(f / 1000; 1);
def of_processes(pattern; f): [.stage.processes[] | select(.name | test(pattern)) | f];
def cost(pattern): map(of_processes(pattern; .cpu_us_per_order) | add) | median | round;
def at_once($stream): map([.stage.commits[] | select(.stream == $stream) | .messages_per_commit] | max) | median | round_to(1);
[.[] | select(.event == "bench") | select(.headline != null) | .stage = .stages[.headline]] |'
# shellcheck disable=SC2016
course='[$row, length, spread(.stage.accepted_per_second; 0),
    ms(.stage.acceptance_us.p50), ms(.stage.acceptance_us.p99),
    ms(.stage.confirmation_us.p50), ms(.stage.confirmation_us.p99),
    spread(.stage.cores; 2), spread(of_processes("-service-"; .rss_peak) | max / 1048576; 0),
    spread(.ceiling.orders_per_second; 0),
    (map(if .profile == "ramp" then .stages[.headline + 1].shortfall else .stage.shortfall end)
        | map(select(. != null)) | unique | if length == 0 then "–" else join(", ") end)]
    | "| " + (map(tostring) | join(" | ")) + " |"'

# figure ROW FIGURE: of all runs of a row; nothing if there is none.
figure() {
    compgen -G "$into/$1.*.json" >/dev/null || return 0
    jq -rs --arg row "$1" "$common $2" "$into/$1".*.json
}

courses() {
    echo "| run | times | orders/s | accepted p50, ms | p99 | confirmed p50, ms | p99 | cores | largest service, MiB | ceiling, orders/s | fell short |"
    echo "|---|---|---|---|---|---|---|---|---|---|---|"
    for row in "${rows[@]}"; do figure "${row%%=*}" "$course"; done
}

# The other way round: a column for each rate, with one replica and fsync.
costs() {
    local columns=(steady-167 steady-1000-always-1 ramp-always-1) line column
    while IFS='=' read -r line filter; do
        printf '| %s |' "$line"
        for column in "${columns[@]}"; do printf ' %s |' "$(figure "$column" "$filter")"; done
        echo
        [ "$line" != "orders/s" ] || echo "|---|---|---|---|"
    done <<'LINES'
orders/s=map(.stage.rate) | median | round
µs of an order: broker=cost("^broker")
order-service=cost("^order-")
inventory-service=cost("^inventory-")
payment-service=cost("^payment-")
notification-service=cost("^notification-")
audit-service=cost("^audit-")
card gateway=cost("^gateway-")
generator=cost("^bench")
cores, all of these=map(.stage.cores) | median | round_to(2)
messages stored at once: REQUESTS=at_once("REQUESTS")
ORDERS=at_once("ORDERS")
bytes on the disk per order=map(.disk_bytes_per_order | add) | median | round
LINES
}

measure
courses && echo
costs && echo
for row in "${rows[@]}"; do echo "- ${row%%=*}: \`cargo fleet-release bench ${row#*=}\`"; done
echo
jq -s '[.[] | select(.event == "bench") | .stages[].cores_of_others // 0] | max | "Cores that others used, at most: \(.)"' -r "$into"/*.json
failed=$(find "$into" -name '*.failed' | wc -l)
echo "Failed: $failed"
[ "$failed" = 0 ]
