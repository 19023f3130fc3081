"""What the mini model knows: the things it can draw, in English and Russian, and its colours.

Each name is given in the forms that captions need, so that no morphology library is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Gender = Literal["m", "f", "n"]


@dataclass(frozen=True, slots=True)
class Thing:
    """A thing that the mini model can draw; `emoji` is its picture in Noto Color Emoji."""

    emoji: str
    en: str
    en_plural: str  # empty where nobody counts it ("grapes")
    ru: str
    ru_gender: Gender
    ru_few: str  # the form after «две», «три»; empty where nobody counts it


@dataclass(frozen=True, slots=True)
class Colour:
    """A background colour; `rgb` is its centre, 0 to 255 a channel."""

    en: str
    ru: str  # prepositional masculine, as in «на синем фоне»
    ru_stem: str  # as in «на сине-белом фоне»
    rgb: tuple[int, int, int]


def _thing(row: str) -> Thing:
    emoji, en, en_plural, ru, gender, ru_few = (cell.strip() for cell in row.split("|"))
    if gender not in ("m", "f", "n"):
        raise ValueError(f"no such gender: {row}")
    return Thing(emoji, en, en_plural, ru, gender, ru_few)  # type: ignore[arg-type]


THINGS: tuple[Thing, ...] = tuple(
    _thing(row)
    for row in """
    🐱 | cat | cats | кошка | f | кошки
    🐶 | dog | dogs | собака | f | собаки
    🦊 | fox | foxes | лиса | f | лисы
    🦁 | lion | lions | лев | m | льва
    🐯 | tiger | tigers | тигр | m | тигра
    🐻 | bear | bears | медведь | m | медведя
    🐼 | panda | pandas | панда | f | панды
    🐨 | koala | koalas | коала | f | коалы
    🐸 | frog | frogs | лягушка | f | лягушки
    🐵 | monkey | monkeys | обезьяна | f | обезьяны
    🐷 | pig | pigs | свинья | f | свиньи
    🐮 | cow | cows | корова | f | коровы
    🐰 | rabbit | rabbits | кролик | m | кролика
    🐭 | mouse | mice | мышь | f | мыши
    🐴 | horse | horses | лошадь | f | лошади
    🦄 | unicorn | unicorns | единорог | m | единорога
    🐘 | elephant | elephants | слон | m | слона
    🦔 | hedgehog | hedgehogs | ёж | m | ежа
    🐧 | penguin | penguins | пингвин | m | пингвина
    🦉 | owl | owls | сова | f | совы
    🐔 | chicken | chickens | курица | f | курицы
    🦆 | duck | ducks | утка | f | утки
    🦅 | eagle | eagles | орёл | m | орла
    🦢 | swan | swans | лебедь | m | лебедя
    🐢 | turtle | turtles | черепаха | f | черепахи
    🐉 | dragon | dragons | дракон | m | дракона
    🐳 | whale | whales | кит | m | кита
    🐬 | dolphin | dolphins | дельфин | m | дельфина
    🐟 | fish | fish | рыба | f | рыбы
    🐙 | octopus | octopuses | осьминог | m | осьминога
    🦀 | crab | crabs | краб | m | краба
    🦋 | butterfly | butterflies | бабочка | f | бабочки
    🐝 | bee | bees | пчела | f | пчелы
    🐞 | ladybug | ladybugs | божья коровка | f | божьи коровки
    🐌 | snail | snails | улитка | f | улитки
    🌹 | rose | roses | роза | f | розы
    🌻 | sunflower | sunflowers | подсолнух | m | подсолнуха
    🌷 | tulip | tulips | тюльпан | m | тюльпана
    🌵 | cactus | cacti | кактус | m | кактуса
    🌲 | fir tree | fir trees | ёлка | f | ёлки
    🌴 | palm tree | palm trees | пальма | f | пальмы
    🍄 | mushroom | mushrooms | гриб | m | гриба
    🍎 | apple | apples | яблоко | n | яблока
    🍋 | lemon | lemons | лимон | m | лимона
    🍌 | banana | bananas | банан | m | банана
    🍉 | watermelon | watermelons | арбуз | m | арбуза
    🍇 | grapes |  | виноград | m |
    🍓 | strawberry | strawberries | клубника | f |
    🍍 | pineapple | pineapples | ананас | m | ананаса
    🥕 | carrot | carrots | морковь | f | моркови
    🍕 | pizza | pizzas | пицца | f | пиццы
    🍔 | burger | burgers | бургер | m | бургера
    🍩 | donut | donuts | пончик | m | пончика
    🎂 | cake | cakes | торт | m | торта
    🍦 | ice cream |  | мороженое | n |
    ⚽ | soccer ball | soccer balls | футбольный мяч | m | футбольных мяча
    🏀 | basketball | basketballs | баскетбольный мяч | m | баскетбольных мяча
    🎸 | guitar | guitars | гитара | f | гитары
    🎺 | trumpet | trumpets | труба | f | трубы
    🥁 | drum | drums | барабан | m | барабана
    🚀 | rocket | rockets | ракета | f | ракеты
    ✈ | airplane | airplanes | самолёт | m | самолёта
    🚗 | car | cars | машина | f | машины
    🚌 | bus | buses | автобус | m | автобуса
    🚲 | bicycle | bicycles | велосипед | m | велосипеда
    ⛵ | sailboat | sailboats | парусник | m | парусника
    🏠 | house | houses | дом | m | дома
    🔑 | key | keys | ключ | m | ключа
    🔔 | bell | bells | колокол | m | колокола
    🎁 | gift | gifts | подарок | m | подарка
    👑 | crown | crowns | корона | f | короны
    💎 | diamond | diamonds | бриллиант | m | бриллианта
    ⏰ | alarm clock | alarm clocks | будильник | m | будильника
    📷 | camera | cameras | фотоаппарат | m | фотоаппарата
    🤖 | robot | robots | робот | m | робота
    👻 | ghost | ghosts | призрак | m | призрака
    🎃 | pumpkin | pumpkins | тыква | f | тыквы
    ⭐ | star | stars | звезда | f | звезды
    🌈 | rainbow | rainbows | радуга | f | радуги
    ⛄ | snowman | snowmen | снеговик | m | снеговика
    """.strip().splitlines()
)

COLOURS: tuple[Colour, ...] = (
    Colour("white", "белом", "бело", (250, 250, 250)),
    Colour("black", "чёрном", "чёрно", (12, 12, 14)),
    Colour("red", "красном", "красно", (219, 50, 54)),
    Colour("blue", "синем", "сине", (63, 108, 223)),
    Colour("green", "зелёном", "зелёно", (72, 178, 90)),
    Colour("yellow", "жёлтом", "жёлто", (252, 214, 66)),
    Colour("purple", "фиолетовом", "фиолетово", (146, 88, 200)),
    Colour("orange", "оранжевом", "оранжево", (246, 145, 55)),
    Colour("pink", "розовом", "розово", (252, 168, 205)),
    Colour("gray", "сером", "серо", (146, 146, 148)),
)
