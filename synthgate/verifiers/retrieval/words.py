"""Word lists: units, number words, negations, and what may be dropped without a change of meaning.

Only `FREE` and `LEAD_IN` let anything pass, so they are short. The other lists decide what a
difference is called; a word that stands in none of them still has to be in the source.
"""

from __future__ import annotations

import re


def listed(words: str) -> frozenset[str]:
    """Return the words of a list that is written as one text."""
    return frozenset(words.split())


def _names(table: str) -> dict[str, str]:
    """Return {name: the first name of its line}."""
    lines = (line.split() for line in table.strip().splitlines())
    return {name: names[0] for names in lines for name in names}


_UNIT_WORDS = _names("""
meter meters metre metres
kilometer kilometers kilometre kilometres
centimeter centimeters centimetre centimetres
millimeter millimeters millimetre millimetres
micrometer micrometers micron microns
nanometer nanometers
inch inches
foot feet
yard yards
mile miles
acre acres
hectare hectares
gram grams gramme grammes
kilogram kilograms kilo kilos
milligram milligrams
tonne tonnes
ton tons
pound pounds lbs sterling
ounce ounces
liter liters litre litres
milliliter milliliters millilitre millilitres
gallon gallons
quart quarts
pint pints
cup cups
tablespoon tablespoons
teaspoon teaspoons
second seconds sec secs
minute minutes
hour hours
day days
week weeks
fortnight fortnights
month months
quarter quarters
year years yr yrs
decade decades
century centuries
millisecond milliseconds
microsecond microseconds
nanosecond nanoseconds
bit bits
byte bytes
kilobyte kilobytes
megabyte megabytes
gigabyte gigabytes
terabyte terabytes
kelvin
celsius
fahrenheit
degree degrees
watt watts
kilowatt kilowatts
megawatt megawatts
joule joules
calorie calories
volt volts
amp amps ampere amperes
hertz
newton newtons
pascal pascals
bar bars
percent
dollar dollars usd
cent cents
euro euros eur
pence penny pennies
gbp
yen jpy
rupee rupees inr
yuan cny
franc francs chf
""")
_UNIT_SIGNS = _names("""
meter m
kilometer km
centimeter cm
millimeter mm
micrometer \u00b5m \u03bcm um
nanometer nm
foot ft
yard yd
mile mi
hectare ha
gram g
kilogram kg
milligram mg
tonne t
pound lb
ounce oz
liter l L
milliliter ml mL
second s
minute min mins
hour h hr hrs
millisecond ms
microsecond \u00b5s
nanosecond ns
kilobyte kB KB
megabyte MB
gigabyte GB
terabyte TB
kibibyte KiB
mebibyte MiB
gibibyte GiB
celsius \u00b0C
fahrenheit \u00b0F
degree \u00b0
watt W
kilowatt kW
megawatt MW
milliwatt mW
kilowatt-hour kWh
joule J
kilojoule kJ
kilocalorie kcal
volt V
ampere A
milliampere mA
hertz Hz
kilohertz kHz
megahertz MHz
gigahertz GHz
kelvin K
pascal Pa
kilopascal kPa
""")
CURRENCIES = {
    "$": "dollar", "US$": "dollar", "\u20ac": "euro", "\u00a3": "pound", "\u00a5": "yen",
    "\u20b9": "rupee",
}  # fmt: skip
_COMPOUND = {"mph": "mile per hour", "kmh": "kilometer per hour", "kph": "kilometer per hour"}


def unit_word(word: str) -> str | None:
    """Return the unit that a word names wherever it stands: `hours` is hour."""
    return _UNIT_WORDS.get(word.casefold())


def unit_sign(sign: str) -> list[str] | None:
    """Return the words of what stands directly behind a number: `km` is kilometer."""
    if compound := _COMPOUND.get(sign.casefold()):
        return compound.split()
    found = _UNIT_SIGNS.get(sign) or unit_word(sign)
    return [found] if found else None


_UNDER_TWENTY = """zero one two three four five six seven eight nine ten eleven twelve thirteen
fourteen fifteen sixteen seventeen eighteen nineteen"""
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
SMALL = {word: value for value, word in enumerate(_UNDER_TWENTY.split())}
SMALL |= {word: 10 * tens for tens, word in enumerate(_TENS.split(), 2)}
HUNDRED = {"hundred": 100, "dozen": 12}
SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
SCALE_SIGNS = {"k": 10**3, "K": 10**3, "m": 10**6, "M": 10**6, "bn": 10**9, "B": 10**9}
_ORDINALS = """first second third fourth fifth sixth seventh eighth ninth tenth eleventh
twelfth"""
ORDINALS = {word: f"{number}th" for number, word in enumerate(_ORDINALS.split(), 1)}
# Words that count without a digit: another one of them in their place is another number.
AMOUNTS = listed(
    "half halves quarter twice thrice double triple quadruple once both all every each most none "
    "several few many some dozens hundreds thousands millions billions"
)

_MONTHS = """January February March April May June July August September October November
December"""
MONTHS = {
    name.casefold(): number
    for number, month in enumerate(_MONTHS.split(), 1)
    for name in (month, month[:3], *(["Sept"] if number == 9 else []))
}
DAYS = listed("monday tuesday wednesday thursday friday saturday sunday")
BEFORE_YEARS = listed(
    "in since until till by from of year before after during circa around to and between"
)
NUMBERED = listed("version versions release section chapter figure table step part")

NEGATIONS = listed(
    "not no never none nobody nothing nowhere neither nor without "
    "fail fails failed failing refuse refuses refused refusing deny denies denied lack lacks "
    "lacked lacking unable hardly barely scarcely rarely seldom avoid avoids avoided prevent "
    "prevents prevented except excluding false incorrect wrong untrue "
    "nicht kein keine keinen keinem keiner keines nie niemals ohne weder nichts niemand "
    "pas jamais sans aucun aucune rien "
    "nunca jam\u00e1s sin ning\u00fan ninguna ninguno nadie nada tampoco"
)
# Words that come and go with a negation: `eats` and `does not eat`, `refuses to eat`, `any`.
HELPERS = listed("do does did to any some ever at all it is true that the case be")
NEGATIVE_PREFIXES = ("un", "in", "im", "ir", "il", "dis", "non", "mis")

FREE = frozenset({"a", "an", "the"})
CONTRACTED = {"n't": "not", "'re": "are", "'ll": "will", "'ve": "have", "'m": "am"}
# What limits, doubts or attributes the sentence that it is cut from: a part of such a sentence is
# not said by it.
LIMITING = NEGATIONS | listed(
    "if unless until whether when whenever only but although though however yet otherwise "
    "suppose supposedly assuming provided would could might may should perhaps maybe possibly "
    "probably allegedly reportedly almost nearly about approximately said says say claim claims "
    "claimed believe believes believed think thinks thought according rumor rumour myth lie lied "
    "joke fiction story dream dispute disputed disproved debunked retracted doubt doubts depending "
    "formerly anymore cannot"
)
RELATIVE = frozenset({"which", "who", "whose", "whom", "where", "while", "whereas"})
CONNECTIVE = re.compile(
    r"(?:however|moreover|furthermore|additionally|also|therefore|thus|hence|so|and|but|then"
    r"|in addition|for example|for instance|in fact|indeed|overall|in summary|finally|note that)"
    r"\b,?\s*",
    re.IGNORECASE,
)
LEAD_IN = re.compile(
    r"(?:(?:according to|as stated in|based on) (?:the |this )?(?P<s>text|passage|document|article"
    r"|context|source|report|information|corpus)(?: provided| above| given)?,\s*"
    r"|the (?:text|passage|document|article|context|source|report) (?:says|states|notes|mentions"
    r"|explains|reports) that\s+)",
    re.IGNORECASE,
)
