#!/usr/bin/env bash
# Sets up, builds and runs CA3, from any working directory.
#
#   cmake/run.sh demo [--data DIR] [arguments of `ca3 demo`]    recalls digits: those of an MNIST folder, else synthetic ones
#   cmake/run.sh test [arguments of ctest]                      builds and runs all tests
#
# Missing packages are installed first when run as root (cmake/setup.sh). Both share build/release.
# Environment: CA3_BUILD_ROOT (instead of build/), CA3_CUDA (AUTO, ON, OFF), CA3_REQUIRE_GPU=1 (it is a failure to have none).
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${CA3_BUILD_ROOT:-$root/build}/release
jobs=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}

usage() {
    sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
}

# The toolkit's installer leaves PATH alone.
if [[ -z ${CUDACXX:-} && -x /usr/local/cuda/bin/nvcc ]] && ! command -v nvcc >/dev/null; then
    export CUDACXX=/usr/local/cuda/bin/nvcc
fi

configure() {
    local options=("$@")
    if [[ -n ${CA3_CUDA:-} ]]; then options+=("-DCA3_CUDA=$CA3_CUDA"); fi
    if [[ ! -f $build/CMakeCache.txt ]]; then
        options+=(-DCMAKE_BUILD_TYPE=Release)
        if command -v ninja >/dev/null; then options+=(-G Ninja); fi
        if command -v ccache >/dev/null; then options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache -DCMAKE_CUDA_COMPILER_LAUNCHER=ccache); fi
    fi
    cmake -S "$root" -B "$build" "${options[@]}"
}

demo() {
    "$root/cmake/setup.sh" demo
    # A folder that already builds the tests keeps them; they are not built here.
    local fresh=()
    if [[ ! -f $build/CMakeCache.txt ]]; then fresh=(-DCA3_BUILD_TESTS=OFF -DCA3_BUILD_BENCH=OFF); fi
    configure "${fresh[@]}"
    cmake --build "$build" --parallel "$jobs" --target ca3_cli
    exec "$build/ca3" demo "$@"
}

# One attribute of the <testsuite> element of a JUnit file.
count() {
    grep -m1 -oE "\b$1=\"[0-9]+\"" "$build/tests.xml" | tr -dc '0-9'
}

# Why tests were skipped: how many for each reason.
reasons() {
    grep -A1 ': Skipped$' "$build/tests.xml" | grep -vE ': Skipped$|^--$' | sort | uniq -c | sed 's/^ *\([0-9]*\) /skipped \1: /' || true
}

run_tests() {
    "$root/cmake/setup.sh" test
    local fresh=()
    if [[ ! -f $build/CMakeCache.txt ]]; then fresh=(-DCA3_BUILD_BENCH=OFF); fi
    configure "${fresh[@]}" -DCA3_BUILD_TESTS=ON
    cmake --build "$build" --parallel "$jobs"
    local status=0
    rm -f "$build/tests.xml"
    ctest --test-dir "$build" --parallel "$jobs" --output-on-failure --no-tests=error --output-junit "$build/tests.xml" "$@" || status=$?
    if [[ ! -s $build/tests.xml ]]; then exit $((status == 0 ? 1 : status)); fi
    local total failed skipped
    total=$(count tests) failed=$(count failures) skipped=$(count skipped)
    if ((skipped > 0)); then reasons; fi
    if [[ ${CA3_REQUIRE_GPU:-0} == 1 ]] && grep -q '^no GPU' "$build/tests.xml"; then
        echo "ca3: CA3_REQUIRE_GPU=1, but tests found no GPU" >&2
        status=1
    fi
    echo "$((total - failed - skipped)) passed, $failed failed, $skipped skipped"
    exit "$status"
}

case ${1:-} in
    demo) shift && demo "$@" ;;
    test) shift && run_tests "$@" ;;
    -h | --help | help) usage ;;
    *)
        usage >&2
        exit 2
        ;;
esac
