#!/usr/bin/env bash
# From a fresh clone to the studio in a browser, with one command.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source deploy/venv.sh

usage() {
    cat <<'END'
Usage: deploy/demo.sh [--host HOST] [--port PORT]

Installs Kandinsky Studio into the folder .venv (the first time only, which takes some minutes) and
starts it on http://127.0.0.1:7860. Ctrl+C stops it.

  --host HOST   listen on this address; 0.0.0.0 lets other machines in (default 127.0.0.1)
  --port PORT   listen on this port (default 7860)
  --help        show this text

Settings are read from KANDINSKY_* variables and from the file .env; README.md lists them.
END
}

main() {
    host=$(setting HOST 127.0.0.1)
    port=$(setting PORT 7860)
    options "$@"
    is_port || die "The port must be a number from 1 to 65535, not '$port'."
    is_free || die "Port $port is in use. Choose another one: deploy/demo.sh --port $((port % 65535 + 1))"
    install requirements.txt
    export KANDINSKY_HOST=$host KANDINSKY_PORT=$port
    say "Starting the studio. The page will be at $(address) (Ctrl+C stops it)."
    if has_desktop; then open_browser & fi
    exec $PYTHON -m deploy.start
}

options() {
    while [ $# -gt 0 ]; do
        case $1 in
        -h | --help) usage && exit ;;
        --host=* | --port=*) set -- "${1%%=*}" "${1#*=}" "${@:2}" && continue ;;
        --host | --port) [ $# -gt 1 ] || die "$1 needs a value; see deploy/demo.sh --help" ;;
        *) die "Unknown option $1; see deploy/demo.sh --help" ;;
        esac
        if [ "$1" = --host ]; then host=$2; else port=$2; fi
        shift 2
    done
}

# A setting's value as the studio will see it: from the environment, else from .env.
setting() {
    local name=KANDINSKY_$1 line=""
    [ ! -f .env ] || line=$(sed -n "s/^$name=//p" .env | tail -n 1 | tr -d "\"'\r ")
    say "${!name:-${line:-$2}}"
}

is_port() { [[ $port =~ ^[1-9][0-9]{0,4}$ ]] && [ "$port" -le 65535 ]; }

is_free() { ! (exec 3<>"/dev/tcp/$(reachable)/$port") 2>/dev/null; }

# An address on which this machine reaches a server that listens on $host.
reachable() {
    case $host in
    0.0.0.0 | ::) say 127.0.0.1 ;;
    *) say "$host" ;;
    esac
}

address() {
    case $(reachable) in
    *:*) say "http://[$(reachable)]:$port" ;;
    *) say "http://$(reachable):$port" ;;
    esac
}

has_desktop() { [ -t 1 ] && [ -n "$(opener)" ]; }

opener() {
    if [ "$(uname)" = Darwin ]; then
        say open
    elif [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] && command -v xdg-open >/dev/null; then
        say xdg-open
    fi
}

# Show the page once it answers; give up when the studio has ended.
open_browser() {
    local studio=$$
    while kill -0 $studio 2>/dev/null; do
        sleep 1
        is_free || exec "$(opener)" "$(address)" >/dev/null 2>&1
    done
}

main "$@"
