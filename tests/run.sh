#!/usr/bin/env bash
# Every check of the studio: style, types, the direction of imports, tests.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source deploy/venv.sh

usage() {
    cat <<'END'
Usage: tests/run.sh [--fast] [pytest arguments]

Runs the linters, the type checker and the tests in .venv, which it makes. What the tests need from
the system (Chromium, PostgreSQL, the emoji font, libGL) is installed by apt-get where root runs this, and
named where not.

  --fast   only what needs no system package and takes less than a minute
  --help   show this text
END
}

WORKERS=2 # processes that run tests, a file at a time each
failed=()
lint_imports='from importlinter.cli import lint_imports_command as run; run(["--no-logo"])'

main() {
    fast=
    case ${1:-} in
    -h | --help) usage && exit ;;
    --fast) fast=yes && shift ;;
    esac
    [ -n "$fast" ] || system_packages
    install requirements.txt requirements-test.txt
    [ -n "$fast" ] || install requirements-watermark.txt
    check "the linter (ruff)" $PYTHON -m ruff check --quiet .
    check "the format (ruff)" $PYTHON -m ruff format --quiet --check .
    check "the types (mypy)" $PYTHON -m mypy --no-error-summary
    check "the direction of imports (import-linter)" $PYTHON -c "$lint_imports"
    tests "$@" || failed+=(tests)
    [ ${#failed[@]} -eq 0 ]
}

check() {
    local name=$1 started=$SECONDS
    shift
    if "$@"; then
        say "$name: passed ($((SECONDS - started)) s)"
    else
        say "$name: FAILED"
        failed+=("$name")
    fi
}

tests() {
    export HF_HUB_OFFLINE=1 GRADIO_ANALYTICS_ENABLED=False TOKENIZERS_PARALLELISM=false
    export OMP_NUM_THREADS=1 # small networks: more threads than processors only wait for each other
    $PYTHON -m pytest -n "$WORKERS" --dist loadfile ${fast:+-m "not system and not slow"} "$@"
}

system_packages() {
    local missing=()
    has_chromium || missing+=(chromium)
    has_emoji_font || missing+=(fonts-noto-color-emoji)
    has_postgresql || missing+=(postgresql)
    has_libgl || missing+=(libgl1)
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        die "Missing: ${missing[*]}. Install them, or run tests/run.sh --fast, which needs none."
    fi
    say "Installing ${missing[*]} ..."
    apt_get update
    apt_get install -y --no-install-recommends "${missing[@]}"
}

has_chromium() { command -v chromium || command -v chromium-browser || command -v google-chrome; } >/dev/null

has_emoji_font() { [ -n "$(find /usr/share/fonts /usr/local/share/fonts ~/.fonts -name 'NotoColorEmoji*' 2>/dev/null)" ]; }

has_postgresql() { command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; }

has_libgl() { [ -n "$(find /usr/lib /usr/lib64 -name 'libGL.so.1' 2>/dev/null)" ]; } # OpenCV needs it

apt_get() {
    local log
    log=$(mktemp)
    DEBIAN_FRONTEND=noninteractive apt-get -q "$@" >"$log" 2>&1 </dev/null || {
        tail -n 15 "$log" >&2
        die "apt-get $1 failed; it says why above."
    }
    rm "$log"
}

main "$@"
