# What the scripts beside this file need, and how it comes onto a Debian or Ubuntu machine.
# Sourced, with `needs` set to some of: git c curl openssl postgresql node python podman. Rust is needed always.
# `wishes` may name more of them: what can be done without, if it cannot be installed.
#
# What is missing is installed by apt-get where that needs no password. Otherwise the command to
# run is printed, and the exit code is 69 (a needed service is unavailable, as in sysexits.h).

[[ -v wishes ]] || wishes=()

assure_needs() {
    have_rust
    have_programs
    have_wishes
}

list_needs() {
    local package
    printf 'needed: a Rust toolchain, %s\n' "${needs[*]}"
    ((${#wishes[@]} == 0)) || printf 'of use: %s\n' "${wishes[*]}"
    missing_packages "${needs[@]}" "${wishes[@]}"
    if ((${#missing[@]} == 0)); then
        printf 'missing here: nothing\n'
    else
        for package in "${missing[@]}"; do printf 'missing here: %s\n' "$package"; done
        printf 'to install: %s\n' "$(install_command)"
    fi
}

have_rust() {
    command -v cargo >/dev/null && return
    printf '%s: cargo is missing; install Rust from https://rustup.rs\n' "$0" >&2
    exit 69
}

have_programs() {
    missing_packages "${needs[@]}"
    ((${#missing[@]} == 0)) && return
    printf '%s: missing here: %s\n' "$0" "${missing[*]}"
    local root
    if ! command -v apt-get >/dev/null || ! root=$(become_root); then
        printf '%s: cannot install them; please run as root\n\n    %s\n\n' "$0" "$(install_command)" >&2
        exit 69
    fi
    # shellcheck disable=SC2086 # $root is one or two words, or none
    $root bash -c "$(install_command)"
    missing_packages "${needs[@]}"
    ((${#missing[@]} == 0)) && return
    printf '%s: still missing after installing: %s\n' "$0" "${missing[*]}" >&2
    exit 69
}

have_wishes() {
    ((${#wishes[@]} > 0)) || return 0
    missing_packages "${wishes[@]}"
    ((${#missing[@]} > 0)) || return 0
    local root
    if command -v apt-get >/dev/null && root=$(become_root); then
        # shellcheck disable=SC2086 # $root is one or two words, or none
        $root bash -c "$(install_command)" || true
    fi
    missing_packages "${wishes[@]}"
    ((${#missing[@]} == 0)) ||
        printf '%s: done without, as it cannot be installed: %s\n' "$0" "${missing[*]}" >&2
}

# Sets `missing` to the Debian packages of these needs whose programs are not found.
missing_packages() {
    missing=()
    local need
    for need in "$@"; do
        case $need in
            git) command -v git >/dev/null || missing+=(git) ;;
            c) can_link_c || missing+=(gcc libc6-dev) ;;
            openssl) command -v openssl >/dev/null || missing+=(openssl) ;;
            postgresql) has_postgres || missing+=(postgresql) ;;
            curl) command -v curl >/dev/null || missing+=(curl) ;;
            node) command -v node >/dev/null || missing+=(nodejs) ;;
            python) command -v python3 >/dev/null || missing+=(python3) ;;
            podman) has_podman || missing+=("${podman_packages[@]}") ;;
        esac
    done
}

# A compiler without the headers or start files of libc is there on many machines, and no use.
can_link_c() {
    command -v cc >/dev/null || return
    local folder status=0
    folder=$(mktemp -d)
    printf '#include <stdlib.h>\nint main(void) { return EXIT_SUCCESS; }\n' >"$folder/a.c"
    cc "$folder/a.c" -o "$folder/a" 2>/dev/null || status=$?
    rm -rf "$folder"
    return "$status"
}

# Debian keeps the server's programs off the PATH.
has_postgres() {
    local folder
    for folder in /usr/lib/postgresql/*/bin ${PATH//:/ } "$(pg_config --bindir 2>/dev/null || true)"; do
        [[ -x $folder/initdb && -x $folder/postgres ]] && return
    done
    return 1
}

# Podman with a network of its own, a runtime that bears with mixed control groups as crun does not,
# and something to make an image of.
podman_packages=(podman runc netavark aardvark-dns iptables busybox-static)

# Debian keeps runc off the PATH of users.
has_podman() {
    command -v podman >/dev/null && command -v busybox >/dev/null &&
        PATH=$PATH:/usr/sbin:/sbin command -v runc >/dev/null &&
        PATH=$PATH:/usr/sbin:/sbin command -v iptables >/dev/null &&
        [[ -x /usr/lib/podman/netavark ]]
}

# Prints the words that run a command as root, if that is possible without a password.
become_root() {
    if ((EUID == 0)); then
        return
    fi
    sudo -n true 2>/dev/null && printf 'sudo -n'
}

# The tests start servers of their own; Debian's package would create one more, and start it.
install_command() {
    local conf=/etc/postgresql-common/createcluster.conf
    if [[ " ${missing[*]} " == *' postgresql '* && ! -e $conf ]]; then
        printf 'mkdir -p %s && echo create_main_cluster = false >%s && ' "${conf%/*}" "$conf"
    fi
    local apt='DEBIAN_FRONTEND=noninteractive apt-get'
    printf 'apt-get update && %s install -y --no-install-recommends %s' "$apt" "${missing[*]}"
}
