"""The benchmark behind `make bench`: one real server on a core of its own, one lean load generator on another.

Read in this order: `__main__` (command line), `parts` and its neighbours (what is measured; `scripted`, `unleased`,
`waiting` and `takeovers` belong to `parts_lease`), `loadgen`, `talkers`, `regulars` and `wire` (the clients), `procs`
and `replicas` (the processes, their CPU and memory), `echo` (what Baton is compared with), `report` (the table).
It measures and prints; it must never assert a figure, so a slow machine fails no build.
"""
