"""Sockets: how tasks of one guest talk, and with --net how they talk to the world outside.

Read sockets.py first, what all have in common; then streams.py and datagrams.py, how bytes travel;
unix.py and inet.py know names, loopback.py who has which port, families.py puts all together.
socket(2), unix(7), ip(7), tcp(7), udp(7).
"""
