# What the steps on a machine that was booted share, beside what they share with those on a clean one. Sourced by them.
# shellcheck shell=bash source-path=SCRIPTDIR/../package source=steps.sh
. "${0%/*}/steps.sh"

# shellcheck disable=SC2034 # used by the steps
readonly broker=x2godirector.service worker=x2godirector-pam.service

property() {
    systemctl show --property "$2" --value "$1"
}

is_active() {
    systemctl is-active --quiet "$1"
}

# Whether a user of this machine is offered the profile of the example.
logs_in() {
    [[ $(curl --silent --insecure --max-time 60 "$url/plain/" --data "task=listsessions&user=jane&authid=${1-}" \
        --data-urlencode password=jane-first | profiles) == 'xfce ' ]]
}

new_jane() {
    useradd --create-home --shell /bin/bash jane
    chpasswd <<<'jane:jane-first'
}

# Has somebody log in without end, by password and by a ticket, and ask whether the broker is there.
start_load() {
    local ticket
    ticket=$(ticket "$(list jane jane-first)")
    [[ $ticket ]] || fail 'jane got no ticket'
    touch /tmp/load
    while [[ -e /tmp/load ]]; do
        for with in '' "$ticket"; do logs_in "$with" && echo good || echo bad; done
        curl --silent --fail --insecure --max-time 60 --output /dev/null "$url/healthz" && echo good || echo bad
    done >/tmp/answers 2>&1 &
    load=$!
}

end_load() {
    local answers
    rm /tmp/load
    wait "$load"
    answers=$(wc -l </tmp/answers)
    ((answers > 5)) || fail "$1: hardly anybody came"
    ! grep -qv '^good$' /tmp/answers || fail "$1: $(grep -cv '^good$' /tmp/answers) of $answers requests failed"
    ok "$1: $answers requests, none failed"
}

# What a profile that enforces would have refused.
apparmor_is_content() {
    local profile
    for profile in x2godirector x2godirector-pam; do
        grep -q "^$profile (complain)$" /sys/kernel/security/apparmor/profiles || fail "the profile $profile is not loaded"
    done
    if journalctl --no-pager --dmesg --boot | grep -E 'apparmor="(ALLOWED|DENIED)".*profile="x2godirector'; then
        fail 'the AppArmor profiles lack what is above'
    fi
    ok 'the AppArmor profiles have all that was done'
}
