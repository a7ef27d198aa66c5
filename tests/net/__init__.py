"""Tests of kernel_stub/net: sockets without a machine."""
