"""The figures as a picture, legible on light and on dark: what a way to get a token takes, and how much of its goal each figure takes."""
import math
from html import escape

from figures import amount

WIDTH = 960
LEFT, RIGHT = 330, 190  # for names, and for amounts
ROW, BAR = 24, 14
# The scale of the goals ends here; what takes more is cut, and its amount tells.
MOST = 2.0
STYLE = """<style>
text { font: 13px Helvetica, Arial, sans-serif; fill: #222 } .title { font-weight: bold } .faint { fill: #666 }
.back { fill: #fff } .fob { fill: #1f6fb4 } .other { fill: #9a9a9a } .missed { fill: #c2571a } .line { stroke: #222; stroke-dasharray: 4 3 }
@media (prefers-color-scheme: dark) {
text { fill: #ddd } .faint { fill: #999 } .back { fill: #16191d } .fob { fill: #5aa9e6 } .other { fill: #757575 } .missed { fill: #e8894f }
.line { stroke: #ddd } }
</style>"""


def row(top, name, share, told, kind):
    """A bar with its name before it and its amount behind it; `share` of the space between."""
    length = max(2, share * (WIDTH - LEFT - RIGHT))
    middle = top + BAR - 2
    return (f'<text x="{LEFT - 10}" y="{middle}" text-anchor="end">{escape(name)}</text>'
            f'<rect class="{kind}" x="{LEFT}" y="{top}" width="{length:.1f}" height="{BAR}" rx="2"/>'
            f'<text x="{LEFT + length + 8:.1f}" y="{middle}">{escape(told)}</text>')


def title(top, text, faint):
    return f'<text class="title" x="10" y="{top}">{escape(text)}</text><text class="faint" x="10" y="{top + 18}">{escape(faint)}</text>'


def plain(text):
    return text.replace("`", "")


def times_of(figures):
    """(name, ns, kind) of every way to a token that was timed, the shortest first."""
    ways = {words: (figure.values[name], "fob" if name == "fob" else "other")
            for figure in figures for name, words in figure.ways.items()}
    return sorted(((words, value, kind) for words, (value, kind) in ways.items()), key=lambda way: way[1])


def draw_times(figures, top):
    ways = times_of(figures)
    yield title(top, "What a token takes", "logarithmic; fob in colour, what it is compared with in grey: an echo answers without a token")
    top += 34
    least, most = math.log10(ways[0][1]) - 0.3, math.log10(ways[-1][1])
    for name, value, kind in ways:
        yield row(top, name, (math.log10(value) - least) / (most - least), amount(value, "ns"), kind)
        top += ROW


def draw_goals(figures, top):
    yield title(top, "How much of its goal each figure takes", "shorter is better; up to the line, the goal is met")
    top += 34
    begin = top
    for figure in figures:
        share = figure.goal.share_taken(figure.measured)
        kind = "fob" if figure.goal.is_met_by(figure.measured) else "missed"
        told = f"{figure.measured_text()} (goal {figure.goal_text()})"
        yield row(top, plain(figure.what), min(share, MOST) / MOST, told, kind)
        top += ROW
    at = LEFT + (WIDTH - LEFT - RIGHT) / MOST
    yield f'<path class="line" d="M{at:.1f} {begin - 4}V{top - ROW + BAR + 4}"/>'


def draw(figures):
    """The whole SVG document."""
    with_goal = [figure for figure in figures if figure.goal and figure.measured is not None]
    second = 24 + 34 + ROW * len(times_of(figures)) + 30
    height = second + 34 + ROW * len(with_goal) + 10
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}">', STYLE,
             '<rect class="back" width="100%" height="100%"/>', *draw_times(figures, 24), *draw_goals(with_goal, second), "</svg>"]
    return "\n".join(parts) + "\n"
