#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Stands for the program in the tests of `install`: knows the three subcommands
# that matter there. A file of the checkout, since one that a test had just
# written could be "busy": other tests fork while it is open for writing.
case $1 in
config) echo '#defaults' ;;
completions) echo "for $2" ;;
man)
	echo page >"$3/scx_hallows.8"
	echo page >"$3/scx_hallows-get.8"
	;;
esac
