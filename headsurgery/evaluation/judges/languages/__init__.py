"""The languages that the keyword judge knows: one file each, named here. `form` explains what a language is."""

from headsurgery.evaluation.judges.languages.arabic import ARABIC
from headsurgery.evaluation.judges.languages.chinese import CHINESE
from headsurgery.evaluation.judges.languages.dutch import DUTCH
from headsurgery.evaluation.judges.languages.english import ENGLISH
from headsurgery.evaluation.judges.languages.form import Language
from headsurgery.evaluation.judges.languages.french import FRENCH
from headsurgery.evaluation.judges.languages.german import GERMAN
from headsurgery.evaluation.judges.languages.hindi import HINDI
from headsurgery.evaluation.judges.languages.indonesian import INDONESIAN
from headsurgery.evaluation.judges.languages.italian import ITALIAN
from headsurgery.evaluation.judges.languages.japanese import JAPANESE
from headsurgery.evaluation.judges.languages.korean import KOREAN
from headsurgery.evaluation.judges.languages.polish import POLISH
from headsurgery.evaluation.judges.languages.portuguese import PORTUGUESE
from headsurgery.evaluation.judges.languages.russian import RUSSIAN
from headsurgery.evaluation.judges.languages.spanish import SPANISH
from headsurgery.evaluation.judges.languages.turkish import TURKISH
from headsurgery.evaluation.judges.languages.ukrainian import UKRAINIAN
from headsurgery.evaluation.judges.languages.vietnamese import VIETNAMESE

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
