"""Which letters and signs are written for which others: look-alikes of the scripts, and digits.

Only what people use to hide a word from a filter; in each pair, the written letter stands first.
"""

from __future__ import annotations


def _pairs(text: str) -> dict[str, str]:
    return {pair[0]: pair[1] for pair in text.split()}


def _alphabet(first: int) -> dict[str, str]:
    return {chr(first + place): chr(ord("a") + place) for place in range(26)}


# Letters of neither language, for the Latin ones that they are written for.
STRANGE = (
    _pairs("αa βb γy δd εe ζz ηn θo ιi κk λl μm νv ξe οo πn ρp σo ςc τt υu φf χx ψw ωw")
    | _pairs("ᴀa ʙb ᴄc ᴅd ᴇe ꜰf ɢg ʜh ɪi ᴊj ᴋk ʟl ᴍm ɴn ᴏo ᴘp ʀr ꜱs ᴛt ᴜu ᴠv ᴡw ʏy ᴢz")
    | _pairs("ɑa ɐa ɓb ɔo ɖd ɗd əe ɛe ɡg ɠg ɦh ıi ɩi ɨi ȷj ƙk ɯm ɲn ɾr ʂs ʈt ƭt ʋu ʌv ʐz ƒf")
    | _pairs("øo łl đd ħh ŧt æa œo ðd þp ſs օo սu ոn հh ցg զq ѕs іi јj һh ԁd ԛq ԝw ѵv ӏl")
    | _pairs("єe ґr қk ңn үy ұy өo әe ғf ҳx ҷu ℓl ∂d ∩n ∪u ∨v ⊂c ∑e √v")
    | _alphabet(0x1F130)  # in squares, dark circles, dark squares, and of flags
    | _alphabet(0x1F150)
    | _alphabet(0x1F170)
    | _alphabet(0x1F1E6)
)

# Letters that no eye tells apart, capitals included: a word of them alone may be of either script.
TWINS = _pairs("аa вb еe кk мm нh оo рp сc тt уy хx")

# Russian letters among Latin ones: by their looks, and by their sound.
LATIN_LOOKS = TWINS | _pairs("бb гr дd зz иu йu лn пn фf цu чy шw щw ьb ъb ыl эe юo яr")
LATIN_SOUNDS = _pairs("аa бb вv гg дd еe жj зz иi йi кk лl мm нn оo пp рr сs тt уu фf хh цc ыy эe")

# Latin letters among Russian ones: by their looks, and by their sound.
RUSSIAN_LOOKS = {latin: russian for russian, latin in TWINS.items()} | _pairs(
    "dд fф gд iи jй lл nп qг rг sс uи vв wш zз"
)
RUSSIAN_SOUNDS = _pairs(
    "aа bб cк dд eе fф gг hх iи jй kк lл mм nн oо pп qк rр sс tт uу vв wв xх yу zз"
)

# Digits and signs within a word, in some readings for each script.
LATIN_DIGITS = (
    _pairs("0o 1i 3e 4a 5s 6g 7t 8b 9g @a $s !i |i €e £l"),
    _pairs("0o 1l 2z 3e 4a 5s 6b 7t 8b 9q @a $s !l |l €e £l"),
)
RUSSIAN_DIGITS = (
    _pairs("0о 1и 3з 4ч 5с 6б 7т 8в 9д @а $с !и |л €е"),
    _pairs("0о 1и 3е 4ч 5с 6б 7т 8в 9я @а $с !и |л €е"),
    _pairs("0о 1л 2г 3е 4а 5б 6б 7г 8в 9я @а $с !л |и €е"),
)
SIGNS = "@$!|€£"
