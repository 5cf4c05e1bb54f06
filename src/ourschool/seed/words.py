"""Pools of names and texts by Faker, which is too slow to be asked for each row."""

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from surefoot.errors import UsageError

if TYPE_CHECKING:
    from faker import Faker

KINDS_OF_SCHOOL = ("School", "Academy", "Public School")
LOCALES = ("en_US", "en_IN", "fr_FR", "es_MX")


class SeedMissing(UsageError):
    """The extra `seed` with Faker is not installed."""


@dataclass(frozen=True)
class Words:
    """The pools of names and texts."""

    first_names: tuple[str, ...]
    last_names: tuple[str, ...]
    sentences: tuple[str, ...]
    paragraphs: tuple[str, ...]
    schools: tuple[str, ...]
    addresses: tuple[str, ...]
    browsers: tuple[str, ...]


def draw(seed: int, size: int = 400) -> Words:
    """Return the pools for a seed; the same Faker makes the same ones. Raises SeedMissing without the extra."""
    fakers = [_faker(locale, seed) for locale in LOCALES]
    plain = fakers[0]
    each = size // len(fakers)
    return Words(
        first_names=tuple(fake.first_name() for fake in fakers for _ in range(each)),
        last_names=tuple(fake.last_name() for fake in fakers for _ in range(each * 2)),
        sentences=tuple(plain.sentence(random.Random(nth).randint(4, 12)) for nth in range(size)),  # noqa: S311
        paragraphs=tuple(plain.paragraph(4) for _ in range(size // 2)),
        schools=tuple(f"{plain.last_name()} {kind}" for kind in KINDS_OF_SCHOOL for _ in range(5)),
        addresses=tuple(plain.ipv4() for _ in range(size // 2)),
        browsers=tuple(plain.user_agent() for _ in range(40)),
    )


def _faker(locale: str, seed: int) -> "Faker":
    try:
        from faker import Faker  # noqa: PLC0415  # an optional extra: only who makes a school needs it
    except ImportError as missing:
        raise SeedMissing(
            "The names of a made-up school come from Faker, which is not installed.",
            "Install the extra with python -m pip install 'ourschool[seed]' (in the project: pip install "
            "-e '.[seed]').",
        ) from missing
    fake: Faker = Faker(locale)
    fake.seed_instance(seed)
    return fake
