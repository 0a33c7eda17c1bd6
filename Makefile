# cpi, the libvirt CPI of BOSH. Everything that is built goes to build/.
#
#   make              build/cpi
#   make demo         install what is missing, build, show the life of a VM
#   make test         install what is missing, build, run all the tests but the slowest
#   make test-heavy   those, and the next two
#   make test-xen     the tests in a Xen host, which is emulated (as root; makes a disk of Debian)
#   make test-ubuntu  the life of a VM on the libvirt and QEMU of Ubuntu 22.04 (as root)
#   make test-vbox    the tests with the real VBoxManage (as root; makes a root directory of Debian sid)
#   make check-fast   the tests that need neither root nor libvirt
#   make check-live   the tests on real libvirt alone (as root)
#   make check-release  the tests of what is delivered (as root)
#   make fuzz         each fuzz target for FUZZ_SECONDS (60)
#   make lint         formatting and static analysis
#   make static       build/static/<architecture>/cpi, which needs nothing of the machine it runs on
#   make release      build/bosh-libvirt-cpi-<version>.tgz, the BOSH release
#   make install      build/cpi and what belongs to it, below DESTDIR and PREFIX

# The one place of the version's number. docs/CHANGELOG.md says what each brought.
VERSION   := 0.1.0
# The version of this build, its revision, and whether the tree was changed.
BUILT     := $(shell config/release/version $(VERSION))
BUILD     ?= build
CC        ?= cc
PKGCONFIG ?= pkg-config
LIBRARIES := libcjson uuid libarchive nettle expat libisal

WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -Wold-style-definition -Wformat=2 -Wpointer-arith -Wcast-align -Wwrite-strings \
            -Wundef -Wvla -Wswitch-default -Wno-overlength-strings
CFLAGS   ?= -O2 -g
override CFLAGS   += -std=gnu11 $(WARNINGS) -fstack-protector-strong
override CPPFLAGS += -Iinclude -D_GNU_SOURCE -D_FORTIFY_SOURCE=2 -D_FILE_OFFSET_BITS=64 \
                     $(shell $(PKGCONFIG) --cflags $(LIBRARIES))
LDLIBS   += $(shell $(PKGCONFIG) --libs $(LIBRARIES)) -lm

# 'make V=1' shows the commands.
Q   := $(if $(V),,@)
say := @printf '  %-5s %s\n'

SOURCES   := $(wildcard src/*.c src/*/*.c)
TEMPLATES := $(wildcard config/templates/*/*.xml)
OBJECTS   := $(SOURCES:%.c=$(BUILD)/%.o) $(BUILD)/templates.o
# What stands in for parts of the C library that do not work in a static binary.
ifdef STATIC
OBJECTS   += $(BUILD)/config/release/iconv.o
endif
LIBRARY   := $(filter-out $(BUILD)/src/main.o,$(OBJECTS))

.DELETE_ON_ERROR:
.PHONY: all unit-tests sanitized fuzz-targets fuzzers fuzz demo test test-heavy test-xen test-vbox test-ubuntu check-fast \
        check-live check-release lint analyzed format clean bench FORCE setup-build setup-demo setup-test setup-hosts \
        setup-heavy setup-bench

all: $(BUILD)/cpi

$(BUILD)/cpi: $(OBJECTS)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/templates.o: $(BUILD)/templates.c
	$(say) CC $<
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# Each template becomes a C string.
$(BUILD)/templates.c: $(TEMPLATES) Makefile
	@mkdir -p $(@D)
	$(say) GEN $@
	$(Q){ echo '#include "cpi/template.h"'; echo 'const struct template_file template_files[] = {'; \
	  for file in $(TEMPLATES); do \
	    echo "{ \"$${file#config/templates/}\","; \
	    sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/  "/' -e 's/$$/\\n"/' "$$file"; \
	    echo '},'; \
	  done; \
	  echo '{ 0 } };'; } > $@

# The version is told to one object, which is made anew when the version is another.
$(BUILD)/version: FORCE
	@mkdir -p $(@D)
	@echo '$(BUILT)' | cmp --silent - $@ || echo '$(BUILT)' >$@

FORCE:

$(BUILD)/src/main.o: $(BUILD)/version
$(BUILD)/src/main.o: override CPPFLAGS += -DCPI_VERSION='"$(word 1,$(BUILT)) (revision $(word 2,$(BUILT)))"'

-include $(OBJECTS:.o=.d)

# The unit tests, each with all of the program but main.
UNIT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_*.c))

$(BUILD)/unit/%: tests/unit/%.c $(LIBRARY)
	@mkdir -p $(@D)
	$(say) TEST $<
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP $(LDFLAGS) -o $@ $< $(LIBRARY) $(LDLIBS) -lcmocka

-include $(UNIT_TESTS:=.d)

unit-tests: $(UNIT_TESTS)

# What lets cpi's own calls of the C library fail; never sanitized itself.
$(BUILD)/shim.so: tests/fake/shim.c
	$(say) SHIM $<
	$(Q)$(CC) -D_GNU_SOURCE -std=gnu11 -O1 -g $(WARNINGS) -shared -fPIC -o $@ $<

# The unit and cli suites run what the sanitizers watch over.
SANITIZED := build/sanitized
SANITIZE  := BUILD=$(SANITIZED) CFLAGS='-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined'

sanitized:
	@$(MAKE) --no-print-directory $(SANITIZE) all unit-tests $(SANITIZED)/shim.so

# The fuzz targets: all of the program but main, with what they need instead of commands and time.
FUZZ         := build/fuzz
FUZZ_FLAGS   := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
FUZZ_BUILD   := BUILD=$(FUZZ) CC=clang \
                CFLAGS='-O1 -gline-tables-only -fno-omit-frame-pointer $(FUZZ_FLAGS)'
FUZZ_TARGETS := $(patsubst tests/fuzz/target_%.c,$(BUILD)/fuzz_%,$(wildcard tests/fuzz/target_*.c))
WRAPPED      := -Wl,--wrap=command_run,--wrap=clock_ms,--wrap=pause_ms
# How long 'make fuzz' spends on each target.
FUZZ_SECONDS ?= 60

$(BUILD)/fuzz_request: WRAPPED += -Wl,--wrap=config_load

$(BUILD)/fuzz_%: tests/fuzz/target_%.c $(BUILD)/tests/fuzz/fuzz.o $(LIBRARY)
	$(say) FUZZ $<
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP $(LDFLAGS) -fsanitize=fuzzer $(WRAPPED) -o $@ $< \
	    $(BUILD)/tests/fuzz/fuzz.o $(LIBRARY) $(LDLIBS)

-include $(FUZZ_TARGETS:=.d) $(BUILD)/tests/fuzz/fuzz.d

.SECONDARY: $(BUILD)/tests/fuzz/fuzz.o

fuzz-targets: $(FUZZ_TARGETS)

fuzzers:
	@$(MAKE) --no-print-directory $(FUZZ_BUILD) fuzz-targets

fuzz: fuzzers
	FUZZ_SECONDS=$(FUZZ_SECONDS) tests/run fuzz

setup-build:
	tests/setup build

setup-demo:
	tests/setup build run

setup-test:
	tests/setup build run static test

setup-heavy:
	tests/setup build run static release test hosts heavy

setup-hosts:
	tests/setup build run static test hosts

setup-bench:
	tests/setup build run static bench

# A make of its own, for pkg-config may only now be there.
demo: setup-demo
	$(MAKE) -j$$(nproc) all
	tests/demo/demo

test: setup-test
	$(MAKE) -j$$(nproc) all $(BUILD)/shim.so $(BUILD)/unit/test_remote sanitized fuzzers
	CPI=$(CURDIR)/$(SANITIZED)/cpi BUILD=$(SANITIZED) tests/run --jobs 3 $(TEST_FLAGS) \
	    live unit cli lint release fuzz

test-xen: setup-hosts
	$(MAKE) static
	tests/run $(TEST_FLAGS) xen

test-vbox: setup-hosts
	$(MAKE) all
	tests/run $(TEST_FLAGS) vbox

test-ubuntu: setup-heavy
	tests/run $(TEST_FLAGS) ubuntu

# A Xen host that is emulated keeps one CPU busy.
test-heavy: setup-heavy
	$(MAKE) -j$$(nproc) all $(BUILD)/shim.so static
	tests/run --jobs 3 $(TEST_FLAGS) xen heavy vbox

check-fast: all sanitized fuzzers
	CPI=$(CURDIR)/$(SANITIZED)/cpi BUILD=$(SANITIZED) tests/run unit cli lint fuzz

check-live: all $(BUILD)/shim.so $(BUILD)/unit/test_remote
	tests/run live

bench: setup-bench
	$(MAKE) all
	$(MAKE) static
	tests/bench/bench

check-release: all
	tests/run release

# What gcc and clang-tidy (by .clang-tidy) think of each source file. -O0, for what was inlined is
# harder to follow, and fortified calls hide what they do.
ANALYSIS := -O0 -std=gnu11 -Iinclude -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DCPI_VERSION='""' \
            $(shell $(PKGCONFIG) --cflags $(LIBRARIES))

# More than .clang-tidy has.
TIDY_CHECKS ?=

$(BUILD)/analyzed/%.ok: %.c .clang-tidy
	@mkdir -p $(@D)
	$(Q)$(CC) $(ANALYSIS) -fanalyzer -Werror -MMD -MP -MT $@ -MF $(@:.ok=.d) -c -o /dev/null $<
	$(Q)clang-tidy --quiet --checks='$(TIDY_CHECKS)' $< -- $(ANALYSIS) 2>/dev/null
	@touch $@

-include $(SOURCES:%.c=$(BUILD)/analyzed/%.d)

analyzed: $(SOURCES:%.c=$(BUILD)/analyzed/%.ok)

lint:
	tests/run lint

include config/release/release.mk

format:
	clang-format -i $(SOURCES) $(wildcard include/cpi/*.h tests/unit/*.[ch] tests/fuzz/*.[ch] tests/fake/*.c)

clean:
	rm -rf $(BUILD)
