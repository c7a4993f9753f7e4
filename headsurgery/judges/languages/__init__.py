"""The languages that the keyword judge knows: one file each, named here. `form` explains what a language is."""

from headsurgery.judges.languages.arabic import ARABIC
from headsurgery.judges.languages.chinese import CHINESE
from headsurgery.judges.languages.dutch import DUTCH
from headsurgery.judges.languages.english import ENGLISH
from headsurgery.judges.languages.form import Language
from headsurgery.judges.languages.french import FRENCH
from headsurgery.judges.languages.german import GERMAN
from headsurgery.judges.languages.hindi import HINDI
from headsurgery.judges.languages.indonesian import INDONESIAN
from headsurgery.judges.languages.italian import ITALIAN
from headsurgery.judges.languages.japanese import JAPANESE
from headsurgery.judges.languages.korean import KOREAN
from headsurgery.judges.languages.polish import POLISH
from headsurgery.judges.languages.portuguese import PORTUGUESE
from headsurgery.judges.languages.russian import RUSSIAN
from headsurgery.judges.languages.spanish import SPANISH
from headsurgery.judges.languages.turkish import TURKISH
from headsurgery.judges.languages.ukrainian import UKRAINIAN
from headsurgery.judges.languages.vietnamese import VIETNAMESE

LANGUAGES: tuple[Language, ...] = (
    ENGLISH,
    GERMAN,
    FRENCH,
    SPANISH,
    ITALIAN,
    PORTUGUESE,
    DUTCH,
    POLISH,
    RUSSIAN,
    UKRAINIAN,
    TURKISH,
    ARABIC,
    HINDI,
    INDONESIAN,
    VIETNAMESE,
    CHINESE,
    JAPANESE,
    KOREAN,
)
