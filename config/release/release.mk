# What leaves the house: the static binary, the BOSH release, what packagers install.
# Included by the Makefile.

MACHINE           ?= $(shell uname -m)
# The machines that the release has a binary for.
ALL_ARCHITECTURES := x86_64 aarch64
ARCHITECTURES     ?= $(ALL_ARCHITECTURES)
PREFIX            ?= /usr/local

# A release that lacks a binary has a version of its own, and does not pass for the whole one.
space   := $(subst ,, )
partial := $(if $(filter-out $(ARCHITECTURES),$(ALL_ARCHITECTURES)),only_$(subst $(space),_,$(ARCHITECTURES)))
version := $(word 1,$(BUILT))
RELEASE_VERSION := $(version)$(if $(partial),$(if $(findstring +,$(version)),.,+)$(partial))
RELEASE         := $(BUILD)/bosh-libvirt-cpi-$(RELEASE_VERSION).tgz

.PHONY: static static-cpi release install uninstall setup-static setup-release

# Only what is missing is installed; without it nothing is asked for.
setup-static:
	tests/setup build static

setup-release:
	tests/setup build static release

# 'make static MACHINE=aarch64' compiles for the other architecture. A make of its own, for
# everything is compiled anew, against other libraries. What would need the C library's shared
# objects at run time is a warning of the linker, and so an error.
static: setup-static
	@libraries=$$(config/release/libraries $(MACHINE)) && \
	  $(MAKE) --no-print-directory static-cpi STATIC=1 BUILD=$(BUILD)/static/$(MACHINE) LIBRARIES_DIR="$$libraries" \
	    CC=$(MACHINE)-linux-gnu-gcc PKGCONFIG=: CPPFLAGS="-isystem $$libraries/include" \
	    CFLAGS='-O2 -ffunction-sections -fdata-sections -ffile-prefix-map=$(CURDIR)=.' \
	    LDFLAGS="-static -Wl,--gc-sections,--fatal-warnings,-z,relro,-z,now -L$$libraries/lib" \
	    LDLIBS='-larchive -lnettle -lacl -lattr -llzma -lzstd -llz4 -lbz2 -lcjson -lexpat -lisal -lz -luuid -lm'

static-cpi: $(BUILD)/cpi
	$(Q)$(MACHINE)-linux-gnu-strip --strip-all $(BUILD)/cpi
	$(Q)cp $(LIBRARIES_DIR)/list $(BUILD)/libraries
	@printf '%s: %d bytes\n' $(BUILD)/cpi "$$(stat --format %s $(BUILD)/cpi)"

release: $(if $(filter-out $(shell uname -m),$(ARCHITECTURES)),setup-release)
	@for machine in $(ARCHITECTURES); do $(MAKE) --no-print-directory static MACHINE=$$machine || exit; done
	$(Q)config/release/build $(RELEASE) $(RELEASE_VERSION) $(wordlist 2,3,$(BUILT)) $(BUILD)/static $(ARCHITECTURES)
	@echo $(RELEASE)

# For packagers: the program, its built-in templates to copy from, the man page, the completion.
install: $(BUILD)/cpi
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 \
	  $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install -m 0755 $(BUILD)/cpi $(DESTDIR)$(PREFIX)/bin/cpi
	sed 's/@VERSION@/$(version)/' docs/cpi.1 | gzip --no-name --best >$(DESTDIR)$(PREFIX)/share/man/man1/cpi.1.gz
	install -m 0644 config/cpi.bash-completion $(DESTDIR)$(PREFIX)/share/bash-completion/completions/cpi
	for file in $(TEMPLATES:config/templates/%=%); do \
	  install -D -m 0644 config/templates/$$file $(DESTDIR)$(PREFIX)/share/cpi/templates/$$file || exit; \
	done

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/cpi $(DESTDIR)$(PREFIX)/share/man/man1/cpi.1.gz \
	  $(DESTDIR)$(PREFIX)/share/bash-completion/completions/cpi
	rm -rf $(DESTDIR)$(PREFIX)/share/cpi
