"""Rows of what a school plans: subjects, terms, lessons and templates, and what joins them."""

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import count

from tests.ourschool.existing import awkward
from tests.ourschool.existing.people import Row
from tests.ourschool.existing.size import School
from tests.ourschool.existing.spread import Dealer, day

SUBJECTS = ("id", "name", "description", "color", "created_at")
TERMS = (
    "id", "name", "description", "start_date", "end_date", "academic_year", "term_type", "is_active", "term_order",
    "created_at", "updated_at", "created_by",
)  # fmt: skip
TERM_SUBJECTS = (
    "id", "term_id", "subject_id", "is_active", "weight", "grading_scale", "learning_goals", "teacher_notes",
    "created_at",
)  # fmt: skip
LESSONS = (
    "id", "title", "description", "scheduled_date", "start_time", "end_time", "estimated_duration_minutes",
    "difficulty_level", "materials_needed", "objectives", "prerequisites", "resources", "lesson_order", "created_at",
    "updated_at",
)  # fmt: skip
TEMPLATES = (
    "id", "name", "description", "instructions", "assignment_type", "lesson_id", "subject_id", "max_points",
    "estimated_duration_minutes", "difficulty_level", "prerequisites", "materials_needed", "is_exportable",
    "export_data", "order_in_lesson", "created_by", "created_at", "updated_at", "is_archived",
)  # fmt: skip
LESSON_ASSIGNMENTS = (
    "id", "lesson_id", "assignment_template_id", "order_in_lesson", "planned_duration_minutes", "custom_instructions",
    "is_required", "custom_max_points", "created_at",
)  # fmt: skip

NAMES = ("Mathematics", "mathematics", "Art", "ART", "art", "Musique", "MUSIQUE", "物理", "P.E. 100%", "Français",
         "FRANÇAIS", "Old \"Norse\"")  # fmt: skip
TYPES = ("homework", "project", "test", "quiz", "essay", "presentation", "worksheet", "reading", "practice")
LEVELS = (None, "beginner", "intermediate", "advanced")


def subjects(school: School, seed: int) -> Iterator[Row]:
    """Twelve subjects; with conflicts, some are the same but for their case."""
    dealer = Dealer(seed, "subjects")
    stamps, texts = dealer.stamps(), dealer.deal((None, *awkward.TEXTS[:5]))
    colours = dealer.deal((*awkward.COLOURS, *(awkward.COLOURS_BEYOND if school.size.beyond else ())))
    for number, (subject, name) in enumerate(zip(school.subjects, NAMES, strict=True)):
        shown = name if school.size.conflicts else f"{name} {number}"
        yield subject, shown, next(texts), next(colours), next(stamps)[0]


def terms(school: School, seed: int) -> Iterator[Row]:
    """Terms that overlap their neighbours, every fifth a whole year; with conflicts, several are active."""
    dealer = Dealer(seed, "terms")
    texts, stamps, orders = dealer.texts("A term"), dealer.stamps(), dealer.deal(awkward.COUNTS)
    kinds = dealer.deal((None, "semester", "quarter", "trimester", "custom"))
    resting, makers = dealer.deal((False, None)), dealer.deal(school.admins[:-1])
    active = 3 if school.size.conflicts else 1
    for number, term in enumerate(school.terms):
        start = date.fromisoformat(day(100 + 75 * number))
        end = start + timedelta(days=364 if number % 5 == 4 else 99)
        if school.size.beyond and number == len(school.terms) - 1:
            start, end = end, start
        first = start.year if start.month >= 8 else start.year - 1
        year = f"{first}-{first + 1}" if number % 2 == 0 else f"{first}-{(first + 1) % 100:02}"
        yield (
            term, f"Term {number + 1} “{year}”", next(texts), start, end, year, next(kinds),
            True if number < active else next(resting), next(orders), *next(stamps), next(makers),
        )  # fmt: skip


def term_subjects(school: School, seed: int) -> Iterator[Row]:
    """Ten of the twelve subjects in each term."""
    dealer = Dealer(seed, "term_subjects")
    active, scales, stamps = dealer.deal(awkward.FLAGS), dealer.deal(awkward.JSON), dealer.stamps()
    weights = dealer.deal((*awkward.WEIGHTS, *((-1.0,) if school.size.beyond else ())))
    goals, notes = dealer.texts("Count to 100"), dealer.texts("Room 12")
    ids = iter(school.term_subjects)
    for number, term in enumerate(school.terms):
        for offset in range(10):
            yield (
                next(ids), term, school.subjects[(number + offset) % 12], next(active), next(weights), next(scales),
                next(goals), next(notes), next(stamps)[0],
            )  # fmt: skip


def lessons(school: School, seed: int) -> Iterator[Row]:
    """Lessons, some ending before they start."""
    dealer = Dealer(seed, "lessons")
    times, minutes, levels = dealer.deal(awkward.TIMES), dealer.deal(awkward.MINUTES), dealer.deal(LEVELS)
    resources, orders, stamps = dealer.deal(awkward.JSON), dealer.deal(awkward.COUNTS), dealer.stamps()
    texts, titles = dealer.texts("Bring a pencil"), dealer.deal(awkward.TEXTS, ("Fractions", "Verbs"), share=0.2)
    for number, lesson in enumerate(school.lessons):
        yield (
            lesson, next(titles), next(texts), day(number * 3), *next(times), next(minutes), next(levels), next(texts),
            next(texts), next(texts), next(resources), next(orders), *next(stamps),
        )  # fmt: skip


def own_lesson(school: School, number: int) -> int | None:
    """The lesson that the template of that number names itself; every fifth names none."""
    return None if number % 5 == 0 else school.lessons[number % len(school.lessons)]


def templates(school: School, seed: int) -> Iterator[Row]:
    """Assignment templates of all nine types; three of four are not archived."""
    dealer = Dealer(seed, "assignment_templates")
    minutes, levels, stamps = dealer.deal(awkward.MINUTES), dealer.deal(LEVELS), dealer.stamps()
    exportable, data, orders = dealer.deal(awkward.FLAGS), dealer.deal(awkward.JSON), dealer.deal(awkward.COUNTS)
    texts, makers = dealer.texts("Pages 3 to 5"), dealer.deal(school.admins[:-1])
    names = dealer.deal(awkward.TEXTS, ("Worksheet 3", "Essay"), share=0.2)
    for number, template in enumerate(school.templates):
        yield (
            template, next(names), next(texts), next(texts), TYPES[number % 9], own_lesson(school, number),
            school.subjects[number % 12], school.max_points(template), next(minutes), next(levels), next(texts),
            next(texts), next(exportable), next(data), next(orders), next(makers), *next(stamps), number % 4 == 3,
        )  # fmt: skip


def lesson_assignments(school: School, seed: int) -> Iterator[Row]:
    """Each template in one more lesson; every other is also listed in its own, perhaps in another order."""
    dealer = Dealer(seed, "lesson_assignments")
    orders, minutes, points = dealer.deal(awkward.COUNTS), dealer.deal(awkward.MINUTES), dealer.deal((None, 5, 100))
    texts, required, stamps = dealer.texts("Only the odd ones"), dealer.deal(awkward.FLAGS), dealer.stamps()
    ids = count(1)
    pairs = {
        (lesson, template): None
        for number, template in enumerate(school.templates)
        for lesson in (
            school.lessons[number * 3 % len(school.lessons)],
            own_lesson(school, number) if number % 2 else None,
        )
        if lesson is not None
    }
    for lesson, template in (*pairs, *(list(pairs)[:1] if school.size.beyond else ())):
        yield (
            next(ids), lesson, template, next(orders), next(minutes), next(texts), next(required), next(points),
            next(stamps)[0],
        )  # fmt: skip
