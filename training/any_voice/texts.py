"""What the voices of the corpus say: sentences in many languages, chains of words, letters and numbers, invented words.

All of it is written for this purpose. What matters is not the meaning but that every sound meets every other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from ..virtual_speaker.sentences import TRAINING_SENTENCES

T = TypeVar("T")

ENGLISH_ACCENTS: tuple[str, ...] = (
    "en-us",
    "en",
    "en-gb-scotland",
    "en-gb-x-rp",
    "en-029",
    "en-us-nyc",
    "en-gb-x-gbcwmd",
)

SENTENCES: dict[str, tuple[str, ...]] = {
    "de": (
        "Über die Brücke gehen zwölf braune Pferde.",
        "Möchtest du morgen früh ein Stück Kuchen kaufen?",
        "Mein Bruder wohnt in einem alten Haus am Waldrand.",
        "Bitte bring mir bloß keine bunten Blumen mehr mit.",
        "Das Wetter war schön, aber der Wind pfiff heftig.",
    ),
    "fr": (
        "Un petit oiseau bleu chante sur la branche du pommier.",
        "Je voudrais un peu de pain et beaucoup de beurre.",
        "Nous avons vu la mer depuis la fenêtre de la chambre.",
        "Combien de bouteilles faut-il pour la fête de samedi ?",
        "Il pleut, mais mon parapluie est tombé dans la rue.",
    ),
    "es": (
        "El perro bebe agua mientras la niña canta junto al pozo.",
        "Mi abuela vive en un pueblo pequeño cerca del puente.",
        "¿Puedes comprar pan, manzanas y una botella de vino?",
        "Hoy hace buen tiempo y vamos a pasear por la playa.",
        "Los jueves jugamos a la pelota con nuestros vecinos.",
    ),
    "it": (
        "Gli gnocchi della nonna sono proprio buoni.",
        "Domani mattina compriamo pane, burro e marmellata.",
        "Il bambino gioca con la palla in mezzo al prato.",
        "Quando piove, mi piace leggere vicino alla finestra.",
        "Abbiamo visto un bellissimo film al cinema del paese.",
    ),
    "pt-br": (
        "A mãe não quer que os pães fiquem no chão da cozinha.",
        "Meu irmão comprou um barco pequeno e muito bonito.",
        "Hoje de manhã bebemos café na varanda da vovó.",
        "Você pode abrir a porta para o meu cachorro?",
    ),
    "nl": (
        "Het huis van mijn buurman heeft een groene deur.",
        "Wil je morgen een boek en een brood voor mij kopen?",
        "De bakker op de hoek bakt elke dag verse broodjes.",
        "Wij fietsen met mooi weer graag langs de rivier.",
    ),
    "sv": (
        "Min bror bor i ett litet blått hus vid sjön.",
        "Kan du köpa bröd, smör och fem röda äpplen?",
        "På fredag åker vi båt om vädret är fint.",
        "Sju sköna sånger sjöngs på skolans fest.",
    ),
    "ca": (
        "El meu germà compra pa amb tomàquet cada matí.",
        "La mare beu un got de vi blanc sota el pont vell.",
        "Demà farem una passejada pel bosc si no plou.",
        "Vols veure la foto d'una vaca i un porc petit?",
    ),
    "da": ("Min mor bager brød hver eneste morgen.", "Kan du hjælpe mig med at bære bordet op?"),
    "pl": (
        "Moja babcia piecze pyszne ciasto z jabłkami.",
        "Czy możesz kupić chleb, masło i pięć bułek?",
        "W piątek pójdziemy nad wodę, jeśli będzie pogoda.",
    ),
    "cs": (
        "Můj bratr bydlí v malém domě u potoka.",
        "Koupíš mi prosím chleba, máslo a med?",
        "V pátek půjdeme na výlet, pokud nebude pršet.",
    ),
    "ru": (
        "Мой брат купил большую белую лошадь.",
        "Бабушка печёт пироги с яблоками и мёдом.",
        "Можно мне, пожалуйста, пять бутылок воды?",
        "Вечером мы поедем домой через лес.",
    ),
    "uk": ("Моя мама варить борщ і пече пиріжки.", "Прошу, купи хліба, меду і п'ять яблук."),
    "bg": ("Моят брат живее в малка бяла къща.", "Моля, купи хляб, мед и пет ябълки."),
    "tr": (
        "Küçük çocuk bugün bahçede büyük bir köpek gördü.",
        "Babam her sabah fırından ekmek ve peynir alır.",
        "Yarın hava güzel olursa vapurla gezmeye gideriz.",
    ),
    "fi": (
        "Pieni poika söi aamulla puuroa ja meni ulos.",
        "Voisitko ostaa leipää, voita ja viisi omenaa?",
        "Perjantaina lähdemme veneellä mökille, jos ei sada.",
    ),
    "hu": (
        "A kisfiú reggel a kertben játszott a fekete kutyával.",
        "Vennél kenyeret, vajat meg öt piros almát?",
        "Pénteken hajóval megyünk a nagymamához.",
    ),
    "el": ("Το παιδί παίζει με τη μπάλα στον κήπο.", "Μπορείς να φέρεις ψωμί, βούτυρο και μέλι;"),
    "ro": ("Băiatul aleargă prin pădure cu câinele său.", "Poți să cumperi pâine, unt și cinci mere?"),
    "id": ("Anak kecil itu bermain bola di depan rumah.", "Bapak membeli pisang dan mangga di pasar pagi."),
    "sw": ("Mtoto mdogo anacheza mpira mbele ya nyumba.", "Mama yangu anapika wali na maharagwe jikoni."),
    "vi": ("Buổi sáng mẹ tôi đi chợ mua cá và rau.", "Bố em thích uống cà phê bên bờ sông."),
    "cmn": ("我爸爸每天早上跑步，妈妈买面包。", "明天我们不坐飞机，坐火车去北边。", "朋友把苹果放在白色的盘子里。"),
    "ja": (
        "わたしのおかあさんはまいあさパンをたべます。",
        "ぼくのともだちはうみのそばにすんでいます。",
        "ふゆのやまはまっしろでとてもきれいです。",
    ),
    "ko": (
        "우리 아버지는 매일 아침 빵을 먹습니다.",
        "내 친구는 바다 근처 마을에 삽니다.",
        "봄이 오면 꽃밭에 나비가 많아요.",
    ),
    "hi": (
        "मेरा भाई हर सुबह बगीचे में फूल देखता है।",
        "माँ ने बाज़ार से पाँच आम और पपीता ख़रीदा।",
        "पिताजी रोज़ शाम को पुरानी किताब पढ़ते हैं।",
        "बाहर बारिश में मेरा बड़ा बस्ता भीग गया।",
        "हमारे गाँव के पास एक बहुत पुराना पुल है।",
    ),
    "mr": (
        "माझी आई बाजारातून भाजी आणि पाव आणते.",
        "बाबा रोज सकाळी बागेत फिरायला जातात.",
        "पाऊस पडला की मुले पाण्यात खेळतात.",
        "आम्ही उद्या मामाच्या गावाला जाणार आहोत.",
    ),
    "te": (
        "మా అమ్మ ప్రతి రోజు ఉదయం పూలు కోస్తుంది.",
        "నాన్న బజారు నుండి మామిడి పండ్లు తెచ్చాడు.",
        "మేము రేపు బస్సులో ఊరికి వెళ్తాము.",
        "పిల్లలు బడిలో బొమ్మలు గీస్తున్నారు.",
    ),
    "ta": ("என் தம்பி காலையில் பள்ளிக்கு போகிறான்.", "அம்மா பூ பறித்து மாலை கட்டுகிறாள்."),
    "fa": ("پسر کوچک با توپ در باغ بازی می‌کند.", "مادرم هر صبح نان و پنیر می‌خرد."),
}

_WORDS = tuple(
    word
    for line in (
        "about above after again apple arm ask away baby back bad bag ball bank bath bear beautiful because",
        "become bed before began behind believe below best better between big bird black blue boat body book",
        "both bottle box boy bread bring brother brown build bus busy buy call came camp car carry cat chair",
        "cheap child church city clean climb clock close club cold come cook could cup cut dance dark day",
        "deep dinner dog door down dream drive dry each early earth eight enough even every eye face fall",
        "family far farm fast father few field fifty final find fire first fish five floor flower fly food",
        "foot for forest four free fresh friend from front full game garden gave girl give glass go gold good",
        "great green ground grow half hand happy hard have head hear heavy help her high hill home hope horse",
        "hot house how hundred idea if important improve in jam job jump just keep kind king kitchen know",
        "lamp large last laugh leaf learn left letter life light like line lip listen little live long look",
        "love low lunch machine make man many map maybe mean measure member middle might milk million minute",
        "moment money month moon more morning most mother mountain mouse mouth move movie much music must my",
        "name near neighbour never new next night nine no north nothing now number of off often old once one",
        "only open orange other our over own page paint paper park part pass past path people pepper perhaps",
        "person picture piece place plan play please point pool poor possible power pretty probably pull",
        "purple push put queen question quick quiet rabbit rain reach read red remember rest rich ride right",
        "river road room round run same sand school sea see seven shape sharp sheep ship shirt shoe shop",
        "short should show shut simple sing sister six sleep slow small smoke snow soap some song soon south",
        "speak spoon spring stand star step still stop storm story strange street strong such sugar summer",
        "sun sure swim table take talk tall teach team temple ten that the them there thick thin think third",
        "this though thought three through time tired today together tomorrow tooth top town tree trip",
        "trouble true try turn twelve two umbrella uncle under up use valley van very village voice wait walk",
        "wall want warm was wash water way we weather week well west wet what wheel where which while white",
        "who why wide wife wind window winter wish with woman wonderful wood word work world would write",
        "wrong yellow yes yesterday you young zero zoo",
    )
    for word in line.split()
)
_OTHER_SCRIPTS = frozenset(("hi", "mr", "te"))  # whose recorded voices read no Latin letters
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_ONSETS = ("", "b", "p", "m", "f", "v", "t", "d", "n", "s", "z", "l", "r", "k", "g", "h", "w", "y", "sh", "ch", "j")
_CLUSTERS = ("br", "pl", "tr", "st", "sp", "fl", "gr", "kl", "sm", "bl", "pr", "fr")
_NUCLEI = ("a", "e", "i", "o", "u", "ai", "ee", "oo", "ou", "oi", "au")
_CODAS = ("", "", "", "m", "n", "p", "b", "t", "s", "l", "r", "k", "f", "mp", "nd")
_INVENTED_READERS = (
    "en-us",
    "en",
    "de",
    "es",
    "it",
    "nl",
    "pl",
    "cs",
    "fi",
    "hu",
    "tr",
    "ro",
    "id",
    "sw",
    "fr",
    "pt-br",
)


def random_text(rng: np.random.Generator) -> tuple[str, str]:
    """Draw something to say.

    Returns:
        The espeak-ng voice that can read it (a language or accent), and the text.
    """
    kind = rng.choice(4, p=(0.3, 0.25, 0.15, 0.3))
    if kind == 3:
        language = str(rng.choice(list(SENTENCES)))
        return language, pick(rng, SENTENCES[language])
    if kind == 2 and rng.random() < 0.5:
        return pick(rng, _INVENTED_READERS), _invented(rng)
    readings = (pick(rng, TRAINING_SENTENCES), _chain(rng), _spelled(rng))
    return pick(rng, ENGLISH_ACCENTS), readings[kind]


def text_in(language: str, rng: np.random.Generator) -> str:
    """Draw something to say in a language: a key of `SENTENCES`, or `"en"`."""
    if language == "en":
        return (pick(rng, TRAINING_SENTENCES), _chain(rng), _spelled(rng))[rng.choice(3, p=(0.4, 0.45, 0.15))]
    if rng.random() < 0.5:
        return pick(rng, SENTENCES[language])
    return _shuffled(language, rng) if language in _OTHER_SCRIPTS else _invented(rng)


def _shuffled(language: str, rng: np.random.Generator) -> str:
    """String words of a language's sentences together."""
    words = [word.strip(".,;:?!।") for sentence in SENTENCES[language] for word in sentence.split()]
    return " ".join(pick(rng, words) for _ in range(rng.integers(3, 9))) + "."


def pick(rng: np.random.Generator, choices: Sequence[T]) -> T:
    """Return one of several choices, each equally likely."""
    return choices[int(rng.integers(len(choices)))]


def _chain(rng: np.random.Generator) -> str:
    """String three to nine words together, with a comma here and there."""
    words = [pick(rng, _WORDS) for _ in range(rng.integers(3, 10))]
    return " ".join(word + ("," if rng.random() < 0.1 else "") for word in words) + "."


def _spelled(rng: np.random.Generator) -> str:
    """Mix words with single letters and numbers, as commands and addresses do."""
    parts = []
    for _ in range(rng.integers(4, 8)):
        kind = rng.integers(4)
        parts.append(
            (pick(rng, _WORDS), pick(rng, _LETTERS).upper(), str(rng.integers(10)), str(rng.integers(100)))[kind]
        )
    return " ".join(parts) + "."


def _invented(rng: np.random.Generator) -> str:
    return " ".join(_invented_word(rng) for _ in range(rng.integers(3, 8))) + "."


def _invented_word(rng: np.random.Generator) -> str:
    syllables = []
    for _ in range(rng.integers(1, 4)):
        onset = pick(rng, _CLUSTERS if rng.random() < 0.2 else _ONSETS)
        syllables.append(onset + pick(rng, _NUCLEI) + pick(rng, _CODAS))
    return "".join(syllables)
