# What the steps on a clean machine share, and on one that was booted. Sourced by them, as root, inside.
# shellcheck shell=bash
set -eEuo pipefail
trap 'echo "WRONG: ${BASH_SOURCE[0]##*/}, line $LINENO: $BASH_COMMAND" >&2' ERR

# Whether this machine was booted, so that systemd runs; otherwise it is a folder (scripts/clean-machine).
is_booted() {
    [[ -d /run/systemd/system ]]
}

if is_booted; then
    # shellcheck disable=SC2154 # set by the trap itself
    trap 'code=$?; ((code == 0)) || journalctl --no-pager --lines 40 >&2' EXIT
fi

readonly url=https://localhost:8443
readonly state=/var/lib/x2godirector
# shellcheck disable=SC2034 # used by the steps
readonly broker_deb=(/packages/x2godirector_*.deb) host_deb=(/packages/x2godirector-host_*.deb) \
    later_broker_deb=(/packages/later-x2godirector_*.deb) later_host_deb=(/packages/later-x2godirector-host_*.deb)
declare -A pids=()

fail() {
    echo "WRONG: $*" >&2
    exit 1
}

ok() {
    echo "ok: $*"
}

install_packages() {
    apt-get install -q -y --no-install-recommends "$@" >/tmp/apt.log 2>&1 || fail "apt: $(tail -n 15 /tmp/apt.log)"
}

apt() {
    apt-get -q -y "$@" >/tmp/apt.log 2>&1 || fail "apt $*: $(tail -n 15 /tmp/apt.log)"
}

# Waits for a command to succeed; what it says goes to a log.
await() {
    local end=$((SECONDS + 120))
    while ((SECONDS < end)); do
        if "$@" >/tmp/await.log 2>&1; then return 0; fi
        sleep 0.1
    done
    fail "it never came true: $*: $(tail -n 5 /tmp/await.log)"
}

# The value of a key in a unit of the package.
of_unit() {
    sed -n "s/^$2=//p" "/lib/systemd/system/$1"
}

# Starts a service, or starts it anew. Without systemd, as its unit says: its user without capabilities, its command, the system calls that it may make, and the
# sockets that listen for it, which are handed over by a program of systemd's own. The program is started by the first
# connection.
start() {
    local name=$1 user group command socket
    if is_booted; then
        systemctl restart "$name.service"
        return
    fi
    install_packages python3-seccomp
    user=$(of_unit "$name.service" User)
    group=$(of_unit "$name.service" Group)
    socket=$(of_unit "$name.socket" ListenStream)
    read -ra command <<<"$(of_unit "$name.service" ExecStart)"
    command=(setpriv --reuid="$user" --regid="$group" --init-groups --bounding-set=-all --inh-caps=-all --no-new-privs
        "${0%/*}/under-filter" "$name.service" "${command[@]}")
    [[ $socket != /* ]] || rm -f "$socket"
    (umask "$(of_unit "$name.service" UMask)" && exec systemd-socket-activate --listen="$socket" "${command[@]}") \
        >"/tmp/$name.log" 2>&1 &
    pids[$name]=$!
    if [[ $socket == /* ]]; then
        await test -S "$socket"
        chmod "$(of_unit "$name.socket" SocketMode)" "$socket"
        chown "$(of_unit "$name.socket" SocketUser):$(of_unit "$name.socket" SocketGroup)" "$socket"
    fi
}

stop() {
    if is_booted; then
        systemctl stop "$1.service"
        return
    fi
    kill "${pids[$1]}"
    wait "${pids[$1]}" || fail "$1 ended badly: $(tail -n 5 "/tmp/$1.log")"
    unset "pids[$1]"
}

# Has sshd run, with the settings of now.
start_sshd() {
    if is_booted; then
        systemctl reload ssh
    else
        mkdir -p /run/sshd
        /usr/sbin/sshd -E /tmp/sshd.log
    fi
}

as() {
    local user=$1
    shift
    setpriv --reuid="$user" --regid="$user" --init-groups "$@"
}

ask() {
    local path=$1
    shift
    curl --silent --show-error --fail --max-time 60 --cacert "$state/self-signed-certificate.pem" "$@" "$url/$path"
}

# The answer to the list of somebody's profiles.
list() {
    ask plain/ --data task=listsessions --data-urlencode "user=$1" --data-urlencode "password=$2" \
        --data "authid=${3-}"
}

# The ids of the profiles in an answer, with a blank behind each.
profiles() {
    sed -n 's/^\[\(.*\)\]$/\1/p' | tr '\n' ' '
}

ticket() {
    sed -n 's/^AUTHID:\([0-9a-f]*\).*/\1/p' <<<"$1"
}

# Waits until the broker answers. The certificate is made at the first start, which a first connection causes.
await_broker() {
    await curl --silent --insecure --max-time 60 "$url/healthz"
    await ask readyz
}

# The version that a program names is the package's, with the commit that its list of what is inside was made of.
names_its_commit() {
    local program=$1 version commit named
    version=$(dpkg-query -W -f '${Version}' "$program")
    commit=$(sed -n '/"name": "commit"/ { n; s/.*"value": "\(.*\)".*/\1/p }' "/usr/share/doc/$program/sbom.cdx.json")
    named=$("$program" --version)
    [[ $named == "$program ${version%%[+~]*}${commit:+ ($commit)}" ]] ||
        fail "$program names '$named', the package is version $version of commit '$commit'"
}

# Every link of the pages that a package has installed leads to a file that is there.
links_lead_somewhere() {
    local page link followed=0
    while IFS=: read -r page link; do
        link=${link#']('}
        link=${link%%[')#']*}
        [[ $link && $link != *://* ]] || continue
        [[ -e ${page%/*}/$link ]] || fail "$page links to $link, which is not there"
        followed=$((followed + 1))
    done < <(grep --recursive --only-matching --include='*.md' '](.[^)]*)' "/usr/share/doc/$1")
    ((followed)) || fail "no page of $1 has a link"
}

has() {
    local path
    for path in "$@"; do [[ -e $path || -L $path ]] || fail "$path is not there"; done
}

has_not() {
    local path
    for path in "$@"; do [[ ! -e $path && ! -L $path ]] || fail "$path is there"; done
}

is() {
    local path=$1 expected=$2 found
    found=$(stat -c '%U:%G %a' "$path")
    [[ $found == "$expected" ]] || fail "$path is $found, not $expected"
}
