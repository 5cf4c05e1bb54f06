"""The values that real databases held and a migration must survive: from the record's README, and beyond it."""

Text = str | None

GRADE_LEVELS: tuple[Text, ...] = (
    "7", "Grade 7", "7th", "Kindergarten", "kindergarten", "K", "k", "Pre-K", "", None, "20260000000000", " 8 ",
    "grade 10", "12", "1st", "2nd", "3rd", "07", "-1", "-5", "99", "7.5", "Year 5?", "7/8", "\u0667", "7\n",
)  # fmt: skip
"""`users.grade_level`. Some can be read, some cannot; the Arabic seven is a digit to Python's int()."""

TEXTS: tuple[str, ...] = (
    "", " ", "O'Brien \"the\" `quoted`", "100% of %s and %(name)s, %%", "'; drop table users; --", "$$ dollar $tag$",
    "back\\slash \\n \\N \\. C:\\new\\t", "\\N", "\\.", "$1 :name {x} ?", "null", "NULL", "<script>alert(1)</script>",
    "two\nlines", "a\ttab", "dos\r\nline\r", "\x01\x7f control", "zero\u200bwidth\ufeff",
    "family 👩‍👩‍👧‍👦 🏳️‍🌈 😀", "مرحبا بالعالم", "\u202eright to left\u202c", "日本語 𠮷野家", "नमस्ते",
    "e\u0301cole (combining)", "école (composed)", "Straße \u017f İ \u0131 ŉ",
    "long " * 2_000,
)  # fmt: skip
"""Any free text: Unicode of every kind, and all that is special to COPY, SQL, psycopg, LIKE or the shell."""

NAMES: tuple[str, ...] = (
    "Zoë", "O'Brien", "Нгуен", "李", "محمد", "Jose\u0301", "José", "van der Berg", "D\u2019Angelo", "Null", "True",
    "100%", 'Back\\slash "Bob"', "Ann\nMarie", "😀", " Anna ", "", "Łukasz", "İpek", "Ångström",
)  # fmt: skip
PLAIN_NAMES: tuple[str, ...] = (
    "Anna", "Ben", "Chiara", "David", "Élise", "Farid", "Grace", "Hana", "Ivan", "Jürgen", "Keiko", "Liam", "María",
    "Noor", "Olu", "Priya", "Quinn", "Rosa", "Søren", "Tariq", "Uma", "Víctor", "Wanda", "Xin", "Yara", "Zdeněk",
)  # fmt: skip

VALID_JSON: tuple[str, ...] = (
    "{}", "[]", "null", '"text"', "12345678901234567890.12345678901234567890", '{"A": 90, "B": 80, "C": 70}',
    '[{"url": "https://example.org/?q=100%25", "title": "O\'Brien \\"quoted\\""}]', '{"a": 1, "a": 2}',
    '  {"spaced" :\n\t[1, 2.50, 1e2]}  ', '{"emoji": "😀", "escaped": "\\ud83d\\ude00", "é": "\\u00e9"}', "true",
)  # fmt: skip
"""Text that jsonb takes; a duplicate key, the spelling of a number and the spaces do not survive it."""

INVALID_JSON: tuple[str, ...] = (
    "", " ", "not json", '{"A": 90, "B":', '{"nul": "\\u0000"}', '{"half": "\\ud83d"}', "{'single': 1}", "NaN",
    '{"trailing": 1,}', "https://example.org/book", "[1, 2] [3]", '{"x": Infinity}', '{"line": "a\nb"}', "1e400000",
)  # fmt: skip
"""Text that jsonb refuses. Of these Python's json.loads takes NaN, Infinity, both \\u escapes and 1e400000."""

JSON: tuple[Text, ...] = (None, *VALID_JSON, *INVALID_JSON)

FLOATS: tuple[float | None, ...] = (
    None, 0.1 + 0.2, 33.333333333333336, 66.66666666666667, 99.99999999999999, 1e-7, 12345678901.5, 0.0, 100.0, 87.5,
    7.0 / 3.0, 1e15 + 0.5,
)  # fmt: skip
"""Doubles whose shortest text has up to 17 digits: PostgreSQL's own cast to numeric keeps only 15.

A real database could hold NaN and infinities in such a column. They are left out: Python's json and the forms of the
application made none, and no numeric with a CHECK could take them.
"""

Stamps = tuple[Text, Text]

STAMPS: tuple[Stamps, ...] = (
    (None, None),
    (None, "2024-10-01 08:00:00"),
    ("2024-10-01 08:00:00", None),
    ("2025-05-02 12:00:00", "2025-05-01 12:00:00"),  # changed before it was made
    ("2024-03-10 02:30:00", "2024-03-10 08:30:00.5"),  # this wall clock hour never was in Chicago
    ("2024-03-10 07:59:59.999999", "2024-03-10 08:00:00"),  # the jump itself, in UTC
    ("2024-11-03 01:30:00", "2024-11-03 01:30:00.000001"),  # this one was twice
    ("2024-11-03 06:30:00", "2024-11-03 07:30:00"),  # its two halves, in UTC
    ("2024-12-31 23:59:59.999999", "2025-01-01 00:00:00"),
    ("2024-02-29 12:34:56.789012", "2025-02-28 23:59:59"),
    ("1970-01-01 00:00:00", "2038-01-19 03:14:08"),
)
"""created_at and updated_at: naive, meant as UTC, and wrong by hours for whoever trusts the session's zone."""

TIMES: tuple[tuple[Text, Text], ...] = (
    (None, None), ("08:00", "08:45"), ("10:00", "09:00"), ("13:15", None), (None, "15:00"), ("23:30", "00:15"),
    ("09:00", "09:00"), ("11:05:30.25", "11:50"),
)  # fmt: skip
"""Start and end of a lesson: ends before it starts, at once, after midnight."""

FLAGS: tuple[bool | None, ...] = (True, False, None)
COUNTS: tuple[int | None, ...] = (None, 0, 1, 2, 3, 5, 8)
MINUTES: tuple[int | None, ...] = (None, 0, 15, 45, 90, 1440, 1800)
"""`time_spent_minutes` is a total of many days: more minutes than one day has."""
WEIGHTS: tuple[float | None, ...] = (None, 0.0, 1.0, 0.1 + 0.2, 2.5, 33.333333333333336)
COLOURS: tuple[Text, ...] = (None, "#3B82F6", "#3b82f6", "#000000", "#FFFFFF")
COLOURS_BEYOND: tuple[Text, ...] = ("red", "#FFF", "", "rgb(1,2,3)")
