#!/usr/bin/env bash
# Installs what CA3 needs on Debian or Ubuntu, and nothing that is there already.
#
#   cmake/setup.sh [demo|test|bench|ci]     (default: test)
#
# As root it calls apt-get; otherwise it prints the command and stops with exit code 1. What is looked for is the program or the
# header, not the package, so that copies from elsewhere count. CA3_SKIP_SETUP=1 turns the check off: CMake then says what it misses.
set -euo pipefail

purpose=${1:-test}
if [[ ${CA3_SKIP_SETUP:-0} == 1 ]]; then exit 0; fi

# package, then what shows that it is there: a command, or a header
base=(
    'cmake cmake' 'ninja-build ninja' 'g++ g++' 'gnuplot-nox gnuplot'
    'libcli11-dev CLI/CLI.hpp' 'nlohmann-json3-dev nlohmann/json.hpp' 'librandom123-dev Random123/philox.h'
    'zlib1g-dev zlib.h' 'libpng-dev png.h' 'libeigen3-dev eigen3/Eigen/Core'
)
test=('libgtest-dev gtest/gtest.h')
bench=('libbenchmark-dev benchmark/benchmark.h' 'libdnnl-dev dnnl.h')
ci=('clang clang++' 'clang-format clang-format' 'clang-tidy clang-tidy' 'libclang-rt-14-dev libclang_rt.fuzzer' 'shellcheck shellcheck')

case $purpose in
    demo) needs=("${base[@]}") ;;
    test) needs=("${base[@]}" "${test[@]}") ;;
    bench) needs=("${base[@]}" "${bench[@]}") ;;
    ci) needs=("${base[@]}" "${test[@]}" "${bench[@]}" "${ci[@]}") ;;
    *)
        echo "usage: cmake/setup.sh [demo|test|bench|ci]" >&2
        exit 2
        ;;
esac

# Headers of the list that the C++ compiler does not find, one a line.
missing_headers() {
    local header
    for header in "$@"; do
        printf '#if !__has_include(<%s>)\n"%s"\n#endif\n' "$header" "$header"
    done | "${CXX:-g++}" -x c++ -E -P - | tr -d '"'
}

fuzzer_runtime_is_there() {
    [[ -n $(find /usr/lib/llvm-*/lib/clang -name 'libclang_rt.fuzzer*' -print -quit 2>/dev/null) ]]
}

headers=()
for need in "${needs[@]}"; do
    sign=${need#* }
    if [[ $sign == *.h* || $sign == */* ]]; then headers+=("$sign"); fi
done
if command -v "${CXX:-g++}" >/dev/null; then
    absent=$(missing_headers "${headers[@]}")
else
    absent=$(printf '%s\n' "${headers[@]}")
fi

packages=()
for need in "${needs[@]}"; do
    package=${need%% *} sign=${need#* }
    case $sign in
        libclang_rt.fuzzer) fuzzer_runtime_is_there || packages+=("$package") ;;
        *.h* | */*) if grep -qxF -- "$sign" <<<"$absent"; then packages+=("$package"); fi ;;
        *) command -v "$sign" >/dev/null || packages+=("$package") ;;
    esac
done
if ((${#packages[@]} == 0)); then exit 0; fi

if ! command -v apt-get >/dev/null; then
    echo "ca3: missing, as Debian names it: ${packages[*]}" >&2
    echo "ca3: install these with the package manager of this system and run again" >&2
    exit 1
fi
if [[ $(id -u) != 0 ]]; then
    echo "ca3: packages are missing; install them and run again:" >&2
    echo "    sudo apt-get update && sudo apt-get install -y --no-install-recommends ${packages[*]}" >&2
    exit 1
fi

echo "ca3: installing ${packages[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get -qq -o Acquire::Retries=3 update &&
    apt-get -qq -y -o Acquire::Retries=3 install --no-install-recommends "${packages[@]}"; } >"$log" 2>&1 </dev/null; then
    tail -n 30 "$log" >&2
    echo "ca3: apt-get could not install: ${packages[*]}" >&2
    exit 1
fi
