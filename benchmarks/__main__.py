"""`python -m benchmarks [name …]`: run the named benchmarks, or all, and print their tables."""

import importlib
import os
import pkgutil
import sys

import benchmarks

SUPPORT = {"__main__", "load", "measure", "read_cases", "stock_project"}


def main() -> None:
    """Run each benchmark module's `main`; a module's name is the benchmark's."""
    known = sorted({module.name for module in pkgutil.iter_modules(benchmarks.__path__)} - SUPPORT)
    chosen = sys.argv[1:] or known
    unknown = [name for name in chosen if name not in known]
    if unknown:
        sys.exit(f"No benchmark {unknown[0]!r}; there are: {', '.join(known)}.")
    # who sets this compiles every module at every start, and measures that
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    for name in chosen:
        importlib.import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main()
