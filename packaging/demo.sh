#!/bin/sh
# What a container of the compose file's profile `demo` does: `sh demo.sh shop|reports|notebook`.
# A real program would use OpenTelemetry's SDK; a shell sends the same in plain JSON (docs/ingest.md).
set -eu

# send PATH JSON: one batch. That it is refused or lost is no reason to end.
send() { wget -q -O /dev/null --header 'Content-Type: application/json' --post-data "$2" "$DOCKMETER$1" || true; }

# A web shop: serves a page, is asked for it, and says of each round how its requests went: some
# slow, about one in fifty failed.
shop() {
    mkdir -p /tmp/www
    echo 'everything must go' >/tmp/www/index.html
    httpd -p 127.0.0.1:8080 -h /tmp/www
    round=0
    while :; do
        round=$((round + 1))
        for _ in 1 2 3 4 5; do
            wget -q -O /dev/null http://127.0.0.1:8080/ || true
        done
        send /api/metrics/http "$(awk -v seed="$round" '
            BEGIN {
                srand(seed)
                split("GET /|GET /articles/{id}|POST /orders|GET /search", kinds, "|")
                for (n = 0; n < 20; n++) {
                    split(kinds[1 + int(rand() * 4)], kind, " ")
                    seconds = 0.01 + rand() * 0.08 + (rand() < 0.05 ? rand() * 1.5 : 0)
                    printf "%s{\"method\":\"%s\",\"route\":\"%s\",\"status_code\":%d,\"duration_seconds\":%.4f,\"request_bytes\":%d,\"response_bytes\":%d,\"service\":\"shop\"}", \
                        n ? "," : "[", kind[1], kind[2], rand() < 0.02 ? 500 : 200, seconds, 200 + rand() * 800, 1000 + rand() * 50000
                }
                print "]"
            }')"
        send /api/metrics/db '[
            {"query":"SELECT * FROM articles WHERE id = '"$round"'","system":"postgresql","duration_seconds":0.004,"rows":1,"error":null,"service":"shop"},
            {"pool":"main","active":'$((round % 10))',"idle":'$((10 - round % 10))',"max":10,"pending":0,"deadlocks_total":0,"service":"shop"}]'
        sleep 2
    done
}

# Reports: computes without rest within its tenth of a core, with a statement that takes long.
reports() {
    round=0
    while :; do
        round=$((round + 1))
        awk 'BEGIN { for (n = 0; n < 2000000; n++) sum += n * n }'
        send /api/metrics/db '[{"query":"SELECT customer, sum(total) FROM orders WHERE day > '"$round"' GROUP BY customer","system":"postgresql","duration_seconds":1.'$((round % 10))',"rows":4000,"error":null,"service":"reports"}]'
        send /api/metrics/custom '{"define":[{"name":"template_usage_total","type":"counter","help":"Reports made of a template.","labels":["template"]}],
            "record":[{"name":"template_usage_total","value":1,"labels":{"template":"monthly"},"service":"reports"}]}'
    done
}

# A notebook: keeps what it has read until there is no memory left.
notebook() {
    kept=
    while :; do
        kept="$kept$(head -c 200000 /dev/zero | tr '\0' x)"
        send /api/metrics/custom '{"define":[{"name":"active_users","type":"gauge","help":"Users at work.","labels":[]}],
            "record":[{"name":"active_users","value":1,"service":"notebook"}]}'
        sleep 1
    done
}

"$1"
