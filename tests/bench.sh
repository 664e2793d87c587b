#!/usr/bin/env bash
# The figures of docs/BENCHMARKS.md: every profile, with and without an fsync for each commit, with one and two replicas,
# several times each; then a table of medians and spreads. `--help` says more.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
    cat <<'HELP'
usage: bash tests/bench.sh [DIRECTORY]

Runs `cargo fleet-release bench` once for each row of the table, and all of that three times over, so that what changes
on the machine meanwhile touches every row alike. Each run's JSON goes to DIRECTORY (target/bench): what is there already
is not run again, so a broken series can be gone on with. Then prints the table, of whatever there is: of each figure the
median, and in brackets the smallest and the largest. Takes three quarters of an hour. Nothing else should run meanwhile.

Needs bash, jq and Rust. Environment: RUNS=3, how many times; DATA_DIR, where the fleet's disk is.
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
rows=("steady-167=--no-ceiling --rate 167 --seconds 30 --warm-up 5")
for durability in always default; do
    for replicas in 1 2; do
        more="--durability $durability"
        start=1500
        [ "$replicas" = 1 ] || { more="$more $two" start=800; }
        rows+=(
            "steady-1000-$durability-$replicas=--no-ceiling --seconds 30 --warm-up 5 $more"
            "ramp-$durability-$replicas=--profile ramp --rate $start --growth 1.2 --seconds 10 --warm-up 5 $more"
            "black-friday-$durability-$replicas=--no-ceiling --profile black-friday --seconds 10 --warm-up 5 $more"
        )
    done
done

measure() {
    local command=(target/release/orderfleet bench --no-build --json)
    [ -z "${DATA_DIR:-}" ] || command+=(--data-dir "$DATA_DIR")
    cargo build --release --workspace --bins --quiet
    for ((run = 1; run <= runs; run++)); do
        for row in "${rows[@]}"; do
            local name=${row%%=*} file
            file=$into/$name.$run.json
            [ ! -s "$file" ] || continue
            echo "$(date +%T) $name, run $run" >&2
            # shellcheck disable=SC2086 # the arguments are words
            "${command[@]}" ${row#*=} >"$file.part" 2>"$into/$name.$run.log" || {
                echo "$name, run $run, failed; see $into/$name.$run.log" >&2
                return 1
            }
            mv "$file.part" "$file"
        done
    done
}

# One row: the medians of its runs. A run that breaks the promise ends with an error, and is not among them.
# shellcheck disable=SC2016 # jq's variables
figures='
def spread(f; digits):
    def show: . * pow(10; digits) | round / pow(10; digits) | tostring;
    map(f) | map(select(. != null)) | sort
    | if length == 0 then "–" else "\(.[length / 2 | floor] | show) (\(first | show)–\(last | show))" end;
def ms(f): spread(f / 1000; 1);
def cpu(pattern): [.stage.processes[] | select(.name | test(pattern)) | .cpu_us_per_order] | add;
[.[] | select(.event == "bench") | .stage = (if .headline == null then null else .stages[.headline] end)]
| map(select(.stage != null))
| [$row, length, spread(.stage.accepted_per_second; 0),
   ms(.stage.acceptance_us.p50), ms(.stage.acceptance_us.p99),
   ms(.stage.confirmation_us.p50), ms(.stage.confirmation_us.p99),
   spread(.stage.cores; 2), spread(cpu("^broker"); 0), spread(cpu("-service-"); 0),
   spread([.stage.processes[] | select(.name | test("-service-")) | .rss_peak] | max / 1048576; 0),
   spread(.ceiling.accepted_per_second; 0),
   (map(.stage.shortfall) | map(select(. != null)) | unique | if length == 0 then "yes" else join(", ") end)]
| "| " + (map(tostring) | join(" | ")) + " |"'

table() {
    echo "| run | times | orders/s | accepted p50, ms | p99 | confirmed p50, ms | p99 | cores | broker, µs/order | services, µs/order | largest service, MiB | ceiling, orders/s | kept up |"
    echo "|---|---|---|---|---|---|---|---|---|---|---|---|---|"
    for row in "${rows[@]}"; do
        local name=${row%%=*}
        compgen -G "$into/$name.*.json" >/dev/null || continue
        jq -rs --arg row "$name" "$figures" "$into/$name".*.json
    done
    echo
    for row in "${rows[@]}"; do echo "- ${row%%=*}: \`cargo fleet-release bench ${row#*=}\`"; done
}

measure
table
