# shellcheck shell=bash
# The virtual environment that demo.sh and tests/run.sh share. Sourced by them from the repository's
# root; not a program of its own. Runs on bash 3.2, which macOS still has.

PYTHON=.venv/bin/python
NEED_MB=4000 # free disk space for a first installation

say() { printf '%s\n' "$*"; }

die() {
    printf '%s\n' "$*" >&2
    exit 1
}

# Make .venv hold the given requirements files; does nothing where it does already.
install() {
    local file
    venv_works || make_venv
    for file in "$@"; do
        is_installed "$file" || install_file "$file"
    done
}

venv_works() { $PYTHON -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

make_venv() {
    local python
    python=$(find_python) || exit 1
    enough_space
    say "Making a virtual environment in .venv with Python $("$python" -c "$version") ..."
    "$python" -m venv --clear .venv || die "No virtual environment could be made in $PWD/.venv."
}

version='import platform; print(platform.python_version())'

# The first Python of 3.11 or later that can make virtual environments.
find_python() {
    local name found older="" bare=""
    for name in python3.13 python3.12 python3.11 python3; do
        found=$("$name" -c "$version" 2>/dev/null) || continue
        if ! "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            older=$found
        elif ! "$name" -c 'import ensurepip, venv' 2>/dev/null; then
            bare=$name
        else
            say "$name"
            return
        fi
    done
    [ -z "$bare" ] || die "$bare has no venv module. Install it (on Debian: apt install $bare-venv) and start again."
    [ -z "$older" ] || die "Python $older is too old: Kandinsky Studio needs 3.11 or later. Install one and start again."
    die "No Python was found: Kandinsky Studio needs 3.11 or later. Install one and start again."
}

enough_space() {
    local free
    free=$(df -Pm . | awk 'NR == 2 { print $4 }')
    [ "$free" -ge "$NEED_MB" ] ||
        die "Too little disk space in $PWD: $free MB are free, the installation needs about $NEED_MB MB."
}

# PyTorch comes first and by itself: whatever build of it pip is set up to prefer stays.
install_file() {
    local torch
    torch=$(grep '^torch==' "$1" || true)
    if [ -n "$torch" ]; then
        say "Installing PyTorch ${torch#*==}, the largest part; this takes some minutes ..."
        pip_install "$torch"
    fi
    say "Installing the $(grep -c '==' "$1") packages of $1 ..."
    pip_install -r "$1"
    stamp "$1" >".venv/$1.installed"
}

pip_install() {
    local log=.venv/pip.log
    if ! $PYTHON -m pip install --quiet --no-input --disable-pip-version-check "$@" >$log 2>&1 </dev/null; then
        tail -n 15 $log >&2
        if grep -q 'No space left on device' $log; then
            die "The disk is full. Free some space (PyTorch for NVIDIA cards needs about 10 GB) and start again."
        fi
        die "The packages could not be installed; pip says why above (in full: $PWD/$log)."
    fi
}

is_installed() { [ "$(stamp "$1")" = "$(cat ".venv/$1.installed" 2>/dev/null)" ]; }

# What an installation depends on: the Python and every pin.
stamp() {
    $PYTHON -c "$version"
    cat "$1"
}
