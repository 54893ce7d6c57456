"""Redis: keys, Lua scripts, their typed callers. The only folder that knows Redis commands; must never import edge."""
