# How the tests in a lab call cpi. Whoever reads this has a function run_cpi, which takes a request on
# stdin, and $patience, in seconds; a function what_else may tell more about a call that failed.
# shellcheck shell=bash

# call METHOD [ARGUMENTS-JSON]: the whole response, in $response
call() {
    response=$(run_cpi 2>>"$BATS_TEST_TMPDIR/stderr" <<<"{\"method\": \"$1\", \"arguments\": ${2:-[]},
        \"api_version\": 2, \"context\": {\"director_uuid\": \"lab\", \"request_id\": \"cpi-1\"}}")
}

is_success() {
    [[ $response == '{"result":'*',"error":null,"log":'* ]]
}

# cpi METHOD [ARGUMENTS-JSON]: succeeds; the result is in $result, as text where it is a string
cpi() {
    call "$@"
    if ! is_success; then
        echo "$1 ${2-}: $response" >&2
        tail -n 20 "$BATS_TEST_TMPDIR/stderr" >&2
        ! declare -F what_else >/dev/null || what_else >&2
        return 1
    fi
    result=$(jq -r '.result' <<<"$response")
}

# cpi_fails TYPE TEXT METHOD [ARGUMENTS-JSON]: fails with this type and a message that has TEXT
cpi_fails() {
    local type=$1 text=$2
    shift 2
    call "$@"
    if [[ $(jq -r '.error.type' <<<"$response") != "Bosh::Clouds::$type" ||
        $(jq -r '.error.message' <<<"$response") != *"$text"* ]]; then
        echo "$*: expected $type with '$text', got $response" >&2
        return 1
    fi
}

# wait_for COMMAND…: until it succeeds
wait_for() {
    local deadline=$((SECONDS + patience))
    until "$@"; do
        if ((SECONDS >= deadline)); then
            echo "gave up waiting for: $*" >&2
            return 1
        fi
        sleep 0.2
    done
}
