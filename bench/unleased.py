"""The shipped scripts with everything of leases and fencing taken out, to measure what that costs.

What is left does the same turn where one writer never dies: dedupe, order, log, todo, head, deadline, publication.
Made from the shipped text by replacements that each must fit once, and nothing of a lease may be left afterwards: a
script that changed raises ScriptChangedError. Must never be run on anybody's data.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from app.store.scripts import Script, Scripts

Swap = tuple[str, str]
_NAMES = re.compile(r"^local ([\w,\s]+?) =\s+unpack\(ARGV\)$", re.MULTILINE)
_OF_LEASES = re.compile(r"\b(\w*fence\w*|owner|\w*lease\w*|attempts?|crashes|TURNS|expired|schedule|till|hand_on)\b")

_INDEX: tuple[Swap, ...] = (
    ("SECRET, ACTIVE, TURNS, TICKETS = unpack", "SECRET, ACTIVE, TICKETS = unpack"),
    ("for i = 7, 9 do", "for i = 7, 8 do"),
)
_ACCEPT: tuple[Swap, ...] = (
    ("body, owner, lease, ttl, gap", "body, ttl, gap"),
    ("'rev', 'fence', 'mode', 'asking', 'lease_until', 'tat'", "'rev', 'mode', 'asking', 'tat'"),
    ("'turn', 'attempt')", "'turn')"),
    ("rev = '1-' .. mark, fence = '0-0', mode", "rev = '1-' .. mark, mode"),
    ("'attempt', 1, 'crashes', 0, 'part', 0", "'part', 0"),
    ("local mine = marked(h.fence, mark) and redis", "local mine = redis"),
    ("mine and h.fence or ''", "mine and '1' or ''"),
    ("local fence, running, till = '', (h.turn or '') ~= '' and h.turn .. '.' .. h.attempt or '-', now + lease",
     "local running = (h.turn or '') ~= '' and h.turn or '-'"),
    ("fence, running = bump(h.fence, mark), h.seq .. '.1'", "running = h.seq"),
    ("'tat', tat + gap, 'fence', fence, 'owner', owner,\n    'lease_until', till, 'turn'", "'tat', tat + gap, 'turn'"),
    ("if first then schedule(sid, till, expires)\n"
     "elseif bot and expired(h, now, lease) then schedule(sid, h.lease_until or 0, expires) end\n", ""),
    ("{ 'ok', h.seq, fence, h.rev", "{ 'ok', h.seq, first and '1' or '', h.rev"),
)  # fmt: skip
_COMMIT: tuple[Swap, ...] = (
    ("local mark, sid, fence, rev", "local mark, sid, rev"),
    ("hold, lease, ttl, dropped", "hold, ttl, dropped"),
    ("'rev', 'fence', 'turn', 'part', 'last', 'attempt', 'crashes', 'mode'", "'rev', 'turn', 'part', 'last', 'mode'"),
    ("  if h.fence ~= fence then handed_to = '' end -- it has been taken since\n", ""),
    ("handed_to ~= '' and lease_reply(handed_to, 1, 0, 0, -1)", "handed_to ~= '' and turn_reply(handed_to)"),
    ("if h.fence ~= fence or h.turn ~= turn", "if h.turn ~= turn"),
    ("return { 'fenced' }", "return { 'unknown' }"),
    ("for i = 14, #ARGV", "for i = 12, #ARGV"),
    ("next_turn, running, till = '', turn .. '.' .. h.attempt, now + lease", "next_turn, running = '', turn"),
    ("and '-' or next_turn .. '.1'", "and '-' or next_turn"),
    ("; put('attempt', '1', h.attempt); put('crashes', '0', h.crashes)", ""),
    ("  if next_turn == '' then redis.call('ZREM', TURNS, sid) else put('lease_until', till) end\n", ""),
    ("if next_turn ~= '' then schedule(sid, till, expires) end\n", ""),
    ("next_turn ~= '' and lease_reply(next_turn, 1, 0, 0, -1)", "next_turn ~= '' and turn_reply(next_turn)"),
)
_DELTA: tuple[Swap, ...] = (
    ("local fence, turn, part", "local turn, part"),
    ("read('fence', 'turn'", "read('turn'"),
    ("if h.fence ~= fence or h.turn ~= turn", "if h.turn ~= turn"),
    ("return { 'fenced' }", "return { 'unknown' }"),
)
_TURN_REPLY = """local function turn_reply(turn)
  return { turn, entry(turn), redis.call('HGET', SECRET, turn) }
end"""


class ScriptChangedError(Exception):
    """A shipped script isn't what this module takes apart; the text says where."""


def accept(scripts: Scripts) -> Script:
    """``accept.lua`` that leases nothing: its third answer is '1' if the turn is the caller's to run."""
    source = _without(scripts.accept, ("expired", "schedule", "marked", "lease_fields", "lease_reply"))
    return _made(scripts.accept, "unleased accept", _swapped(source, (*_INDEX, *_ACCEPT), scripts.accept.name), 8)


def commit(scripts: Scripts) -> Script:
    """``commit.lua`` that compares no fence; the first of `todo` it still compares (I4)."""
    gone = ("expired", "schedule", "marked", "lease_fields", "hand_on", "handed")
    source = _without(scripts.commit, gone)
    own = _whole_function("lease_reply", source, scripts.commit.name)
    source = _swapped(source, ((own, _TURN_REPLY), *_INDEX, *_COMMIT), scripts.commit.name)
    return _made(scripts.commit, "unleased commit", source, 8)


def delta(scripts: Scripts) -> Script:
    """``delta.lua`` without its fence check; it runs on the conversations of the shipped scripts."""
    source = _swapped(scripts.delta.source.decode(), _DELTA, scripts.delta.name)
    return _made(scripts.delta, "unfenced delta", source, 9, allowed={"attempt", "TURNS"})


def arguments(script: Script, given: Mapping[str, str | bytes | int], rest: Sequence[bytes] = ()) -> list[bytes]:
    """ARGV of a script in the order in which its text names them; raises ScriptChangedError for one not given."""
    names = _names(script)
    if missing := set(names) - set(given):
        raise ScriptChangedError(f"{script.name}: new arguments {', '.join(sorted(missing))}")
    values = (given[name] for name in names)
    return [*(value if isinstance(value, bytes) else str(value).encode() for value in values), *rest]


@lru_cache
def _names(script: Script) -> list[str]:
    found = _NAMES.findall(script.source.decode())
    if len(found) != 1:
        raise ScriptChangedError(f"{script.name}: its arguments aren't named in one place")
    return re.findall(r"\w+", found[0])


def _whole_function(name: str, source: str, where: str) -> str:
    found: list[str] = re.findall(rf"^local function {name}\(.*?^end$", source, re.MULTILINE | re.DOTALL)
    if len(found) != 1:
        raise ScriptChangedError(f"{where}: {len(found)} functions {name}, not one")
    return found[0]


def _without(script: Script, functions: Sequence[str]) -> str:
    source = script.source.decode()
    for name in functions:
        source = source.replace(_whole_function(name, source, script.name), "")
    return source


def _swapped(source: str, swaps: Sequence[Swap], where: str) -> str:
    for old, new in swaps:
        if (count := source.count(old)) != 1:
            raise ScriptChangedError(f"{where}: {old!r} is there {count} times, not once")
        source = source.replace(old, new)
    return source


def _made(
    shipped: Script, name: str, source: str, keys: int, allowed: frozenset[str] | set[str] = frozenset()
) -> Script:
    if left := set(_OF_LEASES.findall(source)) - allowed:
        raise ScriptChangedError(f"{shipped.name}: there is more of leases in it: {', '.join(sorted(left))}")
    code = source.encode()
    return Script(name, code, hashlib.sha1(code, usedforsecurity=False).hexdigest().encode(), keys)
