"""Reports the errors of an Alembic command: as text and an exit status to a person, as an exception to a program."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from logging.config import fileConfig

from alembic.config import Config

from surefoot import silence


@contextmanager
def translated_errors(config: Config) -> Iterator[None]:
    """Translate every exception inside the block.

    On the command line the message goes to stderr and SystemExit is raised with the error's status; logging is set up
    from alembic.ini. A program that called Alembic's functions, or `--raiseerr`, gets the exception: one of `errors`
    where it is known, else the original. The program's logging is left alone.
    """
    is_command_line = config.cmd_opts is not None
    if is_command_line and config.config_file_name:
        fileConfig(config.config_file_name, disable_existing_loggers=False, encoding="utf-8")
    try:
        with silence.ended("the database answers") if is_command_line else nullcontext():
            yield
    except (Exception, KeyboardInterrupt) as fault:
        from surefoot.runtime import error_translation  # noqa: PLC0415  # where nothing is wrong nobody waits for it

        if not is_command_line or getattr(config.cmd_opts, "raiseerr", False):
            known = error_translation.translate_known(fault, None)
            if known is None or known is fault:
                raise
            raise known from fault
        from surefoot import error_output  # noqa: PLC0415  # as above
        from surefoot.runtime import stops  # noqa: PLC0415  # as above

        translated = error_translation.translate(fault, None)
        if _may_change(config):
            stops.complete(translated)
        error_output.write(translated)
        raise SystemExit(translated.status) from None


def _may_change(config: Config) -> bool:
    """Return whether the command is one that changes the database: one that stopped says how it leaves that."""
    function = getattr(config.cmd_opts, "cmd", (None,))[0]
    return getattr(function, "__name__", "") in {"upgrade", "downgrade"} and not getattr(config.cmd_opts, "sql", False)
