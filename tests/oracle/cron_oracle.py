#!/usr/bin/python3
"""When a schedule comes, found by walking through time, for tests/t/060_cron.t.

Independent of common/cron.c: another language, other zone code (zoneinfo), and another
method.  Days on which the offset from UTC changes, and those beside them, are walked minute by
minute: a minute that clocks show for the first time counts, with all those that they have just
skipped; one that they show again does not.  Other days have every minute once.

  cron_oracle.py ZONE FROM_YEAR TO_YEAR SCHEDULE...    a line of epoch seconds for each schedule
"""
import sys
from calendar import monthrange
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
NAMES = {3: "jan feb mar apr may jun jul aug sep oct nov dec".split(), 4: "sun mon tue wed thu fri sat".split()}


def number(word, field):
    word = word.lower()
    if word in NAMES.get(field, []):
        return NAMES[field].index(word) + (1 if field == 3 else 0)
    return int(word)


def values(text, field):
    low, high = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6)][field]
    found = set()
    for part in text.split(","):
        step = 1
        if part in ("L", "$"):
            found.add("last")
            continue
        if "/" in part:
            part, step = part.split("/")
        if part == "*":
            first, last = low, high
        elif "-" in part:
            first, last = (number(w, field) for w in part.split("-"))
        else:
            first = last = number(part, field)
        found |= {v % 7 if field == 4 else v for v in range(first, last + 1, int(step))}
    return found


class Schedule:
    def __init__(self, text):
        words = text.split()
        self.minutes, self.hours, self.days, self.months, self.weekdays = (values(w, i) for i, w in enumerate(words))
        self.both = words[2].startswith("*") or words[4].startswith("*")

    def day(self, t):
        if t.month not in self.months:
            return False
        day = t.day in self.days or ("last" in self.days and t.day == monthrange(t.year, t.month)[1])
        weekday = t.isoweekday() % 7 in self.weekdays
        return day and weekday if self.both else day or weekday

    def matches(self, t):
        return t.minute in self.minutes and t.hour in self.hours and self.day(t)


def local(zone, utc):
    return utc.astimezone(zone).replace(tzinfo=None, fold=0)


def walk(zone, begin, end, schedules, found):
    """Every minute from begin to end, in UTC."""
    utc = begin
    shown = local(zone, utc - MINUTE)
    while utc < end:
        now = local(zone, utc)
        while shown < now:
            shown += MINUTE
            for schedule, times in zip(schedules, found):
                if schedule.matches(shown) and (not times or times[-1] != utc.timestamp()):
                    times.append(utc.timestamp())
        utc += MINUTE


def main():
    zone = ZoneInfo(sys.argv[1])
    begin = datetime(int(sys.argv[2]), 1, 1, tzinfo=timezone.utc)
    end = datetime(int(sys.argv[3]), 1, 1, tzinfo=timezone.utc)
    schedules = [Schedule(text) for text in sys.argv[4:]]
    found = [[] for _ in schedules]
    day = timedelta(days=1)
    utc = begin
    while utc < end:
        offsets = {(utc + timedelta(hours=h)).astimezone(zone).utcoffset() for h in range(-48, 73)}
        if len(offsets) > 1:
            walk(zone, utc, utc + day, schedules, found)
        else:
            offset = offsets.pop()
            start = (utc + offset).replace(tzinfo=None)
            for schedule, times in zip(schedules, found):
                dates = {start.date(), (start + day - MINUTE).date()}
                good = [d for d in sorted(dates) if schedule.day(datetime(d.year, d.month, d.day))]
                for date in good:
                    for hour in sorted(schedule.hours):
                        for minute in sorted(schedule.minutes):
                            t = datetime(date.year, date.month, date.day, hour, minute)
                            if start <= t < start + day:
                                times.append((t - offset).replace(tzinfo=timezone.utc).timestamp())
        utc += day
    for times in found:
        print(" ".join(str(int(t)) for t in times))


main()
