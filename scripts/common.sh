# SPDX-License-Identifier: BSD-2-Clause
# Sourced by the scripts here: where the repository is, and what it needs from Debian.

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
python=/usr/bin/python3 # Debian's, which has Debian's packages

# The library needs none of -dev but libc; with PNG's and JPEG's own libraries the command's files carry profile and mark.
build_packages='gcc libc6-dev pkg-config meson ninja-build libstb-dev libpng-dev libjpeg-dev'
file_packages='libtiff-dev libwebp-dev libjxl-dev liblcms2-dev libgexiv2-dev libimage-exiftool-perl'
test_packages="$build_packages $file_packages libcmocka-dev binutils python3 python3-numpy python3-torch python3-pytest python3-pil python3-matplotlib python3-onnx libsdl2-dev libsdl2-ttf-dev fonts-dejavu-core xvfb xdotool python3-xlib"
check_packages="$test_packages mypy clang clang-format libclang-rt-14-dev git gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user"
plugin_packages="$test_packages gegl libgegl-dev gimp libgimp2.0-dev openbox procps libvips-dev libvips-tools frei0r-plugins-dev ffmpeg melt gstreamer1.0-tools gstreamer1.0-plugins-good gstreamer1.0-plugins-bad" # and what else the plug-ins' hosts need

say() { printf '==> %s\n' "$*"; }

die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# Runs a command as root.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"
    elif command -v sudo >/dev/null 2>&1; then sudo "$@"
    else die "root or sudo is needed for: $*"
    fi
}

is_installed() {
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Installs the Debian packages among the arguments that are missing; asks nothing of the network when none is.
install_missing() {
    missing=
    if ! command -v dpkg-query >/dev/null 2>&1; then
        say "not Debian: install the like of these by hand: $*"
        return
    fi
    for package in "$@"; do is_installed "$package" || missing="$missing $package"; done
    [ -n "$missing" ] || return 0
    say "installing$missing"
    log=$(mktemp)
    # shellcheck disable=SC2086 # a list of words
    if ! { as_root apt-get -q update && as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -q install -y --no-install-recommends $missing; } >"$log" 2>&1 </dev/null; then
        tail -n 20 "$log" >&2
        rm -f "$log"
        die "apt-get could not install$missing"
    fi
    rm -f "$log"
}

# build DIRECTORY [MESON OPTION...]: configures the directory when it is new, then builds. CC chooses the compiler,
# targets what is built (everything when empty).
build() {
    directory=$1
    shift
    if [ ! -f "$directory/build.ninja" ]; then
        rm -rf "$directory"
        meson setup "$directory" "$root" "$@" || return
    fi
    # shellcheck disable=SC2086 # a list of words
    ninja -C "$directory" -j "$jobs" ${targets:-}
}
