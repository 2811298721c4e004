"""One figure of fob beside its baseline, and whether it is what was aimed at."""
import statistics
from dataclasses import dataclass, field


@dataclass
class Goal:
    limit: float
    at_least: bool = False

    def is_met_by(self, measured):
        return measured >= self.limit if self.at_least else measured <= self.limit

    def share_taken(self, measured):
        """How much of what is allowed it takes: 1 is just met, more is missed."""
        most, is_taken = (measured, self.limit) if self.at_least else (self.limit, measured)
        return is_taken / most if most else float("inf") if is_taken else 0


@dataclass
class Figure:
    what: str
    meaning: str
    values: dict = field(default_factory=dict)  # of each contender, in `unit`
    unit: str = "ns"
    measured: float | None = None  # what the goal is about
    measured_unit: str = "×"
    goal: Goal | None = None
    reason: str = ""  # why it is not measured
    ways: dict = field(default_factory=dict)  # what the chart calls a contender's way to a token

    def verdict(self):
        if self.measured is None:
            return f"not measured: {self.reason}"
        if self.goal is None:
            return ""
        return "met" if self.goal.is_met_by(self.measured) else "missed"

    def goal_text(self):
        if self.goal is None:
            return ""
        bound = amount(self.goal.limit, self.measured_unit)
        return bound if self.goal.limit == 0 else ("≥ " if self.goal.at_least else "≤ ") + bound

    def measured_text(self):
        return "" if self.measured is None else amount(self.measured, self.measured_unit)


def amount(value, unit):
    """A number as people read it: three digits that count, and the prefix that fits."""
    if unit == "×":
        return f"{value:.3g} ×" if 0.01 <= value < 1000 else f"{value:,.4f} ×" if value < 1 else f"{value:,.0f} ×"
    if unit == "ns":
        for size, name in ((1e9, "s"), (1e6, "ms"), (1e3, "µs")):
            if value >= size:
                return f"{value / size:.3g} {name}"
        return f"{value:.3g} ns"
    if unit in ("B", "B/s"):
        for size, name in ((1e6, "M"), (1e3, "k")):
            if abs(value) >= size:
                return f"{value / size:.3g} {name}{unit}"
        return f"{value:.0f} {unit}"
    return f"{value:,.0f} {unit}".rstrip()


def medians(rounds):
    """{name: the median of its rounds}."""
    return {name: statistics.median(values) for name, values in rounds.items()}


def ratio(rounds, name, base):
    """The median of the ratios of each round."""
    return statistics.median(a / b for a, b in zip(rounds[name], rounds[base], strict=True))


def compared(what, meaning, rounds, base, goal=None, unit="ns", inverted=False, ways=None):
    """fob beside `base`, as a ratio; inverted: how many times faster fob is."""
    middle = medians(rounds)
    measured = ratio(rounds, base, "fob") if inverted else ratio(rounds, "fob", base)
    return Figure(what, meaning, {name: middle[name] for name in ("fob", base)}, unit, measured, goal=goal, ways=ways or {})


def missing(what, meaning, reason, goal=None):
    return Figure(what, meaning, reason=str(reason), goal=goal)
