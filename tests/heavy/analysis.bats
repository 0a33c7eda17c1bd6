#!/usr/bin/env bats
# What takes too long for tests/lint.

# Not those that are about
#   a C library that there is not: memcpy_s, of C11's annex K (insecureAPI)
#   taste (padding)
#   what they do not know: the cleanup attribute (Malloc; the sanitizers watch over that)
#   what gcc's analyzer does without finding what is not there (valist)
checks='clang-analyzer-*,-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling'
checks+=,-clang-analyzer-optin.performance.Padding,-clang-analyzer-unix.Malloc
checks+=,-clang-analyzer-valist.Uninitialized

@test "clang's analyzer finds nothing" {
    cd "$BATS_TEST_DIRNAME/../.."
    run make --no-print-directory --keep-going -j2 BUILD=build/clang TIDY_CHECKS="$checks" analyzed
    [[ $status == 0 ]] || { echo "$output"; false; }
}
